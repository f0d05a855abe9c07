"""The data sets are what their cards say: compared with their sources, with theory, and with counts by hand."""

from pydoc_data.topics import topics as pages

import numpy as np
import pytest
from sklearn import datasets

from workbench.data import catalog, generated
from workbench.data.id_lists import make_id_lists
from workbench.data.photographs import photograph

DIGITS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize(
    ("name", "counts"), [("digits", DIGITS), ("breast cancer", [212, 357]), ("wine", [59, 71, 48]), ("diabetes", [442])]
)
def test_shipped_tables_are_scikit_learns(name, counts):
    found, source = catalog.load(name), getattr(datasets, f"load_{name.replace(' ', '_')}")()
    assert (found.card.shape, found.card.examples) == (source.data.shape[1:], sum(counts))
    assert np.array_equal(found.x * (16 if name == "digits" else 1), source.data)
    assert [sum(found.y == label) for label in range(len(found.classes))] == (counts if found.classes else [])
    if name == "diabetes":
        assert np.array_equal(np.rint(found.y * 75 + 150), source.target)
    if name == "digits":
        assert np.array_equal(catalog.load("digits", images=True).x[5, 0, 2], found.x[5, 16:24])


def test_patches_of_a_region_are_neighbours():
    found = catalog.load("patches", height=213)  # 213 x 320 pixels: 13 x 20 patches, 4 x 5 regions of each photograph
    assert (found.x.shape, found.y.sum(), len(np.unique(found.groups))) == ((520, 1, 16, 16), 260, 40)
    flower = photograph("flower.jpg", 213)
    assert np.array_equal(found.x[260 + 7 * 20 + 11, 0], flower[112:128, 176:192])
    place = np.stack([found.y, np.arange(520) % 260 // 20, np.arange(520) % 20])
    for group in np.unique(found.groups):
        together = place[:, found.groups == group]
        assert (np.ptp(together, axis=1) <= [0, 3, 3]).all()
        assert len(together.T) == (16 if together[1, 0] < 12 else 4)


def test_documentation_has_each_paragraph_of_the_longest_page_once():
    found = catalog.load("documentation")
    longest = max(pages, key=lambda page: len(pages[page]))
    paragraphs, lines = set(), []
    for line in [*pages[longest].lower().splitlines(), ""]:
        lines.append(line)
        if not line.strip():
            words = "".join(c if "a" <= c <= "z" else " " for c in "\n".join(lines)).split()
            paragraphs |= {tuple(" ".join(lines).split())} if sum(len(word) > 1 for word in words) >= 20 else set()
            lines = []
    assert (found.y == found.classes.index(longest)).sum() == len(paragraphs)
    assert ((found.x > 0).sum(axis=0).min(), len(found.classes)) == (3, 10)
    for group in np.unique(found.groups):
        rows = np.flatnonzero(found.groups == group)
        assert len(rows) == np.ptp(rows) + 1 <= 8
        assert len(set(found.y[rows])) == 1


@pytest.mark.parametrize("name", list(catalog.DATASETS)[6:])
def test_generated_data_depend_on_the_seed_alone(name):
    first, again, other = (catalog.load(name, examples=40, seed=seed) for seed in (3, 3, 4))
    assert (first.x.tolist(), first.y.tolist()) == (again.x.tolist(), again.y.tolist())
    assert not np.array_equal(first.x, other.x)
    assert first.x.shape == other.x.shape == (40, *first.card.shape)
    with pytest.raises(ValueError, match="name='mnist': must be one of 'breast cancer'"):
        catalog.load("mnist")


def test_words_follow_zipfs_law_and_topics_do_not_change_with_the_seed():
    found, other = (generated.topics(examples=700, seed=seed) for seed in (1, 2))
    assert (found.x.sum(axis=1) == 60).all()
    harmonic = sum(1 / rank for rank in range(1, 2001))
    for first, last in ((1, 1), (2, 2), (3, 9), (10, 99), (100, 2000)):
        share = sum(1 / rank for rank in range(first, last + 1)) / harmonic
        assert found.x[:, first - 1 : last].sum() / 42000 == pytest.approx(share, abs=4.5 * (share / 42000) ** 0.5)
    common = [[each.x[each.y == topic, :50].mean(axis=0) for topic in range(5)] for each in (found, other)]
    distances = np.abs(np.array(common[0])[:, None] - np.array(common[1])).sum(axis=2)
    assert distances.argmin(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_id_lists_are_joined_cut_and_padded():
    found, made = generated.id_lists(examples=30, seed=5, longest=20), make_id_lists(30, seed=5)
    assert found.y.tolist() == made.labels.tolist()
    ends = np.cumsum(made.lengths)[2::3]
    for row, end, length in zip(found.x.tolist(), ends, made.lengths.reshape(30, 3).sum(axis=1), strict=True):
        ids = made.values[end - length : end].tolist()[:20]
        assert row == ids + [-1] * (20 - len(ids))


def test_events_are_flat_rise_or_fall():
    found = generated.cylinder_bell_funnel(examples=3000)
    assert found.x[:, :15].mean() == pytest.approx(0, abs=0.02)
    assert found.x[:, :15].std() == pytest.approx(1, abs=0.02)
    early, late = (found.x[:, steps].mean(axis=1) for steps in (slice(31, 36), slice(42, 47)))  # of each event
    cylinder, bell, funnel = ((late - early)[found.y == label].mean() for label in range(3))
    assert early[found.y == 0].mean() == pytest.approx(6, abs=0.2)
    assert (abs(cylinder) < 0.2, bell > 0.8, funnel < -0.8) == (True, True, True)


def test_autoregressive_series_have_their_peaks_and_variance_1():
    found, frequencies = generated.autoregressive(examples=900), np.arange(0, 0.5, 0.0005)
    for label, peak in enumerate((0.10, 0.15, 0.20)):
        x = found.x[found.y == label]
        first, second = np.linalg.lstsq(np.stack([x[:, 1:-1].ravel(), x[:, :-2].ravel()]).T, x[:, 2:].ravel())[0]
        turn = np.exp(-2j * np.pi * frequencies)
        spectrum = 1 / abs(1 - first * turn - second * turn**2)
        assert frequencies[spectrum.argmax()] == pytest.approx(peak, abs=0.004)
        assert second == pytest.approx(-0.81, abs=0.02)
        assert x.var() == pytest.approx(1, abs=0.05)


# Of the loudest band, in Hz, of some bands: at a formant, or between two close ones.
LOUDEST = ((0, 2, 10, 270, 270), (0, 20, 64, 2290, 2290), (1, 4, 14, 530, 530), (1, 20, 64, 1840, 1840))
BETWEEN = ((2, 2, 64, 730, 1090), (3, 2, 64, 570, 840), (4, 2, 7, 300, 300), (4, 9, 64, 870, 870))


def test_vowels_resound_at_their_formants():
    found = generated.vowels(examples=1000, seed=1)
    for vowel, start, stop, lowest, highest in (*LOUDEST, *BETWEEN):
        loudest = start + found.x[found.y == vowel, start:stop].mean(axis=0).argmax()
        assert lowest - 100 < (loudest + 0.5) * 62.5 < highest + 100


def test_tones_are_narrow_noise_is_broad_and_chirps_lie_between():
    found = generated.bursts(examples=900)
    loud = (found.x > found.x.max(axis=1, keepdims=True) - np.log(30)).sum(axis=1)  # bands within 1/30 of the loudest
    tone, chirp, noise = (np.median(loud[found.y == label]) for label in range(3))
    assert tone <= 4 < 8 < chirp < 35 < 50 < noise


def test_points_lie_on_their_curves():
    x, y = {}, {}
    for kind in generated.PLANES:
        found = catalog.load(kind, noise=0, examples=101)
        x[kind], y[kind] = found.x, found.y
    centers = np.where(y["two moons"][:, None] == 0, [-0.5, -0.25], [0.5, 0.25])
    np.testing.assert_allclose(np.hypot(*(x["two moons"] - centers).T), 1)
    assert ((x["two moons"] - centers)[:, 1] * (1 - 2 * y["two moons"]) >= 0).all()  # the upper moon and the lower
    np.testing.assert_allclose(np.hypot(*x["circles"].T), np.where(y["circles"] == 0, 1, 0.5))
    assert ((x["xor"].prod(axis=1) > 0) == y["xor"]).all()
    turns = (np.hypot(*x["spirals"].T) - 0.2) / 2 * 1.5 + y["spirals"] / 2
    angles = np.arctan2(x["spirals"][:, 1], x["spirals"][:, 0]) / (2 * np.pi)
    np.testing.assert_allclose((turns - angles + 0.5) % 1, 0.5)
