"""Generate id lists like those of a recommender system: ids of things that a person read, bought or searched for.

Each person has a taste, which is a hidden vector. Each feature draws its ids by that taste; some features draw many ids
and some few. Whether the person likes an offer, the label, depends on the taste alone. Every list therefore says
something about the label and no list says all, so the other lists can make up for a missing one.
"""

import dataclasses

import numpy as np

FEATURES = ("read", "bought", "searched")
MEAN_LENGTHS = (12, 4, 3)  # mean ids in a list; lengths are geometric, so that empty lists occur
VOCABULARY = 400  # number of ids of each feature
TASTE = 6  # length of the hidden vector


@dataclasses.dataclass(frozen=True)
class IdLists:
    """Ragged lists of several features; list f of example e is at place e * features + f.

    `values` (all ids,) int64 and `lengths` (examples * features,) int32 are inputs of the ragged operators. An id is a
    whole number in [0, features * vocabulary); each feature has its own range of ids. `labels` (examples,) are 0 or 1.
    """

    values: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    vocabulary: int

    @property
    def ids(self) -> int:
        """Return the number of ids of all features. This number is itself the id for a missing list."""
        return len(FEATURES) * self.vocabulary


def make_id_lists(examples: int = 2000, vocabulary: int = VOCABULARY, *, seed: int = 0, zipf: float = 0.0) -> IdLists:
    """Return the lists of `examples` people. Tastes and lists depend on `seed`; the meaning of an id does not.

    With `zipf` above 0, ids are popular: the weight of a feature's k-th id is k^-zipf times that of its taste.
    """
    if examples < 1 or vocabulary < 2:
        raise ValueError(f"examples={examples}, vocabulary={vocabulary}: must be at least 1 and 2")
    if not 0 <= zipf < np.inf:
        raise ValueError(f"zipf={zipf!r}: must be at least 0 and finite")
    world = np.random.default_rng(2026)
    meanings = world.standard_normal((len(FEATURES), vocabulary, TASTE))
    offer = world.standard_normal(TASTE)
    rng = np.random.default_rng(seed)
    tastes = rng.standard_normal((examples, TASTE))
    lengths = np.stack([rng.geometric(1 / (1 + mean), examples) - 1 for mean in MEAN_LENGTHS], axis=1)
    lengths = np.minimum(lengths, vocabulary)
    popular = zipf * np.log(np.arange(1, vocabulary + 1))
    lists = [
        feature * vocabulary + _draw(rng, tastes[person] @ meanings[feature].T - popular, lengths[person, feature])
        for person in range(examples)
        for feature in range(len(FEATURES))
    ]
    labels = (tastes @ offer + 0.5 * rng.standard_normal(examples) > 0).astype(np.int64)
    return IdLists(np.concatenate(lists).astype(np.int64), lengths.reshape(-1).astype(np.int32), labels, vocabulary)


def _draw(rng: np.random.Generator, scores: np.ndarray, count: int) -> np.ndarray:
    """Draw `count` distinct ids with chances that grow as exp(score): the largest scores after adding Gumbel noise."""
    noisy = scores + rng.gumbel(size=scores.size)
    return np.argsort(-noisy)[:count]


def multi_hot(values: np.ndarray, lengths: np.ndarray, examples: int, ids: int):
    """Return how often each id occurs in each example, as a CSR matrix (examples, ids + 1).

    Each example has the same number of lists. The last column counts the id for a missing list.
    """
    from scipy.sparse import csr_array

    per_example = lengths.reshape(examples, -1).sum(axis=1)
    bounds = np.concatenate([[0], np.cumsum(per_example)])
    matrix = csr_array((np.ones(values.size, np.float32), values, bounds), shape=(examples, ids + 1))
    matrix.sum_duplicates()
    return matrix


def padded(lists: IdLists, width: int) -> np.ndarray:
    """Return the first `width` ids of each list, (examples, features * width), the lists of a person side by side.

    Shorter lists are filled up with -1.
    """
    places = np.arange(width)
    starts = np.cumsum(lists.lengths) - lists.lengths
    there = places < lists.lengths[:, None]
    ids = np.full(there.shape, -1, np.int64)
    ids[there] = lists.values[(starts[:, None] + places)[there]]
    return ids.reshape(-1, len(FEATURES) * width)
