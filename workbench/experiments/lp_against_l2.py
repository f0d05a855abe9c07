"""Experiments on linear models that compare p = 1 and p = 1/2 with L2: linear worlds, tumours, text and images.

Each function takes a seed, which makes or splits the data, and returns numbers by name. Arms have equally many trials;
validation data choose, and test data judge what was chosen.
"""

import dataclasses

import numpy as np

from workbench.data import catalog
from workbench.data.real_data import DataSet
from workbench.experiments import linear_tasks
from workbench.experiments.linear_tasks import TRIALS, Task, best_of, largest, linear_task, strengths, tuned
from workbench.solvers.penalties import Lp

AT_MOST_ONE = (0.5, 1.0)
TRIALS_OF_A_MACHINE, TRIALS_ON_TEXT = 20, 16
ON_TEXT = {1.0: (0.1, 3e-4), 2.0: (0.03, 1e-5)}  # strongest and weakest, as shares of `linear_tasks.largest`


def gain_over_l2(seed: int, data: str) -> dict[str, float]:
    """Compare p of at most 1 with L2 on one of the `linear_tasks.TASKS`."""
    return _compared(linear_task(seed, data), "relative gain over tuned L2")


def gain_over_l2_on(seed: int, data: DataSet) -> dict[str, float]:
    """Compare p of at most 1 with L2 on other data; half of the rows train, a quarter validates and the rest tests."""
    rows = np.random.default_rng(seed).permutation(len(data.y))
    parts = linear_tasks.in_parts(data.X[rows], data.y[rows], len(rows) // 2, len(rows) // 4)
    return _compared(Task(parts, data.loss), "relative gain over tuned L2")


def tumours(seed: int, noise: int, model: str) -> dict[str, float]:
    """Compare p of at most 1 with L2 on 100 tumours with some features of noise: logistic regression or an SVM.

    The support vector machine has the squared hinge loss, which judges it too, and p = 1.
    """
    dataset = catalog.measurements("breast cancer")
    x = (dataset.x - dataset.x.mean(axis=0)) / dataset.x.std(axis=0)
    added = np.random.default_rng(seed).normal(size=(len(x), noise))
    task = linear_tasks.classification(dataclasses.replace(dataset, x=np.hstack([x, added])), seed, 100, 200)
    name = "relative gain of p at most 1 over p = 2"
    if model == "logistic regression":
        return _compared(task, name)
    sparse, dense = (_machine(task, penalty) for penalty in ("l1", "l2"))
    return {name: 1 - sparse[1] / dense[1], "trials chosen at an end": float(sparse[2] + dense[2])}


def _compared(task: Task, name: str) -> dict[str, float]:
    """Compare p of at most 1, each with a part of the trials, with p = 2."""
    sparse = best_of(tuned(task, strengths(task, p, TRIALS // len(AT_MOST_ONE))) for p in AT_MOST_ONE)
    dense = tuned(task, strengths(task, 2.0))
    return {
        name: 1 - sparse.test / dense.test,
        "relative gain over the weakest L2": 1 - sparse.test / dense.weakest,
        "relative gain of L2 over the weakest": 1 - dense.test / dense.weakest,
        "chosen p": sparse.penalty.p,
        "trials chosen at an end": float(sparse.at_the_end + dense.at_the_end),
    }


def _machine(task: Task, penalty: str) -> tuple[float, float, bool]:
    """Return validation loss, test loss, and whether the strength is at an end, of the best support vector machine."""
    from sklearn.svm import LinearSVC

    (X, y), judged = task.parts.train, task.parts[1:]
    found = []
    for C in np.geomspace(1e-5, 1, TRIALS_OF_A_MACHINE) * (100 if penalty == "l1" else 1):
        machine = LinearSVC(penalty=penalty, C=C, dual=False, fit_intercept=False, random_state=0, max_iter=20_000)
        weights = machine.fit(X, y).coef_[0]
        found.append([_squared_hinge(each, weights) for each in judged])
    best = int(np.argmin([each[0] for each in found]))
    return *found[best], best in (0, TRIALS_OF_A_MACHINE - 1)


def _squared_hinge(examples: tuple[np.ndarray, np.ndarray], weights: np.ndarray) -> float:
    return float(np.mean(np.maximum(1 - examples[1] * (examples[0] @ weights), 0) ** 2))


def l1_and_l2_on_text(seed: int, data: str) -> dict[str, float]:
    """Compare L1 with L2 on words, "documentation" or "text by topics", each class against the others."""
    task = linear_tasks.words(seed, data)
    unit = largest(task)
    sparse, dense = (
        tuned(task, [Lp(unit * share, p) for share in np.geomspace(*ends, TRIALS_ON_TEXT).tolist()])
        for p, ends in ON_TEXT.items()
    )
    return {
        "relative gain of L1 over L2": 1 - sparse.test / dense.test,
        "share of zeros with L1 less that with L2": float(np.mean(sparse.weights == 0) - np.mean(dense.weights == 0)),
        "trials chosen at an end": float(sparse.at_the_end + dense.at_the_end),
    }


def l2_and_l1_on_digits(seed: int) -> dict[str, float]:
    """Compare L2 with L1 on 300 digits, odd ones against even ones."""
    task = linear_task(seed, "digits")
    sparse, dense = (tuned(task, strengths(task, p)) for p in (1.0, 2.0))
    return {
        "relative gain of L2 over L1": 1 - dense.test / sparse.test,
        "trials chosen at an end": float(sparse.at_the_end + dense.at_the_end),
    }
