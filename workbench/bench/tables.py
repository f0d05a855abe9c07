"""Show what a bench found: tables on the console, and in Markdown."""

from rich.table import Table

from workbench.bench.results import MISSED, Measurement, Results, Row

TIMES = ("ms", "± IQR", "copy ms", "limit ms")
HEADINGS = ("direction", "beta", "shape", "layout", "threads", *TIMES, "ratios", "peers ms")
LEGEND = (
    "copy: a plain loop over the same bytes, as many threads. limit: that, or the square roots and divisions on data "
    f"that stays in L1, whichever is longer. {MISSED}: above its target."
)


def rows_table(rows: tuple[Row, ...]) -> Table:
    """Return a console table of the timed rows."""
    table = Table(title="Local response normalization, float32, size 5 (medians)")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in TIMES else "left")
    previous = None
    for row in rows:
        if previous not in (None, (row.shape, row.threads)):
            table.add_section()
        previous = (row.shape, row.threads)
        table.add_row(*_cells(row, separator="\n"), style="bold red" if _missed(row) else None)
    return table


def measurements_table(measurements: tuple[Measurement, ...]) -> Table:
    """Return a console table of the single figures."""
    table = Table("measured", "value")
    for each in measurements:
        table.add_row(each.name, str(each), style="bold red" if each.missed else None)
    return table


def markdown(results: Results) -> str:
    """Return both tables in Markdown, for a README."""
    blocks = []
    if results.rows:
        blocks.append(_markdown_table(HEADINGS, [_cells(row, separator=", ") for row in results.rows]))
    if results.measurements:
        figures = [(each.name, str(each)) for each in results.measurements]
        blocks.append(_markdown_table(("measured", "value"), figures))
    return "\n\n".join(blocks)


def missed_targets(results: Results) -> list[str]:
    """Name every target that was missed, one a line."""
    rows = [f"{row.label}: {ratio}" for row in results.rows for ratio in row.ratios if ratio.missed]
    return rows + [f"{each.name}: {each}" for each in results.measurements if each.missed]


def _cells(row: Row, separator: str) -> tuple[str, ...]:
    return (
        row.direction,
        f"{row.beta:g}",
        "×".join(map(str, row.shape)),
        row.layout,
        str(row.threads),
        _milliseconds(row.seconds),
        _milliseconds(row.iqr_seconds),
        _milliseconds(row.copy_seconds),
        _milliseconds(row.limit_seconds),
        separator.join(map(str, row.ratios)),
        separator.join(f"{name} {_milliseconds(seconds)}" for name, seconds in row.peers.items()),
    )


def _missed(row: Row) -> bool:
    return any(ratio.missed for ratio in row.ratios)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def _markdown_table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
