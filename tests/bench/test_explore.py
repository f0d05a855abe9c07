"""The measurement of sliders against an explorer made for it."""

import types

import pytest

from workbench.bench.driver import WrongResult
from workbench.bench.explore import measure_changes, slider_value
from workbench.machines.timing import Timing
from workbench.operator import Arg

ALPHA = Arg("alpha", float, 0.1, "", slider=(0.001, 10.0), scale="log")
SIZE = Arg("size", int, 5, "", low=1, step=2, slider=(1, 31))
BETA = Arg("beta", float, 0.75, "", slider=(0.0, 2.0), step=0.05)
ORDER = Arg("order", str, "NCHW", "", choices=("NCHW", "NHWC"))
ARGS = (ALPHA, SIZE, BETA, ORDER)


class Explorer:
    """Render what the sliders say, after waiting for them."""

    def __init__(self, render):
        self.sliders = {arg.name: types.SimpleNamespace(value=arg.default) for arg in ARGS}
        self.render = render
        self.frame = b""
        self.shown = []

    def wait(self):
        values = tuple(slider.value for slider in self.sliders.values())
        self.shown.append(values)
        self.frame = self.render(values)


def png(values):
    return b"\x89PNG\r\n\x1a\n" + repr(values).encode()


def test_each_slider_moves_in_turn_and_only_after_warming_up_counts():
    explorer = Explorer(png)
    ticks = iter(range(100))
    durations = [9.0, 9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    now = []

    def clock():
        n = next(ticks)
        now.append(sum(durations[: (n + 1) // 2]))
        return now[-1]

    assert measure_changes(explorer, ARGS, 5, clock) == Timing(3.0, 2.0)
    start = (0.1, 5, 0.75, "NCHW")
    moved = [
        [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        for before, after in zip([start, *explorer.shown], explorer.shown, strict=False)
    ]
    assert moved == [[0], [1], [2], [0], [1], [2], [0], [1]]


def test_slider_values_are_legal_and_on_the_sliders_scale():
    assert [slider_value(SIZE, step) for step in range(11)] == [1, 5, 7, 9, 13, 17, 19, 21, 25, 29, 31]
    assert [slider_value(ALPHA, step) for step in (0, 5, 10)] == pytest.approx([0.001, 0.1, 10.0])
    assert [slider_value(BETA, step) for step in (0, 5, 10)] == pytest.approx([0.0, 1.0, 2.0])


def test_a_frame_that_is_no_picture_is_wrong():
    with pytest.raises(WrongResult, match=r"alpha=.*no PNG picture"):
        measure_changes(Explorer(lambda values: b"<svg>"), ARGS, 4)


def test_a_figure_that_does_not_follow_is_wrong():
    with pytest.raises(WrongResult, match="6 slider changes gave 1 different frames"):
        measure_changes(Explorer(lambda values: png(())), ARGS, 6)


def test_an_explorer_without_sliders_is_wrong():
    with pytest.raises(WrongResult, match="no slider to move"):
        measure_changes(types.SimpleNamespace(sliders={}), ARGS, 6)
