"""Synthetic id lists, as a recommender's examples hold them: what was read, what was bought, what was searched for.

A person has a taste, a hidden vector. Each feature draws its ids by that taste, some features many and some few, and
whether the person likes an offer depends on the taste alone. So every list says something about the label and no list
says all: one that is missing can be made up for by the others.
"""

import dataclasses

import numpy as np

FEATURES = ("read", "bought", "searched")
MEAN_LENGTHS = (12, 4, 3)  # ids in a list; geometric, so that empty ones occur
VOCABULARY = 400  # ids of a feature
TASTE = 6  # length of the hidden vector


@dataclasses.dataclass(frozen=True)
class IdLists:
    """Ragged lists of several features, list f of example e at place e * features + f.

    `values` (ids,) int64 and `lengths` (examples * features,) int32 are what the ragged operators take; an id is a
    whole number below features * vocabulary, of which each feature has a range of its own. `labels` (examples,) are 0
    or 1.
    """

    values: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    vocabulary: int

    @property
    def ids(self) -> int:
        """Return how many ids there are; the next number stands for a missing list."""
        return len(FEATURES) * self.vocabulary


def make_id_lists(examples: int = 2000, vocabulary: int = VOCABULARY, *, seed: int = 0) -> IdLists:
    """Return the lists of `examples` people, whose tastes and lists depend on `seed`; what an id means does not."""
    if examples < 1 or vocabulary < 2:
        raise ValueError(f"examples={examples}, vocabulary={vocabulary}: must be at least 1 and 2")
    world = np.random.default_rng(2026)
    meanings = world.standard_normal((len(FEATURES), vocabulary, TASTE))
    offer = world.standard_normal(TASTE)
    rng = np.random.default_rng(seed)
    tastes = rng.standard_normal((examples, TASTE))
    lengths = np.stack([rng.geometric(1 / (1 + mean), examples) - 1 for mean in MEAN_LENGTHS], axis=1)
    lengths = np.minimum(lengths, vocabulary)
    lists = [
        feature * vocabulary + _draw(rng, tastes[person] @ meanings[feature].T, lengths[person, feature])
        for person in range(examples)
        for feature in range(len(FEATURES))
    ]
    labels = (tastes @ offer + 0.5 * rng.standard_normal(examples) > 0).astype(np.int64)
    return IdLists(np.concatenate(lists).astype(np.int64), lengths.reshape(-1).astype(np.int32), labels, vocabulary)


def _draw(rng: np.random.Generator, scores: np.ndarray, count: int) -> np.ndarray:
    """Draw ids with chances that grow as exp(score), by the largest of scores with Gumbel noise; none twice."""
    noisy = scores + rng.gumbel(size=scores.size)
    return np.argsort(-noisy)[:count]


def multi_hot(values: np.ndarray, lengths: np.ndarray, examples: int, ids: int):
    """Return the ids of each example as a CSR matrix (examples, ids + 1) of ones; its last column is "missing".

    Each example has the same number of lists. An id or a "missing" that occurs twice counts twice.
    """
    from scipy.sparse import csr_array

    per_example = lengths.reshape(examples, -1).sum(axis=1)
    bounds = np.concatenate([[0], np.cumsum(per_example)])
    matrix = csr_array((np.ones(values.size, np.float32), values, bounds), shape=(examples, ids + 1))
    matrix.sum_duplicates()
    return matrix
