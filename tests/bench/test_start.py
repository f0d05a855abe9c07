"""The bench of first calls: which processes find compiled code, and what is reported of their times."""

from pathlib import Path

import pytest

from workbench import OPERATORS
from workbench.bench import run_bench, start
from workbench.bench.driver import Settings


@pytest.fixture
def processes(monkeypatch):
    """Let processes only leave a file in their cache folder; return what each found there, and the time to report."""
    found, times = [], []

    def run_fresh(code, **environment):
        if not environment:
            found.append((code, None))
            return 0.375
        folder = Path(environment["NUMBA_CACHE_DIR"])
        found.append((code, sum(1 for _ in folder.iterdir())))
        (folder / str(found[-1][1])).touch()
        return times.pop(0) if times else 0.125

    monkeypatch.setattr(start, "run_fresh", run_fresh)
    return found, times


def test_code_is_compiled_in_empty_folders_and_then_loaded_from_the_last_of_them(processes):
    found, times = processes
    times += [7.0, 2.0, 3.5, 0.5, 0.25, 0.375]
    loading, compiling = start.first_calls("SparseLp", 3, 3)
    assert found == [(start.FIRST_CALL.format("SparseLp"), files) for files in (0, 0, 0, 1, 2, 3)]
    assert (loading.value, loading.target, loading.missed) == (0.375, 0.25, True)
    assert (compiling.value, compiling.target, compiling.missed) == (3.5, 3.0, True)
    assert loading.name.startswith("SparseLp: first call in a new process")
    assert compiling.name.startswith("SparseLp: first call ever")


def test_every_operator_has_two_rows_beside_the_import(processes, capsys):
    assert run_bench("start", None, True, None) == 0
    shown = capsys.readouterr().out
    for name in OPERATORS:
        assert f"| {name}: first call in a new process, kernels from disk | 0.125 s (≤ 0.25) |" in shown
        assert f"| {name}: first call ever, compiling | 0.125 s (≤ 3) |" in shown
    assert "| import workbench | 0.375 s (≤ 0.3) ✗ |" in shown
    found, _ = processes
    assert len(found) == 1 + 2 * len(OPERATORS)


def test_the_median_of_several_processes_is_taken_unless_quick(processes):
    found, _ = processes
    start.bench(Settings(False, 31, lambda line: None))
    assert len(found) == 7 + 10 * len(OPERATORS)


def test_a_new_process_prints_the_time_of_its_first_call_or_fails_with_its_error():
    assert 0 < start.run_fresh(start.FIRST_CALL.format("SparseLp")) < 300
    assert start.run_fresh("import os; print(os.environ['ADDED'])", ADDED="2.5") == 2.5
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        start.run_fresh("1 / 0")
