"""Claims about sparse dropout that need trained networks (sparse dropout, Q1, Q3, Q11 and Q12)."""

from workbench.claims.claim import Claim
from workbench.claims.rules import MARGIN, Apart, Count, Exact, Interval
from workbench.experiments import (
    dropout_and_choices,
    dropout_in_networks,
    dropout_relatives,
    replacement_in_networks,
    training_choices,
)

TEXT = "sparse dropout"
HERE = "10-sparse-dropout-in-training"

CLAIMS = [
    Claim(
        "D06",
        TEXT,
        "Q11",
        "statistical-learning",
        "Dropout makes a network rely less on single neurons.",
        (Interval("gain of accuracy kept under ablation over the best other", above=MARGIN),),
        dropout_in_networks.reliance,
        f"{HERE}#Does it help?",
        ("hidden units removed at random from networks tuned with equally many points, the rest rescaled",),
        settings={"300 digits": {"train": 300}},
        seeds=30,
        retrained=True,
        finding="A network trained with dropout keeps 91 % of its accuracy on average while up to nine tenths of"
        " its hidden units are removed; without dropout it is 81 %, with L2 or without.",
    ),
    Claim(
        "D10",
        TEXT,
        "description, Q11",
        "statistical-learning",
        "Replacement generalizes better than standard dropout on sparse data.",
        (Interval("relative gain over dropout to zero", above=MARGIN),),
        replacement_in_networks.replacement,
        f"{HERE}#By what should dropped elements be replaced?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={
            f"{data}, {model}": {"data": data, "hidden": hidden}
            for data in ("id lists", "topics", "documentation", "digits")
            for model, hidden in (("logistic regression", 0), ("network", 16))
        },
        seeds=30,
        retrained=True,
        only_verdict=("documentation, logistic regression", "documentation, network"),
        finding="In no case does a replacement gain 2 % over zero. Three cases rule it out; in the others 30 worlds do "
        "not. The closed form says why: on ids a feature's mean changes the strength of dropout by 6 %, and the ratio "
        "makes up for more.",
    ),
    Claim(
        "D11",
        TEXT,
        "Q11",
        "statistical-learning",
        "The choice of the replacement affects performance.",
        (Interval("relative range of tuned losses over replacements", above=MARGIN),),
        replacement_in_networks.effect_of_value,
        f"{HERE}#By what should dropped elements be replaced?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={
            f"{data}, {words}": {"data": data, "ratio": ratio}
            for data in ("id lists", "digits")
            for ratio, words in (("tuned", "ratio tuned for each"), ("fixed", "one ratio for all"))
        },
        seeds=30,
        retrained=True,
        finding="At one ratio for all, the best replacement has a loss 20 to 30 % below that of the worst. Once each "
        "has its own ratio, it gains nothing on id lists, and on digits 30 worlds do not tell.",
    ),
    Claim(
        "D13",
        TEXT,
        "Q11",
        "statistical-learning",
        "It helps less on dense data, and where a network generalizes already.",
        (Interval("rank correlation of the gain", below=-0.5),),
        replacement_in_networks.gain_along,
        f"{HERE}#Does it help?",
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={
            "replacement, by density": {"varied": "density"},
            "dropout, by examples": {"varied": "examples"},
        },
        seeds=30,
        retrained=True,
        finding="Neither gain falls. The mean gains less than 1 % over zero at every density, once each has its own "
        "ratio and rate. Dropout is no better than tuned weight decay on few digits, and not worse on many.",
    ),
    Claim(
        "D14",
        TEXT,
        "Q12",
        "statistical-learning",
        "Setting the smallest weights to zero, during or after training, regularizes.",
        (Interval("relative gain over tuned L2", above=MARGIN),),
        dropout_relatives.pruning,
        f"{HERE}#Is it better than its relatives?",
        (
            "trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",
            "networks with as many weights removed at random",
        ),
        settings={each: {"schedule": each} for each in ("one shot", "one shot and fine-tuned", "gradual")},
        seeds=30,
        retrained=True,
        finding="Not better than L2: the best pruned network has a loss 5 % above that of the best dense one with L2."
        " But small weights are the right ones to remove. With 80 % removed little by little, the loss is 10 "
        "% higher; with 80 % removed at random, 82 %.",
    ),
    Claim(
        "D15",
        TEXT,
        "Q12",
        "statistical-learning",
        "DropConnect gives more robust and more general features.",
        (Interval("relative gain over none", above=MARGIN),),
        dropout_relatives.dropconnect,
        f"{HERE}#Is it better than its relatives?",
        (
            "trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",
            "weights removed at random from trained networks, the rest scaled up",
        ),
        settings={f"{train} digits": {"train": train} for train in (100, 300)},
        seeds=30,
        retrained=True,
        finding="Open: compared with no dropout, DropConnect lowers the loss by 2 % or 4 %, give or take 3 to 4 %. It"
        " is not better than dropout of units or L2. Networks trained with it keep more accuracy when weights"
        " are lost, and so do those trained with dropout.",
    ),
    Claim(
        "D16",
        TEXT,
        "Q12",
        "algorithmic",
        "Variational dropout learns the best rate of each neuron.",
        (
            Interval("area under the curve for noise inputs", above=0.9),
            Interval("relative gain over the best fixed ratio", above=-MARGIN),
        ),
        dropout_relatives.learned_noise,
        f"{HERE}#Is it better than its relatives?",
        ("networks on 20 relevant inputs and 80 of noise, with an annealed penalty; dropout with eight ratios",),
        seeds=30,
        retrained=True,
        finding="The learned noise tells inputs that matter from those that do not, and the loss is 14 % below that "
        "with the best of eight fixed ratios. But it is the noise of each weight, not of each neuron.",
    ),
    Claim(
        "D18",
        TEXT,
        "Q12",
        "statistical-learning",
        "It changes how fast training converges.",
        (Interval("epochs to the target, over those without", above=1.2),),
        dropout_in_networks.convergence,
        f"{HERE}#At which rate?",
        ("training loss in evaluation mode, the fastest of four learning rates for each ratio",),
        settings={
            f"{ratio}{name}": {"ratio": ratio, "replacement": replacement}
            for replacement, name in ((0.0, ""), ("mean", ", replaced by the mean"))
            for ratio in (0.3, 0.5, 0.7)
        },
        seeds=30,
        retrained=True,
        finding="A ratio of 0.5 takes 1.8 times as many epochs and a ratio of 0.7 takes 3.4 times, each at its "
        "fastest rate; the mean in place of zero is no faster. At 0.3 with zero it is 1.3 times, and "
        "some 80 seeds would decide whether that is above 1.2.",
    ),
    Claim(
        "D19",
        TEXT,
        "Q12",
        "advice",
        "The rate and the replacement need tuning.",
        (Interval("loss at the default over the tuned loss, less 1", above=MARGIN),),
        replacement_in_networks.loss_at_defaults,
        f"{HERE}#What is not worth tuning?",
        ("sweeps of ratio and replacement on id lists",),
        settings={each: {"hyperparameter": each} for each in ("ratio", "replacement")},
        seeds=90,
        retrained=True,
        finding="The ratio explains three fifths of the variance of the loss, and the replacement one fifth. Where "
        "learning rate and weight decay are tuned, tuning the ratio too gains about 1 %, and the replacement nothing.",
    ),
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
            for name, replacement in (("zero", 0.0), ("the mean", "mean"))
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
        finding="Open. With dropout and without, Glorot's or He's weights are better than N(0, 0.01) and N(0, 1). In "
        "one hidden layer, dropout seems to move the losses apart, by 0.06 give or take 0.05. In three and "
        "six it moves them together: where half of the units of each layer are dropped, no network learns "
        "well.",
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
            for new, replacement in (("zero", 0.0), ("the mean", "mean"))
        },
        seeds=30,
        retrained=True,
        finding="Open: dropout to zero lowers the loss by 7 % with ReLU, and not at all with sigmoid or tanh units, "
        "but thirty worlds do not show that the difference is above 2 %. With the mean as the replacement, no"
        " activation gains.",
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
        settings={"1 mask": {"masks": 1}, "10 masks": {"masks": 10}, "100 masks": {"masks": 100}},
        seeds=30,
        retrained=True,
        finding="One mask costs 65 % in log loss, and about three more errors in a hundred. The mean of 100 "
        "masks is about as good as none, if each way of evaluating has its own learning rate and length "
        "of training. Some 170 seeds would decide.",
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
