"""Networks: shapes, parameters and costs against sums drawn by hand and against what was published."""

import dataclasses
import re

import pytest

import workbench.lrn.cost
import workbench.sparse_dropout.cost
from workbench.architectures.layer_costs import concatenation, convolution, dense
from workbench.architectures.network import (
    AveragePool,
    BatchNorm,
    Branches,
    Convolution,
    Dense,
    Dropout,
    MaxPool,
    Network,
    OperatorLayer,
    ReLU,
    Softmax,
)
from workbench.architectures.networks import alexnet, googlenet, one_convolution, vgg_16, vgg_a_lrn
from workbench.architectures.published_sizes import PUBLISHED, Published
from workbench.cost import Cost
from workbench.lrn import conventions

BY_NAME = {"AlexNet": alexnet, "GoogLeNet": googlenet, "VGG-16": vgg_16, "VGG A-LRN": vgg_a_lrn}


def weighted(network):
    return [row for row in network.trace() if isinstance(row.layer, (Convolution, Dense))]


def names(network):
    return [row.name for row in network.trace()]


@pytest.mark.parametrize(
    "published", PUBLISHED, ids=lambda figure: f"{figure.network}-{figure.part}-{figure.quantity}-{figure.printed}"
)
def test_published_figures_agree_or_say_why_not(published):
    computed = published.computed(BY_NAME[published.network]())
    assert published.agrees(computed) == (not published.differs)


def test_most_published_figures_agree():
    assert sum(not published.differs for published in PUBLISHED) == 31
    assert sum(bool(published.differs) for published in PUBLISHED) == 15


def test_a_printed_number_is_rounded_to_its_last_digit():
    figure = Published("n", "all", "weights", "2.7K", "s", kilo=1024)
    assert [figure.agrees(count) for count in (2713, 2714, 2765, 2816, 2817)] == [False, True, True, True, False]
    assert [Published("n", "all", "weights", "724M", "s").agrees(n) for n in (723_500_000, 723_499_999)] == [
        True,
        False,
    ]
    assert not Published("n", "all", "weights", "60965224", "s").agrees(60965223)


def test_a_figure_of_another_network_is_refused():
    with pytest.raises(ValueError, match="network='VGG-16': must be 'AlexNet', which this figure is about"):
        PUBLISHED[0].computed(vgg_16())


def test_alexnet_by_hand():
    # Filters times (channels of a group times kernel) and a bias each; outputs' rows times columns times the weights.
    assert [(row.name, row.parameters, row.forward.multiply_adds) for row in weighted(alexnet())] == [
        ("conv1", 96 * 363 + 96, 105_415_200),  # 3 * 11 * 11, 55 x 55
        ("conv2", 256 * 1200 + 256, 223_948_800),  # 48 * 5 * 5, 27 x 27
        ("conv3", 384 * 2304 + 384, 149_520_384),  # 256 * 3 * 3, 13 x 13
        ("conv4", 384 * 1728 + 384, 112_140_288),  # 192 * 3 * 3
        ("conv5", 256 * 1728 + 256, 74_760_192),
        ("fc6", 37_752_832, 37_748_736),  # 256 * 6 * 6 to 4096
        ("fc7", 16_781_312, 16_777_216),
        ("fc8", 4_097_000, 4_096_000),
    ]
    assert alexnet().parameters == 60_965_224


def test_alexnet_normalizes_after_relu_and_before_pooling():
    assert names(alexnet())[:8] == ["conv1", "conv1_relu", "norm1", "pool1", "conv2", "conv2_relu", "norm2", "pool2"]
    pool = alexnet().trace()[3]
    assert pool.forward.comparisons == 96 * 27 * 27 * 8  # 3 x 3 windows that overlap
    shapes = {row.name: row.output_shape for row in alexnet().trace(batch=2)}
    assert (shapes["norm1"], shapes["pool1"]) == ((2, 96, 55, 55), (2, 96, 27, 27))
    expected = {"norm2": (2, 256, 27, 27), "pool2": (2, 256, 13, 13), "pool5": (2, 256, 6, 6)}
    assert {name: shapes[name] for name in expected} == expected
    assert names(alexnet())[-8:] == [
        "fc6",
        "fc6_relu",
        "fc6_dropout",
        "fc7",
        "fc7_relu",
        "fc7_dropout",
        "fc8",
        "softmax",
    ]


def test_alexnets_constants_are_translated_as_everywhere():
    (layer, _) = [row.layer for row in alexnet().trace() if isinstance(row.layer, OperatorLayer)]
    translated = conventions.arguments(conventions.alexnet(n=5, k=2.0, alpha=1e-4, beta=0.75))
    assert layer.arguments == pytest.approx({name: translated[name] for name in layer.arguments})


def test_vgg_has_as_many_layers_with_weights_as_its_table_says():
    assert (len(weighted(vgg_a_lrn())), len(weighted(vgg_16()))) == (11, 16)
    assert names(vgg_a_lrn())[:4] == ["conv1_1", "conv1_1_relu", "norm1", "pool1"]
    assert names(vgg_16(lrn=True))[:6] == ["conv1_1", "conv1_1_relu", "norm1", "conv1_2", "conv1_2_relu", "pool1"]
    assert names(vgg_16(lrn=True).without("LRN")) == names(vgg_16())
    assert vgg_16(lrn=True).parameters == vgg_16().parameters == 138_357_544
    assert vgg_a_lrn().parameters == 132_863_336


def test_googlenet_module_by_module():
    # 3a: 1 x 1 to 64; to 96, 3 x 3 to 128; to 16, 5 x 5 to 32; pooled to 32. 192*64 + 192*96 + 9*96*128 + 192*16 +
    # 25*16*32 + 192*32 = 163328 weights, and 368 biases, on 28 x 28 pixels. The others likewise, from the table.
    totals = {}
    for row in weighted(googlenet()):
        module = row.name.partition("/")[0]
        parameters, multiply_adds = totals.get(module, (0, 0))
        totals[module] = parameters + row.parameters, multiply_adds + row.forward.multiply_adds
    assert totals == {
        "conv1": (9408 + 64, 9408 * 12544),
        "conv2_reduce": (4096 + 64, 4096 * 3136),
        "conv2": (110592 + 192, 110592 * 3136),
        "inception_3a": (163328 + 368, 163328 * 784),
        "inception_3b": (388096 + 640, 388096 * 784),
        "inception_4a": (375552 + 624, 375552 * 196),
        "inception_4b": (448512 + 648, 448512 * 196),
        "inception_4c": (509440 + 664, 509440 * 196),
        "inception_4d": (604672 + 704, 604672 * 196),
        "inception_4e": (867328 + 1024, 867328 * 196),
        "inception_5a": (1042432 + 1024, 1042432 * 49),
        "inception_5b": (1442816 + 1264, 1442816 * 49),
        "linear": (1025000, 1024000),
    }


def test_googlenets_modules_have_the_shapes_of_its_table():
    shapes = {row.name: row.output_shape[1:] for row in googlenet().trace()}
    table = {
        "conv1": (64, 112, 112),
        "pool1": (64, 56, 56),
        "norm2": (192, 56, 56),
        "pool2": (192, 28, 28),
        "inception_3a": (256, 28, 28),
        "inception_3b": (480, 28, 28),
        "pool3": (480, 14, 14),
        "inception_4a": (512, 14, 14),
        "inception_4d": (528, 14, 14),
        "inception_4e": (832, 14, 14),
        "pool4": (832, 7, 7),
        "inception_5b": (1024, 7, 7),
        "pool5": (1024, 1, 1),
        "linear": (1000,),
    }
    assert {name: shapes[name] for name in table} == table
    assert names(googlenet())[:9:2] == ["conv1", "pool1", "conv2_reduce", "conv2", "norm2"]


def test_googlenet_counts_small_images():
    # 32 pixels: conv1 leaves 16, the four pools 8, 4, 2 and 1; the mean over 1 pixel takes a division per channel.
    network = dataclasses.replace(googlenet(), input_shape=(3, 32, 32))
    rows = {row.name: row for row in network.trace()}
    shapes = {name: row.output_shape[1:] for name, row in rows.items()}
    pools = [shapes[name] for name in ("pool1", "pool2", "pool3", "pool4", "pool5", "linear")]
    assert pools == [(64, 8, 8), (192, 4, 4), (480, 2, 2), (832, 1, 1), (1024, 1, 1), (1000,)]
    assert (rows["pool5"].forward.divisions, rows["pool5"].forward.other_flops) == (1024, 0)
    assert network.parameters == googlenet().parameters


def test_pooling_that_rounds_down_gives_the_surveys_figure_for_googlenet():
    def rounded_down(layer):
        if isinstance(layer, AveragePool):
            return AveragePool(6, 1)
        return dataclasses.replace(layer, ceil=False) if isinstance(layer, MaxPool) else layer

    network = googlenet()
    network = dataclasses.replace(network, layers=tuple(map(rounded_down, network.layers)))
    assert sum(row.forward.multiply_adds for row in weighted(network)) == 1_431_556_352


def test_one_convolution():
    # 3 * 3 * 64 * 64 weights on 224 x 224 pixels; LRN over 5 of 64 channels adds 314 - 64 squares a pixel to others.
    network = one_convolution()
    (conv, relu, norm) = network.trace(batch=3)
    assert (conv.parameters, conv.forward.multiply_adds) == (36928, 3 * 36864 * 50176)
    assert (relu.forward.comparisons, relu.forward.flops) == (3 * 64 * 50176, 0)
    assert norm.forward.multiply_adds == 3 * (250 + 64) * 50176
    assert conv.gradient.multiply_adds == 2 * conv.forward.multiply_adds  # a part of a network
    (_, _, single) = one_convolution(size=1).trace()
    assert single.forward.multiply_adds == 64 * 50176


@pytest.mark.parametrize("direction", ["forward", "gradient"])
def test_an_operators_own_cost_counts(direction):
    arguments = {"size": 3, "alpha": 0.1, "beta": 0.5, "bias": 2.0, "region": "within"}
    expected = workbench.lrn.cost.cost(direction, (2, 3, 4, 5), size=3, beta=0.5, region="within", itemsize=8)
    started = Cost(bytes_allocated=960, launches=1)  # 120 elements of y, or dx, which are new, in one loop
    assert OperatorLayer("LRN", arguments).cost(direction, (2, 3, 4, 5), itemsize=8) == expected + started
    dropped = OperatorLayer("DropoutWithReplacement", {"ratio": 0.3, "seed": 7, "scaled": True})
    expected = workbench.sparse_dropout.cost.cost(direction, (2, 3, 4, 5), scaled=True)
    written = {"forward": 480 + 120, "gradient": 480 + 4}[direction]  # y and dropped; dx and one sum
    assert dropped.cost(direction, (2, 3, 4, 5)) == expected + Cost(bytes_allocated=written, launches=1)
    assert (dropped.output_shape((2, 3)), dropped.parameters((2, 3))) == ((2, 3), 0)


def test_networks_cost_what_their_rows_cost():
    for direction in ("forward", "gradient"):
        rows = [getattr(row, direction) for row in googlenet().trace(batch=2, itemsize=2)]
        assert googlenet().cost(direction, batch=2, itemsize=2) == sum(rows, Cost())
    assert googlenet().cost("forward", batch=0).flops == 0
    half, whole = (Network("n", (7,), (Dense(5),)).cost("forward", itemsize=size).bytes for size in (2, 4))
    assert (half, whole) == (2 * (7 + 35 + 5 + 5), 4 * (7 + 35 + 5 + 5))


SMALL = Network(
    "small",
    (3, 8, 9),
    (
        ReLU(),
        Convolution(4, 3, padding=1, name="conv"),
        BatchNorm(),
        Branches(((Convolution(5, 1), ReLU()), (MaxPool(3, 1, 1), OperatorLayer("LRN", {"size": 3})), ()), name="fork"),
        Dropout(0.5),
        Dense(7, bias=False),
        Softmax(),
    ),
)


def test_a_trace_has_a_row_for_every_layer():
    assert [(row.name, row.input_shape, row.output_shape, row.parameters) for row in SMALL.trace(batch=2)] == [
        ("ReLU 0", (2, 3, 8, 9), (2, 3, 8, 9), 0),
        ("conv", (2, 3, 8, 9), (2, 4, 8, 9), 112),  # 4 * 27 and 4
        ("BatchNorm 2", (2, 4, 8, 9), (2, 4, 8, 9), 8),
        ("Convolution 3.0.0", (2, 4, 8, 9), (2, 5, 8, 9), 25),  # 5 * 4 and 5
        ("ReLU 3.0.1", (2, 5, 8, 9), (2, 5, 8, 9), 0),
        ("MaxPool 3.1.0", (2, 4, 8, 9), (2, 4, 8, 9), 0),
        ("OperatorLayer 3.1.1", (2, 4, 8, 9), (2, 4, 8, 9), 0),
        ("fork", (2, 4, 8, 9), (2, 13, 8, 9), 0),  # 5, 4, and 4 as they came
        ("Dropout 4", (2, 13, 8, 9), (2, 13, 8, 9), 0),
        ("Dense 5", (2, 13, 8, 9), (2, 7), 6552),  # 13 * 72 * 7
        ("Softmax 6", (2, 7), (2, 7), 0),
    ]
    assert SMALL.parameters == 112 + 8 + 25 + 6552


def test_branches_cost_a_concatenation_and_a_sum():
    # 13 channels are copied; going back, three gradients to 2 * 4 * 8 * 9 = 576 elements are added up.
    rows = {row.name: row for row in SMALL.trace(batch=2)}
    shapes = ((2, 5, 8, 9), (2, 4, 8, 9), (2, 4, 8, 9))
    assert rows["fork"].forward == concatenation("forward", shapes)
    added = Cost(other_flops=2 * 576, bytes_read=3 * 2304, bytes_written=2304, bytes_allocated=2304, launches=1)
    assert rows["fork"].gradient == concatenation("gradient", shapes) + added
    (halved,) = [row for row in SMALL.trace(batch=2, itemsize=2) if row.name == "fork"]
    assert (halved.forward.bytes, halved.gradient.bytes) == (2 * 2 * 1872, 2 * 2 * 1872 + 4 * 1152)
    alone = Branches(((ReLU(),),)).cost("gradient", (2, 3))
    assert (alone.other_flops, alone.launches) == (0, 2)  # nothing is added up: the copy and the layer
    inside = [row for name, row in rows.items() if "3." in name] + [rows["fork"]]
    fork = rows["fork"].layer
    for direction in ("forward", "gradient"):
        assert fork.cost(direction, (2, 4, 8, 9)) == sum((getattr(row, direction) for row in inside), Cost())
    assert (fork.parameters((2, 4, 8, 9)), fork.output_shape((2, 4, 8, 9))) == (25, (2, 13, 8, 9))


def test_nobody_asks_for_the_gradient_to_a_networks_input():
    relu, conv, *_ = SMALL.trace(batch=2)
    assert relu.gradient == Cost()
    assert conv.gradient == convolution("gradient to weights", (2, 3, 8, 9), 4, 3, padding=1)
    relu, conv, *_ = dataclasses.replace(SMALL, input_gradient=True).trace(batch=2)
    assert relu.gradient.comparisons == 432
    assert conv.gradient == convolution("gradient", (2, 3, 8, 9), 4, 3, padding=1)
    first, second = Network("two", (3,), (Dense(5), Dense(7))).trace(batch=2)
    assert first.gradient == dense("gradient to weights", (2, 3), 5)
    assert second.gradient == dense("gradient", (2, 5), 7)


def test_a_kernel_may_be_two_lengths():
    # 5 filters of 2 channels by 3 x 4, and 5 biases.
    layer = Convolution(5, (3, 4), stride=(2, 1))
    assert layer.parameters((1, 2, 7, 6)) == 125
    assert layer.output_shape((1, 2, 7, 6)) == (1, 5, 3, 3)


def test_branches_at_the_input_learn_all_the_same():
    fork = Branches(((Convolution(5, 1),), (MaxPool(3, 1, 1),)), name="fork")
    conv, pool, joined = Network("n", (2, 3, 4), (fork,)).trace()
    assert conv.gradient == convolution("gradient to weights", (1, 2, 3, 4), 5, 1)
    assert pool.gradient == Cost()
    assert joined.gradient == concatenation("gradient", ((1, 5, 3, 4), (1, 2, 3, 4)))
    idle = Network("n", (2, 3, 4), (Branches(((ReLU(),), ())), ReLU()))
    assert idle.cost("gradient") == Cost()


def test_without_removes_an_operator_also_inside_branches():
    fewer = SMALL.without("LRN")
    assert [name for name in names(SMALL) if name not in names(fewer)] == ["OperatorLayer 3.1.1"]
    assert fewer.parameters == SMALL.parameters
    difference = workbench.lrn.cost.cost("forward", (1, 4, 8, 9), size=3) + Cost(bytes_allocated=1152, launches=1)
    assert fewer.cost("forward") + difference == SMALL.cost("forward")
    for network in (alexnet(), googlenet(), vgg_a_lrn()):
        assert network.without("LRN").parameters == network.parameters
    with pytest.raises(ValueError, match=r"'Dropout': is not in the network 'small'; must be one of 'LRN'$"):
        SMALL.without("Dropout")
    with pytest.raises(ValueError, match="operator_name='LRN': is not in the network 'VGG-16'; it has no operators"):
        vgg_16().without("LRN")


def network(*layers, shape=(6, 8, 9)):
    return Network("n", shape, layers)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: network(ReLU(), MaxPool(9, 2, name="pool")),
            ValueError,
            "layer 1, MaxPool 'pool', on shape (1, 6, 8, 9): kernel=9: is too long for shape=(1, 6, 8, 9)",
        ),
        (
            lambda: network(Branches(((ReLU(),), (ReLU(), Convolution(3, 1, groups=4))))),
            ValueError,
            "layer 0.1.1, Convolution, on shape (1, 6, 8, 9): groups=4: must divide the 6 channels and the 3 filters",
        ),
        (
            lambda: network(Branches(((ReLU(),), (MaxPool(2, 2),)), name="fork")),
            ValueError,
            "layer 0, 'fork', on shape (1, 6, 8, 9): the branches' shapes=[(1, 6, 8, 9), (1, 6, 4, 4)]: must have",
        ),
        (
            lambda: network(Dense(5), Convolution(3, 1)),
            ValueError,
            "layer 1, Convolution, on shape (1, 5): shape=(1, 5): must have 4 axes",
        ),
        (lambda: network(Dense(5.0)), TypeError, "layer 0, Dense, on shape (1, 6, 8, 9): units=5.0: must be an int"),
        (
            lambda: network(OperatorLayer("LRN", {"region": "within"}), shape=(6,)),
            ValueError,
            "layer 0, OperatorLayer, on shape (1, 6): ",
        ),
        (lambda: network(ReLU), TypeError, "layers[0]=<class"),
        (lambda: Network("n", (6,), ReLU()), TypeError, "layers=ReLU(name=''): must be a tuple of layers"),
        (lambda: network(ReLU(), shape=(6, 8)), ValueError, "input_shape=(6, 8): must be (channels, rows, columns) or"),
        (lambda: SMALL.trace(batch=-1), ValueError, "batch=-1: must be at least 0"),
        (lambda: SMALL.cost("backward"), ValueError, "direction='backward': must be one of 'forward', 'gradient'"),
        (lambda: Branches(()), ValueError, "branches=(): give at least one branch"),
        (lambda: Branches((ReLU(),)), TypeError, "branches=ReLU(name=''): must be a tuple of layers"),
        (lambda: Dropout(1.5), ValueError, "ratio=1.5: must be a number from 0 to 1"),
        (lambda: Dropout("0.5"), TypeError, "ratio='0.5': must be a number from 0 to 1, not str"),
        (lambda: OperatorLayer("LNR"), ValueError, "operator='LNR': must be one of 'LRN'"),
        (lambda: OperatorLayer("LRN", {"k": 2.0}), TypeError, "LRN has no argument 'k'; it has size, alpha"),
        (lambda: OperatorLayer("LRN", {"size": 4}), ValueError, "size=4: must be an odd whole number"),
        (lambda: OperatorLayer("SparseLpRegularizer"), ValueError, "must take one input x"),
        (lambda: OperatorLayer("SparseLp"), ValueError, "must take one input x"),  # of weights
        (lambda: OperatorLayer("LpProx"), ValueError, "must take one input x and have a gradient operator and a cost"),
    ],
)
def test_what_does_not_fit_is_named(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_layers_are_values():
    assert hash(OperatorLayer("LRN", {"size": 5})) == hash(OperatorLayer("LRN", {"size": 5}))
    assert alexnet() == alexnet()
    with pytest.raises(dataclasses.FrozenInstanceError):
        ReLU().name = "relu"
