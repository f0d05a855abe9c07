"""Claims about what sparse dropout with replacement computes and costs (sparse dropout, description, Q11 and Q12)."""

from workbench.claims.claim import Claim
from workbench.claims.rules import Exact
from workbench.experiments import dropout_and_choices, dropout_meaning, signals_in_depth

TEXT = "sparse dropout"
WHAT = "02-sparse-dropout#What is it?"
NOT = "02-sparse-dropout#What is it not?"
STATISTICS = "02-sparse-dropout#How does the replacement change the statistics?"
GRADIENT = "02-sparse-dropout#Where does the gradient go?"
SPARSE = "02-sparse-dropout#When is it worth more than standard dropout?"
RELATIVES = "02-sparse-dropout#What else is there?"
COUNTS = ("counts of loops, checked against counts by hand in the tests of sparse dropout",)

CLAIMS = [
    Claim(
        "D01",
        TEXT,
        "description, Q11",
        "definition",
        "The operator draws one random number for each element and replaces the elements below the rate.",
        (Exact("output values over input values", 1, 1), Exact("random words over values", 1, 1)),
        dropout_meaning.ragged_draws,
        WHAT,
        ("tests/sparse_dropout/test_oracle.py, against recorded outputs of Caffe2",),
        settings={"SparseDropoutWithReplacement": {}},
        finding="The operator of that name draws once for each list and replaces whole lists, so that the output is "
        "shorter. The text describes the element-wise operator.",
    ),
    Claim(
        "D02",
        TEXT,
        "description, Q11",
        "definition",
        "An element is replaced if a uniform number is below the rate, so that the rate is the share replaced.",
        (Exact("standard errors from the ratio", most=4),),
        dropout_meaning.share_dropped,
        WHAT,
        ("the binomial distribution",),
        settings={f"rate {ratio:g}": {"ratio": ratio} for ratio in (0.0, 0.1, 0.5, 0.9, 1.0)},
        finding="At rate 0 nothing is replaced and at rate 1 everything is, exactly.",
    ),
    Claim(
        "D03",
        TEXT,
        "Q1, Q3",
        "definition",
        "The operator sets a fraction of the activations to zero.",
        (Exact("share of dropped elements that are zero", least=1),),
        dropout_meaning.dropped_values,
        WHAT,
        ("a replacement of three",),
        finding="It sets them to the replacement, as the text itself says elsewhere.",
    ),
    Claim(
        "D04",
        TEXT,
        "description",
        "algorithmic",
        "The operator has no gradient because it serves training and not backpropagation.",
        (Exact("the operator declares no gradient", least=1), Exact("replacing has no derivative", least=1)),
        dropout_meaning.gradient_and_reason,
        GRADIENT,
        ("the declarations; finite differences",),
        finding="The ragged operator has none because ids are names and not quantities. Replacing itself has a "
        "derivative, and backpropagation is how networks are trained.",
    ),
    Claim(
        "D05",
        TEXT,
        "Q12",
        "algorithmic",
        "It is differentiable, so that it does not disturb the flow of the gradient.",
        (Exact("squared gradient, with over without", 0.5 / 1.1, 2 * 1.1),),
        signals_in_depth.gradient_through_dropout,
        GRADIENT,
        ("(1 - p)^L without scaling and (1 - p)^-L with it, for L layers",),
        settings={
            f"{unit}, {depth} layers, {'scaled' if scaled else 'not scaled'}": {
                "unit": unit,
                "depth": depth,
                "scaled": scaled,
            }
            for unit in ("linear", "ReLU")
            for depth in (1, 5, 10, 20)
            for scaled in (False, True)
        },
        seeds=1,
        finding="In one layer it changes little. In many layers the factors multiply, without scaling towards zero and "
        "with scaling without bound.",
    ),
    Claim(
        "D07",
        TEXT,
        "Q11",
        "algorithmic",
        "The replacement may be trained.",
        (Exact("largest distance from the feature's mean", most=0.2),),
        dropout_meaning.trained_replacement,
        GRADIENT,
        ("for a squared error the mean is the best constant",),
        finding="Gradient descent moves it to the feature's mean, which is the best value for a squared error.",
    ),
    Claim(
        "D08",
        TEXT,
        "Q11",
        "statistical-learning",
        "On sparse input standard dropout hardly affects a network, since most inputs are zero anyway.",
        (Exact("noise with 10 ones over noise with 1000", most=0.5),),
        dropout_meaning.noise,
        SPARSE,
        ("the standard deviation of a sum of independent terms: its relative size falls with their number",),
        finding="The reverse is true. The draws for zeros are wasted, but the relative noise grows as one over the "
        "square root of the number of ones.",
    ),
    Claim(
        "D09",
        TEXT,
        "Q11",
        "statistical",
        "A replacement other than zero brings more variability.",
        (
            Exact("variance with the mean over variance with zero", least=1),
            Exact("variance with the median over variance with zero", least=1),
        ),
        dropout_meaning.variance,
        STATISTICS,
        ("q s^2 + p q (m - v)^2, for a share p replaced by v",),
        settings={f"{zeros:.0%} zeros": {"zeros": zeros} for zeros in (0.0, 0.3, 0.8, 0.95)},
        finding="A typical value is nearer to the elements that it replaces than zero is, so that the variance falls, "
        "unless most elements are zero themselves.",
    ),
    Claim(
        "D12",
        TEXT,
        "Q11",
        "cost",
        "It takes more computation than standard dropout, as replacements are computed and applied.",
        (Exact("operations over those with zero", least=1.1),),
        dropout_meaning.cost_of_replacement,
        "03-dropout-in-hardware#What makes software fast?",
        COUNTS,
        settings={kind: {"kind": kind} for kind in ("number", "array", "mean")},
        seeds=1,
        finding="A number or an array costs nothing more. Its computation may: a mean takes a pass of its own.",
    ),
    Claim(
        "D17",
        TEXT,
        "Q12",
        "algorithmic",
        "Subsampling the input makes it less sparse.",
        (Exact("density after over density before", least=1.1),),
        dropout_meaning.density,
        RELATIVES,
        ("entries counted before and after",),
        settings={kept: {"kept": kept} for kept in ("entries", "rows", "columns")},
        finding="Dropping entries makes it sparser, and dropping rows or columns at random leaves its density.",
    ),
    Claim(
        "D22",
        TEXT,
        "Q12",
        "cost",
        "It may run less efficiently than standard dropout, depending on the implementation.",
        (Exact("bytes moved over the necessary", least=1.1),),
        dropout_meaning.cost_of_engine,
        "03-dropout-in-hardware#What makes software fast?",
        COUNTS,
        settings={"NumPy": {"engine": "reference"}, "compiled": {"engine": "numba"}},
        seeds=1,
        finding="In NumPy the passes of random numbers move many times the bytes. A fused loop moves no more than "
        "it must.",
    ),
    Claim(
        "D30",
        TEXT,
        "Q2",
        "definition",
        "Glorot's uniform range follows from fan-in and fan-out, and He's, for ReLU, from fan-in.",
        (
            Exact("Glorot's variance over 2 / (in + out)", 0.99, 1.01),
            Exact("He's variance over 2 / in", 0.99, 1.01),
        ),
        signals_in_depth.initial_variances,
        "09-training#How large should the first weights be?",
        ("Glorot and Bengio 2010; He and others 2015",),
        settings={"64 in, 256 out": {"inputs": 64, "outputs": 256}, "256 in, 64 out": {"inputs": 256, "outputs": 64}},
        finding="So it is. Both have a uniform and a normal form, and neither is particular to dropout.",
    ),
    Claim(
        "D31",
        TEXT,
        "Q2",
        "statistical",
        "Both initializations keep the variance of activations and gradients constant over the layers.",
        (Exact("powers of two forward", most=1), Exact("powers of two backward", most=1)),
        signals_in_depth.moments_through_depth,
        "09-training#How large should the first weights be?",
        ("second moments of twenty networks of twenty layers",),
        settings={
            "Glorot, linear": {"initializer": "Glorot", "unit": "linear", "widths": (128, 128)},
            "Glorot, tanh": {"initializer": "Glorot", "unit": "tanh", "widths": (128, 128)},
            "Glorot, ReLU": {"initializer": "Glorot", "unit": "ReLU", "widths": (128, 128)},
            "He, ReLU": {"initializer": "He", "unit": "ReLU", "widths": (128, 128)},
            "Glorot, linear, unequal widths": {"initializer": "Glorot", "unit": "linear", "widths": (64, 256)},
        },
        seeds=2,
        finding="Each does so for the units that it was made for, and layers of equal width.",
    ),
    Claim(
        "D32",
        TEXT,
        "Q2",
        "algorithmic",
        "Random and zero initialization lead to symmetry: all neurons learn the same.",
        (Exact("distinct rows from random weights", most=1), Exact("distinct rows from zero weights", most=1)),
        dropout_and_choices.symmetry,
        "09-training#Why must the first weights be random?",
        ("networks of one hidden layer trained on digits, the rows of its weights compared",),
        settings={unit: {"unit": unit} for unit in ("ReLU", "tanh", "sigmoid")},
        seeds=10,
        retrained=True,
        finding="Equal rows stay equal, but random rows are not equal: random weights break the symmetry. So does "
        "dropout. Its masks make the rows of a constant differ, and such a network learns as well as a random one. "
        "From zeros, dropout to 1 does so with tanh units, and any dropout with sigmoid units; ReLU units stay dead.",
    ),
]
