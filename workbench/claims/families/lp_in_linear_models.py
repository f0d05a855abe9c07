"""Claims about sparse Lp that linear models and sweeps decide: supports, tuning, sensitivity, and citations."""

from workbench.claims import headings
from workbench.claims.claim import Claim, Reference
from workbench.claims.rules import MARGIN, Interval
from workbench.experiments import lp_against_l2, lp_citations, lp_sensitivity, lp_supports, tuning_budgets

TEXT = "sparse Lp"
SAMPLERS = "07-tuning#Do the samplers differ on this budget?"
LOOKED = "2026-11-12"
ALIKE = "both arms tuned alike on validation data, test data used once, paired within a seed"
SENSITIVE = ("few features matter", "diabetes", "breast cancer", "digits")

CLAIMS = [
    Claim(
        "P09",
        TEXT,
        "Q5, Q9",
        "statistical-learning",
        "Sparse weights are interpretable: they keep the important features.",
        (
            Interval("recall", above=0.9),
            Interval("precision", above=0.5),
            Interval("overlap of supports over bootstraps", above=0.7),
        ),
        lp_supports.what_is_kept,
        headings.INTERPRETATION,
        (
            "linear worlds with six features that matter, each correlated with one that does not; strengths by folds",
            "breast cancer: permutation importance of a tuned logistic regression with L2",
        ),
        settings={
            f"correlation {correlation:g}, {keeps}": {"data": "pairs", "correlation": correlation, "keeps": keeps}
            for correlation in (0.0, 0.5, 0.9)
            for keeps in lp_supports.KEEPERS
        }
        | {"breast cancer": {"data": "breast cancer"}},
        seeds=30,
        finding="p = 1/2 keeps nearly all features that matter and few others, even beside twins with a "
        "correlation of 0.9, but for other samples it keeps partly others: the overlap falls below "
        "the bound at 0.9, and is undecided for weaker correlations. At the strength that predicts "
        "best, p = 1 keeps some twenty features that do not matter, and a threshold hardly fewer. On "
        "breast cancer a third of the features that matter to a model with L2 are missing.",
    ),
    Claim(
        "P26",
        TEXT,
        "Q7",
        "statistical",
        "Random search is more efficient than a grid.",
        (Interval("logarithm of the grid's regret over random search's", above=0.0),),
        tuning_budgets.grid_and_random,
        SAMPLERS,
        ("sweeps with 16 trials each, grids with shifted origins; J. Bergstra, Y. Bengio, JMLR 13, 2012",),
        settings={each: {"problem": each} for each in ("LRN", "sparse Lp")},
        seeds=20,
        finding="With sixteen trials and the grid moved at random within its cells, the numbers decide for "
        "neither: the two differ less than their luck from seed to seed.",
    ),
    Claim(
        "P27",
        TEXT,
        "Q7",
        "statistical",
        "Bayesian optimization beats grid and random search in many dimensions.",
        (
            Interval("logarithm of random search's regret over TPE's", above=0.0),
            Interval("logarithm of the grid's regret over TPE's", above=0.0),
        ),
        tuning_budgets.in_many_dimensions,
        headings.SENSITIVITY,
        ("sweeps of a bowl with equal trials, of which all axes matter, or two",),
        settings={
            f"{axes} axes, {trials} trials, {matter} matter": {"axes": axes, "trials": trials, "matter": matter}
            for axes, trials in ((8, 16), (8, 64), (16, 64))
            for matter in ("two axes", "all axes")
        },
        seeds=20,
        finding="With 64 trials TPE beats random search, also on sixteen axes, and the grid where two axes "
        "matter. Where all sixteen matter, a grid with one or two points on an axis comes closer to "
        "the lowest loss. With 16 trials TPE is ahead of random search by less, and behind the grid "
        "where all eight axes matter.",
    ),
    Claim(
        "P33",
        TEXT,
        "Q12",
        "statistical-learning",
        "Performance is sensitive to alpha and to the threshold, so both must be tuned.",
        (Interval("loss at twice the best value over the best, less 1", above=MARGIN),),
        lp_sensitivity.around_the_best,
        headings.SENSITIVITY,
        ("losses at factors of two and ten around the optimum, four data sets",),
        settings={
            f"{hyperparameter}, {data}": {"hyperparameter": hyperparameter, "data": data}
            for hyperparameter in ("alpha", "threshold")
            for data in SENSITIVE
        },
        seeds=120,
        finding="Twice the best value costs more than two percent for both, but for alpha on diabetes, where "
        "it costs about that and the numbers do not decide. Too small a threshold costs next to "
        "nothing on diabetes and digits; too large a one removes what matters everywhere.",
    ),
    Claim(
        "P48",
        TEXT,
        "Q9",
        "citation",
        "A sparse Lp penalty improved a support vector machine on cancer data.",
        (Interval("relative gain of p at most 1 over p = 2", above=MARGIN),),
        lp_against_l2.tumours,
        headings.ACCURACY,
        (f"breast cancer with and without noise features; {ALIKE}",),
        settings={
            f"{features}, {model}": {"noise": noise, "model": model}
            for features, noise in (("no noise features", 0), ("300 noise features", 300))
            for model in ("logistic regression", "support vector machine")
        },
        seeds=30,
        finding="With 300 features of noise, p of at most 1 is better than L2, for logistic regression and "
        "for a support vector machine. On the measurements alone, L2 is better for both.",
        reference=Reference(
            "Yang and Liu (2010)",
            "not found",
            "Right in subject and year, by other authors: Z. Liu, S. Lin, M. T. Tan, Sparse support "
            "vector machines with Lp penalty for biomarker identification, IEEE/ACM TCBB 7, 2010.",
            LOOKED,
        ),
    ),
    Claim(
        "P50",
        TEXT,
        "Q10, Q14",
        "citation",
        "Sparse coding, or proximal gradient descent with L1, improved image classification.",
        (Interval("relative gain over raw pixels and over a random dictionary", above=MARGIN),),
        lp_citations.sparse_codes,
        headings.SPARSITY,
        (f"codes of patches by proximal steps, pooled; digits; {ALIKE}",),
        settings={f"{count} digits": {"digits": count} for count in (100, 300)},
        seeds=60,
        finding="Features made of sparse codes are better than raw pixels by more than a fifth, and better than "
        "those made with random atoms. Sparsity need not be the reason: principal components of the same "
        "patches, pooled alike and not sparse, are better still.",
        reference=Reference(
            "Boureau et al. (2008)",
            "says something else",
            "M. Ranzato, Y.-L. Boureau, Y. LeCun, Sparse feature learning for deep belief networks, "
            "NIPS 2007: sparse codes, learned without labels.",
            LOOKED,
        ),
    ),
    Claim(
        "P51",
        TEXT,
        "Q11",
        "citation",
        "On sentiment in text, L1 was sparser and better than L2.",
        (
            Interval("relative gain of L1 over L2", above=MARGIN),
            Interval("share of zeros with L1 less that with L2", above=0.0),
        ),
        lp_against_l2.l1_and_l2_on_text,
        headings.ACCURACY,
        (f"logistic regression on bags of words, each class against the others; {ALIKE}",),
        settings={each: {"data": each} for each in ("documentation", "text by topics")},
        seeds=30,
        only_verdict=("documentation",),
        finding="L1 makes far more weights zero on both, but does not predict better: on text by topics much "
        "worse than L2, and on the documentation not better by the margin.",
        reference=Reference(
            "Gai et al. (2017)",
            "says something else",
            "K. Gai and others, Learning piece-wise linear models from large scale data for ad "
            "click prediction, 2017: clicks, not sentiment.",
            LOOKED,
        ),
    ),
    Claim(
        "P54",
        TEXT,
        "Q14",
        "citation",
        "Gradient descent combined with coordinate descent improved sparse logistic regression.",
        (Interval("passes of the hybrid over the better of the two", below=0.8),),
        lp_citations.hybrid,
        headings.OPTIMIZER,
        ("passes over the data to a small duality gap",),
        settings={each: {"data": each} for each in ("breast cancer", "digits", "200 x 5000, sparse")},
        seeds=30,
        finding="No data set saves a fifth of the passes of coordinate descent alone. On breast cancer and "
        "digits, twenty steps of FISTA before it cost more than they save; on the wide sparse problem "
        "they save little, if anything. The best moment to change is known only afterwards.",
        reference=Reference(
            "Liu et al. (2018)",
            "not found",
            "A hybrid that exists: J. Shi, W. Yin, S. Osher, P. Sajda, JMLR 11, 2010.",
            LOOKED,
        ),
    ),
]
