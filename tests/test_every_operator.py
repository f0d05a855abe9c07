"""Tests of every operator, generated from its declaration and its examples.

An operator of another package is tested in the same way, with WORKBENCH_OPERATORS=package in the environment.
"""

import inspect
import itertools
import os
import re
import subprocess
import sys
import tracemalloc
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import workbench
from tests import peaks
from tests.declared import (
    ELEMENTS,
    as_tuple,
    assert_alike,
    bits,
    converted,
    data,
    examples,
    is_float,
    is_sparse,
    names_of_types,
    parts,
    refusal,
    run,
    typical,
    wrong_values,
)
from workbench import OPERATORS, REQUIRED, Gradient
from workbench.explore.controls import control
from workbench.parallel import thread_limit
from workbench.report.parameters import ParameterError, check

EVERY = pytest.mark.parametrize("operator", list(OPERATORS.values()), ids=list(OPERATORS))
DIFFERENTIABLE = pytest.mark.parametrize(
    "operator", [each for each in OPERATORS.values() if isinstance(each.gradient, str)], ids=lambda each: each.name
)
LARGE = 3_000_000  # elements of calls whose memory is measured
SEEN = f"{next(iter(OPERATORS))} reference 0"  # a call that takes memory, which shows that it would be seen


# -- the declaration ---------------------------------------------------------------------------------------------------


@EVERY
def test_the_public_function_is_the_declaration(operator):
    function = getattr(workbench, operator.function)
    assert function.__doc__
    *declared, engine = inspect.signature(function).parameters.values()
    assert [each.name for each in declared] == [*operator.inputs, *(arg.name for arg in operator.args)]
    assert (engine.name, engine.kind, engine.default) == ("engine", engine.KEYWORD_ONLY, "numba")
    for parameter, arg in zip(declared[len(operator.inputs) :], operator.args, strict=True):
        default = REQUIRED if parameter.default is parameter.empty else parameter.default
        assert default is arg.default or default == arg.default, arg.name
    for engine, (inputs, arguments) in itertools.product(operator.engines, examples(operator)):
        given, again = converted(inputs, "float32"), converted(inputs, "float32")
        results = function(*given, engine=engine, **arguments)
        expected = operator.run(*again, engine=engine, **arguments)
        if results is not None:
            found, wanted = (map(np.asarray, map(data, as_tuple(each))) for each in (results, expected))
            assert bits(found) == bits(wanted)
        assert bits(p for x in given for p in parts(x)) == bits(p for x in again for p in parts(x))


@EVERY
def test_engines_are_siblings(operator):
    signatures = {engine: inspect.signature(operator.implementation(engine)) for engine in operator.engines}
    assert {"reference", "numba"} <= set(signatures)
    assert len({tuple(signature.parameters) for signature in signatures.values()}) == 1


@EVERY
def test_defaults_ends_and_sliders_are_legal(operator):
    for arg in operator.args:
        assert arg.meaning
        assert arg.default is REQUIRED or arg.check(arg.default) == arg.default
        for end in () if arg.open else (arg.low, arg.high):
            assert end is None or arg.check(arg.type(end)) == end
        for end in arg.slider or ():
            assert arg.check(arg.type(end)) == end


@EVERY
def test_the_cost_of_a_timed_call_is_counted(operator):
    if not (operator.cost and operator.timed):
        pytest.skip("it is not declared with both `cost` and `timed`")
    for inputs, arguments in operator.timed(np.random.default_rng(0), 1000):
        work = import_module(operator.cost).work(operator.name, inputs, arguments)
        assert min(work.elements, work.jobs, work.cost.bytes_read, work.cost.bytes_written) > 0
        assert work.cost.runs == 1


@EVERY
def test_every_argument_that_can_move_has_a_control(operator):
    for arg in operator.args:
        if arg.type is object:
            continue
        value = arg.default if arg.default is not REQUIRED else arg.type(arg.slider[0])
        made = control(arg, value)
        assert made.value == pytest.approx(value)
        assert arg.meaning in made.tooltip
        if arg.type is str:
            assert tuple(made.options) == arg.choices
        elif arg.slider and arg.scale == "linear":
            assert (made.min, made.max) == arg.slider


@EVERY
def test_parameters_of_notebooks_obey_the_declaration(operator):
    nbformat = pytest.importorskip("nbformat")
    for arg in operator.args:
        values = wrong_values(arg)
        if arg.type is object or not values:
            continue
        value = arg.default if arg.default is not REQUIRED else arg.type(arg.slider[0])
        cell = nbformat.v4.new_code_cell(f"{arg.name} = {value!r}", metadata={"tags": ["parameters"]})
        metadata = {"workbench": {"operator": operator.name}}
        notebook = nbformat.v4.new_notebook(cells=[cell], metadata=metadata)
        assert check(notebook, {arg.name: value}) == {arg.name: value}
        for wrong, _, words in values:
            with pytest.raises(ParameterError) as raised:
                check(notebook, {arg.name: wrong})
            assert raised.value.problems[0].startswith(words)


@EVERY
def test_the_gradient_is_of_its_kind(operator):
    if operator.gradient is Gradient.NO_GRADIENT:
        assert operator.gradient_operator() is None
    elif operator.gradient is Gradient.SHOULD_NOT_DO_GRADIENT:
        assert f"{operator.name} should not be differentiated" in refusal(operator.gradient_operator)[1]
    else:
        assert operator.gradient_operator() is OPERATORS[operator.gradient]


@EVERY
def test_the_examples_are_rich_enough(operator):
    """Examples cover every choice and switch, both signs, zeros, ties, empty arrays; no two axes are equally long."""
    calls = examples(operator)
    assert bits(map(data, calls[0][0])) == bits(map(data, examples(operator)[0][0]))
    for arg in operator.args:
        used = [arguments.get(arg.name, arg.default) for _, arguments in calls]
        if arg.type in (str, bool):
            assert set(used) == set(arg.choices or (True, False)), arg.name
    floats = [data(x).ravel() for inputs, _ in calls for x in inputs if is_float(x)]
    assert any(x.size == 0 for inputs, _ in calls for x in inputs if not is_sparse(x))
    assert any((x > 0).any() and (x < 0).any() and (x == 0).any() for x in floats)
    assert any(len(np.unique(x[x != 0])) < np.count_nonzero(x) for x in floats)
    for inputs, _ in calls:
        for x in inputs:
            longer = [length for length in x.shape if length > 1]
            assert len(set(longer)) == len(longer)


# -- values ------------------------------------------------------------------------------------------------------------


@EVERY
def test_engines_agree_for_every_type(operator):
    for dtype in sorted(name for name in names_of_types(operator) if name.startswith("float")):
        # Calls of many elements too: tiles and jobs whose last is shorter.
        long = operator.timed(np.random.default_rng(0), 50_000) if operator.timed and dtype == "float32" else ()
        for inputs, arguments in (*examples(operator), *long):
            first, *others = (
                run(operator, converted(inputs, dtype), arguments, engine=engine) for engine in operator.engines
            )
            for other in others:
                assert_alike(operator, first, other, dtype)
    used = {x.dtype.name for inputs, _ in examples(operator) for x in inputs}
    assert {name for name in names_of_types(operator) if not name.startswith("float")} <= used


def spread(x):
    """Return the same numbers in every second place of a longer array, with other numbers between them."""
    wide = np.full([2 * length for length in x.shape], 1, x.dtype)
    view = wide[(slice(None, None, 2),) * x.ndim]
    view[...] = x
    return view


def locked(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "Fortran": lambda x: x.copy("F"),
    "spread": lambda x: spread(x) if x.ndim else x.copy(),
    "turned": lambda x: np.flip(np.flip(x).copy()) if x.ndim else x.copy(),
    "mirrored": lambda x: x[..., ::-1].copy()[..., ::-1] if x.ndim else x.copy(),
    "rolled": lambda x: np.moveaxis(np.moveaxis(x, -1, 0).copy(), 0, -1) if x.ndim else x.copy(),
    "read-only": locked,
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
}


@EVERY
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_in_memory_changes_no_value(operator, layout):
    """Lay out one input after another in this way, and then all of them."""
    places = range(len(operator.inputs))
    refuses = layout in ("read-only", "other byte order")  # in place
    for inputs, arguments in examples(operator):
        if any(is_sparse(x) for x in inputs):
            continue
        for engine in operator.engines:
            expected = run(operator, converted(inputs, "float32"), arguments, engine=engine)
            for chosen in {(place,) for place in places} | {tuple(places)}:
                given = list(converted(inputs, "float32"))
                for place in chosen:
                    if not (refuses and operator.inputs[place] in operator.changes):
                        given[place] = LAYOUTS[layout](given[place])
                before = bits(given)
                assert_alike(operator, run(operator, given, arguments, engine=engine), expected)
                for x, was, name in zip(given, before, operator.inputs, strict=True):
                    assert name in operator.changes or bits([x]) == [was]
                    if layout == "spread" and x.ndim and x.base is not None:  # what lies between
                        between = x.base.copy()
                        between[(slice(None, None, 2),) * x.ndim] = 1
                        assert (between == 1).all()


@EVERY
@pytest.mark.parametrize("layout", ["read-only", "other byte order"])
def test_what_cannot_be_changed_in_place_is_refused(operator, layout):
    inputs, arguments = typical(operator)
    for name in operator.changes:
        given = list(converted(inputs, "float32"))
        place = operator.inputs.index(name)
        given[place] = LAYOUTS[layout](given[place])
        before = bits(given)
        for engine in operator.engines:
            kind, message = refusal(operator.run, *given, engine=engine, **arguments)
            assert kind is (ValueError if layout == "read-only" else TypeError)
            assert message.startswith(f"{name} is read-only" if layout == "read-only" else f"{name} has dtype ")
            assert bits(given) == before


@EVERY
def test_only_what_is_declared_is_changed(operator):
    changed = set()
    for inputs, arguments in examples(operator):
        for engine in operator.engines:
            given = converted(inputs, "float32")
            results = as_tuple(operator.run(*given, engine=engine, **arguments))
            for name, x, before in zip(operator.inputs, given, inputs, strict=True):
                if bits(parts(x)) != bits(parts(before)):
                    changed.add(name)
                if not operator.inplace and isinstance(x, np.ndarray):
                    assert not any(isinstance(y, np.ndarray) and np.shares_memory(x, y) for y in results), name
    assert changed == set(operator.changes)


@EVERY
def test_the_number_of_threads_changes_no_bit(operator):
    rng = np.random.default_rng(0)
    for inputs, arguments in operator.timed(rng, ELEMENTS) if operator.timed else examples(operator):
        found = []
        for threads in (1, 2, 4):
            with thread_limit(threads):
                found.append(bits(run(operator, converted(inputs, "float32"), arguments)))
        assert found[0] == found[1] == found[2]


@DIFFERENTIABLE
def test_the_gradient_is_that_of_finite_differences(operator):
    rng = np.random.default_rng(1)
    compared, skipped = 0, 0
    for inputs, arguments in examples(operator):
        numbers = [data(x) for x in inputs]
        finite = all(not is_float(x) or np.isfinite(x).all() for x in (*numbers, *arguments.values()))
        if not is_float(numbers[0]) or not finite or _is_computed(operator, arguments):
            continue
        case = Differences(operator, converted(inputs, "float64"), arguments, rng)
        for engine in operator.engines:
            gradients = case.gradients(engine)
            for name, found in gradients.items():
                expected, smooth = case.slopes(name)
                found = data(found).reshape(-1)[case.chosen(name)]
                largest = np.max(np.abs(expected[smooth]), initial=1.0)
                np.testing.assert_allclose(found[smooth], expected[smooth], rtol=0, atol=2e-6 * largest, err_msg=name)
                compared, skipped = compared + smooth.sum(), skipped + (~smooth).sum()
    assert compared > 4 * skipped > -1


def _is_computed(operator, arguments):
    """Tell whether an argument names a value computed from the inputs; the gradient treats it as a constant."""
    return any(isinstance(arguments.get(arg.name), str) for arg in operator.args if arg.type is object)


class Differences:
    """A call of an operator, whose weighted sum of outputs is differentiated; the gradient's names say by what."""

    def __init__(self, operator, inputs, arguments, rng):
        self.operator, self.gradient = operator, operator.gradient_operator()
        self.values = dict(zip(operator.inputs, inputs, strict=True)) | operator.check(arguments)
        self.outputs = dict(zip(operator.outputs, self._run({}), strict=True))
        above = {name: f"d{name}" in self.gradient.inputs for name in self.outputs}
        self.weights = {
            name: rng.standard_normal(np.shape(data(y))) if above[name] else np.ones(())
            for name, y in self.outputs.items()
            if above[name] or (not any(above.values()) and np.ndim(y) == 0)
        }

    def _run(self, changed):
        values = self.values | changed
        inputs = [values[name].copy() for name in self.operator.inputs]
        arguments = {arg.name: values[arg.name] for arg in self.operator.args}
        return as_tuple(self.operator.run(*inputs, engine="reference", **arguments))

    def gradients(self, engine):
        """Return the gradients; each key is the name of the input that it is with respect to."""
        inputs = []
        for name in self.gradient.inputs:
            if name[1:] in self.weights and name[0] == "d":
                inputs.append(_like(self.outputs[name[1:]], self.weights[name[1:]]))
            else:
                inputs.append(self.values[name] if name in self.values else self.outputs[name])
        arguments = {}
        for arg in self.gradient.args:
            shaped = arg.name.removesuffix("_shape")
            arguments[arg.name] = np.shape(self.values[shaped]) if shaped != arg.name else self.values[arg.name]
        results = as_tuple(self.gradient.run(*inputs, engine=engine, **arguments))
        return {name.removeprefix("d"): each for name, each in zip(self.gradient.outputs, results, strict=True)}

    def chosen(self, name):
        """Return the indices of the elements to move: all of a small array, some of a large one."""
        size = np.size(data(self.values[name]))
        return np.arange(size) if size <= 16 else np.random.default_rng(size).choice(size, 16, replace=False)

    def slopes(self, name):
        """Return the central difference at each chosen element, and whether the two one-sided differences agree."""
        numbers = np.asarray(data(self.values[name]), float)
        here, slopes, smooth = self._loss({}), [], []
        for place in self.chosen(name):
            step = 1e-5 * abs(numbers.flat[place]) or 1e-6
            ends = []
            for way in (step, -step):
                moved = numbers.copy()
                moved.flat[place] += way
                ends.append(self._loss({name: _like(self.values[name], moved)}))
            right, left = (ends[0] - here) / step, (here - ends[1]) / step
            slopes.append((right + left) / 2)
            smooth.append(abs(right - left) <= 1e-2 * max(abs(right), abs(left)) + 1e-5)
        return np.array(slopes, float), np.array(smooth, bool)

    def _loss(self, changed):
        outputs = dict(zip(self.operator.outputs, self._run(changed), strict=True))
        return sum(float(np.sum(weights * data(outputs[name]))) for name, weights in self.weights.items())


def _like(value, numbers):
    if not is_sparse(value):
        return numbers
    other = value.astype(float)
    other.data = numbers
    return other


# -- threads, processes and memory -------------------------------------------------------------------------------------


def selected(request):
    """Return the operators that tests were asked for."""
    asked = [item.callspec.params.get("operator") for item in request.session.items if hasattr(item, "callspec")]
    return [operator for operator in OPERATORS.values() if operator in asked]


@pytest.fixture(scope="module")
def called_by_many(request):
    names = [operator.name for operator in selected(request)]
    call = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.many_callers", *names]
    environment = {**os.environ, "WORKBENCH_NUM_THREADS": "4"}  # whatever the machine has: the pool must be in use
    finished = subprocess.run(
        call, capture_output=True, text=True, timeout=300, env=environment, cwd=Path(__file__).parents[1]
    )
    return finished.stdout.splitlines(), finished.stderr


@EVERY
@pytest.mark.parametrize("scenario", ["threads", "spawned", "forked", "parent"])
def test_many_callers_get_what_one_gets(operator, scenario, called_by_many):
    if scenario in ("forked", "parent") and not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    lines, errors = called_by_many
    assert f"{operator.name} {scenario}" in lines, errors


@pytest.fixture(scope="module")
def temporaries(request):
    if not peaks.can_measure():
        pytest.skip("this system does not report a process's peak in /proc")
    setup = f"""
def inputs(name, i, n):
    calls = workbench.OPERATORS[name].timed(np.random.default_rng(0), {LARGE} if n else 20_000)
    return next(inputs for place, (inputs, _) in enumerate(calls) if place == i)

def call(x, name, i, engine):
    arguments = [arguments for _, arguments in workbench.OPERATORS[name].timed(np.random.default_rng(0), 1000)][i]
    return workbench.OPERATORS[name].run(*x, engine=engine, **arguments)
"""
    calls = {}
    for operator in (OPERATORS[SEEN.split()[0]], *selected(request)):
        for i, _ in enumerate(operator.timed(np.random.default_rng(0), 1000) if operator.timed else ()):
            for engine in ("numba", "reference"):
                key = f"{operator.name!r}, {i}"
                calls[f"{operator.name} {engine} {i}"] = (f"inputs({key}, n)", f"call(x, {key}, {engine!r})")
    # A reference may loop in Python: one that is fast shows that temporaries would be seen.
    calls = {name: call for name, call in calls.items() if " numba " in name or name == SEEN}
    return peaks.bytes_beyond_results(setup, calls)


@EVERY
def test_a_call_takes_little_beyond_its_results(operator, temporaries):
    found = {name: share for name, share in temporaries.items() if name.startswith(f"{operator.name} numba ")}
    assert max(found.values(), default=0.0) < 0.15


def test_the_measurement_sees_temporaries(temporaries):
    assert temporaries[SEEN] > 1


@EVERY
def test_nothing_is_kept_after_many_calls(operator):
    inputs, arguments = (
        next(iter(operator.timed(np.random.default_rng(0), 30_000))) if operator.timed else typical(operator)
    )
    run(operator, inputs, arguments)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            run(operator, inputs, arguments)
        assert tracemalloc.get_traced_memory()[0] - before < sum(x.nbytes for x in inputs) / 10
    finally:
        tracemalloc.stop()


# -- refusals ----------------------------------------------------------------------------------------------------------


@EVERY
def test_arguments_that_are_refused_are_named_and_nothing_is_written(operator):
    inputs, arguments = typical(operator)
    given = converted(inputs, "float32")
    function = getattr(workbench, operator.function)
    for engine in operator.engines:
        for arg in operator.args:
            for value, error, words in wrong_values(arg):
                for call in (operator.run, function):
                    kind, message = refusal(call, *given, engine=engine, **arguments | {arg.name: value})
                    assert kind is error
                    assert message.startswith(words)
                    assert arg.allowed in message
            if arg.type is object:
                _, message = refusal(operator.run, *given, engine=engine, **arguments | {arg.name: object()})
                assert message.startswith(arg.name)
            if arg.default is REQUIRED:
                without = {name: value for name, value in arguments.items() if name != arg.name}
                kind, message = refusal(operator.run, *given, engine=engine, **without)
                assert (kind, message) == (TypeError, f"{arg.name}: is missing; give {arg.allowed}")
                assert f"'{arg.name}'" in refusal(function, *given, engine=engine, **without)[1]
        kind, message = refusal(operator.run, *given, engine=engine, **arguments | {"no_such": 1})
        names = ", ".join(arg.name for arg in operator.args)
        assert (kind, message) == (TypeError, f"{operator.name} has no argument 'no_such'; it has {names}")
    for engine in ("fast", "", None, ["numba"]):
        kind, message = refusal(function, *given, engine=engine, **arguments)
        assert kind is ValueError
        assert message == f"engine={engine!r}: must be one of {', '.join(map(repr, operator.engines))}"
    assert bits(given) == bits(inputs)


NO_NUMBERS = ("bool", "object", "complex64", "longdouble", "U3", "S2", "M8[s]")
NUMBERS = ("float16", "float32", "float64", *(f"{kind}int{8 << k}" for kind in ("", "u") for k in range(4)))


@EVERY
def test_types_that_are_refused_are_named_and_nothing_is_written(operator):
    inputs, arguments = typical(operator)
    given = converted(inputs, "float32")
    function = getattr(workbench, operator.function)
    for place, name in enumerate(operator.inputs):
        x = given[place]
        refused = {*NO_NUMBERS, *NUMBERS} - names_of_types(operator) if is_float(x) else {"object", "complex64", "U3"}
        others = [np.zeros(x.shape, dtype) for dtype in refused if np.dtype(dtype) != np.float64]
        others += [np.zeros(x.shape, [("a", "f4")]), np.ma.masked_equal(x, x.flat[0]), [[1.0, 2.0], [3.0]], None, "abc"]
        for other in others:
            wrong = [other if i == place else each for i, each in enumerate(given)]
            for engine in operator.engines:
                kind, message = refusal(function, *wrong, engine=engine, **arguments)
                assert re.match(rf"{name}(: | has (dtype|shape) )", message)
                assert kind is TypeError or np.shape(other) != x.shape
                if isinstance(other, np.ma.MaskedArray):
                    assert message.startswith(f"{name}: a masked array's mask would be lost; fill it first, as with ")
                elif type(other) is np.ndarray and other.dtype.names is None:
                    assert f"has dtype {other.dtype}" in message
    assert bits(given) == bits(inputs)


@EVERY
def test_inputs_of_another_number_are_refused(operator):
    inputs, arguments = typical(operator)
    names = ", ".join(operator.inputs)
    for given in ((), inputs[:-1], (*inputs, inputs[0])):
        kind, message = refusal(operator.run, *given, **arguments)
        expected = f"{operator.name} takes {len(operator.inputs)} inputs ({names}), not {len(given)}"
        assert (kind, message) == (TypeError, expected)


@EVERY
def test_outputs_are_written_to_in_place_or_not_at_all(operator):
    inputs, arguments = typical(operator)
    given = converted(inputs, "float32")
    for name in (*operator.outputs, "other"):
        source = dict(operator.inplace).get(name)
        if source is None:
            kind, message = refusal(operator.run, *given, outputs={name: given[0]}, **arguments)
            assert kind is TypeError
            assert message.startswith(f"{operator.name} cannot write to {name!r}: it returns ")
            continue
        assert source in operator.changes
        array = given[operator.inputs.index(source)]
        for other in (array.copy(), array[:]):
            kind, message = refusal(operator.run, *given, outputs={name: other}, **arguments)
            assert (kind, message) == (
                ValueError,
                f"{operator.name} works in place: its output {name!r} must be its input {source!r}",
            )
        assert bits(given) == bits(inputs)
        assert operator.run(*given, outputs={name: array}, **arguments) is array
