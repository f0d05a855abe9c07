"""The public functions return the types that they declare: mypy reads `assert_type`, pytest runs the rest."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any, assert_type

import dask.array as da
import numpy as np
import pytest

import workbench
from workbench import cluster
from workbench.cost import Cost
from workbench.explore import Explorer, check, explore, record, show
from workbench.lrn import conventions
from workbench.lrn import plots as lrn_plots
from workbench.lrn.cost import cost
from workbench.lrn.window import Window
from workbench.machines.limits import Machine
from workbench.machines.prediction import Prediction, predict
from workbench.machines.published import known_machine
from workbench.operator import Arg, Operator
from workbench.report import Result, run_notebook
from workbench.solvers import solve as solvers
from workbench.solvers.paths import Path as SolutionPath
from workbench.solvers.paths import regularization_path
from workbench.solvers.penalties import ElasticNet, GroupLasso, Lp, Penalty
from workbench.sweep import Choices, Range, SweepResult, sweep

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
    prediction = predict(count, machine)
    assert_type(prediction, Prediction)
    assert_type(prediction.seconds, float)
    assert isinstance(prediction.seconds, float)


def test_solvers() -> None:
    targets = np.array([1.0, 2.0])
    penalties: list[Penalty] = [Lp(0.1, 1.0), ElasticNet(0.1, 0.5), GroupLasso(0.1, 3)]
    assert [penalty.alpha for penalty in penalties] == [0.1, 0.1, 0.1]
    result = solvers.solve(X.astype(float), targets, Lp(0.1, p=2.0), solver="proximal gradient")
    assert_type(result, solvers.Result)
    assert_type(result.weights, np.ndarray)
    assert isinstance(result.weights, np.ndarray)
    path = regularization_path(X.astype(float), targets, Lp(1.0), alphas=[0.2, 0.1])
    assert_type(path, SolutionPath)
    assert path.weights.shape == (2, 3)


def loss(x: float = 0.5) -> float:
    return x * x


def test_sweeps_and_reports(tmp_path: Path) -> None:
    space = {"x": Choices((1.0, 2.0))}
    found = sweep(loss, space, sampler="grid", in_process=True, output=tmp_path, name="types", report=False)
    assert_type(found, SweepResult)
    assert_type(found.ok, bool)
    assert found.ok


def what_a_cluster_runs(x: da.Array) -> None:  # read by mypy alone, as the next
    assert_type(cluster.local_response_norm(x, size=3), da.Array)
    assert_type(cluster.dropout_with_replacement(x, 0.5, "mean", seed=1), tuple[da.Array, da.Array])
    assert_type(cluster.sparse_lp_regularizer(x, [0, 1], p=1.0), da.Array)
    cluster.local_response_norm(x, siez=3)  # type: ignore[call-arg]


def what_a_notebook_writes() -> None:
    assert_type(run_notebook("01-lrn.ipynb", {"alpha": 0.1}), Result)
    assert_type(sweep("01-lrn.ipynb", {"alpha": Range(0.1, 1.0)}), SweepResult)
    explorer = explore("LRN", lrn_plots.response_curve, alpha=0.5)
    assert_type(explorer, Explorer)
    assert_type(explorer.python, str)
    assert_type(explorer.frame, bytes)
    show(lrn_plots.response_curve(), "curve", alt="a curve")
    record("loss", 0.5)
    check(None, 0.5)


@pytest.mark.parametrize("package", ["workbench.explore", "workbench.report", "workbench.sweep"])
def test_lazy_packages_show_type_checkers_each_name_that_they_have(package: str) -> None:
    module = import_module(package)
    blocks = [node for node in ast.parse(Path(str(module.__file__)).read_text()).body if isinstance(node, ast.If)]
    lines = [line for line in blocks[0].body if isinstance(line, ast.ImportFrom)]
    imports = [(str(line.module), name.name, name.asname) for line in lines for name in line.names]
    assert sorted(name for _, name, _ in imports) == module.__all__
    for home, name, shown in imports:
        assert (shown, getattr(module, name)) == (name, getattr(import_module(home), name))
