"""Experiments on what cited works are said to have found: sparse codes of images, and a hybrid of two solvers.

Each function takes a seed and returns numbers by name.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from workbench.data import catalog, real_data
from workbench.data.splits import split
from workbench.solvers.paths import lambda_max
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve
from workbench.sparse_lp import lp_prox

SIDE, PATCH = 8, 5  # pixels of a digit's side, and of a patch's
ATOMS = 24  # as many as a patch without its mean has dimensions
STEPS, ROUNDS = 25, 10  # of the proximal operator for codes, and of learning atoms
LEARNED_WITH, UNUSED = 0.1, 1e-6  # strength of L1 while atoms are learned, and the length of an atom that no code uses
SPARSITIES = (0.05, 0.15)  # strengths of L1 for codes, as patches have length one
TRIALS = 12  # of each way to make features: strengths of the classifier, or codes times strengths
STRONG = (1e1, 1e5)  # ends of the classifier's C, times the number of features
VALIDATION, TEST = 200, 600

SWITCH = 20  # iterations of FISTA before coordinate descent takes over
SWITCHES = (5, SWITCH, 80)
GAP = 1e-8


class Scores(NamedTuple):
    """Loss on validation data and on test data of the chosen trial, and whether it lies at an end."""

    validation: float
    test: float
    at_the_end: bool


def sparse_codes(seed: int, digits: int) -> dict[str, float]:
    """Compare features of digits: pixels, codes of patches with learned or random atoms, and principal components.

    A patch of 5 x 5 pixels is coded with 24 atoms by proximal steps for L1. Positive and negative parts of the codes
    are summed over quarters of the image. The atoms are learned from the training images without their labels, or are
    drawn at random; principal components of patches take their place with a strength of 0. A multinomial logistic
    regression with L2 classifies; all four have twelve trials, and the log loss judges.
    """
    data = split(catalog.digits(), seed, train=digits, validation=VALIDATION, test=TEST, standardize=False)
    parts = [tuple(each[0] for each in data.part(name)) for name in ("train", "validation", "test")]
    patches = _patches(parts[0][0])
    few = np.geomspace(*STRONG, TRIALS // len(SPARSITIES))
    coded = {
        name: min(_classified(parts, lambda x, a=atoms, s=strength: _pooled(x, a, s), few) for strength in SPARSITIES)
        for name, atoms in (("codes", learned(patches.reshape(-1, PATCH * PATCH), seed)), ("random", _random(seed)))
    }
    many = np.geomspace(*STRONG, TRIALS)
    pixels = _classified(parts, lambda x: x, many)
    components = _classified(parts, lambda x: _pooled(x, _components(patches), 0.0), many)
    loss, random = (coded[each].test for each in ("codes", "random"))
    return {
        "relative gain over raw pixels and over a random dictionary": 1 - loss / min(pixels.test, random),
        "relative gain over raw pixels": 1 - loss / pixels.test,
        "relative gain over a random dictionary": 1 - loss / random,
        "relative gain over principal components": 1 - loss / components.test,
        "trials chosen at an end": float(sum(each.at_the_end for each in (pixels, components, *coded.values()))),
    }


def _patches(images: np.ndarray) -> np.ndarray:
    """Return all patches (images, places, pixels), without their means and with length one; empty ones stay zero."""
    windows = np.lib.stride_tricks.sliding_window_view(images.reshape(-1, SIDE, SIDE), (PATCH, PATCH), axis=(1, 2))
    patches = windows.reshape(len(images), -1, PATCH * PATCH)
    patches = patches - patches.mean(axis=2, keepdims=True)
    return patches / np.maximum(np.linalg.norm(patches, axis=2, keepdims=True), 1e-6)


def learned(patches: np.ndarray, seed: int) -> np.ndarray:
    """Return atoms of length one for patches (patches, pixels): in turns, codes for atoms, and atoms for codes.

    Source: Engan, Aase and Husoy, Method of optimal directions for frame design, 1999.
    """
    atoms = _random(seed)
    for _ in range(ROUNDS):
        coded = codes(patches, atoms, LEARNED_WITH)
        atoms, *_ = np.linalg.lstsq(coded, patches)
        lengths = np.linalg.norm(atoms, axis=1, keepdims=True)
        atoms = np.where(lengths > UNUSED, atoms / np.maximum(lengths, UNUSED), _random(seed))
    return atoms


def _random(seed: int) -> np.ndarray:
    atoms = np.random.default_rng(seed).normal(size=(ATOMS, PATCH * PATCH))
    atoms -= atoms.mean(axis=1, keepdims=True)
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def _components(patches: np.ndarray) -> np.ndarray:
    return np.linalg.svd(patches.reshape(-1, PATCH * PATCH), full_matrices=False)[2][:ATOMS]


def _pooled(images: np.ndarray, atoms: np.ndarray, strength: float) -> np.ndarray:
    """Return sums of the parts of codes over quarters of the image, shape (images, 4 * 2 * atoms)."""
    coded = codes(_patches(images).reshape(-1, PATCH * PATCH), atoms, strength)
    places = SIDE - PATCH + 1
    halves = coded.reshape(len(images), 2, places // 2, 2, places // 2, ATOMS)
    signs = np.stack([np.maximum(halves, 0), np.maximum(-halves, 0)], axis=-1)
    return signs.sum(axis=(2, 4)).reshape(len(images), -1)


def codes(patches: np.ndarray, atoms: np.ndarray, strength: float) -> np.ndarray:
    """Return the codes c (patches, atoms) that minimize 1/2 |patch - c atoms|^2 + strength |c|_1, by proximal steps.

    Source: Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm, 2009.
    """
    products, targets = atoms @ atoms.T, patches @ atoms.T
    step = 1 / float(np.linalg.eigvalsh(products)[-1])
    found = ahead = np.zeros_like(targets)
    momentum = 1.0
    for _ in range(STEPS):
        before, previous = found, momentum
        found = lp_prox(ahead - step * (ahead @ products - targets), step * strength, 1.0)
        momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = found + (previous - 1) / momentum * (found - before)
    return found


def _classified(parts, features, Cs: np.ndarray) -> Scores:
    """Return the scores of the C with the lowest log loss on validation data."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    inputs = [features(x) for x, _ in parts]
    mean, scale = inputs[0].mean(axis=0), inputs[0].std()
    inputs = [(x - mean) / scale for x in inputs]
    found = []
    for C in Cs / inputs[0].shape[1]:
        model = LogisticRegression(C=C, tol=1e-3, max_iter=200).fit(inputs[0], parts[0][1])
        losses = [log_loss(y, model.predict_proba(x)) for x, (_, y) in zip(inputs[1:], parts[1:], strict=True)]
        found.append(losses)
    best = int(np.argmin([each[0] for each in found]))
    return Scores(*found[best], best in (0, len(Cs) - 1))


def hybrid(seed: int, data: str) -> dict[str, float]:
    """Solve a sparse logistic regression by FISTA, by coordinate descent, and by the first and then the second.

    Return how many passes over the data the hybrid takes to a relative duality gap of 1e-8, over those of the better of
    the two: for a change after 20 iterations, and for the best of three moments to change, known only afterwards. A
    pass of coordinate descent over a working set counts as one, and so does an iteration of FISTA.
    """
    X, y = _problem(seed, data)
    penalty = Lp(0.1 * lambda_max(X, y, Lp(1.0), "logistic"))

    def solved(solver: str, **how):
        return solve(X, y, penalty, loss="logistic", solver=solver, **{"tolerance": GAP, **how})

    alone = [solved(each).passes for each in ("FISTA", "coordinate descent")]
    both = {}
    for steps in SWITCHES:
        first = solved("FISTA", max_iterations=steps)
        both[steps] = first.passes + solved("coordinate descent", start=first.weights).passes
    return {
        "passes of the hybrid over the better of the two": both[SWITCH] / min(alone),
        "the same for the best moment to change": min(both.values()) / min(alone),
        "passes of FISTA": float(alone[0]),
        "passes of coordinate descent": float(alone[1]),
    }


def _problem(seed: int, data: str):
    rng = np.random.default_rng(seed)
    if data in real_data.NAMES:
        found = real_data.load(data)
        rows = rng.permutation(len(found.y))[:300]
        return found.X[rows], found.y[rows]
    X = sparse.random_array((200, 5000), density=0.02, format="csc", rng=rng, data_sampler=rng.standard_normal)
    signal = X[:, :20].sum(axis=1) + 0.1 * rng.normal(size=200)
    return X, np.where(signal > 0, 1.0, -1.0)
