"""The bench of stored weights: what is verified, the ratios beside dense weights, and the crossings."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.bench.conftest import MACHINE
from tests.pictures import data, title
from workbench.bench import figure, inference
from workbench.bench.driver import Settings, WrongResult
from workbench.sparse_inference import kernels

SHAPE = (35, 41)
CALL = "stored weights product, batch {}, zeros {}, 35×41 {}"


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(inference, "QUICK_SHAPES", (SHAPE,))
    monkeypatch.setattr(inference, "BATCHES", (5,))
    monkeypatch.setattr(inference, "ZEROS", (0.0, 0.5, 0.9))
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "1")


def settings(said=None):
    return Settings(True, 3, (said if said is not None else []).append, MACHINE)


def test_ratios_and_crossings_follow_from_the_times(tiny, known_times):
    # Dense 2 s. CSR, int32: 8, 4 and 1 s, so it crosses halfway between 50 and 90 %. All others 4 s: never.
    seconds = {CALL.format(5, 0, "dense"): 2.0}
    seconds |= {CALL.format(5, zeros, "CSR, int32"): each for zeros, each in ((0, 8.0), (0.5, 4.0), (0.9, 1.0))}
    known_times(seconds | {"read": 0.5, "scipy": 1.0, "stored weights": 4.0})
    results = inference.bench(settings())
    rows = {(row.layout, row.arguments["zeros"]): row for row in results.rows}
    assert len(rows) == 1 + 3 * 5
    csr = rows["CSR, int32", 0.9]
    assert inference.ratio_of(csr, "ours / dense") == 0.5
    assert inference.ratio_of(csr, "ours / read") == 2.0
    assert inference.ratio_of(csr, "scipy / dense") == 0.5
    dense = rows["dense", 0.0]
    predicted = csr.predicted_seconds / dense.predicted_seconds
    assert inference.ratio_of(csr, "predicted / dense") == predicted
    assert inference.ratio_of(dense, "ours / dense") is None
    found = {each.name: each.value for each in results.measurements}
    name = "faster than dense from, {}: {}, 35×41, batch 5, 1 thread".format
    assert found[name("measured", "CSR, int32")] == pytest.approx(70)
    assert np.isnan(found[name("measured", "bitmap")])
    assert found[name("measured", "scipy")] == 0.0
    assert name("predicted", "scipy") not in found
    assert len(found) == 2 * 5 + 1


def test_the_figure_has_a_panel_of_curves_for_each_shape_batch_and_number_of_threads(tiny, known_times):
    known_times({CALL.format(5, 0, "dense"): 2.0, "read": 0.5, "scipy": 1.0, "stored weights": 4.0})
    rows = inference.bench(settings()).rows
    grid, panels = figure._arrange(rows)
    (name,) = panels
    assert name == "35×41, batch 5, 1 thread"
    assert grid == [[name]]
    ax = Figure().subplots()
    panels[name][1](ax)
    assert title(ax) == name
    assert data(ax, "measured bitmap")[1].tolist() == [2.0, 2.0, 2.0]
    assert data(ax, "measured scipy")[1].tolist() == [0.5, 0.5, 0.5]
    assert np.isfinite(data(ax, "predicted rows")[1]).all()


def test_weights_are_pruned_exactly():
    for zeros in (0.0, 0.5, 0.99):
        w = inference.pruned(SHAPE, zeros)
        assert np.count_nonzero(w) == round((1 - zeros) * 35 * 41)
    rows = inference.pruned(SHAPE, 0.8, by_rows=True)
    assert (rows != 0).any(axis=1).sum() == 7
    assert (rows != 0).all(axis=1).sum() == 7


def test_a_wrong_product_is_refused(tiny, untimed, monkeypatch):
    right = kernels.csr
    monkeypatch.setattr(kernels, "csr", lambda stored, x: right(stored, x) * np.float32(1.001))
    with pytest.raises(WrongResult, match=r"35×41 CSR, int32, 1 thread: y is wrong"):
        inference.bench(settings())


def test_everything_runs(tiny, monkeypatch):
    monkeypatch.setattr(inference, "ZEROS", (0.9,))
    said = []
    results = inference.bench(settings(said))
    assert all(row.seconds > 0 for row in results.rows)
    assert {"scipy"} == {name for row in results.rows for name in row.peers}
    assert any("verified 6 configurations" in line for line in said)
