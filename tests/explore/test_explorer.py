import base64
import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from workbench import drawing, dropout_with_replacement, local_response_norm
from workbench.explore import explore
from workbench.explore.explorer import Renderer
from workbench.lrn import plots
from workbench.operator import Arg


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def curve(explorer, key):
    return next(line for line in explorer._axes.lines if line.get_gid() == key)


def test_sliders_come_from_the_declaration():
    explorer = explore("LRN", plots.response_curve)
    assert list(explorer.sliders) == ["size", "alpha", "beta", "bias"]  # the plot takes neither order nor region
    size, alpha = explorer.sliders["size"], explorer.sliders["alpha"]
    assert (size.value, size.min, size.max, size.step) == (5, 1, 31, 2)
    assert (alpha.base**alpha.min, alpha.base**alpha.max) == pytest.approx((1e-5, 10.0))
    assert "excites" in alpha.tooltip


def test_moving_a_slider_moves_the_same_artists():
    explorer = explore("LRN", plots.response_curve)
    before, line, axes = explorer.frame, curve(explorer, "energy 10.0"), explorer._axes
    explorer.sliders["beta"].value = 1.0
    assert explorer.wait(20)
    assert explorer._axes is axes
    assert curve(explorer, "energy 10.0") is line
    assert len(axes.lines) == 4
    # y(4) with neighbours' squares 10: 4 / (1 + (16 + 10) / 5)
    assert np.interp(4.0, *line.get_data()) == pytest.approx(4 / 6.2, rel=1e-3)
    assert not np.array_equal(pixels(explorer.frame), pixels(before))


def test_illegal_values_show_their_message_and_recover():
    explorer = explore("LRN", plots.response_curve, sliders={"alpha": (-0.1, 0.1)}, alpha=0.1)
    frame = explorer.frame
    explorer.sliders["alpha"].value = -0.1
    assert explorer.wait(20)
    assert "is not positive at" in explorer.message
    assert explorer._picture.layout.display == "none"
    assert "is not positive at" in explorer._alert.value
    assert explorer.frame == frame
    explorer.sliders["alpha"].value = 0.05
    assert explorer.wait(20)
    assert explorer.message is None
    assert explorer._alert.value == ""
    assert explorer._picture.layout.display == ""


def test_lines_reproduce_what_is_seen():
    explorer = explore("LRN", plots.response_curve, notebook="notebooks/01-lrn.ipynb")
    explorer.sliders["size"].value = 3
    explorer.sliders["alpha"].value = 0.123456
    assert explorer.wait(20)
    assert explorer.python == "workbench.local_response_norm(x, size=3, alpha=0.123, beta=0.75, bias=1.0)"
    assert explorer.command == (
        "workbench run notebooks/01-lrn.ipynb -p size 3 -p alpha 0.123 -p beta 0.75 -p bias 1.0"
    )
    assert explorer.command in explorer._lines.value
    expected = eval(explorer.python, {"workbench": __import__("workbench"), "x": np.array([[4.0, 10.0]])})
    drawn = np.interp(4.0, *curve(explorer, "energy 100.0").get_data())
    assert drawn == pytest.approx(expected[0, 0], rel=1e-3)


def test_without_a_kernel_the_default_picture_is_shown():
    explorer = explore("LRN", plots.response_curve)
    data, metadata = explorer._repr_mimebundle_()
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size == (660, 420)
    assert data["text/plain"] == explorer.python
    assert "alpha = 1.0" in metadata["image/png"]["alt"]


def test_a_report_run_keeps_the_first_picture_under_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_FIGURES", str(tmp_path))
    _, metadata = explore(
        "LRN", plots.response_curve, name="curve", alt="A curve.", sliders={"bias": (0.5, 2.0)}
    )._repr_mimebundle_()
    assert metadata == {"image/png": {"alt": "A curve."}, "workbench": {"figure": "curve"}}
    assert Image.open(tmp_path / "curve.png").size == (1320, 840)
    assert "<svg" in (tmp_path / "curve.svg").read_text()


def test_extra_arguments_data_and_choices():
    maps = np.random.default_rng(0).random((9, 4, 5)).astype(np.float32)
    explorer = explore("LRN", plots.normalized_maps, maps=maps, size=3)
    assert list(explorer.sliders["region"].options) == ["across", "within"]
    extra = [Arg("channel", int, 0, "the channel to look at", low=0, high=6)]
    data = {"responses": np.arange(1.0, 8.0), "channel": 2, "extra": extra}
    assert "channel" not in explore("LRN", plots.window_over_channels, **data).python
    bars = explore(
        "LRN",
        plots.window_over_channels,
        **data,
        notebook="notebooks/some.ipynb",
        parameters=("channel",),
        python="plots.window_over_channels(responses, {size}, channel={channel})",
    )
    bars.sliders["channel"].value = 4
    assert bars.wait(20)
    assert bars._axes[0].get_title("left") == "Channel 4 is divided by the sum over its window of 5"
    assert bars.python == "plots.window_over_channels(responses, 5, channel=4)"
    assert bars.command.startswith("workbench run notebooks/some.ipynb -p size 5")
    assert bars.command.endswith(" -p channel 4")


def test_an_extra_argument_in_place_of_the_operators_own():
    choice = Arg("replacement", str, "zero", "a strategy", choices=("zero", "mean", "median"))
    seen = []

    @drawing.plot()
    def replaced(replacement="mean", ratio=0.5, seed=3, *, ax=None):
        """Draw what three values become."""
        seen.append((replacement, ratio, seed))
        ax.plot(dropout_with_replacement(np.array([1.0, 2.0, 6.0]), ratio, replacement, seed=seed)[0])

    explorer = explore("DropoutWithReplacement", replaced, extra=[choice], ratio=1.0)
    assert list(explorer.sliders) == ["ratio", "replacement", "seed"]  # in its place, once
    assert list(explorer.sliders["replacement"].options) == ["zero", "mean", "median"]
    assert explorer.sliders["replacement"].tooltip == "replacement: a strategy"
    assert explorer.sliders["seed"].value == 3
    explorer.sliders["replacement"].value = "median"
    assert explorer.wait(20)
    assert explorer.message is None
    assert seen == [("mean", 1.0, 3), ("median", 1.0, 3)]
    assert explorer.python == "workbench.dropout_with_replacement(x, ratio=1.0, replacement='median', seed=3)"
    y, dropped = eval(explorer.python, {"workbench": __import__("workbench"), "x": np.array([1.0, 2.0, 6.0])})
    assert y.tolist() == [2.0, 2.0, 2.0]
    assert dropped.all()


def test_an_argument_without_a_default_needs_a_start():
    @drawing.plot()
    def drawn(seed, *, ax=None):
        """Draw nothing."""

    with pytest.raises(TypeError, match="seed: is missing; give a whole number from 0 to"):
        explore("DropoutWithReplacement", drawn)
    assert explore("DropoutWithReplacement", drawn, seed=7).sliders["seed"].value == 7


def test_a_start_outside_the_slider_or_below_zero_widens_the_range():
    assert explore("LRN", plots.response_curve, size=41).sliders["size"].max == 41
    slider = explore("LRN", plots.inhibition_and_excitation, alpha=-0.2).sliders["alpha"]
    assert (slider.min, slider.value, slider.max) == (-0.4, -0.2, 0.4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: explore("LNR", plots.response_curve), ValueError, "operator='LNR': must be one of 'LRN'"),
        (lambda: explore("LRN", plots.response_curve, size=4), ValueError, "size=4: must be an odd whole number"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_slow_work_skips_to_the_newest_values():
    drawn, started, go_on = [], threading.Event(), threading.Event()

    def draw(values):
        started.set()
        go_on.wait(20)
        drawn.append(values["v"])

    renderer = Renderer(draw)
    renderer.request({"v": 0})
    assert started.wait(20)
    for v in range(1, 50):
        renderer.request({"v": v})
    assert not renderer.wait(0)
    go_on.set()
    assert renderer.wait(20)
    assert drawn == [0, 49]


def test_rounds_of_changes_from_several_threads_end_at_the_last():
    explorer = explore("LRN", plots.response_curve)

    def turn(name, values):
        for value in values:
            explorer.sliders[name].value = value
            time.sleep(0.001)

    threads = [
        threading.Thread(target=turn, args=("beta", np.linspace(0.1, 1.5, 15))),
        threading.Thread(target=turn, args=("bias", np.linspace(0.5, 5.0, 15))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert explorer.wait(20)
    y = np.interp(4.0, *curve(explorer, "energy 0.0").get_data())
    assert y == pytest.approx(local_response_norm(np.array([[4.0]]), 5, 1.0, 1.5, 5.0)[0, 0], rel=1e-3)


def test_encoded_frame_is_the_figure():
    axes = plots.response_curve()
    assert pixels(drawing.encode(drawing.figure_of(axes))).shape == (420, 660, 3)
