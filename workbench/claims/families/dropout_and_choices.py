"""Claims about dropout and the other choices of training: normalization, weights, rates, batches, data, evaluation."""

from workbench.claims.claim import Claim
from workbench.claims.rules import MARGIN, Apart, Count, Exact, Interval
from workbench.experiments import (
    dropout_and_choices,
    dropout_in_networks,
    replacement_in_networks,
    training_choices,
)

TEXT = "sparse dropout"
HERE = "10-sparse-dropout-in-training"

CLAIMS = [
    Claim(
        "D20",
        TEXT,
        "Q12",
        "statistical-learning",
        "It interacts with batch normalization.",
        (
            Interval("relative loss from the shift of variances", above=MARGIN),
            Interval("the same, less that of the other order", above=0.0),
        ),
        dropout_and_choices.batch_normalization,
        f"{HERE}#Does it disturb batch or weight normalization?",
        ("X. Li, S. Chen, X. Hu, J. Yang, CVPR 2019: loss with running statistics against statistics estimated again",),
        settings={
            f"{'scaled' if scaled else 'not scaled'}, replaced by {name}": {
                "scaled": scaled,
                "replacement": replacement,
            }
            for scaled in (True, False)
            for name, replacement in (("zero", "zero"), ("the mean", "mean"))
        },
        seeds=30,
        retrained=True,
        finding="It depends on the scale. Before the normalized layer, scaled dropout makes the variance 1.5 to 1.6 "
        "times as large in training as in evaluation, which hardly changes the loss: the outputs shrink. "
        "Dropout that is not scaled raises the loss by 22 to 25 %, for it shifts the means too.",
    ),
    Claim(
        "D21",
        TEXT,
        "Q12",
        "statistical-learning",
        "It interacts with weight normalization.",
        (Apart("interaction of logarithms of losses", by=MARGIN),),
        dropout_and_choices.weight_normalization,
        f"{HERE}#Does it disturb batch or weight normalization?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        seeds=30,
        retrained=True,
        finding="Open: dropout lowers the loss by 9 % without weight normalization and by 5 % with it, but the "
        "difference may be chance.",
    ),
    Claim(
        "D23",
        TEXT,
        "Q1, Q3",
        "statistical-learning",
        "A higher rate regularizes more, and lets a network express less.",
        (
            Interval("rank correlation of ratio and training loss", above=0.9),
            Interval("rank correlation of ratio and gap", below=-0.9),
        ),
        dropout_in_networks.regularization,
        f"{HERE}#At which rate?",
        ("losses in evaluation mode after the last epoch, learning rates tuned on validation data for each ratio",),
        settings={f"{train} digits": {"train": train} for train in (100, 300)},
        seeds=30,
        retrained=True,
        finding="Up to a ratio of 0.5, networks fit 300 training digits as well as without dropout; from 0.7 on "
        "the training loss rises steeply. The gap shrinks, though not at every step. Some 110 seeds "
        "would decide on 100 digits.",
    ),
    Claim(
        "D24",
        TEXT,
        "Q1",
        "statistical-learning",
        "Dropout is sensitive to the initialization, and Glorot's or He's improves it.",
        (Interval("spread over initializations with dropout, less that without", above=MARGIN),),
        dropout_and_choices.initialization,
        f"{HERE}#Which initialization, activation, optimizer, learning rate and batch size?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={f"{n} layer{'s' * (n > 1)}": {"layers": n} for n in (1, 3, 6)},
        seeds=30,
        retrained=True,
        finding="It depends on the depth. Glorot's or He's weights are better than N(0, 0.01) and N(0, 1), with "
        "dropout and without. In one hidden layer dropout moves the losses apart, by 0.08 give or take 0.03 in 90 "
        "seeds, as many as the first thirty asked for. In three and six it moves them together: where half of the "
        "units of each layer are dropped, no network learns well. A constant ruins one layer without dropout; with "
        "dropout it is 7 % worse than Glorot's.",
    ),
    Claim(
        "D25",
        TEXT,
        "Q1",
        "statistical-learning",
        "Too high a learning rate ends badly, and too low a one is slow.",
        (Count("both ends lose at least twice the minimum", least=0.95),),
        training_choices.learning_rates,
        "09-training#Which learning rate, and how large a batch?",
        ("losses after a fixed number of updates over a range of rates, at four ratios",),
        seeds=120,
        retrained=True,
        finding="Both ends lose far more than the best rate, at every ratio. The best rate differs a little between "
        "ratios, so that arms with different ratios need rates of their own.",
    ),
    Claim(
        "D26",
        TEXT,
        "Q1",
        "statistical-learning",
        "The activation function changes how well dropout works.",
        (Apart("gain of dropout, less that with ReLU", by=MARGIN),),
        dropout_and_choices.activation,
        f"{HERE}#Which initialization, activation, optimizer, learning rate and batch size?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={
            f"{name}, replaced by {new}": {"name": name, "replacement": replacement}
            for name in ("sigmoid", "tanh")
            for new, replacement in (("zero", "zero"), ("the mean", "mean"))
        },
        seeds=80,
        retrained=True,
        finding="Dropout to zero lowers the loss by 8 % with ReLU, and not at all with sigmoid or tanh units. The "
        "spread of the first thirty seeds said that 80 would decide this. With the mean as the replacement no "
        "activation gains, and 80 seeds do not tell whether the difference is above 2 %.",
    ),
    Claim(
        "D27",
        TEXT,
        "Q1",
        "statistical-learning",
        "Adam or RMSprop may work better with dropout.",
        (Interval("relative gain over SGD", above=MARGIN),),
        dropout_and_choices.optimizers,
        f"{HERE}#Which initialization, activation, optimizer, learning rate and batch size?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={each: {"optimizer": each} for each in ("momentum", "RMSprop", "Adam")},
        seeds=30,
        retrained=True,
        finding="Open: with dropout, momentum lowers the loss by 4 % and Adam by 2 %, give or take 5 to 6 %; all "
        "optimizers were tuned. The numbers of epochs are about the same.",
    ),
    Claim(
        "D28",
        TEXT,
        "Q1",
        "statistical-learning",
        "Flips and crops help to learn robust features, and overfit less.",
        (Interval("relative gain over none", above=MARGIN),),
        training_choices.augmentation,
        "09-training#Does it help to change the examples?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={
            f"{kind}, {examples} {data}, {'with' if ratio else 'without'} dropout": {
                "kind": kind,
                "data": data,
                "examples": examples,
                "ratio": ratio,
            }
            for kind in ("shift", "horizontal flip", "vertical flip")
            for data, examples in (("digits", 100), ("digits", 300), ("digits", 1000), ("patches", 300))
            for ratio in (0.0, 0.5)
        },
        seeds=30,
        retrained=True,
        finding="On digits, whose place and orientation matter, all three do harm in runs of three hundred updates; "
        "shifted digits take a small dense network several times as many to learn. On patches of photographs, any gain "
        "is too small to tell.",
    ),
    Claim(
        "D29",
        TEXT,
        "Q1",
        "statistical-learning",
        "Stopping when the validation loss rises prevents overfitting.",
        (Interval("loss at the end over the loss when stopped, less 1", above=MARGIN),),
        training_choices.early_stopping,
        "09-training#When should I stop?",
        ("patience of five epochs; other data judge than those that stop",),
        settings={
            "no other penalty": {"penalty": "none"},
            "L2 tuned": {"penalty": "L2"},
            "dropout tuned": {"penalty": "dropout"},
        },
        seeds=30,
        retrained=True,
        finding="With L2 tuned, a network stopped after five epochs without a gain is worse than one trained to "
        "the end at a rate that suits this. Without, worlds differ too much to tell. The share of errors hardly "
        "differs. A patience of one epoch stops much too soon.",
    ),
    Claim(
        "D33",
        TEXT,
        "Q3",
        "cost",
        "Large batches are stable but need memory; small ones need more iterations.",
        (
            Exact("exponent of the batch's size", -1.1, -0.9),
            Exact("exponent in the memory", 0.9, 1.1),
            Interval("small batch's count over the large one's, less 1", above=MARGIN),
        ),
        training_choices.batches,
        "09-training#Which learning rate, and how large a batch?",
        (
            "the variance of a mean of independent terms",
            "the peak memory of a step",
            "networks trained to a loss, with a learning rate tuned for each size in another world",
        ),
        settings={each: {"counted": each} for each in ("updates", "epochs")},
        seeds=30,
        retrained=True,
        finding="Noise and memory change with the batch as claimed, and small batches need more updates. They need "
        "fewer epochs, so that they see fewer examples.",
    ),
    Claim(
        "D34",
        TEXT,
        "Q3",
        "statistical-learning",
        "It works better on text and images than on time series and audio.",
        (Interval("difference of mean gains between the kinds", above=MARGIN),),
        replacement_in_networks.kinds_of_data,
        f"{HERE}#On which data does it help?",
        ("two data sets of each kind, as the units of the comparison",),
        settings={
            f"{better} against {worse}": {"better": better, "worse": worse}
            for better in ("text", "images")
            for worse in ("time series", "audio")
        },
        seeds=30,
        retrained=True,
        only_verdict=("text against time series", "text against audio"),
        finding="Two data sets of one kind differ as much as two kinds do: dropout beside tuned weight decay loses 9 % "
        "on one kind of series and gains 2 % on another. It does worse on text and images than on audio.",
    ),
    Claim(
        "D35",
        TEXT,
        "Q3",
        "cost",
        "It makes training take longer.",
        (Interval("time to the target, over that without", above=1.05),),
        dropout_in_networks.time_to_target,
        f"{HERE}#What does it cost?",
        ("counts of a step on a published processor, times updates to a target loss",),
        settings={engine: {"engine": engine} for engine in ("fused", "NumPy")},
        seeds=30,
        retrained=True,
        finding="Nearly all of it is convergence: with a ratio of 0.5 it takes 1.8 times as many updates. A step"
        " takes 2 % longer if dropout is a fused loop, and twice as long in NumPy.",
    ),
    Claim(
        "D36",
        TEXT,
        "Q3",
        "statistical-learning",
        "Dropout must be off in evaluation to be accurate.",
        (Interval("relative loss of the mean of masks over none", above=0.0),),
        dropout_in_networks.evaluation,
        f"{HERE}#What does it cost?",
        ("log losses; masks or none, each with the rate and length of training best for it on validation data",),
        settings={f"{n} mask{'s' * (n > 1)}": {"masks": n} for n in (1, 3, 10, 30, 100)},
        seeds=30,
        retrained=True,
        finding="One mask costs 65 % in log loss and about three more errors in a hundred, and three masks cost 21 %. "
        "Whether the mean of 10, 30 or 100 is better or worse than none is open, if each way of evaluating has its "
        "own learning rate and length of training. Some 170 seeds would decide on 100 masks.",
    ),
    Claim(
        "D37",
        TEXT,
        "Q3",
        "cost",
        "That makes evaluation faster than training, which matters for real time.",
        (Exact("share of the difference that is dropout's", least=0.5),),
        dropout_in_networks.latency,
        f"{HERE}#What does it cost?",
        ("counts of forward pass, backward pass, update and dropout, on a published processor",),
        settings={f"batch of {batch}": {"batch": batch} for batch in (1, 64)},
        seeds=1,
        retrained=True,
        finding="Evaluation needs no gradients and no update. Dropout is about a fiftieth of what a training "
        "step takes longer, if it is one fused loop as the other layers; in NumPy it would be about "
        "half.",
    ),
    Claim(
        "D38",
        TEXT,
        "Q3",
        "statistical-learning",
        "Combining it with L1 or L2 improves the results.",
        (Interval("relative gain over the better of the two", above=MARGIN),),
        dropout_in_networks.combined,
        f"{HERE}#Does it help?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={
            f"{penalty}, {data}": {"penalty": penalty, "data": data}
            for data in ("digits", "id lists")
            for penalty in ("L1", "L2")
        },
        seeds=30,
        retrained=True,
        finding="On lists of ids, dropout with a penalty is about 2 % better than the better of the two, which "
        "is just the margin. On digits, worlds differ by more than 10 %, and the mean gain is near 0. It"
        " is nothing to count on.",
    ),
]
