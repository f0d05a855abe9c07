"""The pictures of costs hold the right values."""

import numpy as np
import pytest

from tests.machines.flat import flat_limits
from tests.pictures import artist, data, draw_again, heights, render, title
from workbench.architectures import plots
from workbench.architectures.layer_costs import convolution, relu
from workbench.architectures.networks import alexnet, one_convolution
from workbench.architectures.overhead import overhead
from workbench.lrn.cost import cost as lrn_cost
from workbench.machines.prediction import predict
from workbench.machines.published import KNOWN


def milliseconds(cost):
    return 1e3 * predict(cost, KNOWN["a100"]).seconds


def test_layers_time_draws_predictions_of_each_layer():
    shape = (2, 32, 56, 56)
    ax = plots.layers_time(7, 0.75, channels=32, pixels=56, batch=2, machine="a100")
    for direction in ("forward", "gradient"):
        drawn = heights(ax[0], direction)
        assert drawn[0] == pytest.approx(milliseconds(convolution(direction, shape, 32, 3, padding=1)))
        assert drawn[1] == pytest.approx(milliseconds(relu(direction, shape)))
        assert drawn[2] == pytest.approx(milliseconds(lrn_cost(direction, shape, 7)) + 1e3 * 5e-6)  # and its launch
    assert artist(ax[1], "size").get_xdata()[0] == 7
    share = np.interp(7, *data(ax[1], "direct"))
    total = sum(heights(ax[0], "forward")) + sum(heights(ax[0], "gradient"))
    lrn = heights(ax[0], "forward")[2] + heights(ax[0], "gradient")[2]
    assert share == pytest.approx(100 * lrn / total)
    assert f"{lrn / total:.1%}" in title(ax[0])


def test_layers_time_moves_what_it_drew():
    ax = plots.layers_time(5, channels=16, pixels=28)
    before = heights(ax[0], "forward")
    draw_again(plots.layers_time, ax, 5, channels=64, pixels=28, order="NHWC")
    assert heights(ax[0], "forward")[0] > before[0]
    with pytest.raises(ValueError, match="machine='mine': must be one of 'laptop'"):
        plots.layers_time(machine="mine")


def test_shares_are_percent_of_what_is_there_without():
    found = [overhead(network, "LRN", KNOWN["laptop"]) for network in (alexnet(), one_convolution())]
    ax = plots.shares(found)
    for panel, direction in zip(ax, ("forward", "gradient"), strict=True):
        for i, each in enumerate(found):
            shares = getattr(each, direction).shares
            expected = [100 * shares[name] for name in ("flops", "bytes", "seconds", "memory")]
            assert heights(panel, f"{each.network} {i}") == pytest.approx(expected)


def test_the_roofline_bends_where_memory_feeds_the_peak():
    # A billion FLOPs a second, a tenth of that in bytes: the roof rises to ten FLOPs a byte and is flat beyond.
    ax = plots.roofline(flat_limits(), {"slow": (0.1, 1e6)}, {"slow": (1.0, 1e7), "only": (20.0, 5e8)}, memory=1e8)
    x, y = data(ax, "from memory")
    np.testing.assert_allclose(y[x < 10], 1e8 * x[x < 10])
    np.testing.assert_allclose(y[x > 10], 1e9)
    assert artist(ax, "NumPy").get_xydata().tolist() == [[0.1, 1e6]]
    assert artist(ax, "compiled").get_xydata().tolist() == [[1.0, 1e7], [20.0, 5e8]]
    assert artist(ax, "way slow").get_xydata().tolist() == [[0.1, 1e6], [1.0, 1e7]]
    assert {text.get_text() for text in ax.texts} == {"1", "2"}


def test_predicted_against_measured():
    ax = plots.predicted_and_measured([1e-3, 2e-3, 4e-3], [1e-3, 1e-3, 8e-3], ["a", "b", "a"])
    assert artist(ax, "a").get_xydata().tolist() == [[1e-3, 1e-3], [8e-3, 4e-3]]
    assert artist(ax, "b").get_xydata().tolist() == [[1e-3, 2e-3]]
    low, high = ax.get_xlim()
    np.testing.assert_allclose(artist(ax, "factor 2").get_xydata(), [[low, 2 * low], [high, 2 * high]])


@pytest.mark.parametrize("make", [lambda: plots.layers_time(), lambda: plots.shares([overhead(alexnet(), "LRN")])])
def test_pictures_can_be_drawn(make):
    render(make())


def test_the_scales_of_layers_time_stay_when_the_sliders_move():
    panels = plots.layers_time()
    scales = [panel.get_ylim() for panel in panels]
    for moved in ({"channels": 1, "pixels": 7}, {"channels": 512, "pixels": 448, "batch": 64}, {"size": 31}):
        draw_again(plots.layers_time, panels, **moved)
        assert [panel.get_ylim() for panel in panels] == scales
        lines = [line for line in panels[1].lines if line.get_gid() in plots.FORMS]
        shown = heights(panels[0]), np.concatenate([line.get_ydata() for line in lines])
        for (low, high), values in zip(scales, shown, strict=True):
            assert low < min(values) <= max(values) < high
