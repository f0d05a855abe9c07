"""What holds for every operator: the same names and arguments, lazy, checked at once, and no block is changed."""

import inspect

import dask
import dask.array as da
import numpy as np
import pytest
import scipy.sparse

import workbench
from workbench import OPERATORS, cluster, parallel
from workbench.cluster.dropout import run_begins

from .common import CUTS, PLAIN, calls, cut, lazy_result, locked, plain_result, unreadable

EVERY = pytest.mark.parametrize("name", list(calls()))
ARRAYS = {"sparse_lp_regularizer": 1, "sparse_dropout_with_replacement": 1}  # inputs that are dask arrays, if not all
ARRAYS["sparse_itemwise_dropout_with_replacement"] = 1


def as_dask(name, inputs, chunk="uneven"):
    count = ARRAYS.get(name, len(inputs))
    return [cut(array, chunk) for array in inputs[:count]] + list(inputs[count:])


def refusal(run, *arguments):
    """Return the type and the message of the error that a call raises, None if it raises none."""
    try:
        run(*arguments)
    except (TypeError, ValueError) as problem:
        return type(problem), str(problem)
    return None


def assert_close(result, expected):
    np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-5, atol=1e-6)
    assert np.asarray(result).dtype == np.asarray(expected).dtype


def test_all_operators_are_here():
    functions = {operator.function for operator in OPERATORS.values()} | {"local_response_norm_scale"}
    assert set(cluster.__all__) == functions | {"from_memmap"}
    assert set(calls()) == functions


@EVERY
def test_arguments_are_those_of_the_plain_function(name):
    plain, here = (inspect.signature(function).parameters for function in (PLAIN[name], getattr(cluster, name)))
    assert [(p.name, p.kind, p.default) for p in here.values()] == [(p.name, p.kind, p.default) for p in plain.values()]


@EVERY
@pytest.mark.parametrize("chunk", list(CUTS))
def test_blocks_give_what_the_whole_gives_and_are_not_changed(name, chunk):
    inputs, arguments = calls()[name]
    arrays = [locked(x) if isinstance(x, da.Array) else x for x in as_dask(name, inputs, chunk)]
    results = lazy_result(name, arrays, arguments)
    assert all(isinstance(result, da.Array) for result in results)
    expected = plain_result(name, inputs, arguments)
    for result, computed, wanted in zip(results, dask.compute(*results), expected, strict=True):
        assert_close(computed, wanted)
        assert result.shape == np.shape(wanted)
        assert result.dtype == np.asarray(wanted).dtype


@EVERY
def test_chunks_are_of_the_sizes_that_are_promised(name):
    inputs, arguments = calls()[name]
    for result in lazy_result(name, as_dask(name, inputs), arguments):
        blocks = dask.compute(*result.to_delayed().ravel())
        for place, block in zip(np.ndindex(result.numblocks), blocks, strict=True):
            assert block.shape == tuple(sizes[i] for sizes, i in zip(result.chunks, place, strict=True))
            assert type(block) is np.ndarray or block.ndim == 0


@EVERY
def test_no_block_is_read_before_the_result_is_computed(name):
    inputs, arguments = calls()[name]
    count = ARRAYS.get(name, len(inputs))
    arrays = [unreadable(x.shape, x.dtype, 2) for x in inputs[:count]]
    for result in lazy_result(name, arrays + list(inputs[count:]), arguments):
        if result.name.startswith("array-"):  # lengths, which are computed at once
            continue
        with pytest.raises(AssertionError, match="a block was computed"):
            result.compute()


BAD_ARGUMENTS = [
    {"size": 4},
    {"size": 0},
    {"alpha": float("nan")},
    {"beta": -1},
    {"order": "CHWN"},
    {"order": "NC"},
    {"region": "around"},
    {"ratio": 1.5},
    {"seed": -1},
    {"training": 1},
    {"start": 2**62 + 1},
    {"scaled": 1},
    {"per_feature": True},
    {"replacement": "mode"},
    {"replacement": np.zeros((2, 9))},
    {"replacement": "mean", "per_feature": 1},
    {"replacement_shape": (9,)},
    {"replacement_shape": -1},
    {"replacement_value": "0"},
    {"p": -1},
    {"p": "2"},
    {"reg_lambda": 1.0},
    {"exact": 0},
    {"weight": -1},
    {"sparsity_threshold": -1},
    {"engine": "cuda"},
]


@EVERY
def test_arguments_are_refused_at_once_and_in_the_same_words(name):
    inputs, arguments = calls()[name]
    count, refused = ARRAYS.get(name, len(inputs)), 0
    arrays = [unreadable(x.shape, x.dtype, 2) for x in inputs[:count]] + list(inputs[count:])
    for bad in BAD_ARGUMENTS:
        if not set(bad) <= set(inspect.signature(PLAIN[name]).parameters):
            continue
        expected = refusal(plain_result, name, inputs, arguments | bad)
        assert refusal(lazy_result, name, arrays, arguments | bad) == expected
        refused += expected is not None
    assert refused >= 3


@EVERY
@pytest.mark.parametrize("dtype", ["complex64", "bool", "object", "float16", "int32"])
def test_types_are_refused_at_once_and_in_the_same_words(name, dtype):
    inputs, arguments = calls()[name]
    typed = [np.ones(inputs[0].shape, dtype), *inputs[1:]]
    assert refusal(lazy_result, name, as_dask(name, typed), arguments) == refusal(plain_result, name, typed, arguments)


@EVERY
def test_unknown_chunks_are_refused(name):
    inputs, arguments = calls()[name]
    arrays = as_dask(name, inputs)
    first = arrays[0]
    arrays[0] = first[da.from_array(np.ones(len(first), bool), chunks=first.chunks[0])]
    with pytest.raises(ValueError, match=r"has chunks of unknown size; .* with \w+\.compute_chunk_sizes\(\)"):
        lazy_result(name, arrays, arguments)
    arrays[0].compute_chunk_sizes()
    lazy_result(name, arrays, arguments)


@EVERY
def test_what_holds_no_plain_numbers_is_refused(name):
    inputs, arguments = calls()[name]
    rest = inputs[1:]
    masked = np.ma.masked_array(inputs[0], inputs[0] > 0)
    for wrong, words in [
        (masked, r"a masked array's mask would be lost; fill it first, as with da\.ma\.filled"),
        (cut(masked, "uneven"), r"a masked array's mask would be lost"),
        (
            scipy.sparse.csr_matrix(np.eye(3, dtype=np.float32)),
            "holds blocks of type csr_matrix: must hold NumPy arrays",
        ),
        ([[1.0, 2.0], [3.0]], "must be an array"),
    ]:
        with pytest.raises(TypeError, match=words):
            lazy_result(name, [wrong, *rest], arguments)


@EVERY
def test_other_arrays_are_taken_too(name):
    inputs, arguments = calls()[name]
    expected = plain_result(name, inputs, arguments)
    first, rest = inputs[0], inputs[1:]
    big_endian = cut(first.astype(first.dtype.newbyteorder(">")), "uneven")
    fortran = da.from_array(np.asfortranarray(first), chunks=2)
    for other in (first, big_endian, fortran):
        results = dask.compute(*lazy_result(name, [other, *rest], arguments))
        for result, wanted in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)
            assert np.asarray(result).dtype.isnative


@EVERY
def test_a_block_stays_on_its_thread(name, monkeypatch):
    """Kernels of 40 000 elements use the pool if they may; there is none for them here."""
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "4")
    inputs, arguments = calls()[name]
    if inputs[0].ndim == 1:
        inputs = (np.tile(inputs[0], 5000), np.tile(inputs[1], 5000))
    else:
        inputs = tuple(np.repeat(x, 500, axis=3) if x.ndim == 4 else x for x in inputs)
    monkeypatch.setattr(parallel, "_executor", lambda: pytest.fail("the pool was asked for help"))
    dask.compute(*lazy_result(name, as_dask(name, inputs, "whole"), arguments))
    with pytest.raises(pytest.fail.Exception):
        plain_result(name, inputs, arguments)


@EVERY
@pytest.mark.parametrize("shape", [(0, 3, 5, 2), (4, 0, 5, 2), (4, 3, 0, 2)])
def test_empty_axes(name, shape):
    if ARRAYS.get(name) == 1 and name != "sparse_lp_regularizer":
        inputs, arguments = (np.empty(0, np.float32), np.zeros(3, np.int64)), {"ratio": 0.5, "seed": 1}
    else:
        inputs, arguments = calls()[name]
        inputs = tuple(np.empty(shape, x.dtype) if x.ndim == 4 else x for x in inputs)
        if name == "sparse_lp_regularizer" and not shape[0]:
            inputs = (inputs[0], np.empty(0, np.int64))
    expected = plain_result(name, inputs, arguments)
    for chunk in ("rows", "with empty chunks"):
        results = lazy_result(name, as_dask(name, inputs, chunk), arguments)
        for result, wanted in zip(dask.compute(*results), expected, strict=True):
            assert np.shape(result) == np.shape(wanted)
            np.testing.assert_array_equal(result, wanted)


def test_subclasses_of_arrays_become_arrays():
    class Measured(np.ndarray):
        pass

    w = np.array([[1.0, -0.2, 3.0], [0.5, 0.0, -2.0]]).view(Measured)
    for measured in (w, da.from_array(w, chunks=(1, 3), asarray=False)):
        loss, mask, new = dask.compute(*cluster.sparse_lp(measured, 0.5, 1.0, 0.3))
        np.testing.assert_allclose(loss, 3.35)
        assert type(mask) is type(new) is np.ndarray
        assert mask.tolist() == [[True, False, True]] * 2
        assert new.tolist() == [[1.0, 0.0, 3.0], [0.5, 0.0, -2.0]]


def test_many_threads_at_once():
    x = np.random.default_rng(0).normal(size=(40, 9, 300)).astype(np.float32)
    y = cluster.local_response_norm(da.from_array(x, chunks=(3, 4, 100)), alpha=0.7)
    y, _ = cluster.dropout_with_replacement(y, seed=5)
    y = cluster.lp_prox(y, 0.1)
    expected = workbench.dropout_with_replacement(workbench.local_response_norm(x, alpha=0.7), seed=5)[0]
    expected = workbench.lp_prox(expected, 0.1)
    with dask.config.set(scheduler="threads", num_workers=8):
        for _ in range(3):
            assert_close(y.compute(), expected)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (3, 2, 4, 5)])
def test_runs_are_stretches_of_the_whole_array(shape):
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    spans = [[(b, e) for b in range(n) for e in range(b + 1, n + 1)] for n in shape]
    for seed in range(40):
        location = [span[np.random.default_rng(seed).integers(len(span))] for span in spans]
        block = numbers[tuple(slice(*span) for span in location)]
        begins = run_begins(location, shape)
        length = block.size // begins.size
        np.testing.assert_array_equal(np.add.outer(begins.astype(int), np.arange(length)).ravel(), block.ravel())
        assert len(begins) == 1 + np.count_nonzero(np.diff(block.ravel()) != 1)  # none is cut for nothing
