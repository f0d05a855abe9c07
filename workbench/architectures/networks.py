"""Networks that used local response normalization (LRN) or were tried with it, and one convolution to compare with.

LRN has the constants of the AlexNet paper: n = 5, k = 2, beta = 3/4 and alpha = 1e-4. The paper does not divide the sum
by n, but our convention does, so alpha is 5e-4 here. GoogLeNet's paper gives no constants.
"""

from workbench.architectures.network import (
    AveragePool,
    Branches,
    Convolution,
    Dense,
    Dropout,
    Layer,
    MaxPool,
    Network,
    OperatorLayer,
    ReLU,
    Softmax,
)

ALEXNET_LRN = {"size": 5, "alpha": 5e-4, "beta": 0.75, "bias": 2.0}


def alexnet() -> Network:
    """Return AlexNet as trained on two GPUs: conv2, conv4 and conv5 in two groups.

    The input is 227 x 227, because the paper's 224 x 224 does not give its 55 x 55 outputs.

    Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """
    layers = (
        *_convolved("conv1", 96, 11, stride=4),
        OperatorLayer("LRN", ALEXNET_LRN, name="norm1"),
        MaxPool(3, 2, name="pool1"),
        *_convolved("conv2", 256, 5, padding=2, groups=2),
        OperatorLayer("LRN", ALEXNET_LRN, name="norm2"),
        MaxPool(3, 2, name="pool2"),
        *_convolved("conv3", 384, 3, padding=1),
        *_convolved("conv4", 384, 3, padding=1, groups=2),
        *_convolved("conv5", 256, 3, padding=1, groups=2),
        MaxPool(3, 2, name="pool5"),
        *_classifier(6),
    )
    return Network("AlexNet", (3, 227, 227), layers)


def vgg_a_lrn() -> Network:
    """Return configuration A-LRN of VGG, eleven layers with weights; LRN follows the first convolution.

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014, table 1.
    """
    return _vgg("VGG A-LRN", ((64,), (128,), (256, 256), (512, 512), (512, 512)), lrn=True)


def vgg_16(lrn: bool = False) -> Network:
    """Return configuration D of VGG, sixteen layers with weights; `lrn` puts LRN where A-LRN has it."""
    blocks = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
    return _vgg("VGG-16 with LRN" if lrn else "VGG-16", blocks, lrn)


def googlenet() -> Network:
    """Return GoogLeNet without its auxiliary classifiers, as in table 1 of its paper.

    Source: Szegedy et al., Going Deeper with Convolutions, 2014.
    """
    inceptions = {name: _inception(name, *widths) for name, widths in INCEPTIONS.items()}
    layers = (
        *_convolved("conv1", 64, 7, stride=2, padding=3),
        MaxPool(3, 2, ceil=True, name="pool1"),
        OperatorLayer("LRN", name="norm1"),
        *_convolved("conv2_reduce", 64, 1),
        *_convolved("conv2", 192, 3, padding=1),
        OperatorLayer("LRN", name="norm2"),
        MaxPool(3, 2, ceil=True, name="pool2"),
        inceptions["3a"],
        inceptions["3b"],
        MaxPool(3, 2, ceil=True, name="pool3"),
        *(inceptions[name] for name in ("4a", "4b", "4c", "4d", "4e")),
        MaxPool(3, 2, ceil=True, name="pool4"),
        inceptions["5a"],
        inceptions["5b"],
        AveragePool(None, name="pool5"),  # 7 x 7 for images of 224 pixels
        Dropout(0.4, name="dropout"),
        Dense(1000, name="linear"),
        Softmax(name="softmax"),
    )
    return Network("GoogLeNet", (3, 224, 224), layers)


def one_convolution(size: int = 5) -> Network:
    """Return a 3 x 3 convolution of 64 channels on 224 x 224 pixels, like VGG's second, then ReLU and LRN.

    It is a part of a network, so the gradient to its input is counted.
    """
    layers = (
        *_convolved("conv", 64, 3, padding=1),
        OperatorLayer("LRN", {**ALEXNET_LRN, "size": size}, name="norm"),
    )
    return Network("one convolution", (64, 224, 224), layers, input_gradient=True)


def _convolved(
    name: str, filters: int, kernel: int, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> tuple[Layer, Layer]:
    return Convolution(filters, kernel, stride, padding, groups, name=name), ReLU(name=f"{name}_relu")


def _classifier(first: int) -> tuple[Layer, ...]:
    """Return the three dense layers that AlexNet and VGG end with, numbered from `first`."""
    hidden = [f"fc{first}", f"fc{first + 1}"]
    layers: list[Layer] = []
    for name in hidden:
        layers += [Dense(4096, name=name), ReLU(name=f"{name}_relu"), Dropout(0.5, name=f"{name}_dropout")]
    return (*layers, Dense(1000, name=f"fc{first + 2}"), Softmax(name="softmax"))


def _vgg(name: str, blocks: tuple[tuple[int, ...], ...], lrn: bool) -> Network:
    layers: list[Layer] = []
    for block, widths in enumerate(blocks, start=1):
        for index, filters in enumerate(widths, start=1):
            layers += _convolved(f"conv{block}_{index}", filters, 3, padding=1)
            if lrn and block == index == 1:
                layers.append(OperatorLayer("LRN", ALEXNET_LRN, name="norm1"))
        layers.append(MaxPool(2, 2, name=f"pool{block}"))
    return Network(name, (3, 224, 224), (*layers, *_classifier(6)))


# Filters of the inception modules: 1 x 1; 3 x 3 reduce, 3 x 3; 5 x 5 reduce, 5 x 5; pool projection.
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def _inception(name: str, one: int, reduce3: int, three: int, reduce5: int, five: int, projected: int) -> Branches:
    name = f"inception_{name}"
    return Branches(
        (
            _convolved(f"{name}/1x1", one, 1),
            (*_convolved(f"{name}/3x3_reduce", reduce3, 1), *_convolved(f"{name}/3x3", three, 3, padding=1)),
            (*_convolved(f"{name}/5x5_reduce", reduce5, 1), *_convolved(f"{name}/5x5", five, 5, padding=2)),
            (MaxPool(3, 1, 1, name=f"{name}/pool"), *_convolved(f"{name}/pool_projection", projected, 1)),
        ),
        name=name,
    )
