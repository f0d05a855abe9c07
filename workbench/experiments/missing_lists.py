"""An experiment: does dropping whole id lists in training help when a list is missing at prediction time?

A logistic regression on id lists (`id_lists`) is trained on several copies of its examples, each with its own dropout.
It is then tested on new people, once with all lists and once with one feature's list replaced by "missing".
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from workbench.data.id_lists import FEATURES, IdLists, make_id_lists, multi_hot
from workbench.sparse_dropout import sparse_dropout_with_replacement, sparse_itemwise_dropout_with_replacement

METHODS = {
    "whole lists": sparse_dropout_with_replacement,
    "single ids": sparse_itemwise_dropout_with_replacement,
}
STRENGTHS = (0.03, 0.1, 0.3)  # values of scikit-learn's C; a validation set chooses the best
COPIES = 5  # copies of the training examples, each with other random draws
TRAINING, VALIDATION, TEST = 1000, 1000, 4000  # number of examples


@dataclasses.dataclass(frozen=True)
class Losses:
    """Log losses on new examples: with all lists, and with one list missing, by the name of its feature."""

    method: str
    ratio: float
    seed: int
    complete: float
    missing: dict[str, float]


def run(ratios: Sequence[float], seeds: Sequence[int], methods: Sequence[str] = tuple(METHODS)) -> list[Losses]:
    """Train and test each method at each ratio for each seed; the seed generates all three sets of examples."""
    import sklearn.linear_model  # noqa: F401 - it loads the linear algebra that is to be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # on matrices as small as these, more threads only wait for each other
        return [outcome for seed in seeds for outcome in _with_examples(ratios, methods, seed, *_three_sets(seed))]


def with_missing_list(lists: IdLists, feature: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values and lengths after replacing one feature's list in every example by the id for "missing"."""
    of_feature = np.arange(lists.lengths.size) % len(FEATURES) == feature
    segments = np.split(lists.values, np.cumsum(lists.lengths)[:-1])
    replaced = [np.array([lists.ids]) if gone else segment for gone, segment in zip(of_feature, segments, strict=True)]
    return np.concatenate(replaced), np.where(of_feature, 1, lists.lengths).astype(np.int32)


def _three_sets(seed: int) -> tuple[IdLists, IdLists, IdLists]:
    return tuple(make_id_lists(count, seed=3 * seed + i) for i, count in enumerate((TRAINING, VALIDATION, TEST)))


def _with_examples(
    ratios: Sequence[float], methods: Sequence[str], seed: int, training: IdLists, validation: IdLists, test: IdLists
) -> list[Losses]:
    complete = _matrix(test, test.values, test.lengths)
    missing = {name: _matrix(test, *with_missing_list(test, i)) for i, name in enumerate(FEATURES)}
    outcomes = []
    for method in methods:
        for ratio in ratios:
            model = _best_model(training, validation, method, ratio, seed)
            losses = {name: _loss(model, matrix, test.labels) for name, matrix in missing.items()}
            outcomes.append(Losses(method, ratio, seed, _loss(model, complete, test.labels), losses))
    return outcomes


def _best_model(training: IdLists, validation: IdLists, method: str, ratio: float, seed: int):
    """Return the model that is best on complete validation examples, among those with different STRENGTHS."""
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    drop = METHODS[method]
    copies = [
        _matrix(training, *drop(training.values, training.lengths, ratio, training.ids, seed=COPIES * seed + copy))
        for copy in range(COPIES)
    ]
    x, labels = vstack(copies), np.tile(training.labels, COPIES)
    models = [LogisticRegression(C=strength, tol=1e-6, max_iter=10_000).fit(x, labels) for strength in STRENGTHS]
    complete = _matrix(validation, validation.values, validation.lengths)
    return min(models, key=lambda model: _loss(model, complete, validation.labels))


def _matrix(lists: IdLists, values: np.ndarray, lengths: np.ndarray):
    return multi_hot(values, lengths, lists.labels.size, lists.ids)


def _loss(model, x, labels: np.ndarray) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(labels, model.predict_proba(x)[:, 1]))
