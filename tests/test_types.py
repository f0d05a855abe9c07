"""The public functions return the types that they declare: mypy reads `assert_type`, pytest runs the rest."""

from typing import Any, assert_type

import numpy as np

import workbench
from workbench.cost import Cost
from workbench.lrn import conventions
from workbench.lrn.cost import cost
from workbench.lrn.window import Window
from workbench.machines.limits import Machine
from workbench.machines.published import known_machine
from workbench.operator import Arg, Operator

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_lrn() -> None:
    y = workbench.local_response_norm(X, 3, order="NHWC", engine="reference")
    assert_type(y, np.ndarray)
    assert_type(workbench.local_response_norm_scale(X, size=3, engine="reference"), np.ndarray)
    assert_type(workbench.local_response_norm_gradient(y, X, size=3, engine="reference"), np.ndarray)
    window = conventions.pytorch(size=4)
    assert_type(window, Window)
    assert isinstance(y, np.ndarray)
    assert isinstance(window, Window)


def test_dropout() -> None:
    found = workbench.dropout_with_replacement(X, 0.5, "mean", seed=1, engine="reference")
    assert_type(found, tuple[Any, Any])
    assert [type(each) for each in found] == [np.ndarray, np.ndarray]
    lengths = np.array([2, 4])
    ragged = workbench.sparse_dropout_with_replacement(X.ravel(), lengths, 0.5, -1, seed=1, engine="reference")
    assert_type(ragged, tuple[np.ndarray, np.ndarray])
    assert [type(each) for each in ragged] == [np.ndarray, np.ndarray]


def test_lp() -> None:
    w = X.copy()
    loss, mask = workbench.sparse_lp(w, 0.1, p=1, engine="reference")
    assert_type((loss, mask), tuple[float, np.ndarray])
    assert isinstance(loss, float)
    assert isinstance(mask, np.ndarray)
    z = workbench.lp_prox(X, 0.1, engine="reference")
    assert_type(z, np.ndarray)
    assert isinstance(z, np.ndarray)


def test_declarations() -> None:
    operator = workbench.OPERATORS["LRN"]
    assert_type(operator, Operator)
    assert_type(operator.args, tuple[Arg, ...])
    assert_type(operator.check({"size": 3}), dict[str, Any])
    assert_type(operator.gradient_operator(), Operator | None)
    assert isinstance(operator.arg("size"), Arg)


def test_costs() -> None:
    count = cost("forward", (2, 3), size=3)
    assert_type(count, Cost)
    assert_type(count + count, Cost)
    assert isinstance(count + count, Cost)
    machine = known_machine("a100")
    assert_type(machine, Machine)
    assert isinstance(machine, Machine)
