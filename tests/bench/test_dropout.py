"""The bench of dropout from end to end on small arrays: verification, rows, peers, and what is told beside them."""

import json
import re
import sys
import types
from importlib import metadata

import numpy as np
import pytest
from typer.testing import CliRunner

from workbench.bench import dropout, harness, run_bench
from workbench.bench.dropout import dense, peers, ragged, stored
from workbench.bench.harness import Contender
from workbench.bench.peers import find_peers
from workbench.bench.results import Measurement, Row
from workbench.cli import app
from workbench.sparse_dropout import kernels

SMALL = dropout.Sizes(dense=(350, 101), segments=2000, matrix=(310, 290), stored=(30, 900, 40_000))
CASES = 5 + 4 + 3  # dense, ragged, sparse matrices
PLAIN = "DropoutWithReplacement forward, ratio 0.3, replacement 0, 350×101 dense"


@pytest.fixture
def small(monkeypatch):
    """Bench small arrays with no peers; some are large enough for several threads."""
    monkeypatch.setattr(dropout, "QUICK_SIZES", SMALL)
    monkeypatch.setattr(peers, "PEERS", {})
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")


def fake_peer(monkeypatch, run, operator="DropoutWithReplacement"):
    """Install a peer called fake, of the unscaled forward pass with a number; `run(*arrays, ratio)` is its result."""
    monkeypatch.setitem(sys.modules, "fake", types.ModuleType("fake"))

    def build(case, threads):
        plain = not case.arguments.get("scaled") and case.arguments.get("replacement", 0) == 0
        if case.operator != operator or case.layout == "CSR" or case.direction != "forward" or not plain:
            return None
        return Contender(lambda: run(*case.reads, case.arguments["ratio"]))

    monkeypatch.setattr(peers, "PEERS", {"fake": (("fake",), build)})
    monkeypatch.setattr(metadata, "version", lambda name: "4.5")


def nothing_is_timed(monkeypatch):
    monkeypatch.setattr(harness, "measure", lambda *arguments, **options: pytest.fail("timed a wrong result"))


def dropped_evenly(x, ratio):
    """Drop as many as the ratio says, at even distances."""
    steps = np.floor(np.arange(1, x.size + 1) * ratio) - np.floor(np.arange(x.size) * ratio)
    return np.where(steps.reshape(x.shape) > 0, 0, x).astype(x.dtype)


def test_rows_are_written_as_json(small, monkeypatch, tmp_path, capsys):
    fake_peer(monkeypatch, dropped_evenly)
    assert run_bench("dropout", tmp_path / "rows.json", True, None) == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    rows = content["rows"]
    assert len(rows) == 2 * CASES
    assert sum(row["threads"] == 2 for row in rows) == CASES
    for row in rows:
        assert {"ratio", "iqr_seconds", "versions"} <= set(row)
        assert "arguments" not in row
        assert row["seconds"] > 0
        assert row["copy_seconds"] == row["limit_seconds"] > 0
    dense_rows = [row for row in rows if row["layout"] == "dense" and row["threads"] == 1]
    assert [(row["direction"], row["replacement"], row["scaled"], row["ratio"]) for row in dense_rows] == [
        ("forward", 0.0, False, 0.3),
        ("forward", "per feature", False, 0.3),
        ("forward", 0.0, True, 0.3),
        ("gradient", 0.0, False, 0.3),
        ("gradient", "per feature", False, 0.3),
    ]
    assert [list(row["peers"]) for row in dense_rows] == [["fake"], [], [], [], []]
    ragged_rows = [row for row in rows if row["layout"] == "ragged" and row["threads"] == 2]
    assert [(row["operator"], row["ratio"], row["segments"]) for row in ragged_rows] == [
        ("SparseDropoutWithReplacement", 0.5, 2000),
        ("SparseDropoutWithReplacement", 0.3, 2000),
        ("SparseItemwiseDropoutWithReplacement", 0.5, 2000),
        ("SparseItemwiseDropoutWithReplacement", 0.3, 2000),
    ]
    matrix_rows = [row for row in rows if row["layout"] == "CSR" and row["threads"] == 1]
    assert [(row["shape"], row["stored"]) for row in matrix_rows] == [
        ([310, 290], 30),
        ([310, 290], 900),
        ([310, 290], 40_000),
    ]
    names = [each["name"] for each in content["measurements"]]
    assert names[:2] == ["2,000 segments, ratio 0.5, 1 thread", "2,000 segments, ratio 0.3, 1 thread"]
    shown = capsys.readouterr().out
    assert "verified 24 configurations against the reference, bit for bit" in shown
    assert "random numbers differ from ours" in shown
    assert "| direction | ratio | replacement | scaled | stored | shape | layout | threads |" in shown
    assert "| forward | 0.05 | 0 | no | 40,000 | 310×290 | CSR | 2 |" in shown


def test_ratios_of_known_times(small, monkeypatch):
    fake_peer(monkeypatch, dropped_evenly)
    segments = "SparseDropoutWithReplacement forward, ratio 0.5, segments 2,000"

    def measured(contenders, *arguments, **options):
        seconds = dict.fromkeys(contenders, 8.0)
        for name in contenders:
            if name.startswith("copy"):
                seconds[name] = 2.0
            elif name.startswith("fake"):
                seconds[name] = 100.0
            elif name.startswith(segments):
                seconds[name] = 5.0
        return {name: harness.Timing(each, 0.5) for name, each in seconds.items()}

    monkeypatch.setattr(dropout, "measure_steadily", measured)
    rows = dropout.bench_dropout(SMALL, 1, lambda line: None).rows
    found = {(f"{row.operator} {row.case}", row.threads): [str(ratio) for ratio in row.ratios] for row in rows}
    plain, other = "DropoutWithReplacement forward ratio 0.3, replacement 0", "SparseDropoutWithReplacement forward"
    assert found[plain, 1] == ["ours / copy 4.00 (≤ 3) ✗", "fake / ours 12.50 (≥ 15) ✗"]
    assert found[plain, 2] == ["ours / copy 4.00", "fake / ours 12.50 (≥ 15) ✗"]
    assert found[plain + ", scaled", 1] == ["ours / copy 4.00"]
    assert found[other + " ratio 0.5, segments 2,000", 2] == ["ours / copy 2.50 (≤ 2.5)"]
    assert found[other + " ratio 0.3, segments 2,000", 1] == ["ours / copy 4.00 (≤ 2.5) ✗"]
    assert [row.peers for row in rows if row.peers] == [{"fake": 100.0}] * 2


def wrong_forward(monkeypatch, change):
    """Let `change(x, replacement, results)` spoil what the kernel returns."""
    right = kernels.dropout_with_replacement

    def wrong(x, drop, replacement, scale):
        results = right(x, drop, replacement, scale)
        change(x, replacement, results)
        return results

    monkeypatch.setattr(kernels, "dropout_with_replacement", wrong)


def test_the_sign_of_a_zero_is_a_wrong_result_and_nothing_is_timed(small, monkeypatch, tmp_path, capsys):
    def flip(x, replacement, results):
        if isinstance(x, np.ndarray) and replacement.ndim == 0:
            y, dropped = results
            y[np.unravel_index(np.argmax(dropped), y.shape)] = -0.0

    wrong_forward(monkeypatch, flip)
    nothing_is_timed(monkeypatch)
    assert run_bench("dropout", tmp_path / "rows.json", True, None) == 1
    shown = capsys.readouterr().out
    assert f"{PLAIN}, 1 thread: array 0 differs from the reference's at 1 of 35,350 places" in shown
    assert "4 wrong: nothing is timed" in shown  # scaled and not, two thread counts
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_index_of_a_sparse_matrix_is_found(small, monkeypatch, capsys):
    def swap(x, replacement, results):
        if not isinstance(x, np.ndarray) and x.count == 900:
            results[1].indices[-1] -= 1

    wrong_forward(monkeypatch, swap)
    nothing_is_timed(monkeypatch)
    assert run_bench("dropout", None, True, None) == 1
    shown = capsys.readouterr().out
    assert "stored 900, 310×290 CSR, 2 threads: array 4 differs from the reference's at 1 of 900 places" in shown
    assert "2 wrong: nothing is timed" in shown


def test_a_wrong_sum_of_a_gradient_is_found_and_another_order_is_not(small, monkeypatch, capsys):
    right = kernels.dropout_with_replacement_gradient
    factors = {(): 1 + 3e-6, (101,): 1 + 3e-7}  # several and about two units in the last place

    def nearly(dy, dropped, scale, shape):
        dx, total = right(dy, dropped, scale, shape)
        return dx, (total * np.float32(factors[shape])).astype(np.float32)

    monkeypatch.setattr(kernels, "dropout_with_replacement_gradient", nearly)
    nothing_is_timed(monkeypatch)
    assert run_bench("dropout", None, True, None) == 1
    shown = capsys.readouterr().out
    assert "gradient, ratio 0.3, replacement 0, 350×101 dense, 2 threads: array 1 differs" in shown
    assert "gradient, ratio 0.3, replacement per feature" not in shown


def test_a_segment_too_few_is_found(small, monkeypatch, capsys):
    right = kernels.sparse_dropout_with_replacement

    def short(*arguments):
        y, lengths = right(*arguments)
        return y, lengths[:-1]

    monkeypatch.setattr(kernels, "sparse_dropout_with_replacement", short)
    nothing_is_timed(monkeypatch)
    assert run_bench("dropout", None, True, None) == 1
    assert "array 1 is int32 (1999,), the reference's int32 (2000,)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x, ratio: dropped_evenly(x, 0.4), r"drops 14,140 of 35,350, where 10,605 ± 517 are allowed"),
        (lambda x, ratio: dropped_evenly(x, ratio) * np.float32(1.001), "what is kept is neither unchanged nor scaled"),
        (lambda x, ratio: dropped_evenly(x, ratio).astype(np.float64), "returns float64 (350, 101)"),
    ],
)
def test_a_wrong_peer_fails_the_bench_by_name(small, monkeypatch, capsys, run, message):
    fake_peer(monkeypatch, run)
    nothing_is_timed(monkeypatch)
    assert run_bench("dropout", None, True, None) == 1
    assert f"fake, {PLAIN}, 1 thread: {message}" in capsys.readouterr().out


def test_a_peer_may_scale_what_it_keeps(small, monkeypatch):
    fake_peer(monkeypatch, lambda x, ratio: dropped_evenly(x, ratio) / np.float32(1 - ratio))
    assert run_bench("dropout", None, True, None) == 0


def test_a_peer_of_segments_that_drops_too_many_is_named(small, monkeypatch, capsys):
    def half(x, lengths, ratio):
        return peers.replace_segments(x, lengths, np.arange(lengths.size) % 2 == 0, 0)

    fake_peer(monkeypatch, half, operator="SparseDropoutWithReplacement")
    nothing_is_timed(monkeypatch)
    assert run_bench("dropout", None, True, None) == 1
    shown = capsys.readouterr().out
    assert re.search(r"fake, SparseDropoutWithReplacement forward, ratio 0\.3.*1 thread: drops \d+ of 1,9\d\d", shown)
    assert "fake, SparseDropoutWithReplacement forward, ratio 0.5" not in shown


def test_numpys_way_over_segments_is_checked_with_our_draws(small, monkeypatch, capsys):
    right = peers.replace_segments
    monkeypatch.setattr(peers, "PEERS", {"numpy": (("numpy",), peers._numpy)})
    monkeypatch.setattr(peers, "replace_segments", lambda x, lengths, dropped, value: right(x, lengths, dropped, 1))
    nothing_is_timed(monkeypatch)
    assert run_bench("dropout", None, True, None) == 1
    shown = capsys.readouterr().out
    assert shown.count("makes something else of the same draws") == 2 * 2
    assert "numpy, DropoutWithReplacement" not in shown


def test_replaced_segments_of_a_loop():
    x, lengths = np.arange(10, 20), np.array([3, 0, 4, 0, 1, 2], np.int32)
    dropped = np.array([False, True, True, False, True, False])
    y, output_lengths = peers.replace_segments(x, lengths, dropped, -7)
    assert y.tolist() == [10, 11, 12, -7, -7, -7, 18, 19]
    assert output_lengths.tolist() == [3, 1, 1, 0, 1, 2]
    assert (y.dtype, output_lengths.dtype) == (np.int64, np.int32)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_an_installed_peer_does_what_it_should(name):
    found, _ = find_peers(peers.PEERS)
    peer = next((peer for peer in found if peer.name == name), None)
    if peer is None:
        pytest.skip(f"{name} is not installed")
    judged = 0
    for case in [*dense.dense_cases((350, 101)), *ragged.ragged_cases(2000)]:
        contender = peer.build(case, 1)
        if contender is not None:
            assert peers.peer_problem(case, contender.run(), case.run("reference")) == ""
            judged += 1
    assert judged == {"numpy": 5, "torch": 2}[name]


def test_each_plain_loop_writes_as_much_as_the_operator():
    for case in [*dense.dense_cases((35, 11)), *ragged.ragged_cases(60), *stored.stored_cases((31, 29), (70,))]:
        y = case.run("reference")[0]
        copied = case.copy()
        written = [part.size for part in copied] if isinstance(copied, tuple) else [copied.size]
        assert written == ([70, 70] if case.layout == "CSR" else [y.size]), str(case)


def test_segments_are_ragged_and_their_values_are_not_what_replaces_them():
    x, lengths = ragged.ragged_cases(3000)[0].reads
    assert (x.dtype, lengths.dtype, lengths.size) == (np.int64, np.int32, 3000)
    assert (lengths.min(), lengths.max(), lengths.sum()) == (0, 39, x.size)
    assert x.min() > 0


@pytest.mark.parametrize("count", [1, 17, 31 * 29])
def test_a_matrix_stores_as_many_entries_as_asked_for(count):
    matrix = stored.make_matrix((31, 29), count)
    assert (matrix.nnz, matrix.shape, matrix.dtype) == (count, (31, 29), np.float32)
    places = {
        (row, column) for row in range(31) for column in matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
    }
    assert len(places) == count
    assert all(0 <= column < 29 for _, column in places)


def row(operator="SparseDropoutWithReplacement", threads=1, seconds=1.0, **arguments):
    return Row(operator, "forward", (7, 5), "any", threads, arguments, seconds, 0.1, 0.5, 0.5, {}, {})


def test_caffe2s_time_is_the_target_for_as_many_segments_alone():
    rows = [
        row(ratio=0.5, segments=500_000, seconds=0.014),
        row(ratio=0.3, segments=500_000, seconds=0.012),
        row(ratio=0.5, segments=500_000, threads=2),
        row(ratio=0.5, segments=4000, seconds=0.02),
        row("SparseItemwiseDropoutWithReplacement", ratio=0.5, segments=500_000),
    ]
    found = ragged.compare_with_caffe2(rows)
    assert [(each.value, each.target, each.missed) for each in found] == [
        (0.014, 0.013, True),
        (0.012, 0.013, False),
        (0.02, None, False),
    ]
    assert all("Caffe2" in each.name for each in found[:2])


def test_the_exponent_of_known_powers():
    def rows(threads, power):
        return [row(threads=threads, stored=n, seconds=3e-9 * n**power) for n in (100, 1000, 3000, 10_000)]

    found = stored.exponents([*rows(1, 1.0), *rows(2, 0.5), row(ratio=0.3)])
    assert [each.value for each in found] == pytest.approx([1.0, 0.5])
    assert found[0].name.startswith("sparse matrix, 1,000 to 10,000 stored entries, 1 thread:")
    assert isinstance(found[1], Measurement)


def test_the_command_benches_and_draws(small, tmp_path):
    result = CliRunner().invoke(app, ["bench", "dropout", "--quick", "--figure", str(tmp_path / "ratios.png")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_command_refuses_a_part_that_it_does_not_know():
    result = CliRunner().invoke(app, ["bench", "drop"])
    assert result.exit_code == 2
    assert "'lrn', 'dropout', 'sparse-lp', 'cost', 'sweep', 'explore', 'all'" in result.output
