"""The bench of sparse Lp on small arrays: rows, ratios, wrong results, peers, and solvers sent far enough."""

import json
import math
import re
import types

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from workbench.bench import driver, lasso, run_bench, sparse_lp
from workbench.bench.driver import Peer, Settings, WrongResult, present_peers
from workbench.bench.lasso import relative_gap
from workbench.data.planted import planted_dense, planted_sparse
from workbench.machines.timing import Timing
from workbench.solvers import LpRegressorCV
from workbench.sparse_lp import kernels

PLAIN_ROWS = "SparseLpRegularizer forward, p 1, rows 1,500, indices int32, 3000×24 dense"
PENALTY = "SparseLp forward, p 1, sparsity_threshold 0.5, 230×150 dense"
PLANTED = (planted_dense((60, 210)), planted_sparse((220, 410), 0.05))
PROBLEMS = tuple(lasso.case(*each) for each in PLANTED)


def scikit_learn(alpha, tolerance):
    return Lasso(alpha=alpha, tol=tolerance, fit_intercept=False, max_iter=100_000)


def soften_once(case):
    """Shrink each named row once, in NumPy."""
    table, indices = case.inputs
    named = np.unique(indices)
    values = table[named]
    table[named] = np.sign(values) * np.maximum(np.abs(values) - np.float32(sparse_lp.REG_LAMBDA), 0)
    return (table,)


def is_plain_rows(case):
    return case.operator == "SparseLpRegularizer" and case.arguments["p"] == 1


def install_solver(monkeypatch, model):
    """Install a solver named as scikit-learn is; `model(alpha, tolerance)` has `fit` and `coef_`."""
    solvers = {"scikit-learn": (("sklearn",), lasso.solver("scikit-learn", model))}
    monkeypatch.setattr(lasso, "SOLVERS", solvers)


def weights_model(weights):
    """Return a model whose weights are known before it is fitted."""
    return types.SimpleNamespace(fit=lambda x, y: None, coef_=weights)


def test_rows_are_written_as_json(small, fake_peer, monkeypatch, tmp_path, capsys):
    fake_peer(sparse_lp, soften_once, is_plain_rows)
    install_solver(monkeypatch, scikit_learn)
    assert run_bench("sparse-lp", tmp_path / "rows.json", True, tmp_path / "ratios.png") == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    assert len(content["rows"]) == 2 * (9 + 6 + 14 + 2)
    for row in content["rows"]:
        assert row["seconds"] > 0
        assert row["copy_seconds"] == row["limit_seconds"] > 0
    one = [row for row in content["rows"] if row["threads"] == 1]
    tables = [row for row in one if row["operator"] == "SparseLpRegularizer"]
    assert [(row["p"], row["exact"], row["indices"], row["skewed"]) for row in tables] == [
        (1.0, False, "int32", False),
        (2.0, False, "int32", False),
        (2.0, True, "int32", False),
        (0.5, False, "int32", False),
        (2 / 3, False, "int32", False),
        (0.3, False, "int32", False),
        (1.5, False, "int32", False),
        (2.0, False, "int64", False),
        (2.0, False, "int32", True),
    ]
    assert [list(row["peers"]) for row in tables] == [["fake"]] + [[]] * 8
    assert {(*row["shape"], row["rows"]) for row in tables} == {(3000, 24, 1500)}
    assert [row["p"] for row in one if row["operator"] == "SparseLp"] == [1, 2, 0.5, 2 / 3, 3, 0.3]
    for operator, strength in (("LpProx", "weight"), ("LpGradient", "alpha")):
        found = [(row["p"], row[strength]) for row in one if row["operator"] == operator]
        assert found == [(p, 0.125) for p in (0, 0.3, 0.5, 2 / 3, 1, 1.5, 2)]
    solved = [row for row in one if row["operator"] == "Lasso"]
    assert [(row["shape"], row["layout"], row["gap"], list(row["peers"])) for row in solved] == [
        ([60, 210], "dense", 1e-6, ["scikit-learn"]),
        ([220, 410], "CSC", 1e-6, ["scikit-learn"]),
    ]
    gaps, ratios = content["measurements"][:4], content["measurements"][4:]
    assert [(each["name"], each["target"]) for each in ratios] == [
        (f"estimator, {name}, {what}: ours / scikit-learn", 1.0)
        for name in ("tall", "wide", "sparse")
        for what in ("one fit", "five folds")
    ]
    assert all(each["value"] > 0 for each in ratios)
    assert [re.sub(r" asked for \S+:", "", each["name"]) for each in gaps] == [
        f"{problem.name}, {who} duality gap" for problem in PROBLEMS for who in ("workbench", "scikit-learn")
    ]
    assert all(0 < each["value"] <= each["target"] == 1e-6 for each in gaps)
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    shown = capsys.readouterr().out
    assert "verified 62 configurations against the reference" in shown
    assert "| direction | p | sparsity_threshold | shape | layout | threads |" in shown
    assert "param[i] = param[i]" in shown
    assert "computed alike from every solver's weights" in shown


def test_ratios_of_known_times(small, fake_peer, known_times, monkeypatch):
    fake_peer(sparse_lp, soften_once, is_plain_rows)
    install_solver(monkeypatch, scikit_learn)
    known_times({"gather": 2.0, "pass": 2.0, "copy": 2.0, "fake": 9.0, "scikit-learn": 3.0, "": 6.0})
    found = {
        (row.operator, row.layout, row.threads, row.arguments.get("p"), row.arguments.get("exact")): row
        for row in sparse_lp.bench(Settings(True, 1, lambda line: None)).rows
        if row.arguments.get("indices") != "int64" and not row.arguments.get("skewed")
    }

    def ratios(operator, threads, p=None, exact=None, layout="dense"):
        return [str(ratio) for ratio in found[operator, layout, threads, p, exact].ratios]

    moved = "ours / gather and scatter 3.00"
    for threads in (1, 2):
        assert ratios("SparseLpRegularizer", threads, 1, False) == [f"{moved} (≤ 2) ✗", "fake / ours 1.50"]
        assert ratios("SparseLpRegularizer", threads, 2, False) == [f"{moved} (≤ 2) ✗"]
        assert ratios("SparseLpRegularizer", threads, 2, True) == [moved]
        assert ratios("SparseLpRegularizer", threads, 1.5, False) == [f"{moved} (≤ 8)"]
        for p in (1, 2, 0.5):
            assert ratios("SparseLp", threads, p) == ["ours / pass in place 3.00 (≤ 2) ✗"]
        for p in (2 / 3, 3, 0.3):
            assert ratios("SparseLp", threads, p) == ["ours / pass in place 3.00 (≤ 4)"]
        assert ratios("LpProx", threads, 1.5) == ["ours / copy 3.00 (≤ 8)"]
        assert ratios("LpProx", threads, 1) == ratios("LpGradient", threads, 0) == ["ours / copy 3.00"]
        for layout in ("dense", "CSC"):
            solved = ["ours / pass over X 3.00", "scikit-learn / ours 0.50 (≥ 1) ✗"]
            assert ratios("Lasso", threads, layout=layout) == solved


def spoil(monkeypatch, name, change):
    """Replace the result of a kernel by `change(results, *arguments)`, to make it wrong."""
    right = getattr(kernels, name)
    monkeypatch.setattr(kernels, name, lambda *arguments: change(right(*arguments), *arguments))


def test_every_result_is_looked_at_and_nothing_is_timed(small, untimed, monkeypatch, tmp_path, capsys):
    def nudge(result, param, indices, p, reg_lambda, exact):
        if p in (1, 2) and not exact:
            param[-1, -1] = np.nextafter(param[-1, -1], np.float32(9))
        return result

    def penalty(results, w, alpha, p, threshold):
        loss, mask = results
        if p in (2.0, 3.0):
            (mask if p == 2 else w)[229, 149] = 1 - mask[229, 149]
        return loss * {1.0: 1 + 3e-6}.get(p, 1 + 3e-7), mask  # the second is another order

    def one_number(out, x, strength, p):
        if p == 1.5:
            out[3, 5] *= np.float32(1 + 4e-6)
        return out.astype(np.float64) if p == 2 else out

    spoil(monkeypatch, "sparse_lp_regularizer", nudge)
    spoil(monkeypatch, "sparse_lp", penalty)
    spoil(monkeypatch, "lp_prox", one_number)
    spoil(monkeypatch, "lp_gradient", one_number)
    assert run_bench("sparse-lp", tmp_path / "rows.json", True, None) == 1
    shown = capsys.readouterr().out
    assert f"{PLAIN_ROWS}, 1 thread: param is wrong at 1 of 72,000 places" in shown
    assert f"{PENALTY}, 2 threads: loss is wrong at 1 of 1 places" in shown
    assert f"{PENALTY.replace('p 1', 'p 2')}, 1 thread: mask is wrong at 1 of 34,500 places" in shown
    assert f"{PENALTY.replace('p 1', 'p 3')}, 1 thread: w is wrong at 1 of 34,500 places" in shown
    for result in ("z", "dw"):
        assert shown.count(f"{result} is wrong at 1 of 34,500 places") == 2
        assert shown.count(f"{result} is float64 (230, 150), and should be float32 (230, 150)") == 2
    assert "22 results are wrong; nothing was timed" in shown  # p = 1, 2, 2 with int64, 2 skewed; 3; 2 each; 2 threads
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_shrunk_once_however_often_they_are_named_are_wrong(small, untimed, monkeypatch, capsys):
    right = kernels.sparse_lp_regularizer
    monkeypatch.setattr(
        kernels, "sparse_lp_regularizer", lambda param, indices, *rest: right(param, np.unique(indices), *rest)
    )
    assert run_bench("sparse-lp", None, True, None) == 1
    assert "18 results are wrong; nothing was timed" in capsys.readouterr().out


def test_a_wrong_peer_fails_the_bench_by_name(small, untimed, fake_peer, capsys):
    fake_peer(sparse_lp, lambda case: soften_once(case) and soften_once(case), is_plain_rows)
    assert run_bench("sparse-lp", None, True, None) == 1
    shown = capsys.readouterr().out
    assert re.search(f"fake, {PLAIN_ROWS}, 2 threads: param is wrong at .* of 72,000 places", shown)
    assert "2 results are wrong; nothing was timed" in shown


def test_an_installed_peer_does_what_it_should():
    judged = {"numpy": 4, "torch": 4 + 6 + 3, "skglm": 2}
    cases = [
        *sparse_lp.row_cases((700, 24), 300),
        *sparse_lp.penalty_cases((23, 15)),
        *sparse_lp.new_array_cases((23, 15)),
    ]
    for peer in present_peers(sparse_lp.PEERS, lambda line: None):
        for case in cases:
            theirs = peer.results(case.fresh(), 1)
            if theirs is not None:
                judged[peer.name] -= 1
                assert sparse_lp.peer_problem(peer.name, case, theirs, case.expected()) == ""
        assert judged[peer.name] == 0


def test_skewed_rows_follow_zipfs_law():
    drawn = sparse_lp.favour_few(np.random.default_rng(1), 1000, 200_000)
    assert drawn.dtype == np.int32
    assert 0 <= drawn.min() <= drawn.max() < 1000
    counts = np.sort(np.bincount(drawn, minlength=1000))[::-1]
    share = math.log(2) / math.log(1000)  # of the favourite, if the k-th has log(1 + 1/k) / log(1000)
    assert counts[0] / 200_000 == pytest.approx(share, rel=0.05)
    assert counts[9] / counts[0] == pytest.approx(math.log2(1.1), rel=0.1)


def test_cases_of_one_kind_share_an_array_whose_sizes_a_limit_leaves():
    for cases in (
        sparse_lp.row_cases((70, 5), 30),
        sparse_lp.penalty_cases((13, 11)),
        sparse_lp.new_array_cases((7, 5)),
    ):
        array = cases[0].inputs[0]
        for case in cases:
            before = array.copy()
            assert case.inputs[0] is array
            for limit in case.limits.values():
                limit()
            assert np.array_equal(np.abs(array), np.abs(before)), str(case)


def test_after_the_first_call_every_call_on_weights_does_the_same():
    cases = sparse_lp.penalty_cases((13, 11))
    assert not np.any(cases[0].inputs[0] == 0)
    first = cases[0].ours()
    kept = first[0].copy()
    assert 0.3 < np.mean(kept == 0) < 0.6
    for case in cases:
        (array, loss, mask), again = case.ours(), case.ours()
        assert loss == again[1]
        for result in (mask, again[2]):
            assert np.array_equal(result, first[2])
        assert np.array_equal(array, kept)


def run_lasso(monkeypatch, model, said=None):
    """Bench the dense problem with our solver and one more; nothing is timed."""
    install_solver(monkeypatch, model)
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")
    case = lasso.case(*PLANTED[0])
    groups = [driver.Group("", lambda: [case])]
    peers = [Peer(name, "4.5", build) for name, (_, build) in lasso.SOLVERS.items()]
    able = driver.verify(groups, peers, (said if said is not None else []).append)
    return case, [peer.name for peer in able]


def test_a_solver_that_stops_short_is_asked_for_less(monkeypatch):
    exact = scikit_learn(PROBLEMS[0].alpha, 1e-14).fit(*PLANTED[0]).coef_
    asked = []

    def model(alpha, tolerance):
        asked.append(tolerance)
        return weights_model(exact * (1 + (1e-3 if tolerance > 3e-8 else 0)))

    case, able = run_lasso(monkeypatch, model)
    assert able == ["scikit-learn"]
    tried = [1.024e-3 / 2**k for k in range(17)]
    assert asked[:34] == pytest.approx([each for each in tried for _ in range(2)])  # at both thread counts
    assert asked[34:] == pytest.approx([1.5625e-8] * 2)
    assert case.settled["scikit-learn"] == pytest.approx((1.5625e-8, PROBLEMS[0].gap(exact)), abs=1e-12)
    assert [each.name for each in case.gaps()][1] == "Lasso, 60×210 dense, scikit-learn asked for 1.6e-08: duality gap"


@pytest.mark.parametrize(
    ("spoiled", "gap"),
    [(lambda w: w[:-1], "inf"), (lambda w: np.where(w == w.max(), np.nan, w), "inf"), (lambda w: w * 1.1, r"0\.0\d+")],
)
def test_a_solver_that_never_gets_there_fails_the_bench_by_name(monkeypatch, spoiled, gap):
    exact = scikit_learn(PROBLEMS[0].alpha, 1e-8).fit(*PLANTED[0]).coef_
    wrong = rf"scikit-learn, Lasso coordinate descent.*, 2 threads: duality gap {gap}, at most 1e-06 allowed"
    with pytest.raises(WrongResult, match=wrong):
        run_lasso(monkeypatch, lambda alpha, tolerance: weights_model(spoiled(exact)))


def test_a_solver_that_breaks_is_skipped_but_not_ours(monkeypatch):
    said = []
    assert run_lasso(monkeypatch, lambda alpha, tolerance: 1 // 0, said)[1] == []
    assert said[1] == "scikit-learn 4.5 cannot be run and is skipped: integer division or modulo by zero"
    monkeypatch.setattr(lasso, "solve", lambda *arguments, **options: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run_lasso(monkeypatch, scikit_learn)


def test_a_solver_of_ours_that_stops_short_is_a_wrong_result(monkeypatch):
    right = lasso.solve
    monkeypatch.setattr(
        lasso, "solve", lambda *given, **named: types.SimpleNamespace(weights=right(*given, **named).weights * 1.01)
    )
    with pytest.raises(WrongResult, match=r"^Lasso coordinate descent.*1 thread: duality gap \S+, at most 1e-06"):
        run_lasso(monkeypatch, scikit_learn)


def test_estimators_are_equal_before_they_are_timed(monkeypatch):
    problems = {"tall": planted_dense((130, 60))}
    known = {"theirs": Timing(2.0, 0.0), "ours": Timing(3.0, 0.0)}
    monkeypatch.setattr(lasso, "measure", lambda runs, rounds: known)
    assert [each.value for each in lasso.estimator_ratios(problems, 3)] == [1.5, 1.5]
    right = LpRegressorCV.fit

    def wrong(model, x, y):
        right(model, x, y).coef_ *= 1 + 1e-5
        return model

    monkeypatch.setattr(LpRegressorCV, "fit", wrong)
    monkeypatch.setattr(lasso, "measure", lambda runs, rounds: pytest.fail("timed a wrong result"))
    with pytest.raises(WrongResult, match="estimator, tall, five folds: weights differ by 1e-05 of the largest"):
        lasso.estimator_ratios(problems, 3)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.layout)
def test_every_installed_solver_gets_there(problem, monkeypatch):
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")
    for peer in present_peers(lasso.SOLVERS, lambda line: None):
        assert problem.problem(peer.results(problem, 1), ()) == "", peer.name


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.layout)
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_the_gap_is_scikit_learns(problem, tolerance):
    matrix, y = problem.inputs
    model = scikit_learn(problem.alpha, tolerance).fit(matrix, y)
    theirs = model.dual_gap_ / (y @ y / y.size)
    assert problem.gap(model.coef_) == pytest.approx(theirs, rel=1e-6, abs=1e-15)


def test_the_gap_of_one_weight_by_hand():
    # n = 2, X = (1, 1), y = (3, 1), alpha = 1/2: the objective is 5/2 - 2 w + w^2/2 + |w|/2, least at w = 3/2: 11/8.
    problem = np.array([[1.0], [1.0]]), np.array([3.0, 1.0]), 0.5
    assert relative_gap(*problem, np.array([1.5])) == pytest.approx(0, abs=1e-15)
    # At 0 the dual point is y times n alpha / |X^T y| = 1/4: (10 - 9/16 * 10) / 4 = 35/32; 5/2 - 35/32 = 45/32, of 5.
    assert relative_gap(*problem, np.array([0.0])) == pytest.approx(45 / 32 / 5)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.layout)
def test_problems_have_an_answer_with_few_weights_at_a_twentieth(problem):
    matrix, y = problem.inputs
    x = matrix if problem.layout == "dense" else matrix.toarray()
    assert problem.alpha == pytest.approx(np.abs(x.T @ y).max() / y.size / 20)
    assert not np.any(scikit_learn(20.001 * problem.alpha, 1e-9).fit(x, y).coef_)
    assert 5 < np.count_nonzero(scikit_learn(problem.alpha, 1e-9).fit(x, y).coef_) < 0.6 * x.shape[1]
