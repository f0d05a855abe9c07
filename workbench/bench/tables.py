"""Show what a bench found: tables on the console, and in Markdown."""

from rich.table import Table

from workbench.bench.results import MISSED, PREDICTION, Measurement, Results, Row, dimensions, shown

TIMES = ("ms", "± IQR", "copy ms", "limit ms")
TITLES = {
    "LRN": "Local response normalization, float32, size 5 (medians)",
    "DropoutWithReplacement": "Dropout with replacement, float32 (medians)",
    "SparseDropoutWithReplacement": "Dropout of whole segments, int64 values, int32 lengths (medians)",
    "SparseItemwiseDropoutWithReplacement": "Dropout of single values of segments, int64 values (medians)",
    "SparseLpRegularizer": "Rows of an embedding table, float32, in place (medians)",
    "SparseLp": "Penalty and threshold of weights, float32, in place (medians)",
    "LpProx": "Proximal operators, float32 (medians)",
    "LpGradient": "Gradients of the penalty, float32 (medians)",
    "Lasso": "The Lasso to a given duality gap, float64 (medians)",
}
LRN_LEGEND = (
    "copy: a plain loop over the same bytes, as many threads. limit: that, or the square roots and divisions on data "
    f"that stays in L1, whichever is longer. {MISSED}: above its target."
)
DROPOUT_LEGEND = (
    "copy, and limit: a plain loop that reads as many values as the operator and writes as many, as many threads; "
    "marks and lengths are not counted. CSR: of values and column numbers. The peers' random numbers differ from ours "
    "and from run to run. numpy: generator and where, or for segments repeat and a boolean index; one thread whatever "
    f"is asked for. torch: scales what it keeps. {MISSED}: misses its target."
)
SPARSE_LP_LEGEND = (
    "copy, and limit: a plain loop, as many threads. Of rows, a gather of the same rows into a buffer and a scatter "
    "back, prefetched; of weights in place, a pass that changes their signs, the mask not counted; else a copy. numpy "
    "of rows: param[i] = param[i], no arithmetic; one thread whatever is asked for. torch: shrinks a row once however "
    f"often it is named. {MISSED}: misses its target."
)
LASSO_LEGEND = (
    "copy, and limit: a plain loop that reads X once, as many threads. gap: of |y - Xw|²/(2n) + alpha |w|₁, in units "
    "of |y|²/n, computed alike from every solver's weights. Each solver, ours too, has the largest tolerance "
    f"with which it gets there; the figures below tell which. {MISSED}: misses its target."
)
COST_LEGEND = (
    "predicted: counts times this machine's limits, nothing fitted to an operator. copy: a plain loop over the first "
    f"input, as many threads. {MISSED}: off by more than a factor of two."
)
LEGENDS = {
    "LRN": LRN_LEGEND,
    "SparseLpRegularizer": SPARSE_LP_LEGEND,
    "SparseLp": SPARSE_LP_LEGEND,
    "LpProx": SPARSE_LP_LEGEND,
    "LpGradient": SPARSE_LP_LEGEND,
    "Lasso": LASSO_LEGEND,
}


def rows_tables(rows: tuple[Row, ...]) -> list[Table]:
    """Return a console table of the timed rows of each operator."""
    return [_rows_table(operator, own) for operator, own in _by_operator(rows).items()]


def legends(rows: tuple[Row, ...]) -> list[str]:
    """Return what the tables of these rows have to be read with."""
    return list(dict.fromkeys(_legend(row) for row in rows))


def _legend(row: Row) -> str:
    held_against_the_clock = any(ratio.name == PREDICTION for ratio in row.ratios)
    return COST_LEGEND if held_against_the_clock else LEGENDS.get(row.operator, DROPOUT_LEGEND)


def _rows_table(operator: str, rows: list[Row]) -> Table:
    arguments = _arguments(rows)
    table = Table(title=TITLES.get(operator, operator))
    for heading in _headings(arguments):
        table.add_column(heading, justify="right" if heading in TIMES else "left")
    previous = None
    for row in rows:
        if previous not in (None, (row.shape, row.threads)):
            table.add_section()
        previous = (row.shape, row.threads)
        table.add_row(*_cells(row, arguments, separator="\n"), style="bold red" if _missed(row) else None)
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
            blocks.append(f"**{TITLES.get(operator, operator)}**")
        arguments = _arguments(rows)
        blocks.append(_markdown_table(_headings(arguments), [_cells(row, arguments, separator=", ") for row in rows]))
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


def _by_operator(rows: tuple[Row, ...]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.operator, []).append(row)
    return groups


def _arguments(rows: list[Row]) -> tuple[str, ...]:
    """Return the names of the arguments that any of the rows has."""
    return tuple(dict.fromkeys(name for row in rows for name in row.arguments))


def _headings(arguments: tuple[str, ...]) -> tuple[str, ...]:
    return ("direction", *arguments, "shape", "layout", "threads", *TIMES, "ratios", "peers ms")


def _cells(row: Row, arguments: tuple[str, ...], separator: str) -> tuple[str, ...]:
    return (
        row.direction,
        *(shown(row.arguments[name]) if name in row.arguments else "" for name in arguments),
        dimensions(row.shape),
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
