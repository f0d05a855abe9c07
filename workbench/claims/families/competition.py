"""Claims about competition between units: which operations inhibit, and which favour the strongest (LRN, Q3 and Q4)."""

from workbench.claims.claim import Claim
from workbench.claims.rules import MARGIN, Exact, Interval
from workbench.experiments import competition, diverse_networks, dropout_in_networks

SLOPES = ("central differences of the definition",)
DIVERSE = "13-competition#Are diverse neurons robust?"
MEASURE = "13-competition#What would one measure?"
INHIBITION = "13-competition#Which units inhibit, and which excite?"
STRONGEST = "13-competition#Which of them makes the strongest stronger?"

CLAIMS = [
    Claim(
        "L12",
        "LRN",
        "Q3",
        "definition",
        "ReLU is a saturating nonlinearity and models inhibition.",
        (Exact("slope at 1,000,000", most=1e-6), Exact("lateral influence", least=1e-9)),
        competition.unit,
        INHIBITION,
        SLOPES,
        settings={"ReLU": {"name": "ReLU"}},
        finding="Above zero its slope is one everywhere, and no unit's input reaches another unit's output.",
    ),
    Claim(
        "L13",
        "LRN",
        "Q3",
        "definition",
        "tanh and sigmoid inhibit by saturating.",
        (Exact("largest slope at +-20", most=1e-6), Exact("lateral influence", least=1e-9)),
        competition.unit,
        INHIBITION,
        SLOPES,
        settings={"tanh": {"name": "tanh"}, "sigmoid": {"name": "sigmoid"}},
        finding="They saturate, but that is no inhibition: the output still rises with the input, and it does not "
        "depend on other units.",
    ),
    Claim(
        "L14",
        "LRN",
        "Q3",
        "definition",
        "A linear function gives a positive, increasing output, so it models excitation.",
        (Exact("share of positive outputs", least=1), Exact("share of rising units", least=1)),
        competition.linear_units,
        INHIBITION,
        ("units with slopes and constants drawn at random",),
        finding="A slope below zero falls, and a x + b is negative for half of all inputs.",
    ),
    Claim(
        "L15",
        "LRN",
        "Q3, Q4",
        "statistical",
        "Softmax is positive and normalized, and enhances the strongest while it suppresses the weak.",
        (
            Exact("sum of outputs, less 1", -1e-12, 1e-12),
            Exact("smallest output", least=0),
            Exact("share of the strongest, after over before", least=1),
        ),
        competition.softmax_shares,
        STRONGEST,
        ("shares computed from the definition",),
        settings={"scale 0.1": {"scale": 0.1}, "scale 1": {"scale": 1.0}, "scale 10": {"scale": 10.0}},
        seeds=30,
        finding="It is positive and normalized. It enhances the strongest only where the inputs are spread widely; for "
        "small inputs it evens them out.",
    ),
    Claim(
        "L16",
        "LRN",
        "Q4",
        "statistical",
        "Max pooling enhances the strongest and suppresses the weak, just as local response normalization does.",
        (
            Exact("share after max pooling over share before", least=1),
            Exact("share after LRN over share before", least=1),
        ),
        competition.winners_energy,
        STRONGEST,
        ("shares of energy, window by window",),
        settings={"alpha 0.01": {"alpha": 0.01}, "alpha 1": {"alpha": 1.0}},
        finding="Max pooling leaves the strongest alone. LRN does the reverse: it divides the strongest by more than "
        "most of its neighbours, so that its share falls.",
    ),
    Claim(
        "L17",
        "LRN",
        "Q4",
        "statistical",
        "Dropout promotes competition between neurons.",
        (Interval("change of mean correlation, dropout less none", above=0.0),),
        dropout_in_networks.competition,
        DIVERSE,
        ("hidden units of networks trained with and without dropout, tuned alike",),
        settings={"100 digits": {"examples": 100}, "300 digits": {"examples": 300}},
        seeds=30,
        retrained=True,
        finding="Given the mask, no unit's input changes another unit's output. With 100 digits the hidden units are "
        "less correlated with dropout than without, and with 300 digits no change was found.",
    ),
    Claim(
        "L18",
        "LRN",
        "Q4",
        "statistical",
        "Competition is quantified by how similar, or correlated, the activations of neurons are.",
        (Interval("rank correlation of the two measures", above=0.7),),
        competition.correlation_and_influence,
        MEASURE,
        ("derivatives by central differences", "scipy.stats.spearmanr"),
        seeds=10,
        finding="Correlation says little about who suppresses whom: two copies of a unit are perfectly correlated and "
        "do not influence each other, and a common input correlates units that compete.",
    ),
    Claim(
        "L47",
        "LRN",
        "Q4",
        "statistical-learning",
        "Competition between correlated neurons makes a network diverse; without it, units specialize.",
        (
            Interval("gain of effective rank with a decorrelation penalty", above=MARGIN),
            Interval("gain of selectivity with the opposite penalty", above=MARGIN),
        ),
        diverse_networks.apart_or_together,
        DIVERSE,
        ("networks trained with a decorrelation penalty, none, and the opposite one",),
        settings={"300 digits": {"examples": 300}},
        seeds=30,
        retrained=True,
        finding="Pushed apart, units have an effective rank that is 29 % higher, and the test loss is lower by 5 %. "
        "Pushed together, they are more selective for a class, by 6 %, and the test loss is a third higher. But pushed "
        "apart they are more selective, too, by 3 %: specialization is not the opposite of diversity.",
    ),
]
