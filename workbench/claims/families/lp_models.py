"""Claims about tuned linear models with sparse Lp: penalties, strengths, thresholds, numbers of weights (sparse Lp)."""

from workbench.claims import headings
from workbench.claims.claim import Claim
from workbench.claims.rules import MARGIN, Exact, Interval
from workbench.experiments import lp_models, lp_network_sensitivity

TEXT = "sparse Lp"
PATHS = ("few features matter", "all features matter", "digits")
PRUNED = ("few inputs matter", "digits")

CLAIMS = [
    Claim(
        "P17",
        TEXT,
        "Q5, Q10",
        "advice",
        "The threshold can be tuned by cross-validation.",
        (Interval("loss of the chosen threshold over the best, less 1", below=MARGIN),),
        lp_models.threshold_by_folds,
        headings.SENSITIVITY,
        ("folds of breast cancer, new data for the judgement",),
        seeds=200,
        finding="On new data, the threshold that folds choose loses more than two percent to the best of "
        "those tried, and a little to none at all: once alpha is tuned, there is next to nothing to "
        "gain. The first number is exaggerated, since the best threshold is chosen on the data that "
        "judge it.",
    ),
    Claim(
        "P18",
        TEXT,
        "Q6",
        "statistical-learning",
        "Combining it with L2 helps.",
        (Interval("relative gain of the elastic net over the better of Lasso and ridge", above=MARGIN),),
        lp_models.elastic_net,
        headings.COMPARISON,
        ("linear worlds, equal trials for each penalty",),
        settings={f"correlation {each:g}": {"correlation": each} for each in (0.0, 0.5, 0.9)},
        seeds=120,
        finding="With as many trials, it is no better than the better of the two where features are independent: "
        "the second argument costs trials. Where the features that matter are strongly correlated it gains, "
        "by less than the margin.",
    ),
    Claim(
        "P28",
        TEXT,
        "Q7",
        "definition",
        "Cross-validation splits the data into a training and a validation set.",
        (Interval("deviation of hold-out over that of five folds", below=1.1),),
        lp_models.holdout_and_folds,
        headings.SENSITIVITY,
        ("estimates by hold-out, five and ten folds, beside the loss on data kept apart",),
        seeds=50,
        finding="That is hold-out. Cross-validation lets each example be left out once, and its estimate depends "
        "far less on how the data were split.",
    ),
    Claim(
        "P29",
        TEXT,
        "Q10",
        "statistical-learning",
        "Sparsity helps at first, and then hurts.",
        (
            Interval("loss of the densest over the best, less 1", above=MARGIN),
            Interval("loss of the sparsest over the best, less 1", above=MARGIN),
        ),
        lp_network_sensitivity.by_number_of_weights,
        headings.SPARSITY,
        ("test loss by number of weights, along the path of p = 1 and by pruning; validation data choose the best",),
        settings={each: {"data": each} for each in (*PATHS, *(f"pruned network, {task}" for task in PRUNED))},
        seeds=20,
        retrained=True,
        finding="On linear models both ends of the path are worse than its middle, even where all features matter, "
        "because the penalty also shrinks what it keeps. In pruned networks the truth decides: where few inputs "
        "matter, fewer weights are better down to one percent of them; on digits nothing is gained, and at one "
        "percent the loss is several times the best.",
    ),
    Claim(
        "P30",
        TEXT,
        "Q10",
        "statistical-learning",
        "Too dense a model overfits.",
        (Interval("rank correlation of width and test error", above=0.9),),
        lp_models.random_features,
        headings.SPARSITY,
        ("random features of ten to two thousand units, with and without ridge",),
        settings={each: {"penalty": each} for each in ("no penalty", "ridge tuned")},
        seeds=20,
        finding="Without a penalty, the error peaks where there are as many features as examples, and falls again "
        "beyond (double descent). With a tuned ridge there is no such peak, and more features do no harm.",
    ),
    Claim(
        "P31",
        TEXT,
        "Q10",
        "definition",
        "Sparse coding makes the weights sparse.",
        (Interval("share of zeros in the dictionary", above=0.1),),
        lp_models.dictionary,
        headings.SPARSITY,
        ("a dictionary learned on patches of photographs",),
        seeds=3,
        finding="The codes are sparse, that is, the activities. The dictionary, which holds the weights, has no zeros.",
    ),
    Claim(
        "P32",
        TEXT,
        "Q11",
        "statistical-learning",
        "The best p depends on the data, and a larger p keeps more features.",
        (
            Interval("loss with the other's best p over that of the best, less 1, few features matter", above=MARGIN),
            Interval("loss with the other's best p over that of the best, less 1, all features matter", above=MARGIN),
            Interval("smallest change of the number of weights from p to the next larger p", above=0.0),
        ),
        lp_models.best_exponent,
        headings.EXPONENT,
        ("strengths and p by validation, two truths in each world, new data for the judgement",),
        seeds=10,
        finding="A p below one is best where few features matter, and p = 2 where all do. Weights that are kept "
        "become more with p.",
    ),
    Claim(
        "P34",
        TEXT,
        "Q12",
        "statistical-learning",
        "No range of alpha is best everywhere.",
        (Interval("powers of ten between the smallest and the largest best alpha", above=1.0),),
        lp_models.best_alphas,
        headings.SENSITIVITY,
        ("cross-validated alpha on five data sets",),
        seeds=20,
        finding="On five data sets the best strengths lie more than one power of ten apart, and nearly as far as "
        "shares of the strength that makes all weights zero.",
    ),
    Claim(
        "P35",
        TEXT,
        "Q13",
        "definition",
        "L2 regularization is the same as weight decay.",
        (Exact("relative difference of the weights", most=1e-6),),
        lp_models.l2_and_decay,
        headings.COMPARISON,
        ("I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019",),
        settings={each: {"optimizer": each} for each in lp_models.OPTIMIZERS},
        seeds=3,
        finding="For plain gradient descent they are the same. With momentum or Adam, no rate of decay gives the "
        "weights of the L2 term, which passes through the optimizer's memory and scaling.",
    ),
    Claim(
        "P44",
        TEXT,
        "Q15",
        "cost",
        "Sparse matrices make the operator itself much cheaper.",
        (Exact("operations dense over sparse at 90 % zeros", least=2),),
        lp_models.sparse_counts,
        headings.COST,
        ("counts of penalty, conversion and gradient",),
        settings={each: {"part": each} for each in ("penalty", "training step")},
        seeds=1,
        finding="Penalty and mask skip stored zeros. In training, the step along the gradient has filled them in "
        "before the operator sees the weights, so that nothing is left to skip, and storing them anew costs "
        "more.",
    ),
]
