"""Generate data sets. Another seed gives other examples of the same task: it does not change what the classes are."""

from collections.abc import Sequence

import numpy as np

from workbench.data.id_lists import make_id_lists
from workbench.data.splits import Dataset, described
from workbench.operator import checked_choice

TOPICS, VOCABULARY, WORDS = "abcde", 2000, 60  # a document has 60 words
TILT = 0.6  # how much the topics of a word differ: a logistic regression on 300 documents is wrong for one in six
STEPS = 128  # of a series
PEAKS, RADIUS = (0.10, 0.15, 0.20), 0.9  # cycles a step, and the poles' distance from 0
RATE, SAMPLES, BANDS = 8000, 512, 64  # samples a second, samples of a sound, bands of its spectrum
FORMANTS = {"i": (270, 2290), "e": (530, 1840), "a": (730, 1090), "o": (570, 840), "u": (300, 870)}  # Hz
BANDWIDTHS = (80, 120)  # Hz, of the two formants
PLANES = ("two moons", "circles", "spirals", "xor")


def topics(*, examples: int = 1000, seed: int = 0) -> Dataset:
    """Return word counts (examples, 2000) of documents of 60 words, each on one of five topics.

    A word's share of all words is proportional to 1 / rank (Zipf's law). Given the word, the topics have the
    probabilities softmax(TILT z) with standard normal z: most words say little on the topic, and none says all.
    """
    zipf = 1 / np.arange(1, VOCABULARY + 1)
    tilted = np.exp(TILT * np.random.default_rng(2026).standard_normal((len(TOPICS), VOCABULARY)))
    joint = tilted / tilted.sum(axis=0) * zipf / zipf.sum()  # P(topic, word)
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(TOPICS), examples, p=joint.sum(axis=1))
    counts = rng.multinomial(WORDS, (joint / joint.sum(axis=1, keepdims=True))[labels]).astype(np.float32)
    return _made("topics", "word counts of documents of 60 words; the class is the topic", counts, labels, TOPICS)


def id_lists(*, examples: int = 2000, seed: int = 0, vocabulary: int = 400, longest: int = 100) -> Dataset:
    """Return the three lists of each person of `make_id_lists` joined, (examples, longest), cut or padded with -1."""
    made = make_id_lists(examples, vocabulary, seed=seed)
    lengths = made.lengths.reshape(examples, -1).sum(axis=1)
    ids = np.full((examples, max(longest, lengths.max())), -1, np.int64)
    ids[np.arange(ids.shape[1]) < lengths[:, None]] = made.values
    what = f"ids below {made.ids} that a person read, bought and searched for; the class is whether an offer is liked"
    return _made("id lists", what, ids[:, :longest], made.labels, ("no", "yes"))


def cylinder_bell_funnel(*, examples: int = 600, seed: int = 0) -> Dataset:
    """Return series (examples, 128): normal noise, and an event of height 6 + z that is flat, rises or falls.

    It begins at a step from 16 to 32 and lasts 32 to 96 steps. Source: Saito, Local feature extraction and its
    applications using a library of bases, PhD thesis, Yale, 1994.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=examples)
    start, length = rng.integers(16, 33, (examples, 1)), rng.integers(32, 97, (examples, 1))
    risen = (np.arange(1, STEPS + 1) - start) / length
    shape = np.choose(labels[:, None], [np.ones_like(risen), risen, 1 - risen]) * ((risen >= 0) & (risen <= 1))
    x = (6 + rng.standard_normal((examples, 1))) * shape + rng.standard_normal((examples, STEPS))
    what = "series of 128 steps: an event in noise; the class is its shape"
    return _made("cylinder-bell-funnel", what, x, labels, ("cylinder", "bell", "funnel"))


def autoregressive(*, examples: int = 600, seed: int = 0) -> Dataset:
    """Return series (examples, 128) x_t = a x_(t-1) - r^2 x_(t-2) + noise, with variance 1.

    The classes differ by a = 4 r^2 cos(2 pi f) / (1 + r^2), which puts the peak of the spectrum at the frequency f.
    """
    from scipy.signal import lfilter

    rng = np.random.default_rng(seed)
    labels = rng.integers(len(PEAKS), size=examples)
    noise = rng.standard_normal((examples, 2 * STEPS))  # the first half only lets the start be forgotten
    square, x = RADIUS**2, np.empty((examples, STEPS))
    for label, peak in enumerate(PEAKS):
        a = 4 * square * np.cos(2 * np.pi * peak) / (1 + square)
        deviation = np.sqrt((1 + square) / ((1 - square) * ((1 + square) ** 2 - a**2)))
        x[labels == label] = lfilter([1], [1, -a, square], noise[labels == label])[:, STEPS:] / deviation
    what = "AR(2) series of 128 steps; the class is the frequency of the spectrum's peak"
    return _made("autoregressive", what, x, labels, [f"{peak} cycles a step" for peak in PEAKS])


def vowels(*, examples: int = 1000, seed: int = 0) -> Dataset:
    """Return log spectra (examples, 64) of five vowels: pulses through two resonators, the formants.

    The pitch is from 80 to 250 Hz. A speaker's formants are the mean ones times a factor with a standard deviation of
    10 %. Source of the mean formants (men): Peterson and Barney, Control methods used in a study of the vowels, 1952.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(FORMANTS), size=examples)
    pitch, phase = rng.uniform(80, 250, (examples, 1)), rng.uniform(size=(examples, 1))
    pulses = np.diff(np.floor(pitch * np.arange(-1, SAMPLES) / RATE + phase), axis=1)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(SAMPLES))
    spectrum = np.fft.rfft(pulses * np.hanning(SAMPLES)) * (1 - turn)  # the lips radiate the change of the flow of air
    centers = np.array(list(FORMANTS.values()))[labels] * np.exp(0.1 * rng.standard_normal((examples, 1)))
    for center, width in zip(centers.T, BANDWIDTHS, strict=True):
        pole = np.exp(np.pi * (2j * center[:, None] - width) / RATE)
        spectrum = spectrum / ((1 - pole * turn) * (1 - pole.conj() * turn))
    return _made("vowels", "log spectra of synthetic vowels", _log_bands(spectrum, rng), labels, tuple(FORMANTS))


def bursts(*, examples: int = 600, seed: int = 0) -> Dataset:
    """Return log spectra (examples, 64) of tones, chirps and noise of 16 to 64 ms; their loudness changes as sin^2."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=examples)
    length = rng.integers(SAMPLES // 4, SAMPLES + 1, (examples, 1))
    done = (np.arange(SAMPLES) - rng.integers(0, SAMPLES - length + 1)) / length
    first, last = rng.uniform(300, 3500, (2, examples, 1))
    swept = np.where(labels[:, None] == 1, last - first, 0)
    cycles = (first + swept * done / 2) * done * length / RATE + rng.uniform(size=(examples, 1))
    sound = np.where(labels[:, None] == 2, rng.standard_normal(done.shape), np.sin(2 * np.pi * cycles))
    spectrum = np.fft.rfft(np.where((done >= 0) & (done < 1), sound * np.sin(np.pi * done) ** 2, 0))
    what = "log spectra of short sounds; the class is the kind of sound"
    return _made("bursts", what, _log_bands(spectrum, rng), labels, ("tone", "chirp", "noise"))


def _log_bands(spectrum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the log of the power in 64 equal bands from 0 to 4000 Hz, over its mean, and of noise with 0.8 % of it."""
    power = (np.abs(spectrum[:, :-1]) ** 2).reshape(len(spectrum), BANDS, -1).sum(axis=2)
    return np.log(power / power.mean(axis=1, keepdims=True) + 1e-3 * rng.chisquare(8, power.shape))


def plane(kind: str = "two moons", *, examples: int = 400, seed: int = 0, noise: float = 0.1) -> Dataset:
    """Return points (examples, 2) of two classes; `noise` is the standard deviation of what is added to each number."""
    checked_choice("kind", kind, PLANES)
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=examples)
    side, part = 2 * labels - 1, rng.uniform(size=examples)
    angle = np.pi * part * {"two moons": 1, "circles": 2}.get(kind, 3) + np.pi * labels * (kind != "circles")
    x = np.stack([np.cos(angle), np.sin(angle)])
    if kind == "xor":
        x = rng.uniform(0.1, 1, (2, examples)) * rng.choice([-1, 1], examples) * np.stack([side, np.ones(examples)])
    elif kind == "two moons":
        x += np.outer([0.5, 0.25], side)
    else:
        x *= 1 - 0.5 * labels if kind == "circles" else 0.2 + 2 * part
    return _made(kind, "points in the plane", x.T + rng.normal(0, noise, (examples, 2)), labels, "01")


def _made(name: str, what: str, x: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Dataset:
    words = {"split": "at random", "source": "generated from a seed", "licence": "as this package"}
    return described(name, x, labels, classes, None, what=what, **words)
