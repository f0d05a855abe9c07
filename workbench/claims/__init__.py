"""The claims ledger: what the source texts say about the operators, each statement with a verdict that can be run.

A claim is declared in one of the files of this folder. What it measures is a function in experiments, which a notebook
may use as well. The verdict follows from the measured numbers by the claim's rule alone.

    from workbench.claims import CLAIMS, run
    run("D08", seeds=10)
"""

from workbench.lazily import lazily

__all__, __getattr__ = lazily(
    __name__,
    claim="Claim Reference Verdict",
    rules="Count Exact Interval",
    ledger="CLAIMS",
    running="check run run_all",
    evidence="saved",
)
