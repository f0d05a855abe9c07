"""Claims about dropout in trained networks: does it help, on which data, by what replacement, beside its relatives."""

from workbench.claims.claim import Claim
from workbench.claims.rules import MARGIN, Interval
from workbench.experiments import dropout_in_networks, dropout_relatives, replacement_in_networks

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
        finding="In no case does a replacement gain 2 % over zero: a mean, the median, a trained value or an id for "
        "missing. Three cases rule it out; in the others 30 worlds do not. Nor do arms that are not scaled. The "
        "closed form says why: on ids a feature's mean changes the strength of dropout by 6 %, and the ratio makes up "
        "for more.",
    ),
    Claim(
        "D11",
        TEXT,
        "Q11",
        "statistical-learning",
        "The choice of the replacement affects performance.",
        (Interval("gain of the replacement that is best in other worlds over the worst", above=MARGIN),),
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
        finding="At one ratio for all, the replacement that is best in ten other worlds has a loss 20 to 29 % below "
        "that of the worst there. Once each has its own ratio, it gains nothing. The best of the same world would "
        "gain over the worst even if all were alike.",
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
            for replacement, name in (("zero", ""), ("mean", ", replaced by the mean"))
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
]
