"""The report of a finished sweep: tables, pictures, an HTML page, and the index of the output folder."""

import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench import drawing, files
from workbench.report import page
from workbench.report.results import Result, versions
from workbench.sweep import plots
from workbench.sweep.folder import FIGURES, SweepResult, trial_name
from workbench.sweep.points import LISTED, MOST, Gathered, Points, gather
from workbench.sweep.records import Record
from workbench.sweep.table import write_tables
from workbench.sweep.target import Target

DPI = 150  # dots per inch of the PNG files


def write_report(result: SweepResult, target: Target, output: Path) -> None:
    """Write trials.parquet, trials.csv, pictures and report.html into the sweep's folder, and `output`/index.html."""
    write_tables(result.folder)
    definition, successes, trials = result.definition, result.counts["ok"], result.folder / "trials"
    found = gather(result.records(), definition, successes)
    points, notes = found.points, []
    if len(points.numbers) < successes:
        notes.append(
            f"The pictures show {len(points.numbers):,} of {successes:,} trials: evenly spaced ones, and each that was "
            "the best so far."
        )
    notes += [
        f"No plot can show the values of {objective.name} to scale; the pictures show them between labels."
        for objective, labels in zip(points.objectives, points.labels, strict=False)
        if labels
    ]
    asked = [("target", definition.target)]
    asked += [(f"parameter {name}", words) for name, words in definition.space.as_words().items()]
    asked += [("objective", ", ".join(map(str, definition.objectives))), ("sampler", definition.sampler)]
    asked += [("pruner", definition.pruner), ("seed", str(definition.seed))]
    failed = [record.number for record in found.failures]
    has_front = len(points.objectives) == 2 and len(points.numbers) > 0
    summary = _summary(result, found, _draw(points, result.folder, notes))
    html = page.template("sweep.html.j2").render(
        run=summary,
        definition=definition,
        asked=asked,
        command=_rerun_command(result.best, target),
        rows=found.best,
        failures=found.failures,
        reports={each for each in failed if (trials / trial_name(each) / "report.html").is_file()},  # none if lost
        names=list(definition.space.dimensions),
        notebooks=target.is_notebook,
        front={int(number) for number in points.numbers[points.front()]} if has_front else set(),
        shown=LISTED,
        notes=notes,
        trial_name=trial_name,
        counts=result.counts,
    )
    for name, text in {"report.html": html, "metrics.json": summary.to_json()}.items():
        files.replace_file(result.folder / name, lambda file, text=text: file.write_text(text, encoding="utf-8"))
    page.write_index(output)


def _draw(points: Points, sweep_folder: Path, notes: list[str]) -> list[dict[str, str]]:
    """Draw the pictures as PNG and SVG files in figures/; add to `notes` which cannot be drawn, and why."""
    found = []
    with files.partial(sweep_folder, FIGURES) as folder:
        if not len(points.numbers):
            notes.append("No trial succeeded: there is nothing to draw.")
        for name, alt, draw in _pictures(points, notes) if len(points.numbers) else ():
            name = files.folder_name(name, {})  # of a parameter with a long name, shortened
            try:
                _save(drawing.figure_of(draw()), folder, name)
            except Exception as problem:  # Matplotlib can raise anything; the page has the other pictures
                notes.append(f"The picture {name} cannot be drawn ({type(problem).__name__}: {problem}).")
            else:
                found.append({"name": name, "alt": alt})
        files.publish(folder, sweep_folder / FIGURES)
    return found


def _save(figure: Figure, folder: Path, name: str) -> None:
    with drawing.styled():
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        figure.set_layout_engine("none")  # the layout is done; keep it
        figure.savefig(folder / f"{name}.png", dpi=DPI)


def _pictures(points: Points, notes: list[str]) -> list[tuple[str, str, Callable[[], Axes]]]:
    """Return each picture's name, alt text and drawing function, the most informative picture first."""
    pictures: list[tuple[str, str, Callable[[], Axes]]] = []

    def add(name: str, alt: str, plot: Callable[..., Axes], *data: Any) -> None:
        pictures.append((name, alt, functools.partial(plot, *data)))

    if len(points.objectives) == 2:
        words = " against ".join(each.name for each in points.objectives)
        add("pareto-front", f"{words}, with a line along the Pareto front", plots.pareto_front, points)
    for place, objective in enumerate(points.objectives):
        name, names = objective.name, list(points.parameters)
        suffix = f"-{place + 1}" if len(points.objectives) > 1 else ""
        shares = _importance(points, place, notes)
        ranked = list(shares) or names
        if len(ranked) > 1:
            alt = f"{name} over {ranked[0]} and {ranked[1]}, as coloured points and interpolated between them"
            add(f"response-surface{suffix}", alt, plots.response_surface, points, ranked[0], ranked[1], place)
            alt = f"Each trial as a line through {', '.join(names)} and {name}"
            add(f"parallel-coordinates{suffix}", alt, plots.parallel_coordinates, points, place)
        if shares:
            words = ", ".join(f"{each} {share:.2f}" for each, share in shares.items())
            add(f"importance{suffix}", f"Shares of the variance of {name}: {words}", plots.importance, shares, name)
        for each in ranked[:3]:
            add(f"response-{each}{suffix}", f"{name} of each trial against {each}", plots.response, points, each, place)
        add(f"history{suffix}", f"{name} of each trial and the best so far", plots.history, points, place)
    return pictures


def _importance(points: Points, place: int, notes: list[str]) -> dict[str, float]:
    if len(points.parameters) < 2:
        return {}
    if len(points.numbers) > MOST:
        notes.append(
            f"The importance of parameters for {points.objectives[place].name} is computed from {MOST} trials."
        )
    try:
        return points.importance(place)
    except ValueError as problem:
        notes.append(f"The importance of parameters for {points.objectives[place].name} cannot be computed: {problem}")
        return {}


def _summary(result: SweepResult, found: Gathered, figures: list[dict[str, str]]) -> Result:
    """Return the sweep as a Result, which the index of the output folder shows like a run."""
    metrics: dict[str, Any] = {}
    if result.best is not None:
        for objective, value, spread in zip(
            result.definition.objectives, result.best.values, result.best.spread, strict=True
        ):
            metrics[f"{objective.name} of the best trial"] = value
            if spread is not None:
                metrics[f"its standard deviation over folds ({objective.name})"] = spread
        metrics["best trial"] = result.best.number
    metrics |= {f"trials {status}": count for status, count in result.counts.items() if count or status == "ok"}
    failed, total = result.counts["failed"], sum(result.counts.values())
    error = {"kind": "failures", "message": f"{failed} of {total} trials failed", "traceback": ""} if failed else None
    return Result(
        name=result.definition.name,
        notebook=result.definition.target,
        status="ok" if error is None else "failed",
        parameters=result.definition.space.as_words(),
        metrics=metrics,
        figures=figures,
        duration_seconds=round(found.seconds, 3),
        started=found.started,
        versions=versions(),
        error=error,
    )


def _rerun_command(best: Record | None, target: Target) -> str:
    """Return the command, or the Python call, that runs the best trial again."""
    if best is None:
        return ""
    if target.names_notebook:
        words = [word for name, value in best.parameters.items() for word in ("-p", name, str(value))]
        return shlex.join(["workbench", "run", target.name, *words])
    arguments = ", ".join(f"{name}={value!r}" for name, value in best.parameters.items())
    return f"{target.stem}({arguments})"
