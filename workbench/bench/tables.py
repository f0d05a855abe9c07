"""Show what a bench found: tables on the console, and in Markdown."""

from rich.table import Table

from workbench.bench.results import Measurement, Results, Row, dimensions, shown
from workbench.operator import OPERATORS

TIMES = ("ms", "± IQR", "copy ms", "limit ms")


def rows_tables(rows: tuple[Row, ...]) -> list[Table]:
    """Return a console table of the timed rows of each operator."""
    return [_rows_table(operator, own) for operator, own in _by_operator(rows).items()]


def _rows_table(operator: str, rows: list[Row]) -> Table:
    headings, cells = _table(rows, separator="\n")
    table = Table(title=_title(operator))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in TIMES else "left")
    previous = None
    for row, line in zip(rows, cells, strict=True):
        if previous not in (None, (row.shape, row.threads)):
            table.add_section()
        previous = (row.shape, row.threads)
        table.add_row(*line, style="bold red" if any(ratio.missed for ratio in row.ratios) else None)
    return table


def measurements_table(measurements: tuple[Measurement, ...]) -> Table:
    """Return a console table of the single figures."""
    table = Table("measured", "value")
    for each in measurements:
        table.add_row(each.name, str(each), style="bold red" if each.missed else None)
    return table


def markdown(results: Results) -> str:
    """Return all tables in Markdown, for a README."""
    blocks = []
    by_operator = _by_operator(results.rows)
    for operator, rows in by_operator.items():
        if len(by_operator) > 1:
            blocks.append(f"**{_title(operator)}**")
        blocks.append(_markdown_table(*_table(rows, separator=", ")))
    if results.measurements:
        figures = [(each.name, str(each)) for each in results.measurements]
        blocks.append(_markdown_table(("measured", "value"), figures))
    return "\n\n".join(blocks)


def missed_targets(results: Results) -> list[str]:
    """Name every target that was missed, one a line."""
    several = len(_by_operator(results.rows)) > 1
    rows = [
        f"{row.operator} {row.label}: {ratio}" if several else f"{row.label}: {ratio}"
        for row in results.rows
        for ratio in row.ratios
        if ratio.missed
    ]
    return rows + [f"{each.name}: {each}" for each in results.measurements if each.missed]


def _title(operator: str) -> str:
    meaning = f": {OPERATORS[operator].meaning}" if operator in OPERATORS else ""
    return f"{operator}{meaning} (medians)"


def _by_operator(rows: tuple[Row, ...]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.operator, []).append(row)
    return groups


def _table(rows: list[Row], separator: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings, with every argument that any of the rows has, and the cells of each row."""
    arguments = dict.fromkeys(name for row in rows for name in row.arguments)
    headings = ("direction", *arguments, "shape", "layout", "threads", *TIMES, "ratios", "peers ms")
    cells = [
        (
            row.direction,
            *(shown(row.arguments[name]) if name in row.arguments else "" for name in arguments),
            *(dimensions(row.shape), row.layout, str(row.threads)),
            *map(_milliseconds, (row.seconds, row.iqr_seconds, row.copy_seconds, row.limit_seconds)),
            separator.join(map(str, row.ratios)),
            separator.join(f"{name} {_milliseconds(seconds)}" for name, seconds in row.peers.items()),
        )
        for row in rows
    ]
    return headings, cells


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def _markdown_table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
