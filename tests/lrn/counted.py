"""The compiled loops run as the Python that they are written in, on arrays that count what is loaded and stored."""

import importlib
import sys
import types

import numpy as np

from workbench import compiling, lrn
from workbench.lrn import CHANNELS_LAST, kernels
from workbench.lrn.window import Window, window_axes


class Counted:
    """A flat array that counts the elements read and written one at a time; assignments to slices are not counted."""

    def __init__(self, array, tally):
        self.array, self.tally = array, tally
        self.dtype, self.itemsize, self.shape = array.dtype, array.itemsize, array.shape

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Counted(self.array[place], self.tally)
        self.tally.count += 1
        return self.array[place]

    def __setitem__(self, place, value):
        if not isinstance(place, slice):
            self.tally.count += 1
        self.array[place] = value


LOOPS = ["powers_of_two", "loops_common", "loops_sums", "loops_channels_first", "loops_channels_last", "loops_within"]


def plain_loops(monkeypatch, tally, name):
    """Return a module of loops, not compiled, whose own arrays count too; its masks are made uncounted."""
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "compiler", lambda **options: lambda function: function)
        for prefetch in ("prefetch_to_read", "prefetch_to_write"):
            patch.setattr(compiling, prefetch, lambda array, index: None)
        for each in LOOPS:  # imported again, and put back afterwards
            patch.setattr(lrn, each, getattr(lrn, each))
            patch.delitem(sys.modules, f"workbench.lrn.{each}")
        module = importlib.import_module(f"workbench.lrn.{name}")
    counting = types.SimpleNamespace(
        empty=lambda length, dtype: Counted(np.full(length, np.nan, dtype), tally),
        zeros=lambda length, dtype: Counted(np.zeros(length, dtype), tally),
    )
    if name == "loops_channels_last":
        masks = module._neighbour_masks

        def uncounted_masks(channels, tiles, like):
            module.np = np
            made = masks(channels, tiles, like.array)
            module.np = counting
            return tuple(Counted(each, tally) for each in made)

        module._neighbour_masks = uncounted_masks
    module.np = counting
    return module


def accesses(monkeypatch, direction, shape, size, order="NCHW", region="across", jobs=None, **changes):
    """Return the elements that the loop loads and stores for one call, or for some of its jobs, and its results.

    `changes` maps the position of an argument to the value that replaces the call's own.
    """
    tally = types.SimpleNamespace(count=0)
    window = Window(size // 2, size // 2, 0.7, size ** (2 if region == "within" else 1), 0.75, 1.3, region)
    axes = window_axes(len(shape), region, CHANNELS_LAST[order])
    plan = kernels._plan(shape, window, axes, direction)
    rng = np.random.default_rng(5)
    x, dy = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    out = np.full(shape, np.nan, np.float32)
    arrays = (x, out) if direction == "forward" else (dy, x, out)
    flat = [Counted(array.reshape(-1), tally) for array in arrays]
    constants = kernels._constants(x.dtype, window)
    arguments = list(plan.arguments)
    for place, value in changes.items():
        arguments[int(place.lstrip("_"))] = value
    safe = np.zeros(10_000, np.bool_)
    start, stop = (0, plan.jobs) if jobs is None else jobs
    module = plain_loops(monkeypatch, tally, plan.loop.__module__.rpartition(".")[2])
    loop, power = getattr(module, plan.loop.__name__), kernels._power(window.beta)
    loop(*flat, plan.shape, *arguments, power, constants, safe, start, stop)
    assert safe[start:stop].all()
    return tally.count, arrays
