"""Blocks computed by other processes."""

import dask
import numpy as np
from distributed import Client, LocalCluster

import workbench
from workbench import cluster


def test_two_worker_processes(tmp_path):
    x = np.random.default_rng(0).normal(size=(12, 9, 20)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    read = cluster.from_memmap(np.load(tmp_path / "x.npy", mmap_mode="r"), chunks=(6, 5, 20))
    lengths = np.array([25, 0, 27, 28] * 3)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as workers,
        Client(workers) as client,
        dask.config.set(scheduler=client),
    ):
        y = cluster.local_response_norm(read, alpha=0.7)
        y, dropped = cluster.dropout_with_replacement(y, 0.5, "mean", seed=3)
        loss, mask, w = cluster.sparse_lp(y, 0.5, sparsity_threshold=0.2)
        dx = cluster.local_response_norm_gradient(w, read, alpha=0.7)
        table = cluster.sparse_lp_regularizer(dx, [3, 3, 11], 1.0, 0.1)
        ragged, _ = cluster.sparse_dropout_with_replacement(read[:, 0].reshape(-1), lengths, 0.5, seed=1)
        found = dask.compute(dropped, mask, w, dx, table, ragged, loss)
        assert len(client.run(lambda: None)) == 2

    y, dropped = workbench.dropout_with_replacement(workbench.local_response_norm(x, alpha=0.7), 0.5, "mean", seed=3)
    loss, mask = workbench.sparse_lp(y, 0.5, sparsity_threshold=0.2)
    dx = workbench.local_response_norm_gradient(y, x, alpha=0.7)
    table = dx.copy()
    workbench.sparse_lp_regularizer(table, np.array([3, 3, 11]), 1.0, 0.1)
    ragged, _ = workbench.sparse_dropout_with_replacement(x[:, 0].reshape(-1), lengths, 0.5, seed=1)
    for result, expected in zip(found, (dropped, mask, y, dx, table, ragged, loss), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
