"""Tests of every operator with a blockwise form: the plain function's arguments, lazy results, no block changed."""

import dataclasses
import inspect

import dask
import dask.array as da
import numpy as np
import pytest
import scipy.sparse

import workbench
from tests.declared import ELEMENTS, converted, examples, is_sparse, refusal, typical, wrong_values
from workbench import OPERATORS, cluster, parallel
from workbench.cluster.dropout import run_begins

from .common import CUTS, ENGINES, cut, locked, unreadable

NAMES = [
    name
    for name, operator in OPERATORS.items()
    if operator.function in cluster.__all__ or operator.blockwise == "elementwise"
]
EVERY = pytest.mark.parametrize("operator", [OPERATORS[name] for name in NAMES], ids=NAMES)


def some_examples(operator):
    """Return up to eight examples of different kinds, without sparse matrices."""
    dense = [(x, arguments) for x, arguments in examples(operator) if not any(map(is_sparse, x))]
    return dense[:: -(-len(dense) // 8)]


def by_blocks(inputs, function):
    """Apply a function to the inputs that are dask arrays: those of the first one's shape."""
    return [function(x) if i == 0 or x.shape == inputs[0].shape else x for i, x in enumerate(inputs)]


def plain_result(operator, inputs, arguments):
    """Call the plain function with copies, and return new arrays in place of those that it changes."""
    inputs = [np.array(x) if isinstance(x, np.ndarray) and not np.ma.isMA(x) else x for x in inputs]
    result = getattr(workbench, operator.function)(*inputs, **arguments)
    results = () if result is None else result if isinstance(result, tuple) else (result,)
    return (*results, *(inputs[operator.inputs.index(name)] for name in operator.changes))


def lazy_result(operator, inputs, arguments):
    result = cluster.run(operator.name, *inputs, **arguments)
    return result if isinstance(result, tuple) else (result,)


def assert_close(operator, result, expected):
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.dtype == expected.dtype
    if (operator.exact and operator.function != "dropout_with_replacement") or expected.dtype.kind != "f":
        np.testing.assert_array_equal(result, expected)
        return
    largest, eps = np.abs(expected[np.isfinite(expected)]).max(initial=0), np.finfo(expected.dtype).eps
    np.testing.assert_allclose(result, expected, rtol=4 * eps, atol=4 * eps * largest)


@EVERY
def test_the_function_has_the_arguments_of_the_plain_one(operator):
    here, plain = getattr(cluster, operator.function), getattr(workbench, operator.function)
    shown, meant = (list(inspect.signature(function).parameters.values()) for function in (here, plain))
    assert [(p.name, p.kind, p.default) for p in shown] == [(p.name, p.kind, p.default) for p in meant]
    assert here.__name__ == operator.function
    assert here.__doc__


def test_functions_that_are_not_here():
    with pytest.raises(AttributeError, match="has no attribute 'lp_threshold'"):
        cluster.lp_threshold  # noqa: B018
    with pytest.raises(ValueError, match="name='Lp': must be one of 'LRN'"):
        cluster.run("Lp", np.ones(3))


def test_an_operator_that_says_nothing_of_blocks_has_no_form(monkeypatch):
    operator = OPERATORS["LpProx"]
    monkeypatch.setitem(OPERATORS, "LpProx", dataclasses.replace(operator, blockwise=None))
    with pytest.raises(ValueError, match=r'^LpProx cannot be computed in blocks; .* declare blockwise="elementwise"'):
        cluster.run("LpProx", np.ones(3), 1.0)
    with pytest.raises(AttributeError):
        cluster.lp_prox  # noqa: B018


@EVERY
@pytest.mark.parametrize("chunk", list(CUTS))
def test_blocks_give_what_the_whole_gives_and_are_not_changed(operator, chunk):
    for place, (inputs, arguments) in enumerate(some_examples(operator)):
        if place.bit_count() % 2 == list(CUTS).index(chunk) % 2:  # half of them, with both types and both engines
            continue
        inputs = converted(inputs, ("float32", "float64")[place // 2 % 2])
        arguments = {**arguments, "engine": ENGINES[place % 2]}
        results = lazy_result(operator, by_blocks(inputs, lambda x: locked(cut(x, chunk))), arguments)
        assert all(isinstance(result, da.Array) for result in results)
        expected = plain_result(operator, inputs, arguments)
        for result, computed, wanted in zip(results, dask.compute(*results), expected, strict=True):
            assert_close(operator, computed, wanted)
            assert (result.shape, result.dtype) == (np.shape(wanted), np.asarray(wanted).dtype)


@EVERY
def test_chunks_are_of_the_sizes_that_are_promised(operator):
    inputs, arguments = typical(operator)
    for result in lazy_result(operator, by_blocks(inputs, lambda x: cut(x, "uneven")), arguments):
        blocks = dask.compute(*result.to_delayed().ravel())
        for place, block in zip(np.ndindex(result.numblocks), blocks, strict=True):
            assert block.shape == tuple(sizes[i] for sizes, i in zip(result.chunks, place, strict=True))
            assert type(block) is np.ndarray or block.ndim == 0


@EVERY
def test_no_block_is_read_before_the_result_is_computed(operator):
    inputs, arguments = typical(operator)
    arrays = by_blocks(inputs, lambda x: unreadable(x.shape, x.dtype, 2))
    for result in lazy_result(operator, arrays, arguments):
        if result.name.startswith("array-"):  # lengths, which are computed at once
            continue
        with pytest.raises(AssertionError, match="a block was computed"):
            result.compute()


@EVERY
def test_arguments_are_refused_at_once_and_in_the_same_words(operator):
    inputs, arguments = typical(operator)
    arrays = by_blocks(inputs, lambda x: unreadable(x.shape, x.dtype, 2))
    bad = [(arg.name, value) for arg in operator.args for value, _, _ in wrong_values(arg)]
    bad += [(arg.name, object) for arg in operator.args if arg.type is object] + [("engine", "cuda")]
    for name, value in bad:
        given = arguments | {name: value}
        assert refusal(lazy_result, operator, arrays, given) == refusal(plain_result, operator, inputs, given)


@EVERY
@pytest.mark.parametrize("dtype", ["complex64", "bool", "object", "float16", "int32"])
def test_types_are_refused_at_once_and_in_the_same_words(operator, dtype):
    if np.dtype(dtype) in operator.types:
        pytest.skip("this operator takes them")
    inputs, arguments = typical(operator)
    typed = [np.ones(inputs[0].shape, dtype), *inputs[1:]]
    arrays = by_blocks(typed, lambda x: cut(x, "uneven"))
    assert refusal(lazy_result, operator, arrays, arguments) == refusal(plain_result, operator, typed, arguments)


@EVERY
def test_unknown_chunks_are_refused(operator):
    inputs, arguments = typical(operator)
    arrays = by_blocks(inputs, lambda x: cut(x, "uneven"))
    first = arrays[0]
    arrays[0] = first[da.from_array(np.ones(len(first), bool), chunks=first.chunks[0])]
    kind, message = refusal(lazy_result, operator, arrays, arguments)
    assert kind is ValueError
    assert "has chunks of unknown size; " in message
    assert f"with {operator.inputs[0]}.compute_chunk_sizes()" in message
    arrays[0].compute_chunk_sizes()
    lazy_result(operator, arrays, arguments)


@EVERY
def test_what_holds_no_plain_numbers_is_refused(operator):
    (first, *rest), arguments = typical(operator)
    masked = np.ma.masked_array(first, first > 0)
    for wrong, words in [
        (masked, "a masked array's mask would be lost; fill it first, as with da.ma.filled"),
        (cut(masked, "uneven"), "a masked array's mask would be lost"),
        (scipy.sparse.csr_matrix(np.eye(3, dtype=np.float32)), "holds blocks of type csr_matrix: must hold NumPy"),
        ([[1.0, 2.0], [3.0]], "must be an array"),
    ]:
        kind, message = refusal(lazy_result, operator, [wrong, *rest], arguments)
        assert kind is TypeError
        assert words in message


@EVERY
def test_other_arrays_are_taken_too(operator):
    inputs, arguments = typical(operator)
    expected = plain_result(operator, inputs, arguments)
    first, rest = inputs[0], inputs[1:]
    big_endian = cut(first.astype(first.dtype.newbyteorder(">")), "uneven")
    fortran = da.from_array(np.asfortranarray(first), chunks=2)
    for other in (first, big_endian, fortran):
        results = dask.compute(*lazy_result(operator, [other, *rest], arguments))
        for result, wanted in zip(results, expected, strict=True):
            assert_close(operator, result, wanted)
            assert np.asarray(result).dtype.isnative


@EVERY
def test_a_block_stays_on_its_thread(operator, monkeypatch):
    """Large calls use the thread pool if they may; here they may not."""
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "4")
    inputs, arguments = next(iter(operator.timed(np.random.default_rng(0), ELEMENTS)))
    results = lazy_result(operator, by_blocks(inputs, lambda x: cut(x, "whole")), arguments)
    monkeypatch.setattr(parallel, "_executor", lambda: pytest.fail("the pool was asked for help"))
    dask.compute(*results)
    with pytest.raises(pytest.fail.Exception):
        plain_result(operator, inputs, arguments)


@EVERY
@pytest.mark.parametrize("chunk", ["rows", "with empty chunks"])
def test_empty_axes(operator, chunk):
    for inputs, arguments in examples(operator):
        if any(is_sparse(x) for x in inputs) or inputs[0].size:
            continue
        results = lazy_result(operator, by_blocks(inputs, lambda x: cut(x, chunk)), arguments)
        for result, wanted in zip(dask.compute(*results), plain_result(operator, inputs, arguments), strict=True):
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
            np.testing.assert_allclose(y.compute(), expected, rtol=1e-5, atol=1e-6)


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
