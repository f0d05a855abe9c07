"""Published sizes of networks, as printed, to compare with the counts of `networks`.

Where the two differ, `differs` gives the reason as far as it is known. Neither number is adjusted to fit.
"""

import dataclasses
from fractions import Fraction

from workbench.architectures.network import Convolution, Dense, Network

KRIZHEVSKY = "Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012"
CAFFE = "the model bvlc_alexnet of Caffe"
SZE = "Sze, Chen, Yang and Emer, Efficient Processing of Deep Neural Networks: A Tutorial and Survey, 2017"
SIMONYAN = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014, table 2"
SZEGEDY = "Szegedy et al., Going Deeper with Convolutions, 2014, table 1"

PARTS = {"all": (Convolution, Dense), "convolution": (Convolution,), "dense": (Dense,)}
SUFFIXES = {"M": 10**6, "G": 10**9}


@dataclasses.dataclass(frozen=True)
class Published:
    """One printed number: one quantity of one part of a network.

    `part` is "all", "convolution", "dense", or the beginning of its layers' names. `quantity` is "parameters" (with
    biases), "weights" (without), or "multiply_adds" (for one image, in convolutions and dense layers). "K" stands for
    `kilo`. `differs` says why our count does not round to the printed number; it is empty if it does.
    """

    network: str
    part: str
    quantity: str
    printed: str
    source: str
    kilo: int = 1000
    differs: str = ""

    @property
    def unit(self) -> Fraction:
        """Return the value of one unit in the last printed digit."""
        decimals = len(self.printed.rstrip("KMG").partition(".")[2])
        return Fraction({"K": self.kilo, **SUFFIXES}.get(self.printed[-1], 1), 10**decimals)

    @property
    def count(self) -> Fraction:
        """Return the printed number."""
        return int(self.printed.rstrip("KMG").replace(".", "")) * self.unit

    def agrees(self, computed: int) -> bool:
        """Return whether a count rounds to the printed number; a half may be rounded up or down."""
        return 2 * abs(computed - self.count) <= self.unit

    def computed(self, network: Network) -> int:
        """Return our count for `network`; raise ValueError if it is not the network of this figure."""
        if network.name != self.network:
            raise ValueError(f"network={network.name!r}: must be {self.network!r}, which this figure is about")
        kinds = PARTS.get(self.part, PARTS["all"])
        begins = "" if self.part in PARTS else self.part
        rows = [row for row in network.trace() if isinstance(row.layer, kinds) and row.name.startswith(begins)]
        if self.quantity == "multiply_adds":
            return sum(row.forward.multiply_adds for row in rows)
        if self.quantity == "parameters":
            return sum(row.parameters for row in rows)
        return sum(
            dataclasses.replace(row.layer, bias=False).parameters(row.input_shape)
            for row in rows
            if isinstance(row.layer, Convolution | Dense)
        )


def _surveyed(network: str, part: str, weights: str, multiply_adds: str, differs: str = "") -> tuple[Published, ...]:
    return (
        Published(network, part, "weights", weights, SZE),
        Published(network, part, "multiply_adds", multiply_adds, SZE, differs=differs),
    )


def _tabled(part: str, params: str, ops: str, params_differ: str = "", ops_differ: str = "") -> tuple[Published, ...]:
    """Return a row of GoogLeNet's table, where K is 1024 for parameters and M is a million for operations."""
    return (
        Published("GoogLeNet", part, "weights", params, SZEGEDY, kilo=1024, differs=params_differ),
        Published("GoogLeNet", part, "multiply_adds", ops, SZEGEDY, differs=ops_differ),
    )


FLOOR = "pooling that rounds down, to 55, 27, 13 and 6 pixels, gives 1.43G; the network's 56, 28, 14 and 7 give 1.58G"
OTHERS = "the filters in the same row of the table give another number, which fits the row's operations"

PUBLISHED = (
    Published("AlexNet", "all", "parameters", "60965224", CAFFE),
    Published("AlexNet", "all", "parameters", "60M", KRIZHEVSKY, differs="the text rounds 61.0 million down"),
    *_surveyed("AlexNet", "convolution", "2.3M", "666M"),
    *_surveyed("AlexNet", "dense", "58.6M", "58.6M"),
    *_surveyed("AlexNet", "all", "61M", "724M"),
    *_surveyed("VGG-16", "convolution", "14.7M", "15.3G"),
    *_surveyed("VGG-16", "dense", "124M", "124M"),
    *_surveyed("VGG-16", "all", "138M", "15.5G"),
    *_surveyed("GoogLeNet", "convolution", "6.0M", "1.43G", FLOOR),
    *_surveyed("GoogLeNet", "dense", "1M", "1M"),
    *_surveyed("GoogLeNet", "all", "7M", "1.43G", FLOOR),
    Published("VGG A-LRN", "all", "parameters", "133M", SIMONYAN),
    Published("VGG-16", "all", "parameters", "138M", SIMONYAN),
    *_tabled("conv1", "2.7K", "34M", "7 x 7 x 3 x 64 weights are 9.2K", "9.2K weights at 112 x 112 pixels are 118M"),
    *_tabled("conv2", "112K", "360M"),
    *_tabled("inception_3a", "159K", "128M"),
    *_tabled("inception_3b", "380K", "304M", OTHERS),
    *_tabled("inception_4a", "364K", "73M", OTHERS, "73.6M, rounded down"),
    *_tabled("inception_4b", "437K", "88M", OTHERS),
    *_tabled("inception_4c", "463K", "100M", OTHERS),
    *_tabled("inception_4d", "580K", "119M", OTHERS),
    *_tabled("inception_4e", "840K", "170M", OTHERS),
    *_tabled("inception_5a", "1072K", "54M", "the filters in the same row give 1018K", "1018K at 7 x 7 pixels are 51M"),
    *_tabled("inception_5b", "1388K", "71M", OTHERS),
    *_tabled("linear", "1000K", "1M"),
)
