"""Claims about competition between units: which operations inhibit, and which favour the strongest (LRN, Q3 and Q4)."""

from workbench.claims.claim import Claim
from workbench.claims.rules import Exact
from workbench.experiments import competition

CLAIMS = [
    Claim(
        "L12",
        "LRN",
        "Q3",
        "definition",
        "ReLU is a saturating nonlinearity and models inhibition.",
        (Exact("slope_far_above", most=1e-6), Exact("lateral", least=1e-9)),
        competition.saturation,
        "01-lrn#Does it make winners stand out?",
        ("definition of ReLU; central differences",),
        settings={"ReLU": {"unit": "ReLU"}},
        finding="Above zero its slope is one everywhere, and no unit's input reaches another unit's output.",
    ),
    Claim(
        "L13",
        "LRN",
        "Q3",
        "definition",
        "tanh and sigmoid inhibit by saturating.",
        (Exact("slope_at_20", most=1e-6), Exact("lateral", least=1e-9)),
        competition.saturation,
        "01-lrn#Does it make winners stand out?",
        ("central differences",),
        settings={"tanh": {"unit": "tanh"}, "sigmoid": {"unit": "sigmoid"}},
        finding="They saturate. But a unit's output still rises with its input, and does not depend on other units.",
    ),
    Claim(
        "L15",
        "LRN",
        "Q3, Q4",
        "statistical",
        "Softmax is positive and normalized, and enhances the strongest while it suppresses the weak.",
        (Exact("sum", 1 - 1e-12, 1 + 1e-12), Exact("least", least=0), Exact("gain", least=1)),
        competition.top_share,
        "01-lrn#Does it make winners stand out?",
        ("shares computed from the definition",),
        settings={"scale 0.1": {"scale": 0.1}, "scale 1": {"scale": 1.0}, "scale 10": {"scale": 10.0}},
        seeds=30,
        finding="It is positive and normalized. It enhances the strongest only where the inputs' scale is large.",
    ),
]
