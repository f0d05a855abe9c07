"""The measurement of sliders against an explorer made for it."""

import ipywidgets as widgets
import nbformat
import pytest

from workbench.bench.driver import WrongResult
from workbench.bench.explore import measure_moves, shown_by, values_in_turn
from workbench.bench.in_browser import _measured
from workbench.machines.timing import Timing


class Explorer:
    """Render what the controls say, after waiting for them."""

    def __init__(self, render):
        self.sliders = {
            "size": widgets.IntSlider(value=5, min=1, max=9, step=2),
            "order": widgets.ToggleButtons(value="NCHW", options=["NCHW", "NHWC"]),
            "scaled": widgets.Checkbox(value=False),
        }
        self.render, self.frame, self.shown = render, b"", []

    @property
    def values(self):
        return {name: slider.value for name, slider in self.sliders.items()}

    def move(self, name, value):
        self.sliders[name].value = value

    def wait(self):
        self.shown.append(tuple(self.values.values()))
        self.frame = self.render(self.shown[-1])


def png(values):
    return b"\x89PNG\r\n\x1a\n" + repr(values).encode()


def ticking(durations):
    """Return a clock that is asked before and after each move, which takes as long as said."""
    times, now = iter(durations), [0.0, False]

    def clock():
        if now[1]:
            now[0] += next(times)
        now[1] = not now[1]
        return now[0]

    return clock


def test_each_control_moves_in_turn_and_only_after_warming_up_counts():
    explorer = Explorer(png)
    walls, processors = ticking([9, 9, 9, 1, 2, 3, 4, 5]), ticking([9, 9, 9, 10, 30, 20, 50, 40])
    assert measure_moves(explorer, 5, walls, processors) == (Timing(3.0, 2.0), Timing(30.0, 20.0))
    start = (5, "NCHW", False)
    moved = [
        [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        for before, after in zip([start, *explorer.shown], explorer.shown, strict=False)
    ]
    assert moved == [[0], [1], [2], [0], [1], [2], [0], [1]]


def test_values_are_those_of_the_controls():
    explorer, found = Explorer(png), []
    for name, value in values_in_turn(explorer):
        explorer.move(name, value)
        found.append((name, value))
        if len(found) == 9:
            break
    assert [value for name, value in found if name == "size"] == [1, 3, 5]
    assert [value for name, value in found if name == "order"] == ["NHWC", "NCHW", "NHWC"]
    assert [value for name, value in found if name == "scaled"] == [True, False, True]


def test_a_frame_that_is_no_picture_is_wrong():
    with pytest.raises(WrongResult, match=r"size=.*no picture"):
        measure_moves(Explorer(lambda values: b"<svg>"), 4)


def test_a_figure_that_does_not_follow_is_wrong():
    with pytest.raises(WrongResult, match="8 moves gave 1 different frames"):
        measure_moves(Explorer(lambda values: png(())), 8)


def notebook(path, *cells):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return path


def test_a_notebook_runs_up_to_its_last_explorer(tmp_path):
    made = "from workbench.explore.explorer import SHOWN\ndef explore(name): SHOWN[name] = name"
    path = notebook(tmp_path / "a.ipynb", made, "explore('one')", "import os", "explore(os.getcwd())", "1 / 0")
    assert shown_by(path) == {"one": "one", str(tmp_path): str(tmp_path)}
    with pytest.raises(WrongResult, match=r"b\.ipynb: a cell fails: 1 / 0"):
        shown_by(notebook(tmp_path / "b.ipynb", "1 / 0", "explore()"))


def test_an_explorer_that_does_not_follow_in_the_browser_is_wrong(tmp_path):
    class Page:
        def run(self, script, which, moves, drag):
            return ["curve", [30.0, 50.0, 40.0, 70.0, 60.0][:found], [12.0, 10.0, 17.0] if found else []]

    found = 5
    assert _measured(Page(), tmp_path / "07-a.ipynb", 3, 20) == ("07 curve", 50.0, 12.0)
    found = 4
    with pytest.raises(WrongResult, match=r"07-a\.ipynb, curve: 20 moves gave 4 new pictures"):
        _measured(Page(), tmp_path / "07-a.ipynb", 3, 20)
