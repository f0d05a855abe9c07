"""Time the operators beside what limits them and beside their peers; see `run_bench`."""

import dataclasses
from pathlib import Path

from workbench.bench.harness import WrongResult
from workbench.bench.results import Results, machine, write_json
from workbench.machines.limits import Machine
from workbench.machines.this_machine import this_machine

PARTS = ("lrn", "dropout", "sparse-lp", "cost", "sweep", "explore", "all")
UNDRAWN = ("sweep", "explore")  # parts without ratios
ROUNDS, QUICK_ROUNDS = 31, 3
PROCESSES, QUICK_PROCESSES = 7, 1
CHANGES, QUICK_CHANGES = 40, 8


def run_bench(what: str, json_file: Path | None, quick: bool, figure: Path | None) -> int:
    """Check and time `what`, one of PARTS, show it, and write what is asked for.

    Args:
        json_file: where to write every figure as JSON, or None.
        quick: few rounds, and small sizes but of "lrn": to see that everything works, not to trust the figures.
        figure: where to draw the ratios of all parts but "sweep" and "explore", or None.

    Returns:
        0 when every result was right, even if a target was missed; 1 when one was wrong, and then nothing is written.

    Raises:
        ValueError: an unknown `what`, or a file that cannot be written.
    """
    if what not in PARTS:
        raise ValueError(f"what={what!r}: must be one of {', '.join(map(repr, PARTS))}")
    if figure is not None and what in UNDRAWN:
        raise ValueError(
            f"figure={str(figure)!r}: shows 'lrn', 'dropout', 'sparse-lp' and 'cost'; bench one of those or 'all', or "
            "leave it out"
        )
    for name, file in (("json_file", json_file), ("figure", figure)):
        if file is not None and not file.parent.is_dir():
            raise ValueError(f"{name}={str(file)!r}: {str(file.parent)!r} is not a folder; make it first")
    try:
        results = _measure(what, quick)
    except WrongResult as problem:
        _say(str(problem))
        return 1
    if json_file is not None:
        write_json(results, json_file)
    if figure is not None:
        from workbench.bench.figure import draw_ratios

        draw_ratios(results.rows, figure)
    _show(results)
    return 0


def _measure(what: str, quick: bool) -> Results:
    described = machine()
    _say(f"{described['cpu']}, {described['threads']} threads, {described['system']}")
    limits = None if what in UNDRAWN else _limits()
    results = Results()
    rounds, processes = (QUICK_ROUNDS, QUICK_PROCESSES) if quick else (ROUNDS, PROCESSES)
    if what in ("lrn", "all"):
        from workbench.bench import lrn

        results += lrn.bench_lrn(lrn.SHAPES, rounds, processes, _say)
    if what in ("dropout", "all"):
        from workbench.bench import dropout

        results += dropout.bench_dropout(dropout.QUICK_SIZES if quick else dropout.SIZES, rounds, _say)
    if what in ("sparse-lp", "all"):
        from workbench.bench import sparse_lp

        results += sparse_lp.bench_sparse_lp(sparse_lp.QUICK_SIZES if quick else sparse_lp.SIZES, rounds, _say)
    if limits is not None:
        from workbench.bench.predictions import with_prediction

        results = dataclasses.replace(results, rows=tuple(with_prediction(row, limits) for row in results.rows))
    if what in ("cost", "all"):
        from workbench.bench import cost

        results += cost.bench_cost(cost.QUICK_SHAPES if quick else cost.SHAPES, max(3, rounds // 2), limits, _say)
    if what in ("sweep", "all"):
        from workbench.bench.sweep import bench_sweep

        results += bench_sweep(quick, _say)
    if what in ("explore", "all"):
        from workbench.bench.explore import bench_explore

        results += bench_explore(QUICK_CHANGES if quick else CHANGES, _say)
    return results


def _limits() -> Machine:
    """Return this machine's limits, and say where they come from."""
    _say("limits of this machine, measured where they are not known yet")
    return this_machine()


def _show(results: Results) -> None:
    from rich.console import Console

    from workbench.bench import tables

    console = Console()
    if not console.is_terminal:
        console.width = 200
    for table in tables.rows_tables(results.rows):
        console.print(table)
    for legend in tables.legends(results.rows):
        _say(legend)
    console.print(tables.measurements_table(results.measurements))
    missed = tables.missed_targets(results)
    _say("\n".join([f"{len(missed)} targets missed:", *missed]) if missed else "every target met")
    _say("\nThe same in Markdown:\n\n" + tables.markdown(results))
    _say("\nversions: " + ", ".join(f"{name} {version}" for name, version in results.versions.items()))


def _say(line: str) -> None:
    print(line, flush=True)
