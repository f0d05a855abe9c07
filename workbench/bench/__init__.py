"""Time the operators beside their limits and their peers; see `run_bench` and `run_declared`."""

from importlib import import_module
from pathlib import Path

from workbench.bench.declared import run_declared
from workbench.bench.driver import Settings, WrongResult
from workbench.bench.results import Results, machine, write_json
from workbench.machines.this_machine import this_machine

__all__ = ["PARTS", "run_bench", "run_declared"]

# Each part is a module with a function `bench(settings)` that returns Results.
PARTS = {
    "lrn": "workbench.bench.lrn",
    "dropout": "workbench.bench.dropout",
    "sparse-lp": "workbench.bench.sparse_lp",
    "inference": "workbench.bench.inference",
    "cost": "workbench.bench.declared",
    "sweep": "workbench.bench.sweep",
    "explore": "workbench.bench.explore",
    "training": "workbench.bench.training",
    "start": "workbench.bench.start",
    "torch": "workbench.bench.pytorch",
}
ALL = "all"
UNDRAWN = ("sweep", "explore", "training", "start", "torch")  # parts without ratios to draw
ROUNDS, QUICK_ROUNDS = 31, 3


def run_bench(what: str, json_file: Path | None, quick: bool, figure: Path | None) -> int:
    """Check and time `what`, one of PARTS or "all"; print the results, and write the files that are asked for.

    Args:
        json_file: file to write all results to, as JSON, or None.
        quick: use few rounds, and small sizes except for "lrn": a test that everything works, not a measurement.
        figure: file to draw the ratios of all parts with rows to, or None.

    Returns:
        0 if every result is right, even if a target is missed; 1 if a result is wrong, and then nothing is written.

    Raises:
        ValueError: `what` is unknown or has no ratios for `figure`, or a file cannot be written or is no picture.
    """
    if what not in (*PARTS, ALL):
        raise ValueError(f"what={what!r}: must be one of {', '.join(map(repr, (*PARTS, ALL)))}")
    if figure is not None and what in UNDRAWN:
        raise ValueError(
            f"figure={str(figure)!r}: shows 'lrn', 'dropout', 'sparse-lp', 'inference' and 'cost'; bench one of those "
            "or 'all', or leave it out"
        )
    _check_file("json_file", json_file)
    _check_file("figure", figure)
    described, limits = machine(), None
    _say(f"{described['cpu']}, {described['threads']} threads, {described['system']}")
    if what not in UNDRAWN:
        _say(
            "looking up the limits of this machine; if they are not known yet, measuring them takes about half a minute"
        )
        limits = this_machine()
    settings = Settings(quick, QUICK_ROUNDS if quick else ROUNDS, _say, limits)
    parts = PARTS.values() if what == ALL else [PARTS[what]]
    try:
        results = sum((import_module(part).bench(settings) for part in parts), Results())
    except WrongResult as problem:
        _say(str(problem))
        return 1
    _show(results)  # before anything is written, which may fail
    if json_file is not None:
        write_json(results, json_file)
    if figure is not None:
        from workbench.bench.figure import draw_ratios

        draw_ratios(results.rows, figure)
    return 0


def _check_file(name: str, file: Path | None) -> None:
    """Raise ValueError if a file cannot be written, or a figure has no ending of a picture."""
    if file is None:
        return
    if not file.parent.is_dir():
        raise ValueError(f"{name}={str(file)!r}: {str(file.parent)!r} is not a folder; make it first")
    try:
        is_new = not file.exists()
        with file.open("ab"):
            pass
        if is_new:
            file.unlink()
    except OSError as problem:
        raise ValueError(f"{name}={str(file)!r}: cannot be written ({problem.strerror}); name another file") from None
    if name == "figure":
        from matplotlib.backend_bases import FigureCanvasBase

        if file.suffix and file.suffix[1:].lower() not in FigureCanvasBase.get_supported_filetypes():
            raise ValueError(f"{name}={str(file)!r}: must be a picture, such as .png, .svg or .pdf")


def _show(results: Results) -> None:
    from rich.console import Console

    from workbench.bench import tables

    console = Console()
    if not console.is_terminal:
        console.width = 200
    for table in tables.rows_tables(results.rows):
        console.print(table)
    for legend in results.legends:
        _say(legend)
    console.print(tables.measurements_table(results.measurements))
    missed = tables.missed_targets(results)
    _say("\n".join([f"{len(missed)} targets were missed:", *missed]) if missed else "every target was met")
    _say("\nThe same in Markdown:\n\n" + tables.markdown(results))
    _say("\nversions: " + ", ".join(f"{name} {version}" for name, version in results.versions.items()))


def _say(line: str) -> None:
    print(line, flush=True)
