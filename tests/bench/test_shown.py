"""Tables, Markdown and the figure made from rows of one operator and of several."""

import matplotlib.colors
import pytest
from matplotlib.figure import Figure

from workbench.bench import figure, tables
from workbench.bench.results import Ratio, Results, Row


def row(operator, threads, arguments, ratios=(), peers=None, shape=(7, 5, 3), layout="NCHW"):
    times = {"seconds": 0.002, "iqr_seconds": 0.0001, "copy_seconds": 0.001, "limit_seconds": 0.0015}
    return Row(
        operator, "forward", shape, layout, threads, arguments, **times, peers=peers or {}, versions={}, ratios=ratios
    )


LRN = row("LRN", 1, {"beta": 0.75}, (Ratio("forward / limit", 2.0, 1.6),), {"torch": 0.02})
DROPOUT = row(
    "DropoutWithReplacement",
    2,
    {"ratio": 0.3, "scaled": True},
    (Ratio("ours / copy", 2.0), Ratio("torch / ours", 14.0, 15.0, at_least=True)),
    {"torch": 0.028},
    shape=(11, 13),
    layout="dense",
)
STORED = [
    row("DropoutWithReplacement", 1, {"ratio": 0.05, "stored": n}, (Ratio("ours / copy", 2.0),), shape=(17, 19))
    for n in (10, 100)
]


def test_each_operator_has_a_table_with_its_own_arguments():
    lrn, dropout = tables.rows_tables((LRN, DROPOUT, *STORED))
    assert lrn.title == "LRN: Divide each response by a power of the energy of its neighbours. (medians)"
    assert [column.header for column in lrn.columns][:5] == ["direction", "beta", "shape", "layout", "threads"]
    assert dropout.title == "DropoutWithReplacement: Replace each element with a given chance. (medians)"
    assert [column.header for column in dropout.columns][:5] == ["direction", "ratio", "scaled", "stored", "shape"]
    assert [list(column.cells) for column in dropout.columns][1:4] == [
        ["0.3", "0.05", "0.05"],
        ["yes", "", ""],
        ["", "10", "100"],
    ]


def test_markdown_names_operators_where_there_are_several():
    assert tables.markdown(Results((LRN,))).startswith("| direction | beta |")
    assert (
        "**DropoutWithReplacement: Replace each element with a given chance. (medians)**\n\n| direction | ratio |"
        in tables.markdown(Results((LRN, DROPOUT)))
    )
    assert "| ours / copy 2.00, torch / ours 14.00 (≥ 15) ✗ | torch 28 |" in tables.markdown(Results((DROPOUT,)))


def test_missed_targets_name_operators_where_there_are_several():
    assert tables.missed_targets(Results((LRN,))) == [
        "forward 0.75, 7×5×3 NCHW, 1 thread: forward / limit 2.00 (≤ 1.6) ✗"
    ]
    assert tables.missed_targets(Results((LRN, DROPOUT))) == [
        "LRN forward 0.75, 7×5×3 NCHW, 1 thread: forward / limit 2.00 (≤ 1.6) ✗",
        "DropoutWithReplacement forward ratio 0.3, scaled, 11×13 dense, 2 threads: torch / ours 14.00 (≥ 15) ✗",
    ]


def test_an_argument_becomes_a_field_of_a_json_row():
    content = DROPOUT.as_json()
    assert (content["ratio"], content["scaled"], content["shape"]) == (0.3, True, (11, 13))
    assert "arguments" not in content
    assert content["ratios"][1] == {"name": "torch / ours", "value": 14.0, "target": 15.0, "at_least": True}


def drawn(rows):
    """Draw every panel on axes of its own; return the grid and the axes by name."""
    grid, panels = figure._arrange(rows)
    axes = {}
    for name, (_, draw) in panels.items():
        axes[name] = Figure().subplots()
        draw(axes[name])
    return grid, axes


def test_panels_are_named_after_ratios_and_with_several_operators_after_those_too():
    assert drawn((LRN,))[0] == [["forward / limit"], ["peers", "peers"]]
    grid, _ = drawn((LRN, DROPOUT, *STORED))
    assert grid == [
        ["LRN\nforward / limit", "DropoutWithReplacement\nours / copy"],
        ["stored"],
        ["peers", "peers"],
    ]


def test_bars_are_coloured_by_their_targets_and_labelled():
    _, axes = drawn((LRN, DROPOUT))
    missed, free = axes["LRN\nforward / limit"], axes["DropoutWithReplacement\nours / copy"]
    assert [matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in missed.patches] == [figure.MISSED]
    assert [bar.get_width() for bar in missed.patches] == [2.0]
    assert [list(line.get_xdata()) for line in missed.lines] == [[1.6, 1.6]]
    assert missed.get_title() == "LRN\nforward / limit: at most 1.6"
    assert [matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in free.patches] == [figure.FREE]
    assert len(free.lines) == 0
    assert [label.get_text() for label in free.get_yticklabels()] == [
        "forward ratio 0.3, scaled, 11×13 dense, 2 threads"
    ]


def test_a_title_names_every_target():
    other = row("LRN", 1, {"beta": 0.6}, (Ratio("forward / limit", 2.0, 2.5),))
    _, axes = drawn((LRN, other))
    assert axes["forward / limit"].get_title() == "forward / limit: at most 1.6 or 2.5"


def test_peers_are_dots_beside_the_target_that_they_have():
    _, axes = drawn((LRN, DROPOUT))
    dots = [collection.get_offsets()[0][0] for collection in axes["peers"].collections]
    assert dots == pytest.approx([14.0, 10.0])  # DropoutWithReplacement comes first
    marks = [list(line.get_xdata()) for line in axes["peers"].lines]
    assert marks == [[15.0, 15.0], [1, 1]]


def test_stored_entries_are_curves_of_time_and_copy():
    _, axes = drawn((*STORED,))
    curves = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes["stored"].lines}
    assert curves == {
        "dropout, 1 thread": ([10, 100], [0.002, 0.002]),
        "copy, 1 thread": ([10, 100], [0.001, 0.001]),
    }
    assert (axes["stored"].get_xscale(), axes["stored"].get_yscale()) == ("log", "log")


def test_a_figure_of_curves_alone_is_drawn(tmp_path):
    figure.draw_ratios((*STORED,), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
