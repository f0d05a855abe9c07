"""The bench of sparse Lp from end to end on small arrays: verification, rows, peers, and solvers sent far enough."""

import json
import math
import re
import sys
import types
from importlib import metadata

import numpy as np
import pytest
from sklearn.linear_model import Lasso
from typer.testing import CliRunner

from workbench.bench import harness, run_bench, sparse_lp
from workbench.bench.harness import Contender, WrongResult
from workbench.bench.peers import Peer, find_peers
from workbench.bench.sparse_lp import lasso, peers, rows, weights
from workbench.bench.sparse_lp.lasso import dense_problem, loosest, relative_gap, sparse_problem
from workbench.cli import app
from workbench.sparse_lp import kernels

SMALL = sparse_lp.Sizes(
    table=(3000, 24), rows=1500, weights=(230, 150), dense=(60, 210), sparse=(220, 410), density=0.05
)
CASES = 8 + 6 + 12  # rows, penalties, proximal operators and gradients
PLAIN_ROWS = "SparseLpRegularizer forward, p 1, rows 1,500, indices int32, 3000×24 dense"
PENALTY = "SparseLp forward, p 1, sparsity_threshold 0.5, 230×150 dense"


@pytest.fixture
def small(monkeypatch):
    """Bench small arrays with no peers; all are large enough for several threads."""
    monkeypatch.setattr(sparse_lp, "QUICK_SIZES", SMALL)
    monkeypatch.setattr(peers, "PEERS", {})
    monkeypatch.setattr(peers, "SOLVERS", {})
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")
    monkeypatch.setattr(harness.gc, "collect", lambda: 0)  # most of the time, and nothing that these tests look at


def fake_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "fake", types.ModuleType("fake"))
    monkeypatch.setattr(metadata, "version", lambda name: "4.5")


def fake_peer(monkeypatch, operator, run):
    """Install a peer called fake, of one operator with p = 1; `run(case)` is its results."""
    fake_module(monkeypatch)

    def build(case, threads):
        plain = case.operator == operator and case.arguments["p"] == 1
        return Contender(lambda: run(case)) if plain else None

    monkeypatch.setattr(peers, "PEERS", {"fake": (("fake",), build)})


def fake_solver(monkeypatch, fit):
    """Install a solver called fake; `fit(problem, tolerance)` is its weights."""
    fake_module(monkeypatch)
    build = lambda problem, tolerance: Contender(lambda: fit(problem, tolerance))  # noqa: E731
    monkeypatch.setattr(peers, "SOLVERS", {"fake": (("fake",), build)})


def scikit_learn(problem, tolerance):
    model = Lasso(alpha=problem.alpha, tol=tolerance, fit_intercept=False, max_iter=100_000)
    return model.fit(problem.matrix, problem.y).coef_


def nothing_is_timed(monkeypatch):
    monkeypatch.setattr(harness, "measure", lambda *arguments, **options: pytest.fail("timed a wrong result"))


def soften_once(case):
    """Shrink each named row once, in NumPy."""
    named = np.unique(case.indices)
    values = case.array[named]
    case.array[named] = np.sign(values) * np.maximum(np.abs(values) - np.float32(rows.REG_LAMBDA), 0)
    return (case.array,)


def test_rows_are_written_as_json(small, monkeypatch, tmp_path, capsys):
    fake_peer(monkeypatch, "SparseLpRegularizer", soften_once)
    monkeypatch.setattr(
        peers,
        "SOLVERS",
        {"fake": (("fake",), lambda problem, tolerance: Contender(lambda: scikit_learn(problem, tolerance)))},
    )
    assert run_bench("sparse-lp", tmp_path / "rows.json", True, None) == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    found = content["rows"]
    assert len(found) == 2 * (CASES + 2)
    assert len({tuple(sorted(row.keys() - {"p"})) for row in found if row["operator"] == "LpProx"}) == 1
    for row in found:
        assert {"iqr_seconds", "versions", "peers", "ratios", "shape", "layout", "threads"} <= set(row)
        assert "arguments" not in row
        assert row["seconds"] > 0
        assert row["copy_seconds"] == row["limit_seconds"] > 0
    one = [row for row in found if row["threads"] == 1]
    assert len(one) == CASES + 2
    tables = [row for row in one if row["operator"] == "SparseLpRegularizer"]
    assert [(row["p"], row["exact"], row["indices"], row["skewed"]) for row in tables] == [
        (1.0, False, "int32", False),
        (2.0, False, "int32", False),
        (2.0, True, "int32", False),
        (0.5, False, "int32", False),
        (2 / 3, False, "int32", False),
        (1.5, False, "int32", False),
        (2.0, False, "int64", False),
        (2.0, False, "int32", True),
    ]
    assert [list(row["peers"]) for row in tables] == [["fake"]] + [[]] * 7
    assert {tuple(row["shape"]) for row in tables} == {(3000, 24)}
    assert [row["p"] for row in one if row["operator"] == "SparseLp"] == [1, 2, 0.5, 2 / 3, 3, 0.3]
    for operator in ("LpProx", "LpGradient"):
        assert [row["p"] for row in one if row["operator"] == operator] == [0, 0.5, 2 / 3, 1, 1.5, 2]
    solved = [row for row in one if row["operator"] == "Lasso"]
    assert [(row["shape"], row["layout"], row["gap"], list(row["peers"])) for row in solved] == [
        ([60, 210], "dense", 1e-6, ["fake"]),
        ([220, 410], "CSC", 1e-6, ["fake"]),
    ]
    gaps = content["measurements"]
    assert [re.sub(r" asked for \S+:", "", each["name"]) for each in gaps] == [
        f"{problem}, {who} duality gap"
        for problem in ("Lasso, 60×210 dense", "Lasso, 220×410 CSC")
        for who in ("workbench", "fake")
    ]
    assert all(0 < each["value"] <= each["target"] == 1e-6 for each in gaps)
    shown = capsys.readouterr().out
    assert "verified 52 configurations against the reference" in shown
    assert "| direction | p | sparsity_threshold | shape | layout | threads |" in shown
    assert "param[i] = param[i]" in shown
    assert "computed alike from every solver's weights" in shown


def test_ratios_of_known_times(small, monkeypatch):
    fake_peer(monkeypatch, "SparseLpRegularizer", soften_once)
    monkeypatch.setattr(
        peers,
        "SOLVERS",
        {"scikit-learn": (("fake",), lambda problem, tolerance: Contender(lambda: scikit_learn(problem, tolerance)))},
    )

    def measured(contenders, *arguments, **options):
        seconds = dict.fromkeys(contenders, 6.0)
        for name in contenders:
            if name.startswith(("gather", "pass", "copy")):
                seconds[name] = 2.0
            elif name.startswith("fake"):
                seconds[name] = 9.0
            elif name == "scikit-learn":
                seconds[name] = 3.0
        return {name: harness.Timing(each, 0.5) for name, each in seconds.items()}

    monkeypatch.setattr(sparse_lp, "measure_steadily", measured)
    found = {
        (row.operator, row.layout, row.threads, row.arguments.get("p"), row.arguments.get("exact")): row
        for row in sparse_lp.bench_sparse_lp(SMALL, 1, lambda line: None).rows
        if row.arguments.get("indices") != "int64" and not row.arguments.get("skewed")
    }

    def ratios(operator, threads, p=None, exact=None, layout="dense"):
        return [str(ratio) for ratio in found[operator, layout, threads, p, exact].ratios]

    for threads in (1, 2):
        assert ratios("SparseLpRegularizer", threads, 1, False) == [
            "ours / gather and scatter 3.00 (≤ 2) ✗",
            "fake / ours 1.50",
        ]
        assert ratios("SparseLpRegularizer", threads, 2, False) == ["ours / gather and scatter 3.00 (≤ 2) ✗"]
        assert ratios("SparseLpRegularizer", threads, 2, True) == ["ours / gather and scatter 3.00"]
        assert ratios("SparseLpRegularizer", threads, 1.5, False) == ["ours / gather and scatter 3.00"]
        for p in (1, 2, 0.5):
            assert ratios("SparseLp", threads, p) == ["ours / pass in place 3.00 (≤ 2) ✗"]
        for p in (2 / 3, 3, 0.3):
            assert ratios("SparseLp", threads, p) == ["ours / pass in place 3.00 (≤ 6)"]
        assert ratios("LpProx", threads, 1.5) == ratios("LpGradient", threads, 0) == ["ours / copy 3.00"]
        for layout in ("dense", "CSC"):
            assert ratios("Lasso", threads, layout=layout) == [
                "ours / pass over X 3.00",
                "scikit-learn / ours 0.50 (≥ 1) ✗",
            ]


def spoil(monkeypatch, name, change):
    """Let `change(results, *arguments)` spoil what a kernel has done; what it returns is the result."""
    right = getattr(kernels, name)
    monkeypatch.setattr(kernels, name, lambda *arguments: change(right(*arguments), *arguments))


def test_the_last_bit_of_a_row_is_a_wrong_result_and_nothing_is_timed(small, monkeypatch, tmp_path, capsys):
    def nudge(result, param, indices, p, reg_lambda, exact):
        if p in (1, 2) and not exact:
            param[-1, -1] = np.nextafter(param[-1, -1], np.float32(9))
        return result

    spoil(monkeypatch, "sparse_lp_regularizer", nudge)
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", tmp_path / "rows.json", True, None) == 1
    shown = capsys.readouterr().out
    assert f"{PLAIN_ROWS}, 1 thread: table is wrong at 1 of 72,000 places" in shown
    assert "8 wrong: nothing is timed" in shown  # p = 1, 2, 2 with int64, 2 skewed; two thread counts
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_shrunk_once_however_often_they_are_named_are_wrong(small, monkeypatch, capsys):
    right = kernels.sparse_lp_regularizer
    monkeypatch.setattr(
        kernels, "sparse_lp_regularizer", lambda param, indices, *rest: right(param, np.unique(indices), *rest)
    )
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", None, True, None) == 1
    assert "16 wrong: nothing is timed" in capsys.readouterr().out


def test_a_wrong_loss_is_found_and_one_of_another_order_is_not(small, monkeypatch, capsys):
    factors = {1.0: 1 + 3e-6, 2.0: 1 - 3e-6}
    spoil(
        monkeypatch,
        "sparse_lp",
        lambda results, w, alpha, p, threshold: (results[0] * factors.get(p, 1 + 3e-7), results[1]),
    )
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", None, True, None) == 1
    shown = capsys.readouterr().out
    assert f"{PENALTY}, 2 threads: loss is wrong at 1 of 1 places" in shown
    assert "4 wrong: nothing is timed" in shown


@pytest.mark.parametrize("what", ["mask", "w"])
def test_a_wrong_mask_and_a_weight_that_stays_are_found(small, monkeypatch, capsys, what):
    def change(results, w, alpha, p, threshold):
        loss, mask = results
        (mask if what == "mask" else w)[229, 149] = 1 - mask[229, 149]
        return loss, mask

    spoil(monkeypatch, "sparse_lp", change)
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", None, True, None) == 1
    shown = capsys.readouterr().out
    assert f"{PENALTY}, 1 thread: {what} is wrong at 1 of 34,500 places" in shown
    assert "12 wrong: nothing is timed" in shown


@pytest.mark.parametrize(("name", "result"), [("lp_prox", "z"), ("lp_gradient", "dw")])
def test_a_wrong_prox_or_gradient_is_found(small, monkeypatch, capsys, name, result):
    def change(out, x, strength, p):
        if p == 1.5:
            out[3, 5] *= np.float32(1 + 4e-6)
        return out.astype(np.float64) if p == 2 else out

    spoil(monkeypatch, name, change)
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", None, True, None) == 1
    shown = capsys.readouterr().out
    assert shown.count(f"{result} is wrong at 1 of 34,500 places") == 2
    assert shown.count(f"{result} is float64 (230, 150), and should be float32 (230, 150)") == 2
    assert "4 wrong: nothing is timed" in shown


def test_a_wrong_peer_fails_the_bench_by_name(small, monkeypatch, capsys):
    def twice(case):
        return soften_once(case) and soften_once(case)

    fake_peer(monkeypatch, "SparseLpRegularizer", twice)
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", None, True, None) == 1
    shown = capsys.readouterr().out
    assert re.search(f"fake, {PLAIN_ROWS}, 2 threads: table is wrong at .* of 72,000 places", shown)
    assert "2 wrong: nothing is timed" in shown


def test_a_peer_that_breaks_is_skipped_by_name(small, monkeypatch, capsys):
    fake_peer(monkeypatch, "LpProx", lambda case: 1 // 0)
    assert run_bench("sparse-lp", None, True, None) == 0
    shown = capsys.readouterr().out
    assert shown.count("fake 4.5 cannot be run and is skipped: integer division") == 1
    assert "fake / ours" not in shown


def test_absent_peers_are_named(small, monkeypatch, capsys):
    monkeypatch.setattr(peers, "PEERS", {"torch": (("no_such_torch",), None)})
    monkeypatch.setattr(peers, "SOLVERS", {name: ((f"no_such_{name}",), None) for name in ("celer", "skglm")})
    assert run_bench("sparse-lp", None, True, None) == 0
    shown = capsys.readouterr().out
    assert "absent peers, skipped: torch (" in shown
    assert "absent peers, skipped: celer, skglm (" in shown


def test_a_solver_of_ours_that_stops_short_is_a_wrong_result(small, monkeypatch, capsys):
    right = sparse_lp.solve

    def short(*arguments, tolerance):
        result = right(*arguments, tolerance=tolerance)
        return types.SimpleNamespace(weights=result.weights * 1.01)

    monkeypatch.setattr(sparse_lp, "solve", short)
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", None, True, None) == 1
    shown = capsys.readouterr().out
    assert re.search(r"workbench, Lasso, 60×210 dense: duality gap \S+, at most 1e-06 allowed", shown)


def test_a_solver_of_ours_that_breaks_is_not_skipped(small, monkeypatch):
    monkeypatch.setattr(sparse_lp, "solve", lambda *arguments, **options: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run_bench("sparse-lp", None, True, None)


def test_a_peer_that_stops_short_is_asked_for_less_and_that_is_said(small, monkeypatch, capsys):
    problem = dense_problem((60, 210))
    exact = scikit_learn(problem, 1e-14)
    asked = []

    def fit(problem, tolerance):
        asked.append(tolerance)
        return exact * (1 + (1e-3 if tolerance > 3e-8 else 0))

    solver = Peer("fake", "4.5", lambda problem, tolerance: Contender(lambda: fit(problem, tolerance)))
    (settled,) = sparse_lp.settle(problem, [solver], print)
    assert asked[::2] == asked[1::2]  # both thread counts
    assert asked[::2] == pytest.approx([1.024e-3 / 2**k for k in range(17)])
    assert settled.tolerance == pytest.approx(1.5625e-8)
    assert settled.gap == relative_gap(problem, exact) < 1e-12
    assert "fake asked for 1.6e-08 gets to" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoiled", "gap"),
    [(lambda w: w[:-1], "inf"), (lambda w: np.where(w == w.max(), np.nan, w), "inf"), (lambda w: w * 1.1, r"0\.0\d+")],
)
def test_a_solver_that_never_gets_there_fails_the_bench_by_name(small, monkeypatch, capsys, spoiled, gap):
    fake_solver(monkeypatch, lambda problem, tolerance: spoiled(scikit_learn(problem, 1e-8)))
    nothing_is_timed(monkeypatch)
    assert run_bench("sparse-lp", None, True, None) == 1
    assert re.search(rf"fake, Lasso, 60×210 dense: duality gap {gap}, at most 1e-06 allowed", capsys.readouterr().out)


def test_a_solver_that_breaks_is_skipped_by_name(small, monkeypatch, capsys):
    fake_solver(monkeypatch, lambda problem, tolerance: 1 // 0)
    assert run_bench("sparse-lp", None, True, None) == 0
    shown = capsys.readouterr().out
    assert "fake 4.5 cannot be run and is skipped" in shown
    assert "fake / ours" not in shown


@pytest.mark.parametrize("problem", [dense_problem((60, 210)), sparse_problem((220, 410), 0.05)], ids=str)
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_the_gap_is_scikit_learns(problem, tolerance):
    model = Lasso(alpha=problem.alpha, tol=tolerance, fit_intercept=False, max_iter=100_000)
    model.fit(problem.matrix, problem.y)
    theirs = model.dual_gap_ / (problem.y @ problem.y / problem.y.size)
    assert relative_gap(problem, model.coef_) == pytest.approx(theirs, rel=1e-6, abs=1e-15)


def test_the_gap_of_one_weight_by_hand():
    # n = 2, X = (1, 1), y = (3, 1), alpha = 1/2: the objective is 5/2 - 2 w + w^2/2 + |w|/2, least at w = 3/2: 11/8.
    problem = lasso.Problem(np.array([[1.0], [1.0]]), np.array([3.0, 1.0]), 0.5)
    assert relative_gap(problem, np.array([1.5])) == pytest.approx(0, abs=1e-15)
    # At 0 the dual point is y times n alpha / |X^T y| = 1/4: (10 - 9/16 * 10) / 4 = 35/32; 5/2 - 35/32 = 45/32, of 5.
    assert relative_gap(problem, np.array([0.0])) == pytest.approx(45 / 32 / 5)


def test_problems_have_an_answer_with_few_weights_at_a_twentieth():
    for problem, features in ((dense_problem((60, 210)), 210), (sparse_problem((220, 410), 0.05), 410)):
        x = problem.matrix if isinstance(problem.matrix, np.ndarray) else problem.matrix.toarray()
        assert problem.alpha == pytest.approx(np.abs(x.T @ problem.y).max() / problem.y.size / 20)
        assert not np.any(scikit_learn(lasso.Problem(problem.matrix, problem.y, 20.001 * problem.alpha), 1e-9))
        assert 5 < np.count_nonzero(scikit_learn(problem, 1e-9)) < 0.6 * features
    assert problem.matrix.nnz == pytest.approx(0.05 * 220 * 410, rel=0.05)
    assert problem.matrix.indices.dtype == np.int32


def test_the_largest_tolerance_that_does_is_taken():
    problem = dense_problem((60, 210))
    exact, asked = scikit_learn(problem, 1e-14), []

    def fit(tolerance):
        asked.append(tolerance)
        return exact + (0.1 if tolerance > 1e-5 else 0)

    tolerance, gap = loosest(problem, fit)
    assert asked == pytest.approx([1.024e-3 / 2**k for k in range(8)])
    assert tolerance == pytest.approx(8e-6)
    assert gap < 1e-12
    assert loosest(problem, lambda tolerance: None) is None


def test_shrunk_rows_of_a_loop():
    rng = np.random.default_rng(3)
    table, indices = rng.standard_normal((7, 5), np.float32), np.array([4, 1, 4, 6, 4, 1])
    softened, decayed = table.copy(), table.copy()
    strength, one = np.float32(rows.REG_LAMBDA), np.float32(1)
    for i in indices:
        for j in range(5):
            value = softened[i, j]
            softened[i, j] = 0 if abs(value) <= strength else value - np.copysign(strength, value)
            decayed[i, j] *= one - strength
    assert np.array_equal(rows.shrunk(table, indices, 1.0, False), softened)
    assert np.array_equal(rows.shrunk(table, indices, 2.0, False), decayed)
    assert not np.array_equal(rows.shrunk(table, np.unique(indices), 2.0, False), decayed)


def test_skewed_rows_follow_zipfs_law():
    drawn = rows.favour_few(np.random.default_rng(1), 1000, 200_000)
    assert drawn.dtype == np.int32
    assert 0 <= drawn.min() <= drawn.max() < 1000
    counts = np.sort(np.bincount(drawn, minlength=1000))[::-1]
    share = math.log(2) / math.log(1000)  # of the favourite, if the k-th has log(1 + 1/k) / log(1000)
    assert counts[0] / 200_000 == pytest.approx(share, rel=0.05)
    assert counts[9] / counts[0] == pytest.approx(math.log2(1.1), rel=0.1)


def test_cases_of_one_kind_share_an_array_and_a_fresh_case_does_not_touch_it():
    for cases in (rows.row_cases((70, 5), 30), weights.penalty_cases((13, 11)), weights.new_array_cases((13, 11))):
        array = cases[0].array
        before = array.copy()
        for case in cases:
            assert case.array is array
            assert case.problem(case.fresh().ours(), case.expected()) == ""
        assert np.array_equal(array, before)


def test_after_the_first_call_every_call_on_weights_does_the_same():
    cases = weights.penalty_cases((13, 11))
    before = cases[0].array.copy()
    first = cases[0].ours()
    kept = first[0].copy()
    assert 0.3 < np.mean(kept == 0) < 0.6
    assert not np.any(before == 0)
    for case in cases:
        (array, loss, mask), again = case.ours(), case.ours()
        assert loss == again[1]
        assert array is again[0]
        for result in (mask, again[2]):
            assert np.array_equal(result, first[2])
    assert np.array_equal(array, kept)


def test_each_limit_leaves_the_sizes_of_its_array():
    for cases in (rows.row_cases((70, 5), 30), weights.penalty_cases((13, 11)), weights.new_array_cases((13, 11))):
        for case in cases:
            before = case.array.copy()
            case.limit.run()
            assert np.array_equal(np.abs(case.array), np.abs(before)), str(case)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_an_installed_peer_does_what_it_should(name):
    found, _ = find_peers(peers.PEERS)
    peer = next((peer for peer in found if peer.name == name), None)
    if peer is None:
        pytest.skip(f"{name} is not installed")
    judged = 0
    cases = [*rows.row_cases((700, 24), 300), *weights.penalty_cases((23, 15)), *weights.new_array_cases((23, 15))]
    for case in cases:
        fresh = case.fresh()
        contender = peer.build(fresh, 1)
        if contender is not None:
            assert peers.peer_problem(name, case, contender.run(), case.expected()) == ""
            judged += 1
    assert judged == {"numpy": 4, "torch": 4 + 6 + 3}[name]


@pytest.mark.parametrize("name", ["scikit-learn", "celer", "skglm"])
@pytest.mark.parametrize("problem", [dense_problem((60, 210)), sparse_problem((220, 410), 0.05)], ids=str)
def test_an_installed_solver_gets_there(name, problem):
    found, _ = find_peers(peers.SOLVERS)
    solver = next((solver for solver in found if solver.name == name), None)
    if solver is None:
        pytest.skip(f"{name} is not installed")
    (settled,) = sparse_lp.settle(problem, [solver], lambda line: None)
    assert settled.gap <= 1e-6


def test_a_wrong_solver_raises_before_anything_else_is_settled():
    problem = dense_problem((60, 210))
    solver = Peer("fake", "4.5", lambda problem, tolerance: Contender(lambda: np.zeros(210)))
    with pytest.raises(WrongResult, match="fake, Lasso, 60×210 dense"):
        sparse_lp.settle(problem, [solver], lambda line: None)


def test_the_command_benches_and_draws(small, tmp_path):
    result = CliRunner().invoke(app, ["bench", "sparse-lp", "--quick", "--figure", str(tmp_path / "ratios.png")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_command_refuses_another_spelling():
    result = CliRunner().invoke(app, ["bench", "sparse_lp"])
    assert result.exit_code == 2
    assert "'sparse-lp'" in result.output
