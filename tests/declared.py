"""Helpers of the generated tests of operators: examples, results as lists of arrays, and calls that must be refused."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from workbench import OPERATORS

ELEMENTS = 1_000_000  # of timed calls that are large enough for several threads
TOLERANCES = {"float16": 1e-3, "float64": 1e-12}  # relative; float32 has the declared one


def examples(operator):
    """Return the examples, which are the same at every call."""
    return list(operator.examples(np.random.default_rng(0)))


def is_sparse(x):
    return hasattr(x, "indptr")


def is_float(x):
    return isinstance(x, float) or getattr(x, "dtype", np.dtype(bool)).kind == "f"


def names_of_types(operator):
    return {dtype.name for dtype in operator.types.dtypes}


def converted(inputs, dtype):
    """Return copies of the inputs, their floats as `dtype`; SciPy's sparse matrices hold no float16."""
    return tuple(
        x.astype(dtype) if is_float(x) and not (is_sparse(x) and dtype == "float16") else x.copy() for x in inputs
    )


def parts(value):
    """Return the list of arrays that make up a value: a sparse matrix has three, other values are one."""
    return [value.data, value.indices, value.indptr] if is_sparse(value) else [np.asarray(value)]


def as_tuple(results):
    return results if isinstance(results, tuple) else (results,)


def run(operator, inputs, arguments, **options):
    """Run on `inputs` as they are, and return all arrays of its results and of the inputs that it changes."""
    results = as_tuple(operator.run(*inputs, **arguments, **options))
    assert len(results) == len(operator.outputs)
    changed = [x for x, name in zip(inputs, operator.inputs, strict=True) if name in operator.changes]
    return [part for value in (*results, *changed) for part in parts(value)]


def bits(arrays):
    return [(a.dtype.str, a.shape, a.tobytes()) for a in arrays]


def assert_alike(operator, found, expected, dtype="float32"):
    """Assert that results computed from a type are equal, bit for bit or within a share of their largest element."""
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
        assert mine.dtype.isnative
        if operator.exact or mine.dtype.kind != "f":
            assert mine.tobytes() == theirs.tobytes()
            continue
        finite = np.isfinite(theirs)
        np.testing.assert_array_equal(mine[~finite], theirs[~finite])
        tolerance = TOLERANCES.get(dtype, operator.tolerance)
        largest = np.max(np.abs(theirs[finite].astype(float)), initial=0.0)
        np.testing.assert_allclose(mine[finite], theirs[finite], rtol=0, atol=tolerance * largest)


def refusal(function, *arguments, **options):
    """Return the type and the message of the error that a call must raise."""
    with pytest.raises((TypeError, ValueError)) as raised:
        function(*arguments, **options)
    return type(raised.value), str(raised.value)


def typical(operator):
    """Return the first example with elements and without sparse matrices."""
    return next(
        (inputs, arguments)
        for inputs, arguments in examples(operator)
        if not any(is_sparse(x) or x.size < 2 for x in inputs)
    )


def data(value):
    return value.data if is_sparse(value) else value


def wrong_values(arg):
    """Return values that an argument refuses, with the error and how its message begins."""
    if arg.type is object:
        return []
    types = {
        float: ["1", None, 1j, True, np.True_, [0.5], Decimal(1), np.timedelta64(0, "s"), np.array(0.5)],
        int: [1.0, "1", None, True, np.True_, Fraction(1), np.timedelta64(1, "s"), np.float64(1), np.array(1)],
        bool: [1, "True", None],
        str: [1, None, b"a"],
    }[arg.type]
    found = [(value, TypeError, f"{arg.name}={value!r}: must be ") for value in types]
    if arg.type is str:
        return [*found, *((value, ValueError, f"{arg.name}={value!r}: must be one of ") for value in ("", "no such"))]
    values = []
    if arg.type is float:
        values += [math.nan, -math.inf, *([] if arg.high == math.inf else [math.inf])]
    if arg.type in (int, float):
        found += [(huge, ValueError, f"{arg.name}=") for huge in (10**400 + 1, -(10**5000))]
    if arg.low is not None:
        values += [arg.low - 1, arg.type(arg.low - 1e-9) if arg.type is float else arg.low - 7]
        values += [arg.low] * arg.open
    if arg.high not in (None, math.inf):
        values += [arg.high + 1] + [arg.high] * arg.open
    if arg.type is int and (arg.step or 1) > 1:
        values.append(arg.low + arg.step + 1)
    return found + [(value, ValueError, f"{arg.name}={value!r}: must be ") for value in values if arg.type is not bool]


def keep_operators(monkeypatch, *rooms):
    """Forget for one test all operators but those of some packages, each named by its last word."""
    for name, operator in list(OPERATORS.items()):
        if operator.room.rpartition(".")[2] not in rooms:
            monkeypatch.delitem(OPERATORS, name)
