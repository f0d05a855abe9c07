"""Define the command line `workbench`: run notebooks and sweeps, write reports, and time and list the operators."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from workbench import __version__
from workbench.files import NotWritten
from workbench.lazily import MissingExtra, naming_the_extra
from workbench.report.option import ParameterCommand
from workbench.terminal import REFUSED, argument_table, print_failure, refusals, refuse, say
from workbench.workers.progress import SafeConsole as Console
from workbench.workers.worker import without_grammar

app = typer.Typer(
    help="Neural-network operators made readable, fast, measurable and playable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _notebook(incomplete: str) -> list[str]:
    """Complete the path of a notebook in notebooks/; shells complete other paths by themselves."""
    return [path for path in map(str, _found(None)) if path.startswith(incomplete)]


def _machine(incomplete: str) -> list[str]:
    from workbench.machines.published import KNOWN

    return [name for name in KNOWN if name.startswith(incomplete)]


Notebooks = Annotated[
    list[Path] | None,
    typer.Argument(help="Notebooks to run; default: notebooks/*.ipynb.", show_default=False, autocompletion=_notebook),
]
Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for the results.")]
Timeout = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="Time limit of each notebook.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", metavar="N", min=1, help="Notebooks to run at once; default: one for each core.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"workbench {__version__}")
        raise typer.Exit()


@app.callback()
def program(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Refuse a command that reads or writes files if the working folder no longer exists."""
    try:
        os.getcwd()
    except FileNotFoundError:
        if ctx.invoked_subcommand not in ("machine", "operators"):
            refuse("the working folder has been removed; change to one that exists")


@app.command(cls=ParameterCommand)
def run(
    notebook: Annotated[Path, typer.Argument(help="Notebook to run.", show_default=False, autocompletion=_notebook)],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME VALUE", help="Set a parameter, also as NAME=VALUE; repeat for more."
        ),
    ] = None,
    output: Output = Path("reports"),
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Folder in DIR; default: as above.")] = None,
    timeout: Timeout = None,
) -> None:
    """Run one notebook with parameters.

    The parameters are checked before anything runs. The result is written to DIR/NAME. The default NAME is the
    notebook's name and the given parameters, as in reports/01-lrn--alpha=0.01.
    """
    from workbench.report import run_notebook

    given = _given(parameter)
    with refusals():
        result = run_notebook(notebook, given, output=output, name=name, timeout=timeout, text=True, console=Console())
    _end([result], output / result.name / "report.html")


@app.command()
def report(
    notebooks: Notebooks = None, jobs: Jobs = None, output: Output = Path("reports"), timeout: Timeout = None
) -> None:
    """Run notebooks in parallel and write a report with an index page, DIR/index.html."""
    from workbench.report import run_all

    with refusals():
        if not notebooks:
            from workbench.claims.page import add_to_report

            add_to_report(output)
        results = run_all(_found(notebooks), jobs=jobs, output=output, timeout=timeout, console=Console())
    _end(results, output / "index.html")


@app.command()
def save(notebooks: Notebooks = None, jobs: Jobs = None, timeout: Timeout = None) -> None:
    """Run notebooks and save them in place with their outputs; a notebook that fails is not changed."""
    from workbench.report import save_all

    with refusals():
        errors = save_all(_found(notebooks), jobs=jobs, timeout=timeout, console=Console())
    failed = {path: error for path, error in errors.items() if error}
    for path, error in failed.items():
        print_failure(f"{path} was not saved", error)
    raise typer.Exit(1 if failed else 0)


@app.command()
def handout(
    notebooks: Notebooks = None,
    jobs: Jobs = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for the handout.")] = Path("handout"),
    timeout: Timeout = None,
) -> None:
    """Run notebooks, and write copies without answers for students and complete ones for the teacher.

    Students get DIR/student, or the same as DIR/student.zip; answers.json in DIR/teacher is what `grade` reads.
    """
    from workbench.classroom import make_handout

    with refusals():
        answers, errors = make_handout(_found(notebooks), output=output, jobs=jobs, timeout=timeout, console=Console())
    for path, error in errors.items():
        print_failure(f"{path} failed, and no handout was written", error)
    if errors:
        raise typer.Exit(1)
    for name, exercises in answers.items():
        print(f"{name}: {len(exercises)} exercise{'s' * (len(exercises) != 1)}")
    print(output)


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="Folder with a folder for each student.", show_default=False)],
    answers: Annotated[Path, typer.Option(metavar="FILE", help="The teacher's answers.")] = Path(
        "handout/teacher/answers.json"
    ),
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="The table, CSV.")] = Path("grades.csv"),
    run: Annotated[bool, typer.Option("--run", help="Run notebooks whose answers are computed.")] = False,
    jobs: Jobs = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Time limit of each notebook with --run.")
    ] = 120.0,
) -> None:
    """Check the answers of a class, and write a table with a line for each student.

    Nothing is run without --run. With it, a student's notebook is a program with your rights on this machine.
    """
    from workbench.classroom import grading

    with refusals():
        rows = grading.grade(folder, answers, run=run, jobs=jobs, timeout=timeout)
        kept = grading.write_table(rows, grading.read_answers(answers), output)
    students = f"{len(rows)} student{'s' * (len(rows) != 1)}"
    print(f"{output}: {students}" + (f"; the table before is {kept} now" if kept else ""))
    for beside in sorted(each for kind in ("ipynb", "zip") for each in folder.glob(f"[!.]*.{kind}") if each.is_file()):
        say("not read:", f"{beside}; put it, unpacked, in a folder for its student")


@app.command()
def cite(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="Folder of a run, such as reports/01-lrn.")
    ] = None,
) -> None:
    """Print an entry for BibTeX; with the folder of a run, it says what was run."""
    from workbench.report.citation import bibtex

    with refusals():
        print(bibtex(folder))


@app.command(cls=ParameterCommand)
def sweep(
    target: Annotated[
        str,
        typer.Argument(
            help="A notebook, module:function or file.py:function.", show_default=False, autocompletion=_notebook
        ),
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--parameter",
            metavar="NAME=WHAT",
            help="Values of a parameter: 1e-5..1:log:12, 0..1, 3,5,7 or one value; repeat for more.",
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC[:min|:max]",
            help="Metric to minimize or maximize; by default, loss. Give two for a Pareto front.",
        ),
    ] = None,
    sampler: Annotated[str, typer.Option(metavar="SAMPLER", help="grid, random, qmc, tpe or gp.")] = "tpe",
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of trials; by default the whole grid, or 20.", show_default=False),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Trials at once; by default, one for each core.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Seed of the sweep; each trial's seed is derived from it.")
    ] = 0,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the sweep's folder in DIR; by default, the target's name."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for the sweeps.")] = Path("sweeps"),
    pruner: Annotated[
        str, typer.Option(metavar="PRUNER", help="Stop bad trials early: none, median, halving or wilcoxon.")
    ] = "none",
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="Time that each trial may take.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on a Dask cluster, such as tcp://host:8786.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Add the trials to a database that Optuna can open, such as sqlite:///study.db."
        ),
    ] = None,
) -> None:
    """Run trials of a notebook or a function over a space of its parameters.

    Each finished trial is saved in DIR/NAME at once, so the same command continues a sweep that was interrupted.
    """
    from workbench.sweep import SweepStopped, sweep

    with refusals("interrupted: finished trials are kept; run the same command to continue"):
        try:
            result = sweep(
                target,
                _given(parameter),
                objective or "loss",
                sampler=sampler,
                trials=trials,
                jobs=jobs,
                seed=seed,
                name=name,
                output=output,
                pruner=pruner,
                timeout=timeout,
                scheduler=scheduler,
                storage=storage,
                console=Console(),
            )
        except SweepStopped as problem:
            say("stopped:", str(problem))
            raise typer.Exit(1) from None
    if result.counts["failed"]:
        say(f"{result.counts['failed']} trials failed; the page shows their errors")
    Console().print(str(result.folder / "report.html"), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if result.ok else 1)


def _given(pairs: list[str] | None) -> dict[str, str]:
    """Return a dict of the pairs that ParameterCommand has made; exit if a name is given twice."""
    given: dict[str, str] = {}
    for name, value in map(json.loads, pairs or []):
        if name in given:
            refuse(f"{name}: is given twice, as {given[name]!r} and {value!r}; give it once")
        given[name] = value
    return given


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open the notebooks in JupyterLab; all options are passed on to it."""
    if not Path("notebooks").is_dir():
        refuse("there is no folder notebooks/ here; change to the folder that holds it")
    import jupyterlab  # noqa: F401 - so that its absence is a message of ours

    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", "notebooks", *context.args])


@app.command("app")
def application(
    notebooks: Notebooks = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8888,
    token: Annotated[
        str | None, typer.Option(help="What visitors need; default: a new one, printed in the address. Empty: nothing.")
    ] = None,
    ahead: Annotated[bool, typer.Option("--ahead", help="Start the kernels of all notebooks at once.")] = False,
) -> None:
    """Serve the notebooks as a web application: pages whose sliders move freely, for many visitors."""
    with refusals():
        from workbench.app.server import run as serve

        serve(_found(notebooks), host, port, token, ahead, lambda address: print(f"Open {address}", flush=True))


@app.command()
def bench(
    what: Annotated[
        str,
        typer.Argument(help="lrn, dropout, sparse-lp, inference, cost, sweep, explore, training, start, torch or all."),
    ] = "all",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write results as JSON.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Use fewer repetitions and smaller shapes.")] = False,
    figure: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the results in a picture file.")] = None,
) -> None:
    """Check the operators, then time them next to a plain copy and other libraries."""
    from workbench.bench import run_bench

    try:
        status = run_bench(what, json_file, quick, figure)
    except ValueError as problem:
        refuse(str(problem))
    raise typer.Exit(status)


@app.command()
def machine(
    name: Annotated[
        str | None,
        typer.Argument(help="A published machine, such as a100. Default: this one.", autocompletion=_machine),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure again, even if the limits are known.")] = False,
) -> None:
    """Show what a machine can do: speed of arithmetic, bandwidth of each cache and memory, start-up times.

    This machine is measured once, in about half a minute; run nothing else meanwhile.
    """
    from workbench.machines.limits import limit_rows
    from workbench.machines.published import known_machine
    from workbench.machines.this_machine import this_machine

    try:
        shown = known_machine(name) if name else this_machine(again=again)
    except ValueError as problem:
        refuse(str(problem))
    table = Table(title=f"{escape(shown.name)}\n{escape(shown.source)}", title_justify="left", title_style="")
    table.add_column("limit")
    for threads in shown.limits:
        table.add_column(f"{threads} thread{'s' * (threads > 1)}", justify="right")
    for what, unit, values in limit_rows(shown):
        table.add_row(what, *(f"{value:.3g} {unit}" for value in values.values()))
    Console().print(table)


@app.command()
def claims(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Claims; without any, all.")] = None,
    verdict: Annotated[str, typer.Option(metavar="VERDICT", help="holds, fails, depends or open.")] = "",
    kind: Annotated[str, typer.Option(metavar="KIND", help="A kind of claim, such as definition.")] = "",
    operator: Annotated[str, typer.Option(metavar="NAME", help="An operator, such as LRN.")] = "",
    text: Annotated[str, typer.Option(metavar="WORD", help="A word that occurs in the claim.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the rows as JSON.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Run the experiments; write a page to DIR.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Run a few seeds and compare with the evidence.")] = False,
    seeds: Annotated[int | None, typer.Option(metavar="N", min=1, help="Number of seeds.", show_default=False)] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Processes; by default, one a core.")] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for --run.")] = Path("claims"),
    keep: Annotated[bool, typer.Option("--save", help="With --run: make the numbers the saved evidence.")] = False,
) -> None:
    """Show what is claimed about the operators and whether it is true; with --run, find out."""
    from workbench.claims import ledger, terminal
    from workbench.claims.evidence import saved
    from workbench.claims.page import write_json

    console = Console()
    with refusals():
        chosen = [ledger.find(id) for id in ids or ledger.CLAIMS]
        chosen = ledger.select(chosen, verdict=verdict, kind=kind, operator=operator, text=text)
        if check:
            raise typer.Exit(terminal.check_all(chosen, seeds or 2, console))
        runnable = [claim for claim in chosen if claim.run or ids]
        shown = terminal.run_claims(runnable, seeds, jobs, output, keep, console) if run else [*map(saved, chosen)]
        if json_file:
            write_json(json_file, shown)
    terminal.show(shown, console)


@app.command()
def figures(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for the pictures.")] = Path("figures"),
) -> None:
    """Draw the figures that the README and the notebooks show."""
    from workbench.experiments.readme_figures import draw_all

    with refusals():
        for path in draw_all(output):
            print(path)


@app.command()
def operators() -> None:
    """List the declared operators and their arguments."""
    from workbench.operator import OPERATORS, Gradient

    console = Console()
    for operator in OPERATORS.values():
        gradient = operator.gradient.value if isinstance(operator.gradient, Gradient) else operator.gradient
        signature = f"{operator.name}({', '.join(operator.inputs)}) -> {', '.join(operator.outputs) or 'nothing'}"
        title = f"[bold]{escape(signature)}[/]\n{escape(operator.meaning)}\ngradient: {escape(gradient)}"
        console.print(argument_table(title, "argument", operator.args))


def main() -> None:
    """Run the command line; where a package of an extra is missing or a disk is full, say so in a message.

    A character that an output stream cannot encode is written as its escape sequence.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    without_grammar()
    try:
        with naming_the_extra():
            app(prog_name="workbench")
    except MissingExtra as problem:
        say("refused:", str(problem))
        sys.exit(REFUSED)
    except NotWritten as problem:
        say("failed:", str(problem))
        sys.exit(1)


def _found(notebooks: list[Path] | None) -> list[Path]:
    return notebooks or sorted(Path("notebooks").glob("*.ipynb"))


def _end(results: list, page: Path) -> None:
    """Print the tracebacks of failed notebooks and the path of the page; exit."""
    failed = [result for result in results if not result.ok]
    for result in failed:
        print_failure(f"{result.notebook} failed", result.error)
    if any(result.ok or result.error["kind"] != "not written" for result in results):
        Console().print(str(page), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if failed else 0)
