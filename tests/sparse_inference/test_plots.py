"""Pictures of times by the share of zeros."""

import numpy as np

from tests.pictures import artist, data, draw_again, labels, render
from workbench.sparse_inference import plots

ZEROS = (0.0, 0.5, 0.9, 0.99)
RATIOS = {"CSR": (4.0, 2.0, 0.5, 0.1), "bitmap": (2.0, 1.8, 1.6, 1.5), "rows": (1.0, 0.5, 0.1, 0.01)}
PREDICTED = {"CSR": (3.0, 1.5, 0.4, 0.1), "bitmap, int8": (0.9, 0.8, 0.7, 0.6)}


def test_time_over_dense_marks_the_crossings():
    ax = plots.time_over_dense(ZEROS, RATIOS, PREDICTED)
    x, y = data(ax, "measured CSR")
    assert (x.tolist(), y.tolist()) == ([*ZEROS], [*RATIOS["CSR"]])
    np.testing.assert_allclose(data(ax, "crossing CSR"), ([0.7], [1.0]))
    assert np.isnan(data(ax, "crossing bitmap")[0]).all()
    assert np.isnan(data(ax, "crossing rows")[0]).all()
    assert data(ax, "predicted CSR")[1].tolist() == [*PREDICTED["CSR"]]
    expected = 0.5 + 0.4 * np.log(1.5) / np.log(1.5 / 0.4)
    np.testing.assert_allclose(data(ax, "predicted crossing CSR")[0], [expected])
    assert labels(ax) == ["CSR: faster from 70%", "bitmap: never faster", "rows: faster from 0%", "bitmap, int8"]
    assert artist(ax, "measured CSR").get_color() == artist(ax, "predicted CSR").get_color()
    assert "dashed: predicted" in ax.get_xlabel()
    assert ax.get_yscale() == "log"
    render(ax)
    draw_again(plots.time_over_dense, ax, ZEROS, RATIOS, PREDICTED)


def test_predictions_alone():
    ax = plots.time_over_dense(ZEROS, {}, PREDICTED, title="predicted")
    assert labels(ax) == [*PREDICTED]
    assert "dashed" not in ax.get_xlabel()
