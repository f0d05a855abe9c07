"""Memory-mapped files as dask arrays: read block by block, wherever they begin in the file."""

import pickle
import tempfile

import dask.array as da
import numpy as np
import pytest

import workbench
from workbench import cluster


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(7, 5, 4)).astype(np.float32)


def test_a_file_of_numpy(tmp_path, x):
    for array in (x, np.asfortranarray(x), x.astype(">f8")):
        np.save(tmp_path / "x.npy", array)
        read = cluster.from_memmap(np.load(tmp_path / "x.npy", mmap_mode="r"), chunks=(3, 5, 2))
        assert read.chunks == ((3, 3, 1), (5,), (2, 2))
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read.compute(), array)
        np.testing.assert_array_equal(read[2:6, 1].compute(), array[2:6, 1])


def test_a_file_without_a_header(tmp_path, x):
    (tmp_path / "x").write_bytes(b"twelve bytes" + x.tobytes())
    mapped = np.memmap(tmp_path / "x", np.float32, "r", 12, x.shape)
    np.testing.assert_array_equal(cluster.from_memmap(mapped).compute(), x)
    scale = cluster.local_response_norm_scale(mapped)
    np.testing.assert_array_equal(scale.compute(), workbench.local_response_norm_scale(x))


def test_blocks_are_read_when_they_are_computed_and_cannot_be_written_to(tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r+")
    read = cluster.from_memmap(mapped, chunks=2)
    mapped[...] = 3
    assert np.all(read.compute(scheduler="synchronous") == 3)

    def write(block):
        block[...] = 0
        return block

    with pytest.raises(ValueError, match="read-only"):
        read.map_blocks(write, dtype=read.dtype, meta=np.empty((0, 0, 0), np.float32)).compute()


def test_what_is_sent_to_another_process_is_where_the_file_is(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1000, 1000)))
    read = cluster.from_memmap(np.load(tmp_path / "x.npy", mmap_mode="r"), chunks=1000)
    sent = pickle.dumps(read)
    assert len(sent) < 10_000
    assert pickle.loads(sent).sum().compute() == 1e6


def test_what_is_not_a_file_as_a_whole_is_refused(tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    in_memory = np.load(tmp_path / "x.npy", mmap_mode="c")
    with tempfile.TemporaryFile() as file:
        file.write(x.tobytes())
        nameless = np.memmap(file, np.float32, "r+", shape=x.shape)
        for wrong in (mapped[1:], mapped.T, in_memory, nameless):
            with pytest.raises(ValueError, match="must be a whole file that has a name and is not in mode 'c'"):
                cluster.from_memmap(wrong)
            with pytest.raises(ValueError, match="must be a whole file"):
                cluster.lp_prox(wrong, 0.5)
    assert isinstance(cluster.lp_prox(cluster.from_memmap(mapped)[1:], 0.5), da.Array)
