"""Claims about measures of neurons, rewards and diversity (LRN, Q5 and Q6)."""

from workbench.claims.claim import Claim
from workbench.claims.rules import MARGIN, Count, Exact, Interval
from workbench.experiments import diverse_networks, ensembles, neuron_statistics, twins

SIMILAR = "13-competition#How similar are two neurons?"
PRUNED = "13-competition#What is lost if correlated neurons are pruned?"
DIVERSE = "13-competition#Are diverse neurons robust?"
ENSEMBLES = "13-competition#Why do ensembles help?"
REWARDS = "13-competition#Where are the equations the same?"
WEIGHTS = "13-competition#Do effective neurons get larger weights?"

CLAIMS = [
    Claim(
        "L19",
        "LRN",
        "Q5",
        "definition",
        "Pearson's correlation measures linear association, and Spearman's measures monotone association.",
        (
            Exact("Pearson of a line", least=1 - 1e-12),
            Exact("Spearman of exp(2x)", least=1 - 1e-12),
            Exact("Pearson of exp(2x)", most=0.7),
            Exact("Pearson of x squared", most=0.05),
            Exact("Spearman of x squared", most=0.05),
        ),
        neuron_statistics.correlations,
        SIMILAR,
        ("scipy.stats.pearsonr and spearmanr",),
        finding="So it is. Both miss what is neither: a parabola over symmetric inputs has a correlation of zero.",
    ),
    Claim(
        "L20",
        "LRN",
        "Q5",
        "statistical-learning",
        "Highly correlated neurons are redundant and can be pruned.",
        (Interval("relative gain over random pruning", above=MARGIN),),
        twins.pruned,
        PRUNED,
        ("networks pruned by twins, by twins folded in, at random, and by norm",),
        settings={
            f"twin {words}, {share:.0%}": {"method": method, "share": share}
            for method, words in (("dropped", "dropped"), ("folded", "folded in"))
            for share in (0.1, 0.25, 0.5)
        },
        seeds=30,
        retrained=True,
        finding="A twin that is dropped costs as much as a unit at random, as far as 30 worlds tell. If it is folded "
        "into the other, it costs much less. But so does a unit at random, once folded into the one most like it. "
        "The units with the smallest weights cost least, with nothing done to the others.",
    ),
    Claim(
        "L21",
        "LRN",
        "Q5",
        "definition",
        "The entropy of activations is the negative sum of p log2 p.",
        (Exact("difference from SciPy", most=1e-12), Exact("bits of eight equal shares, less 3", -1e-12, 1e-12)),
        neuron_statistics.entropy_of_shares,
        SIMILAR,
        ("scipy.stats.entropy",),
        finding="That is Shannon's entropy in bits, once a share of zero counts as zero.",
    ),
    Claim(
        "L22",
        "LRN",
        "Q4, Q5, Q6",
        "statistical",
        "The entropy of a set of activations measures how diverse they are.",
        (Exact("orders them right", least=1),),
        neuron_statistics.diversity,
        SIMILAR,
        ("eight copies, eight correlated and eight independent units", "effective rank as a control"),
        settings={measure: {"measure": measure} for measure in neuron_statistics.MEASURES},
        finding="The entropy of shares is highest for copies of one unit, and the sum of the units' own entropies does "
        "not see copies at all. The joint entropy orders populations rightly, and so does the effective rank.",
    ),
    Claim(
        "L23",
        "LRN",
        "Q5",
        "algorithmic",
        "Competition is related to rewards and punishments, by similar equations.",
        (Exact("relative difference of the gradients", most=1e-6),),
        neuron_statistics.policy_and_cross_entropy,
        REWARDS,
        ("the policy gradient of REINFORCE, written as an expectation", "cross-entropy by central differences"),
        settings={"softmax": {"layer": "softmax"}, "LRN": {"layer": "LRN"}},
        finding="For a softmax layer the kinship is exact: with reward one for the right class, the expected policy "
        "gradient is minus the class's probability times the gradient of cross-entropy. LRN's derivative knows no "
        "reward and has another direction.",
    ),
    Claim(
        "L24",
        "LRN",
        "Q5",
        "statistical-learning",
        "Effective neurons get larger weights, and less effective ones smaller weights.",
        (
            Interval("rank correlation with information alone", above=0.8),
            Interval("rank correlation with loss on removal", above=0.8),
        ),
        neuron_statistics.weights_and_worth,
        WEIGHTS,
        ("sklearn.feature_selection.mutual_info_classif", "the loss gained on new data when a feature is removed"),
        settings={each: {"world": each} for each in ("independent", "correlated", "a suppressor", "scaled by ten")},
        seeds=20,
        finding="With features of one scale, the order of weights follows what a removal costs. A feature in other "
        "units gets another weight, and a suppressor gets a large weight though it tells nothing alone.",
    ),
    Claim(
        "L25",
        "LRN",
        "Q4, Q6",
        "statistical-learning",
        "Diverse activations encode different aspects of the input and make a network robust.",
        (Interval("partial rank correlation of effective rank and robust accuracy", above=0.3),),
        diverse_networks.diversity_and_robustness,
        DIVERSE,
        ("54 networks of several widths and decorrelation penalties in each world, given width and clean accuracy",),
        settings={each: {"corruption": each} for each in diverse_networks.CORRUPTIONS},
        seeds=20,
        retrained=True,
        finding="Against noise, other light and lost units, networks of a higher effective rank are less robust, given "
        "width and clean accuracy. Against covered parts they are more robust; whether by as much as the rule asks is "
        "open. Relative to how they differ between digits, decorrelated units answer more to every disturbance.",
    ),
    Claim(
        "L26",
        "LRN",
        "Q6",
        "statistical-learning",
        "An ensemble predicts better than every single member.",
        (Count("ensemble beats the best member", least=0.95),),
        ensembles.ensemble,
        ENSEMBLES,
        ("ten trained networks, the best of which is chosen on validation data", "ten copies as a counterexample"),
        settings={
            "copies of one": {"members": "copies"},
            "networks of ten seeds": {"members": "seeds"},
            "networks on bootstrap samples": {"members": "bootstrap samples"},
        },
        seeds=110,  # with fewer than 104, the interval could not lie above 95 % even if all seeds agreed
        retrained=True,
        finding="The log loss of the mean prediction is never above the mean of the members' losses, and the squared "
        "error is the mean error less the ambiguity. Networks of ten seeds beat the member that is best on validation "
        "data in 86 % of the worlds, networks on bootstrap samples in 95 %, and copies never.",
    ),
    Claim(
        "L27",
        "LRN",
        "Q6",
        "statistical-learning",
        "Different features in one model do better than one kind of feature.",
        (Interval("relative gain of diverse features", above=MARGIN),),
        ensembles.diverse_features,
        ENSEMBLES,
        (
            "scikit-learn's digits with oriented filters, equally many features, C tuned alike",
            "a network whose hidden units are decorrelated, beside a plain one of its size, tuned alike",
        ),
        settings={"oriented filters": {"features": "filters"}, "hidden units": {"features": "units"}},
        seeds=20,
        retrained=True,
        finding="Eight orientations tell more of a digit than one orientation in eight places. And a network whose "
        "hidden units are decorrelated in training has a loss 8 % lower than one without, tuned alike.",
    ),
]
