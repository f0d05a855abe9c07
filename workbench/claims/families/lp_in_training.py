"""Claims about sparse Lp that need trained models, and the text's citations (sparse Lp, Q5 to Q15)."""

from workbench.claims import headings
from workbench.claims.claim import Claim, Reference
from workbench.claims.rules import MARGIN, Exact, Interval
from workbench.experiments import lp_in_networks, lp_optimizers, sparse_inference

TEXT = "sparse Lp"

CLAIMS = [
    Claim(
        "P07",
        TEXT,
        "Q5",
        "algorithmic",
        "Weights below the threshold are removed from the optimization.",
        (Interval("share of zeroed weights that return", below=0.01),),
        lp_optimizers.returning,
        headings.OPTIMIZER,
        ("weights after one and ten further steps, with and without a kept mask",),
        settings={each: {"mask": each} for each in ("mask kept", "mask not kept")},
        seeds=10,
        retrained=True,
        finding="The operator sets weights to 0, and does not remove them. Of the smaller half of a network's "
        "weights, set to 0 once, 80 % are back after ten steps, and none where the mask is kept. A threshold "
        "that is applied again after each of the steps lets none return, as a step is shorter than it.",
    ),
    Claim(
        "P10",
        TEXT,
        "description, Q5, Q9",
        "statistical-learning",
        "It prevents overfitting and improves accuracy.",
        (Interval("relative gain over tuned L2", above=MARGIN),),
        lp_in_networks.against_l2,
        headings.ACCURACY,
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={
            each: {"data": each}
            for each in ("few features matter", "all features matter", "breast cancer", "digits, network")
        },
        seeds=30,
        retrained=True,
        finding="It depends on the truth. Against L2, tuned as often, a linear model gains 60 to 70 % where few "
        "features matter. It loses where all do, and on breast cancer. A network on digits loses 5 to 15 %; whether it "
        "gains over no penalty, the seeds do not decide.",
    ),
    Claim(
        "P12",
        TEXT,
        "Q6",
        "cost",
        "It is particularly useful on embedded and mobile devices.",
        (
            Exact("bytes at 90 % zeros over dense", most=0.25),
            Exact("predicted time at 90 % zeros over dense", most=0.5),
            Interval("accuracy lost at 90 % zeros", below=0.01),
        ),
        sparse_inference.on_a_small_device,
        headings.COST,
        ("bytes by storage, multiply-adds, and the accuracy of pruned networks",),
        settings={each: {"structure": each} for each in sparse_inference.STRUCTURES},
        seeds=30,
        retrained=True,
        finding="With 90 % of zeros a network takes less than a sixth of the bytes, and is predicted to answer in at "
        "most a tenth of the time on one core of a small computer. If single weights are removed, it loses less than "
        "one point of accuracy, and the claim holds. If whole rows are, it loses about one point, and the seeds do not "
        "decide.",
    ),
    Claim(
        "P19",
        TEXT,
        "Q6, Q13",
        "statistical-learning",
        "Combining it with dropout helps.",
        (Interval("relative gain over the better of the two", above=MARGIN),),
        lp_in_networks.combined,
        headings.COMPARISON,
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={"p = 1": {"penalty": "L1"}, "p = 1/2": {"penalty": "p = 1/2"}},
        seeds=30,
        retrained=True,
        finding="Open: with ninety trials for both together and for each alone, the mean gain over the better of the "
        "two is between 4 and 5 %, but the seeds do not decide that it is above the margin. In a third of the worlds "
        "both together choose a ratio or a strength at an end of its grid.",
    ),
    Claim(
        "P37",
        TEXT,
        "Q13",
        "statistical",
        "Dropout does not change the sparsity of the weights.",
        (
            Exact("exact zeros", most=0),
            Interval("change of Hoyer's sparsity", below=0.02),
            Interval("change of Hoyer's sparsity", above=-0.02),
        ),
        lp_in_networks.sparsity_under_dropout,
        headings.COMPARISON,
        ("weights of networks trained with and without dropout, each with its best learning rate",),
        seeds=30,
        retrained=True,
        finding="Weights trained with dropout have no exact zeros. By Hoyer's measure they are a little less sparse "
        "than those without, by 0.01, and the interval ends just beyond 0.02, so that the claim stays open. The "
        "activations of the hidden units become sparser.",
    ),
    Claim(
        "P38",
        TEXT,
        "Q9, Q13",
        "statistical-learning",
        "Whether Lp, L2 or dropout is best depends on the task.",
        (
            Interval("gain of Lp over L2 where few inputs matter", above=MARGIN),
            Interval("gain of L2 over Lp where all inputs matter", above=MARGIN),
        ),
        lp_in_networks.winners,
        headings.COMPARISON,
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        seeds=30,
        retrained=True,
        finding="Where six of a hundred inputs matter, sparse Lp has a lower loss than L2 by about 30 %, with 98 % "
        "of its weights at 0; where all matter, L2 has a lower loss by about 18 %. On digits L2 is ahead of Lp, "
        "and vowels do not part Lp, L2 and dropout. The elastic net, groups, the L1 ball and pruning do about as well "
        "as Lp where few inputs matter; of all of them, only groups gain over L2 elsewhere, on vowels. On digits the "
        "lowest ratio of dropout was often its best, so that it may be better than here.",
    ),
    Claim(
        "P45",
        TEXT,
        "Q15",
        "cost",
        "Proximal or coordinate methods speed up training.",
        (Interval("updates to the target, over those of subgradients", below=0.9),),
        lp_optimizers.speed,
        headings.OPTIMIZER,
        ("updates to the same objective; each way has its fastest of seven learning rates, paired within a seed",),
        settings={each: {"model": each} for each in ("linear model", "network")},
        seeds=30,
        retrained=True,
        finding="On a linear model proximal steps need about an eighth of the updates of subgradients, to an "
        "objective 5 % above the lowest. In a network they need about as many, and do not save a tenth. Only "
        "proximal steps give exact zeros.",
    ),
    Claim(
        "P49",
        TEXT,
        "Q9, Q10, Q13",
        "citation",
        "A sparse Lp penalty improved a convolutional network on images, and beat L2.",
        (
            Interval("relative gain of the best p over none", above=MARGIN),
            Interval("relative gain of the best p over L2", above=MARGIN),
        ),
        lp_in_networks.on_images,
        headings.ACCURACY,
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={f"{train} digits": {"train": train} for train in (100, 300)},
        seeds=30,
        retrained=True,
        finding="With 100 digits L2 is better than the best p, by 6 to 15 %. With 300 the best p gains less than the "
        "margin over L2, if anything. Whether it gains over no penalty, the seeds do not decide.",
        reference=Reference(
            "Laradji et al. (2018)",
            "not found",
            "On the subject: R. Ma, J. Miao, L. Niu, P. Zhang, Transformed L1 regularization for "
            "learning sparse deep neural networks, 2019.",
            "2026-11-12",
        ),
    ),
    Claim(
        "P52",
        TEXT,
        "Q11",
        "citation",
        "On images, L2 was better than L1.",
        (Interval("relative gain of L2 over L1", above=MARGIN),),
        lp_in_networks.l2_against_l1,
        headings.ACCURACY,
        ("digits by logistic regression and by a network",),
        settings={each: {"model": each} for each in ("logistic regression", "network")},
        seeds=30,
        retrained=True,
        finding="In a network on digits L2 is better than L1, by 4 to 10 %. In logistic regression of odd against "
        "even digits the difference is within the margin or slightly in favour of L1.",
        reference=Reference(
            "Liu et al. (2019)",
            "not found",
            "A namesake: Z. Liu, X. Li, B. Kang, T. Darrell, Regularization matters in policy "
            "optimization, 2019: reinforcement learning.",
            "2026-11-12",
        ),
    ),
    Claim(
        "P53",
        TEXT,
        "Q13",
        "citation",
        "For speech, dropout was better than sparse Lp.",
        (Interval("relative gain of dropout over the best p", above=MARGIN),),
        lp_in_networks.dropout_against_lp,
        headings.COMPARISON,
        ("trained networks, both arms tuned alike on validation data, test data used once, paired within a seed",),
        settings={each: {"task": each} for each in ("vowels", "tones")},
        seeds=30,
        retrained=True,
        finding="On tones, chirps and noise dropout is better than the best p, by about 7 %. On vowels the seeds do "
        "not decide.",
        reference=Reference(
            "Xie et al. (2019)", "not found", "On dropout in speech: J. Li, X. Wang, B. Xu, ICASSP 2013.", "2026-11-12"
        ),
    ),
]
