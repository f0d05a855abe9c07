import base64
import importlib
import io
import re
import shlex
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench import drawing, dropout_with_replacement, local_response_norm
from workbench.explore import explore, frames, renderer
from workbench.explore import explorer as module
from workbench.lrn import plots
from workbench.operator import Arg

VIEW = "application/vnd.jupyter.widget-view+json"


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
    assert explorer._picture.layout.visibility == "hidden"  # and it keeps its place on the page
    assert explorer._picture.layout.display == ""
    assert "is not positive at" in explorer._alert.value
    assert explorer.frame == frame
    explorer.sliders["alpha"].value = 0.05
    assert explorer.wait(20)
    assert explorer.message is None
    assert explorer._alert.value == ""
    assert explorer._picture.layout.visibility == "visible"


def test_lines_reproduce_what_is_seen():
    explorer = explore("LRN", plots.response_curve, notebook="notebooks/01-lrn.ipynb")
    explorer.sliders["size"].value = 3
    explorer.sliders["alpha"].value = 0.123456
    assert explorer.wait(20, final=True)
    assert explorer.python == "workbench.local_response_norm(x, size=3, alpha=0.123, beta=0.75, bias=1.0)"
    assert explorer.command == (
        "workbench run notebooks/01-lrn.ipynb -p size 3 -p alpha 0.123 -p beta 0.75 -p bias 1.0"
    )
    assert explorer.command in explorer._lines.value
    expected = eval(explorer.python, {"workbench": __import__("workbench"), "x": np.array([[4.0, 10.0]])})
    drawn = np.interp(4.0, *curve(explorer, "energy 100.0").get_data())
    assert drawn == pytest.approx(expected[0, 0], rel=1e-3)


def shown(explorer):
    """Return the outputs of a cell that ends with the explorer, as (data, metadata)."""
    with pytest.MonkeyPatch.context() as patch:
        outputs = []
        patch.setattr("IPython.display.display", lambda data, metadata, raw: outputs.append((data, metadata)))
        explorer._ipython_display_()
    return outputs


def test_without_a_kernel_the_stored_picture_is_shown():
    explorer = explore("LRN", plots.response_curve)
    (view, _), (data, metadata), (note, _) = shown(explorer)
    # JupyterLab shows an error for a widget without a kernel, whatever else its output holds.
    assert view == {VIEW: {"version_major": 2, "version_minor": 0, "model_id": explorer.model_id}}
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size == (1320, 840)
    assert data["text/plain"] == explorer.python
    assert "alpha = 1.0" in metadata["image/png"]["alt"]
    assert {kind: metadata["image/png"][kind] for kind in ("width", "height")} == {"width": 660, "height": 420}
    assert "<small>Run this cell with a kernel to get its sliders.</small>" in note["text/html"]
    assert "workbench-explorer" in explorer._dom_classes  # the note's styles look for it
    assert ".workbench-explorer" in note["text/html"]


def test_a_report_run_keeps_the_first_picture_under_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_FIGURES", str(tmp_path))
    outputs = shown(explore("LRN", plots.response_curve, name="curve", alt="A curve.", sliders={"bias": (0.5, 2.0)}))
    image = {"alt": "A curve.", "width": 660, "height": 420}
    assert [metadata for _, metadata in outputs] == [{}, {"image/png": image, "workbench": {"figure": "curve"}}, {}]
    assert Image.open(tmp_path / "curve.png").size == (1320, 840)
    assert "<svg" in (tmp_path / "curve.svg").read_text()


def test_values_that_cannot_be_drawn_are_shown_by_their_message():
    _, (data, metadata), _ = shown(explore("LRN", plots.response_curve, alpha=-0.1))
    assert data.keys() == {"text/plain"}
    assert data["text/plain"].startswith("ValueError: ")
    assert metadata == {}


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
        (
            lambda: explore("LRN", plots.response_curve, sliders={"aplha": (0, 1)}),
            ValueError,
            "sliders: 'aplha' is not controlled; choose from 'size', 'alpha', 'beta', 'bias'",
        ),
        (
            lambda: explore("LRN", plots.response_curve, parameters=("size", "region")),
            ValueError,
            "parameters: 'region' is not controlled; choose from 'size'",
        ),
        (
            lambda: explore("LRN", plots.response_curve, python="f({size}, {biass!r})"),
            ValueError,
            "python: 'biass' is not controlled; choose from 'size'",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_slow_work_skips_to_the_newest_values(monkeypatch):
    monkeypatch.setattr(renderer, "REST", 1e-3)
    drawn, started, go_on = [], threading.Event(), threading.Event()

    def draw(values, final):
        started.set()
        go_on.wait(20)
        drawn.append((values["v"], final))

    worker = renderer.Renderer(draw)
    worker.request({"v": 0})
    assert started.wait(20)
    assert not worker.wait(0)  # nothing waits, but a drawing goes on
    for v in range(1, 50):
        worker.request({"v": v})
    assert not worker.wait(0)
    go_on.set()
    assert worker.wait(20, final=True)
    assert drawn == [(0, False), (49, False), (49, True)]
    worker.request({"v": 50})
    assert worker.wait(20, final=True)
    assert drawn[3:] == [(50, False), (50, True)]
    for thread in threading.enumerate():  # at rest, no thread is left
        if thread.name == "workbench-explore":
            thread.join(20)
            assert not thread.is_alive()


def test_a_moving_picture_is_quick_and_the_final_one_is_sharp_and_laid_out(monkeypatch):
    monkeypatch.setattr(renderer, "REST", 1e-3)
    wide = {"labels": 0}

    @drawing.plot(size=(3.0, 2.0))
    def ticks(seed, *, ax=None):
        """Draw an axis with long labels."""
        ax.set(ylim=(0, 10.0**seed), ylabel="counts")
        ax.yaxis.set_major_formatter("{x:.0f}")
        wide["labels"] = seed

    explorer = explore("DropoutWithReplacement", ticks, seed=1)
    assert pixels(explorer.frame).shape == (400, 600, 3)
    sizes = []
    explorer._picture.observe(lambda change: sizes.append(pixels(change.new).shape), "value")
    explorer.sliders["seed"].value = 9
    assert explorer.wait(20, final=True)
    assert wide["labels"] == 9
    assert sizes == [(200, 300, 3), (400, 600, 3)]
    assert explorer._picture.layout.width == "300px"
    figure = drawing.figure_of(explorer._axes)
    assert figure.axes[0].yaxis.label.get_window_extent().x0 >= 0


def test_a_control_that_moves_on_does_not_wait_for_the_final_picture(monkeypatch):
    monkeypatch.setattr(renderer, "REST", 1e-3)
    explorer = explore("LRN", plots.response_curve)
    lay_out, encode, encoded = drawing.lay_out, drawing.encode, []

    def move_on(figure, density):
        lay_out(figure, density)
        if explorer.values["bias"] != 3.0:
            explorer.move("bias", 3.0)

    monkeypatch.setattr(drawing, "lay_out", move_on)
    monkeypatch.setattr(drawing, "encode", lambda *given: encoded.append(explorer.values["bias"]) or encode(*given))
    explorer.move("bias", 2.5)
    assert explorer.wait(20, final=True)
    assert encoded == [3.0]
    shown = pixels(explorer.frame)
    assert (shown == pixels(explorer.picture_at(explorer.values, 2, final=True))).all()


def test_a_drawing_that_takes_long_says_that_it_is_busy(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1e-3)
    go_on = threading.Event()
    go_on.set()

    @drawing.plot()
    def slow(ratio=0.5, *, ax=None):
        """Draw when told to."""
        go_on.wait(20)

    explorer = explore("DropoutWithReplacement", slow)
    assert explorer._alert.value == ""
    told = threading.Event()
    explorer._alert.observe(lambda change: told.set() if "role='status'" in change.new else None, "value")
    go_on.clear()
    explorer.sliders["ratio"].value = 0.25
    assert told.wait(20)
    go_on.set()
    assert explorer.wait(20)
    assert explorer._alert.value == ""


def test_a_number_that_is_typed_is_kept_and_what_is_not_allowed_is_said():
    explorer = explore("LRN", plots.response_curve, sliders={"bias": (-0.06, 0.2)}, bias=0.2)
    alpha, bias, size = (explorer.fields[name] for name in ("alpha", "bias", "size"))
    alpha.value, bias.value = 5.0, 0.1  # the sliders' steps are 0.05 of a power of ten, and 0.0026
    assert explorer.wait(20)
    assert explorer.python == "workbench.local_response_norm(x, size=5, alpha=5.0, beta=0.75, bias=0.1)"
    assert explorer.sliders["alpha"].value == pytest.approx(5.0)
    explorer.sliders["alpha"].value = 10**0.7  # a browser moves the slider to the step nearest to 5
    assert explorer.values["alpha"] == 5.0
    explorer.sliders["alpha"].value = 10**0.75
    assert explorer.values["alpha"] == 5.62
    alpha.value = 12.3456  # beyond the slider's end, 10
    assert explorer.wait(20)
    assert explorer.values["alpha"] == 12.3456
    assert explorer.sliders["alpha"].base ** explorer.sliders["alpha"].max == pytest.approx(12.3456)
    size.value = 4
    assert explorer.wait(20)
    assert "size=4: must be an odd whole number" in explorer.message
    assert "the nearest legal values are 3 and 5" in explorer._alert.value
    assert explorer.sliders["size"].value == 5
    size.value = 7
    assert explorer.wait(20)
    assert explorer.message is None
    assert explorer.sliders["size"].value == 7


def test_a_slider_writes_three_digits_into_its_field():
    explorer = explore("LRN", plots.response_curve, beta=0.123456, alpha=0.03)
    assert explorer.values["beta"] == 0.123456
    explorer.sliders["alpha"].value = 10**-1.5  # a browser moves the new slider to the step nearest to 0.03
    assert explorer.values["alpha"] == 0.03
    explorer.sliders["beta"].value = 0.98765
    assert explorer.fields["beta"].value == explorer.values["beta"] == 0.988
    assert explorer.sliders["beta"].value == 0.98765  # it does not jump under the hand that moves it


def test_a_step_on_a_log_scale_is_in_powers_of_ten_and_the_field_takes_any_number():
    about = {"low": 0.002, "high": 10.0, "slider": (10**-2.5, 10.0), "scale": "log", "step": 0.5}
    rate = Arg("rate", float, 1.0, "rate", **about)
    explorer = explore(None, lambda rate, ax=None: plots.response_curve(alpha=rate, ax=ax), extra=(rate,))
    assert frames.stops(explorer, "rate", 8) == [0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0, 3.16, 10.0]
    assert explorer.fields["rate"].step is None
    explorer.move("rate", 0.05)
    assert explorer.values == {"rate": 0.05}
    assert explorer.wait(20)


def test_what_a_reader_hears():
    explorer = explore("LRN", plots.response_curve, alt="Three curves.")
    assert "<span class='workbench-alt'" in explorer._words.value
    assert ">Three curves.</span>" in explorer._words.value
    explorer.sliders["size"].value = 3
    assert explorer.wait(20, final=True)
    assert "silent, active and strong. At size = 3, alpha = 1.0, beta = 0.75, bias = 1.0." in explorer._words.value
    rows = explorer.children[:4]
    assert [each._dom_classes for each in rows] == [
        ("workbench-linear",),
        ("workbench-log",),
        ("workbench-linear",),
        ("workbench-log",),
    ]
    assert [each.children[0].description for each in rows] == ["size", "alpha", "beta", "bias"]


@pytest.mark.parametrize("doc", [None, "", "\n    \n"])
def test_a_plot_without_a_docstring_is_described_by_its_name(doc):
    @drawing.plot()
    def share_of_zeros(ratio=0.5, *, ax=None):
        pass

    share_of_zeros.__doc__ = doc
    assert explore("DropoutWithReplacement", share_of_zeros).alt == "Share of zeros. At ratio = 0.5."


def test_a_picture_is_described_not_ordered():
    code, said = drawing.plot()(len).__code__, {}
    for file in sorted(Path("workbench").rglob("*.py")):
        if count := file.read_text(encoding="utf-8").count("\n@drawing.plot("):
            place = importlib.import_module(".".join(file.with_suffix("").parts))
            found = {each for each in vars(place).values() if getattr(each, "__code__", None) is code}
            assert len(found) == count
            said |= {f"{each.__module__}.{each.__name__}": module.content(each) for each in found}
    assert said["workbench.sparse_dropout.plots.dropped_elements"].startswith("A matrix with many")
    orders = re.compile(r"\b(draw|join|mark|plot|show|write)\b", re.IGNORECASE)
    assert {name: words for name, words in said.items() if orders.search(words) or not words[0].isupper()} == {}


def test_the_command_can_be_pasted_into_a_shell():
    explorer = explore("LRN", plots.response_curve, notebook="my notes/it's LRN.ipynb")
    assert shlex.split(explorer.command)[:3] == ["workbench", "run", "my notes/it's LRN.ipynb"]
    assert len(shlex.split(explorer.command)) == 3 + 3 * 4


def test_what_sliders_can_reach_is_compiled_once_somebody_sees_them(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "compile_ahead", lambda *arguments: asked.append(arguments))
    explorer = explore("LRN", plots.response_curve, sliders={"alpha": (0.0, 2.0)}, bias=2.0)
    assert not asked  # such as in a run without a browser
    explorer._view_count = 1
    explorer._view_count = 2
    (plot, operator, args, values), *others = asked
    assert (plot, operator.name, others) == (plots.response_curve, "LRN", [])
    assert {arg.name: arg.slider for arg in args}["alpha"] == (0.0, 2.0)
    assert values == {"size": 5, "alpha": 1.0, "beta": 0.75, "bias": 2.0}


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


def counted(step: int = 3, *, ax=None):
    """A line that ends at a step."""
    ax = plots.response_curve(ax=ax)
    drawing.line(ax, "step", [0, step], [0, step])
    return ax


def test_buttons_play_a_control_of_no_operator():
    step = Arg("step", int, 3, "steps so far", low=0, high=9)
    explorer = explore(None, counted, extra=[step], play="step", pace=2, step=8, python="counted({step})")
    assert explorer.python == "counted(8)"
    explorer.restart.click()
    assert explorer.wait(20)
    assert (explorer.play.value, curve(explorer, "step").get_xdata()[1]) == (0, 0)
    explorer.play.value += explorer.play.step  # what the browser does at each interval
    explorer.step.click()
    assert explorer.wait(20)
    assert (explorer.values, curve(explorer, "step").get_xdata()[1]) == ({"step": 3}, 3)
    for _ in range(8):
        explorer.step.click()
    assert explorer.values == {"step": 9}
    assert explorer.wait(20)
    with pytest.raises(ValueError, match="play: 'time' is not controlled; choose from 'step'"):
        explore(None, counted, extra=[step], play="time")


def test_reset_moves_all_controls_to_the_start():
    step = Arg("step", int, 3, "steps so far", low=0, high=9)
    explorer = explore(None, counted, extra=[step], play="step", step=8)
    explorer.play.playing = True
    explorer.move("step", 2)
    explorer.reset.click()
    assert explorer.wait(20)
    assert (explorer.values, explorer.play.playing) == ({"step": 8}, False)
    explorer = explore("LRN", plots.response_curve, alpha=0.3)
    first = explorer.frame
    explorer.move("alpha", 99.0)
    explorer.move("size", 7)
    explorer.reset.click()
    assert explorer.wait(20, final=True)
    assert explorer.values == explorer.start
    assert np.array_equal(pixels(explorer.frame), pixels(first))
