"""Show the results of a bench as tables, on the console and in Markdown."""

from rich.table import Table

from workbench.bench.results import Measurement, Results, Row, dimensions, shown
from workbench.operator import OPERATORS

TIMES = ("ms", "± IQR", "copy ms", "limit ms")


def rows_tables(rows: tuple[Row, ...]) -> list[Table]:
    """Return a console table of timed rows for each operator, with a column for every argument of any row."""
    by_operator: dict[str, list[Row]] = {}
    for row in rows:
        by_operator.setdefault(row.operator, []).append(row)
    tables = []
    for operator, own in by_operator.items():
        meaning = f": {OPERATORS[operator].meaning}" if operator in OPERATORS else ""
        tables.append(Table(title=f"{operator}{meaning} (medians)"))
        arguments = dict.fromkeys(name for row in own for name in row.arguments)
        for heading in ("direction", *arguments, "shape", "layout", "threads", *TIMES, "ratios", "peers ms"):
            tables[-1].add_column(heading, justify="right" if heading in TIMES else "left")
        previous = None
        for row in own:
            if previous not in (None, (row.shape, row.threads)):
                tables[-1].add_section()
            previous = (row.shape, row.threads)
            tables[-1].add_row(
                row.direction,
                *(shown(row.arguments[name]) if name in row.arguments else "" for name in arguments),
                *(dimensions(row.shape), row.layout, str(row.threads)),
                *map(_milliseconds, (row.seconds, row.iqr_seconds, row.copy_seconds, row.limit_seconds)),
                "\n".join(map(str, row.ratios)),
                "\n".join(f"{name} {_milliseconds(seconds)}" for name, seconds in row.peers.items()),
                style="bold red" if any(ratio.missed for ratio in row.ratios) else None,
            )
    return tables


def measurements_table(measurements: tuple[Measurement, ...]) -> Table:
    """Return a console table of the single figures."""
    table = Table("measured", "value")
    for each in measurements:
        table.add_row(each.name, str(each), style="bold red" if each.missed else None)
    return table


def markdown(results: Results) -> str:
    """Return all tables in Markdown, for a README; each has its title if there are several operators."""
    tables = rows_tables(results.rows)
    several = len(tables) > 1
    if results.measurements:
        tables.append(measurements_table(results.measurements))
    blocks = []
    for table in tables:
        if several and table.title:
            blocks.append(f"**{table.title}**")
        headings = [str(column.header) for column in table.columns]
        cells = zip(*(column.cells for column in table.columns), strict=True)
        lines = [headings, ["---"] * len(headings), *cells]
        blocks.append("\n".join("| " + " | ".join(line).replace("\n", ", ") + " |" for line in lines))
    return "\n\n".join(blocks)


def missed_targets(results: Results) -> list[str]:
    """Return a line for every missed target."""
    several = len({row.operator for row in results.rows}) > 1
    rows = [
        f"{row.operator} {row.label}: {ratio}" if several else f"{row.label}: {ratio}"
        for row in results.rows
        for ratio in row.ratios
        if ratio.missed
    ]
    return rows + [f"{each.name}: {each}" for each in results.measurements if each.missed]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"
