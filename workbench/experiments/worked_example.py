"""The worked example of the text on LRN, counted: a 3 x 3 convolution, ReLU and LRN on an image of 224 x 224 pixels.

Each function takes a seed, which counting does not need, and returns numbers by name. The figures that the text gives
are CLAIMED; each is compared with the count as a ratio, so that 1 means equal.
"""

import numpy as np

from workbench.architectures import networks
from workbench.architectures.layer_costs import convolution, relu
from workbench.architectures.overhead import Overhead, overhead
from workbench.lrn.cost import cost as lrn_cost
from workbench.machines.prediction import predict
from workbench.machines.published import KNOWN

SHAPE, CHANNELS, FILTER, SIZE = (1, 64, 224, 224), 64, 3, 5
BOTH = ("forward", "gradient")
CLAIMED = {"convolution forward": 3.3e11, "convolution gradient": 6.6e11, "ReLU": 3.2e7, "LRN": 2.2e10, "all": 6.9e11}
CLAIMED_SECONDS, CLAIMED_RATE, CLAIMED_SECONDS_EACH = 0.69, 1e12, 1e-9  # of a pass; FLOP/s; seconds of an operation
SIZES = (3, 5, 9, 17, 33, 63)  # windows; odd, and each about twice the one before
WIDE = (1, 256, 256, 256)  # large enough that the borders do not matter to a window of 63
BATCH = 8


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
    found = [
        _share(overhead(network, "LRN", machine, batch=BATCH), quantity)
        for network in (networks.alexnet(), networks.googlenet(), networks.vgg_a_lrn())
        for machine in KNOWN.values()
    ]
    return {"smallest share of a step": min(found), "largest share of a step": max(found)}


def _share(added: Overhead, quantity: str) -> float:
    """Return added / without for both directions together; for memory, for the direction that needs more."""
    parts = [each.quantities[quantity] for each in (added.forward, added.gradient)]
    if quantity == "memory":
        return max(more / without for without, more in parts)
    return sum(more for _, more in parts) / sum(without for without, _ in parts)
