"""Claims about what LRN costs, with the text's worked example counted (LRN, Q8 and Q9)."""

from workbench.claims.claim import Claim
from workbench.claims.rules import Exact
from workbench.experiments import worked_example

OVERHEADS = "06-lrn-overhead#What are the performance overheads?"
TERMS = "06-lrn-overhead#How many terms has a window?"
PREDICTED = "06-lrn-overhead#What does the counting predict?"
SHARE = "06-lrn-overhead#How large is its share of real networks?"
COUNTED = ("counts of loops, checked against counts by hand in the tests of cost and architectures",)
ROOFLINE = ("the roofline of Williams, Waterman and Patterson, Communications of the ACM 52, 2009",)
BOTH_WAYS = {"forward": {"direction": "forward"}, "backward": {"direction": "gradient"}}


def counted(number: str) -> tuple[Exact, ...]:
    """Return the rule that a figure is within 10 % of the count; it fails if it is off by a factor of 1.5."""
    return (Exact(number, 1 / 1.1, 1.1, doubt=1.5 / 1.1),)


CLAIMS = [
    Claim(
        "L34",
        "LRN",
        "Q8",
        "cost",
        "LRN takes a number of operations in proportion to the elements times the square of the window's size.",
        (Exact("exponent of n", 1.9, 2.1),),
        worked_example.growth,
        TERMS,
        COUNTED,
        settings={"across channels, the default": {"region": "across", "form": "direct"}},
        seeds=1,
        finding="Across channels a window has n terms, so the count grows at most like n, and not at all with a "
        "running sum. Only a square within a channel, summed directly, has n squared terms.",
    ),
    Claim(
        "L35",
        "LRN",
        "Q8",
        "arithmetic",
        "The example's convolution takes 3.3e11 operations forward and 6.6e11 backward.",
        counted("claimed over counted FLOPs"),
        worked_example.convolution_count,
        OVERHEADS,
        COUNTED,
        settings=BOTH_WAYS,
        seeds=1,
        finding="The product that the text writes down was not multiplied out. The ratio of two between backward and "
        "forward is right.",
    ),
    Claim(
        "L36",
        "LRN",
        "Q8",
        "arithmetic",
        "ReLU takes 3.2e7 operations forward and backward.",
        counted("claimed over counted operations"),
        worked_example.relu_count,
        OVERHEADS,
        COUNTED,
        seeds=1,
        finding="One comparison for each element and direction is a fifth of that.",
    ),
    Claim(
        "L37",
        "LRN",
        "Q8",
        "arithmetic",
        "LRN takes 2.2e10 operations forward and backward.",
        counted("claimed over counted FLOPs"),
        worked_example.lrn_count,
        OVERHEADS,
        COUNTED,
        seeds=1,
        finding="The figure is two powers of ten above the count, and above the text's own formula as well.",
    ),
    Claim(
        "L38",
        "LRN",
        "Q8",
        "arithmetic",
        "All of the example's operations add up to 6.9e11.",
        (Exact("claimed total over sum of claimed parts", 0.95, 1.05),),
        worked_example.sum_of_parts,
        OVERHEADS,
        ("a sum of the four figures given",),
        seeds=1,
        finding="The four parts that the text gives add up to more.",
    ),
    Claim(
        "L39",
        "LRN",
        "Q8",
        "arithmetic",
        "Hence a pass takes 0.69 seconds.",
        (Exact("claimed over predicted seconds", 0.5, 2.0),),
        worked_example.seconds_of_a_pass,
        PREDICTED,
        ROOFLINE,
        seeds=1,
        finding="The division is right, but the number divided is far too large, and bytes limit ReLU and LRN.",
    ),
    Claim(
        "L40",
        "LRN",
        "Q8",
        "arithmetic",
        "An operation takes 1e-9 seconds, and the card does 1e12 operations a second.",
        (Exact("time by one over time by the other", 1 / 1.1, 1.1),),
        worked_example.two_speeds,
        PREDICTED,
        ("both figures of the text, applied to its own total",),
        seeds=1,
        finding="The two assumptions contradict each other by a factor of a thousand; the text uses the second.",
    ),
    Claim(
        "L41",
        "LRN",
        "Q8, Q9",
        "cost",
        "LRN is a significant overhead, forward and backward.",
        (Exact("smallest share of a step", least=0.05),),
        worked_example.shares,
        SHARE,
        (*COUNTED, *ROOFLINE),
        settings={each: {"quantity": each} for each in ("flops", "bytes", "seconds")},
        seeds=1,
        finding="Its share of the bytes is significant. Its share of the operations is not, and of the predicted time "
        "it takes a few percent, if it is fused into one loop. Where a framework runs it as many kernels, it takes "
        "several times as much.",
    ),
    Claim(
        "L42",
        "LRN",
        "Q9",
        "cost",
        "LRN needs more memory.",
        (Exact("smallest share of a step", least=1e-9),),
        worked_example.shares,
        SHARE,
        COUNTED,
        settings={"training": {"quantity": "memory"}},
        seeds=1,
        finding="In training its output must be kept for the gradient. Evaluation alone needs no more memory.",
    ),
]
