"""Tasks for linear models: parts, losses by a loop, paths against scikit-learn, and that test data do not choose."""

import math

import numpy as np
import pytest

from workbench.data import catalog
from workbench.experiments import linear_tasks as lt
from workbench.solvers.penalties import Lp


@pytest.mark.parametrize(
    ("name", "rows", "features"),
    [
        ("few features matter", (80, 400, 2000), 120),
        ("diabetes", (150, 150, 142), 10),
        ("breast cancer", (200, 150, 219), 30),
        ("digits", (300, 300, 1197), 64),
    ],
)
def test_tasks_have_three_parts(name, rows, features):
    parts, loss = lt.linear_task(3, name)
    assert [part[0].shape for part in parts] == [(count, features) for count in rows]
    assert [part[1].shape for part in parts] == [(count,) for count in rows]
    assert (loss == "logistic") == (set(np.unique(parts.test[1])) == {-1.0, 1.0})


def test_parts_of_a_shipped_data_set_share_no_example():
    parts = lt.linear_task(1, "digits").parts
    rows = [{row.tobytes() for row in X} for X, _ in parts]
    assert len(rows[0] | rows[1] | rows[2]) == sum(map(len, rows))


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="digit"):
        lt.linear_task(0, "digit")


def test_losses_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(4, 3)), np.array([1.0, -1.0, -1.0, 1.0]), rng.normal(size=3)
    u = [sum(X[i, j] * w[j] for j in range(3)) for i in range(4)]
    assert lt.error((X, y), w) == pytest.approx(sum((y[i] - u[i]) ** 2 for i in range(4)) / 4)
    by_hand = sum(math.log(1 + math.exp(-y[i] * u[i])) for i in range(4)) / 4
    assert lt.error((X, y), w, "logistic") == pytest.approx(by_hand)


def test_the_largest_strength_is_the_smallest_that_makes_all_weights_zero():
    task = lt.linear_task(0, "diabetes")
    for p in (0.5, 1.0):
        largest = lt.strengths(task, p, 3)[0].alpha
        at, below = lt.path(*task.parts.train, [Lp(largest, p), Lp(0.9 * largest, p)], task.loss)
        assert not at.any()
        assert below.any()


def test_a_path_is_scikit_learns_for_each_class():
    from sklearn.linear_model import LogisticRegression

    task = lt.classification(catalog.measurements("wine"), 2, 60, 40, 50)
    X, y = task.parts.train
    X = X / np.abs(X).max(axis=0)
    found = lt.path(X, y, [Lp(0.1, 2.0), Lp(0.003, 2.0)])[-1]
    assert found.shape == (14, 3)
    for column, weights in zip(y.T, found.T, strict=True):
        rival = LogisticRegression(C=1 / (2 * 0.003 * 60), fit_intercept=False, tol=1e-8, max_iter=5000).fit(X, column)
        assert weights == pytest.approx(rival.coef_[0], abs=0.02)


def test_classes_are_one_against_the_others_and_the_last_column_is_one():
    data = catalog.measurements("wine")
    (X, y), *_ = lt.classification(data, 2, 60, 40, 50).parts
    assert np.all(X[:, -1] == 1)
    for row, targets in zip(X, y, strict=True):
        place = int(np.flatnonzero((data.x == row[:-1]).all(axis=1))[0])
        assert targets.tolist() == [1.0 if label == data.y[place] else -1.0 for label in range(3)]


def test_test_data_do_not_choose():
    task = lt.linear_task(1, "few features matter")
    wrong = task._replace(parts=task.parts._replace(test=(task.parts.test[0], -task.parts.test[1])))
    penalties = [Lp(alpha) for alpha in (0.3, 0.05, 0.001)]
    right, other = lt.tuned(task, penalties), lt.tuned(wrong, penalties)
    assert (right.penalty, right.validation) == (other.penalty, other.validation)
    assert other.test > 2 * right.test
    assert not right.at_the_end
    assert lt.tuned(task, penalties[:2]).at_the_end


def test_words_are_logarithms_of_counts():
    task = lt.words(4, "text by topics")
    counts = np.expm1(task.parts.train[0].toarray())
    assert counts.shape == (300, 2001)
    assert counts[:, :-1].sum(axis=1) == pytest.approx(np.full(300, 60.0))
    assert counts[:, -1] == pytest.approx(np.ones(300))
