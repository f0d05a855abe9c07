"""The worked example of the text on LRN, counted: a 3 x 3 convolution, ReLU and LRN on an image of 224 x 224 pixels.

The functions of the claims take a seed, which counting does not need, and return numbers by name. The figures that the
text gives are CLAIMED; each is compared with the count as a ratio, so that 1 means equal.

The last functions put predictions beside the times that were recorded on an NVIDIA H200 with PyTorch.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.architectures import networks
from workbench.architectures.layer_costs import convolution, relu
from workbench.architectures.overhead import Overhead, overhead
from workbench.cost import Cost
from workbench.cost.loop_cost import loop_cost
from workbench.cost.record import checked_itemsize, checked_shape
from workbench.lrn import LRN
from workbench.lrn.cost import cost as lrn_cost
from workbench.machines.limits import Machine
from workbench.machines.prediction import predict
from workbench.machines.published import H200_TENSOR_FLOPS, KNOWN
from workbench.machines.recorded import recorded_h200

SHAPE, CHANNELS, FILTER, SIZE = (1, 64, 224, 224), 64, 3, 5
BOTH = ("forward", "gradient")
CLAIMED = {"convolution forward": 3.3e11, "convolution gradient": 6.6e11, "ReLU": 3.2e7, "LRN": 2.2e10, "all": 6.9e11}
CLAIMED_SECONDS, CLAIMED_RATE, CLAIMED_SECONDS_EACH = 0.69, 1e12, 1e-9  # of a pass; FLOP/s; seconds of an operation
SIZES = (3, 5, 9, 17, 33, 63)  # windows; odd, and each about twice the one before
WIDE = (1, 256, 256, 256)  # large enough that the borders do not matter to a window of 63
BATCH = 8

# Instructions of 32 bits on a GPU. A division takes up to 20, by NVIDIA's CUDA C++ Programming Guide; one of 64 bits is
# taken as four times as many, as a product of 64 bits takes four products.
LONG_DIVISION, LONG_PRODUCT = 80, 4
AXES = 4  # of the array that PyTorch's mean of a window indexes


def growth(seed: int, region: str, form: str) -> dict[str, float]:
    """Return the slope of the logarithm of LRN's FLOPs, forward, over the logarithm of the window's size."""
    flops = [lrn_cost("forward", WIDE, size, region=region, form=form).flops for size in SIZES]
    return {"exponent of n": float(np.polyfit(np.log(SIZES), np.log(flops), 1)[0])}


def convolution_count(seed: int, direction: str) -> dict[str, float]:
    """Compare the figure for the convolution with its FLOPs, and with its multiply-adds."""
    counted, claimed = convolution(direction, SHAPE, CHANNELS, FILTER, padding=1), CLAIMED[f"convolution {direction}"]
    return {
        "claimed over counted FLOPs": claimed / counted.flops,
        "claimed over counted multiply-adds": claimed / counted.multiply_adds,
    }


def relu_count(seed: int) -> dict[str, float]:
    """Compare the figure for ReLU, both ways, with one comparison for each element each way."""
    counted = sum(relu(way, SHAPE).comparisons for way in BOTH)
    return {"claimed over counted operations": CLAIMED["ReLU"] / counted}


def lrn_count(seed: int) -> dict[str, float]:
    """Compare the figure for LRN, both ways, with its FLOPs, and with the text's own formula."""
    counted = sum(lrn_cost(way, SHAPE, SIZE).flops for way in BOTH)
    return {
        "claimed over counted FLOPs": CLAIMED["LRN"] / counted,
        "claimed over elements times n squared": CLAIMED["LRN"] / (np.prod(SHAPE) * SIZE**2),
    }


def sum_of_parts(seed: int) -> dict[str, float]:
    parts = sum(number for name, number in CLAIMED.items() if name != "all")
    return {"claimed total over sum of claimed parts": CLAIMED["all"] / parts}


def seconds_of_a_pass(seed: int) -> dict[str, float]:
    """Compare the claimed time of a pass with the roofline's prediction for a card of the claimed speed."""
    costs = [
        each
        for way in BOTH
        for each in (convolution(way, SHAPE, CHANNELS, FILTER, padding=1), relu(way, SHAPE), lrn_cost(way, SHAPE, SIZE))
    ]
    predicted = sum(predict(each, KNOWN["example-gpu"]).seconds for each in costs)
    return {"claimed over predicted seconds": CLAIMED_SECONDS / predicted}


def two_speeds(seed: int) -> dict[str, float]:
    """Compare the time of all claimed operations at one claimed speed with that at the other."""
    return {
        "time by one over time by the other": CLAIMED["all"] * CLAIMED_SECONDS_EACH / (CLAIMED["all"] / CLAIMED_RATE)
    }


def shares(seed: int, quantity: str) -> dict[str, float]:
    """Return the smallest share that LRN adds to a training step, over networks and published machines."""
    found = [_share(each, quantity) for each in _overheads()]
    return {"smallest share of a step": min(found), "largest share of a step": max(found)}


@functools.cache
def _overheads() -> list[Overhead]:
    made = (networks.alexnet(), networks.googlenet(), networks.vgg_a_lrn())
    return [overhead(network, "LRN", machine, batch=BATCH) for network in made for machine in KNOWN.values()]


def _share(added: Overhead, quantity: str) -> float:
    """Return added / without for both directions together; for memory, for the direction that needs more."""
    parts = [each.quantities[quantity] for each in (added.forward, added.gradient)]
    if quantity == "memory":
        return max(more / without for without, more in parts)
    return sum(more for _, more in parts) / sum(without for without, _ in parts)


class Beside(NamedTuple):
    """One recorded operation: images at once, the operation, and its seconds as predicted and measured."""

    images: int
    operation: str
    predicted: float
    measured: float

    @property
    def kind(self) -> str:
        """Return the operation without its direction, for a legend."""
        name = self.operation.replace(" forward", "").replace(" backward", "")
        return name.replace("relu", "ReLU").replace("lrn, torch", "LRN, PyTorch's").replace("lrn", "LRN")


def unfused(shape: Sequence[int], size: int = 5, itemsize: int = 4) -> dict[str, Cost]:
    """Count LRN, forward, kernel by kernel, as PyTorch's `local_response_norm` runs it for a `beta` such as 0.75.

    Each kernel reads whole arrays and writes a whole array. The mean of a window reads `size` numbers for each one
    that it writes: each number once from memory, and again from a cache. View, unsqueeze and squeeze move nothing.

    Its thread takes a quotient and a remainder of 64 bits to find its place, and a product of 64 bits for each axis of
    each number that it reads or writes (AveragePool3d.cu). The other kernels count up and need no such work.
    """
    shape, itemsize = checked_shape("shape", shape, least=2), checked_itemsize(itemsize)
    size = LRN.check({"size": size})["size"]
    elements, pixels = math.prod(shape), math.prod(shape) // shape[1] if shape[1] else 0
    array, padded = itemsize * elements, itemsize * (elements + pixels * (size - 1))
    finding = 2 * LONG_DIVISION + (size + 1) * AXES * LONG_PRODUCT
    window = Cost(
        other_flops=elements * (size - 1),
        divisions=elements,
        integer_operations=elements * finding,
        bytes_cached=size * array - padded,
    )
    each, power, division = Cost(other_flops=elements), Cost(powers=elements), Cost(divisions=elements)
    return {
        "x * x": loop_cost(array, array) + each,
        "zeros, padded": loop_cost(0, padded),
        "copy into them": loop_cost(array, array, allocated=0),
        "mean of a window": loop_cost(padded, array) + window,
        "times alpha": loop_cost(array, array) + each,
        "plus k": loop_cost(array, array) + each,
        "power beta": loop_cost(array, array) + power,
        "x divided by it": loop_cost(2 * array, array) + division,
    }


def on_a_gpu() -> list[Beside]:
    """Return what was recorded on the H200 beside the prediction from its data sheet, where the cost is counted here.

    Kernels run one after another. In TF32 the convolution is predicted with the peak of the tensor cores.
    """
    rows = []
    for images in dict.fromkeys(each.images for each in recorded_h200()):
        kernels = _recorded_kernels((images, *SHAPE[1:]))
        for each in recorded_h200():
            if each.images == images and each.operation in kernels:
                name = each.operation + (", TF32" if each.tf32 else "")
                machine = _with_tf32(KNOWN["h200"]) if each.tf32 else KNOWN["h200"]
                predicted = sum(predict(cost, machine).seconds for cost in kernels[each.operation])
                rows.append(Beside(images, name, predicted, each.seconds))
    return rows


def measured(operation: str, images: int, tf32: bool = False) -> float:
    """Return the recorded seconds of an operation on the H200; raise KeyError if it was not recorded."""
    return {(each.operation, each.images, each.tf32): each.seconds for each in recorded_h200()}[operation, images, tf32]


def measured_share(form: str, images: int, tf32: bool) -> float:
    """Return LRN's share of convolution, ReLU and LRN, forward and backward, as recorded; "fused" or "torch"."""
    ways = ("forward", "backward")
    lrn = sum(measured(f"lrn {way}, {form}", images) for way in ways)
    others = sum(measured(f"convolution {way}", images, tf32) + measured(f"relu {way}", images) for way in ways)
    return lrn / (lrn + others)


def _recorded_kernels(shape: Sequence[int]) -> dict[str, list[Cost]]:
    array = 4 * math.prod(shape)
    kernels = {"copy": [loop_cost(array, array)], "lrn forward, torch": [*unfused(shape, SIZE).values()]}
    for way, direction in zip(("forward", "backward"), BOTH, strict=True):
        kernels[f"convolution {way}"] = [convolution(direction, shape, CHANNELS, FILTER, padding=1)]
        kernels[f"relu {way}"] = [relu(direction, shape)]
        kernels[f"lrn {way}, fused"] = [lrn_cost(direction, shape, SIZE) + Cost(launches=1)]
    return kernels


def _with_tf32(machine: Machine) -> Machine:
    """Return the machine with the tensor cores' peak in place of that of ordinary arithmetic."""
    limits = {
        threads: dataclasses.replace(each, flops={**each.flops, "float32": H200_TENSOR_FLOPS["TF32"]})
        for threads, each in machine.limits.items()
    }
    return dataclasses.replace(machine, limits=limits)
