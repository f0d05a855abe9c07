"""The bench of dropout on small arrays: rows, ratios, wrong results, peers, and the notes beside them."""

import json
import re

import numpy as np
import pytest

from workbench.bench import dropout, run_bench
from workbench.bench.driver import Settings, present_peers
from workbench.bench.lrn_peers import uses_all_cores
from workbench.bench.results import Row
from workbench.machines.timing import thread_counts
from workbench.sparse_dropout import kernels

PLAIN = "DropoutWithReplacement forward, ratio 0.3, replacement 0, 350×101 dense"


def is_plain(case):
    return case.layout == "dense" and case.direction == "forward" and case.arguments["replacement"] == 0 and not (
        case.arguments["scaled"]
    )  # fmt: skip


def dropped_evenly(case, ratio=0.3):
    """Drop the share `ratio` of the elements, at even distances."""
    (x,) = case.inputs
    steps = np.floor(np.arange(1, x.size + 1) * ratio) - np.floor(np.arange(x.size) * ratio)
    return np.where(steps.reshape(x.shape) > 0, 0, x).astype(x.dtype)


def test_rows_are_written_as_json(small, fake_peer, tmp_path, capsys):
    fake_peer(dropout, dropped_evenly, is_plain)
    assert run_bench("dropout", tmp_path / "rows.json", True, tmp_path / "ratios.png") == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    rows = content["rows"]
    assert [row["threads"] for row in rows].count(2) == len(rows) - 14 == 14
    for row in rows:
        assert row["seconds"] > 0
        assert 0 < row["copy_seconds"] <= row["limit_seconds"]
        assert row["layout"] == "CSR" or row["copy_seconds"] == row["limit_seconds"]
    dense = [row for row in rows if row["layout"] == "dense" and row["threads"] == 1]
    assert [(row["direction"], row["replacement"], row["scaled"], list(row["peers"])) for row in dense] == [
        ("forward", 0.0, False, ["fake"]),
        ("forward", "per feature", False, []),
        ("forward", 0.0, True, []),
        ("forward", "mean per feature", False, []),
        ("forward", "median per feature", False, []),
        ("gradient", 0.0, False, []),
        ("gradient", "per feature", False, []),
    ]
    ragged = [row for row in rows if row["layout"] == "ragged" and row["threads"] == 2]
    assert [(row["operator"], row["ratio"], row["segments"]) for row in ragged] == [
        (f"Sparse{kind}DropoutWithReplacement", ratio, 2000) for kind in ("", "Itemwise") for ratio in (0.5, 0.3)
    ]
    matrices = [row for row in rows if row["layout"] == "CSR" and row["threads"] == 1]
    assert [(row["shape"], row["stored"]) for row in matrices] == [([310, 290], n) for n in (30, 900, 40_000)]
    assert [each["name"].split(":")[0] for each in content["measurements"]] == [
        f"sparse matrix, 40,000 to 40,000 stored entries, {threads}" for threads in ("1 thread", "2 threads")
    ]
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    shown = capsys.readouterr().out
    assert "verified 28 configurations against the reference" in shown
    assert "random numbers differ from ours" in shown
    assert "| direction | ratio | replacement | scaled | stored | shape | layout | threads |" in shown
    assert "| forward | 0.05 | 0 | no | 40,000 | 310×290 | CSR | 2 |" in shown


def test_ratios_of_known_times(small, fake_peer, known_times):
    fake_peer(dropout, dropped_evenly, is_plain, name="torch")
    segments = "SparseDropoutWithReplacement forward"
    known_times({"copy": 2.0, "torch": 100.0, f"{segments}, ratio 0.5": 5.0, "": 8.0})
    rows = dropout.bench(Settings(True, 1, lambda line: None)).rows
    found = {(f"{row.operator} {row.case}", row.threads): [str(ratio) for ratio in row.ratios] for row in rows}
    plain = "DropoutWithReplacement forward ratio 0.3, replacement 0"
    assert found[plain, 1] == ["ours / copy 4.00 (≤ 1.15) ✗", "torch / ours 12.50 (≥ 15) ✗"]
    assert found[plain, 2] == ["ours / copy 4.00", "torch / ours 12.50 (≥ 15) ✗"]
    assert found[plain + ", scaled", 1] == ["ours / copy 4.00"]
    assert found[segments + " ratio 0.5, segments 2,000", 2] == ["ours / copy 2.50 (≤ 2.5)"]
    assert found[segments + " ratio 0.3, segments 2,000", 1] == ["ours / copy 4.00 (≤ 2.5) ✗"]


def test_the_last_bits_of_dense_and_sparse_results_are_looked_at(small, untimed, monkeypatch, tmp_path, capsys):
    right = kernels.dropout_with_replacement

    def wrong(x, drop, replacement, scale):
        results = right(x, drop, replacement, scale)
        if isinstance(x, np.ndarray) and replacement.ndim == 0:
            results[0][np.unravel_index(np.argmax(results[1]), x.shape)] = -0.0
        elif not isinstance(x, np.ndarray) and x.count == 900:
            results[1].indices[-1] -= 1
        return results

    monkeypatch.setattr(kernels, "dropout_with_replacement", wrong)
    assert run_bench("dropout", tmp_path / "rows.json", True, None) == 1
    shown = capsys.readouterr().out
    assert f"{PLAIN}, 1 thread: y is wrong at 1 of 35,350 places" in shown
    assert "stored 900, 310×290 CSR, 2 threads: dropped is wrong at 1 of 900 places" in shown
    assert "6 results are wrong; nothing was timed" in shown  # scaled and not, and a matrix; two thread counts
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_sum_of_a_gradient_is_found_and_another_order_is_not(small, untimed, monkeypatch, capsys):
    right = kernels.dropout_with_replacement_gradient
    factors = {(): 1 + 3e-6, (101,): 1 + 3e-7}  # several and about two units in the last place

    def nearly(dy, dropped, scale, shape):
        dx, total = right(dy, dropped, scale, shape)
        return dx, (total * np.float32(factors[shape])).astype(np.float32)

    monkeypatch.setattr(kernels, "dropout_with_replacement_gradient", nearly)
    assert run_bench("dropout", None, True, None) == 1
    shown = capsys.readouterr().out
    assert "gradient, ratio 0.3, replacement 0, 350×101 dense, 2 threads: dreplacement is wrong at 1 of 1" in shown
    assert "gradient, ratio 0.3, replacement per feature" not in shown


def test_a_segment_too_few_is_found(small, untimed, monkeypatch, capsys):
    right = kernels.sparse_dropout_with_replacement
    cut = lambda *arguments: (right(*arguments)[0], right(*arguments)[1][:-1])  # noqa: E731
    monkeypatch.setattr(kernels, "sparse_dropout_with_replacement", cut)
    assert run_bench("dropout", None, True, None) == 1
    assert "output_lengths is int32 (1999,), and should be int32 (2000,)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda case: dropped_evenly(case, 0.4), "drops 14,140 of 35,350, where 10,605 ± 517 are allowed"),
        (lambda case: dropped_evenly(case) * np.float32(1.001), "what is kept is neither unchanged nor scaled"),
        (lambda case: dropped_evenly(case).astype(np.float64), "returns float64 (350, 101)"),
        (lambda case: dropped_evenly(case) / np.float32(1 - 0.3), ""),
    ],
)
def test_a_peer_may_drop_others_and_scale_but_nothing_else(run, message):
    case = dropout.dense_cases((350, 101))[0]
    assert dropout.peer_problem("fake", case, (run(case),), case.expected()) == message


def test_a_peer_that_replaces_by_anothers_feature_is_refused():
    case = dropout.dense_cases((350, 101))[1]
    features = case.given["replacement"]
    dropped = dropped_evenly(case) == 0
    for row, message in ((features, ""), (features[::-1], "what is kept is neither unchanged nor scaled")):
        theirs = np.where(dropped, row, case.inputs[0])
        assert dropout.peer_problem("fake", case, (theirs,), case.expected()) == message


def test_a_peer_of_segments_that_drops_too_many_is_named(small, untimed, fake_peer, capsys):
    def half(case):
        x, lengths = case.inputs
        return dropout.replace_segments(x, lengths, np.arange(lengths.size) % 2 == 0, 0)

    fake_peer(dropout, half, lambda case: case.operator == dropout.SEGMENTS)
    assert run_bench("dropout", None, True, None) == 1
    shown = capsys.readouterr().out
    assert re.search(r"fake, SparseDropoutWithReplacement forward, ratio 0\.3.*1 thread: drops \d+ of 1,9\d\d", shown)
    assert "fake, SparseDropoutWithReplacement forward, ratio 0.5" not in shown


def test_numpys_way_over_segments_is_checked_with_our_draws(monkeypatch):
    right = dropout.replace_segments
    monkeypatch.setattr(dropout, "replace_segments", lambda x, lengths, dropped, _: right(x, lengths, dropped, 1))
    case = dropout.ragged_cases(2000)[0]
    problem = dropout.peer_problem("numpy", case, case.expected(), case.expected())
    assert problem == "makes something else of the same draws"


def test_replaced_segments_of_a_loop():
    x, lengths = np.arange(10, 20), np.array([3, 0, 4, 0, 1, 2], np.int32)
    dropped = np.array([False, True, True, False, True, False])
    y, output_lengths = dropout.replace_segments(x, lengths, dropped, -7)
    assert y.tolist() == [10, 11, 12, -7, -7, -7, 18, 19]
    assert output_lengths.tolist() == [3, 1, 1, 0, 1, 2]
    assert (y.dtype, output_lengths.dtype) == (np.int64, np.int32)


def test_an_installed_peer_does_what_it_should():
    judged, threads = {"numpy": 5, "torch": 2, "jax": 3}, max(thread_counts())
    judged["jax"] *= uses_all_cores(threads)
    for peer in present_peers(dropout.PEERS, lambda line: None):
        for case in [*dropout.dense_cases((350, 101)), *dropout.ragged_cases(2000)]:
            theirs = peer.results(case, threads)
            if theirs is not None:
                judged[peer.name] -= 1
                assert dropout.peer_problem(peer.name, case, theirs, case.expected()) == ""
        assert judged[peer.name] == 0


def test_each_plain_loop_writes_as_much_as_the_operator():
    cases = [*dropout.dense_cases((35, 11)), *dropout.ragged_cases(60), dropout.stored_case((31, 29), 70)]
    for case in cases:
        copied = next(iter(case.limits.values()))()
        written = [part.size for part in copied] if isinstance(copied, tuple) else [copied.size]
        assert written == ([70, 70] if case.layout == "CSR" else [case.expected()[0].size]), str(case)
    x, lengths = cases[7].inputs
    assert (x.dtype, lengths.dtype, lengths.size, lengths.sum()) == (np.int64, np.int32, 60, x.size)
    assert lengths.min() >= 0 < x.min()  # values are not what replaces them


def row(operator=dropout.SEGMENTS, threads=1, seconds=1.0, **arguments):
    return Row(operator, "forward", (7, 5), "any", threads, arguments, seconds, 0.1, 0.5, 0.5, {}, {})


def test_the_exponent_of_known_powers():
    def rows(threads, power):
        return [row(threads=threads, stored=n, seconds=3e-9 * n**power) for n in (100, 1000, 3000, 10_000)]

    found = dropout.exponents([*rows(1, 1.0), *rows(2, 0.5), row(ratio=0.3)])
    assert [each.value for each in found] == pytest.approx([1.0, 0.5])
    assert found[0].name.startswith("sparse matrix, 1,000 to 10,000 stored entries, 1 thread:")
