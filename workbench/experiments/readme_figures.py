"""Draw the pictures of the README."""

from pathlib import Path

import numpy as np

from workbench import drawing
from workbench.architectures import plots as cost
from workbench.architectures.networks import alexnet, googlenet, vgg_a_lrn
from workbench.architectures.overhead import overhead
from workbench.data import photographs
from workbench.experiments import tuning, tuning_studies
from workbench.files import prepare
from workbench.hardware import plots as hardware_plots
from workbench.lrn import plots as lrn
from workbench.machines.published import KNOWN
from workbench.sparse_dropout import plots as sparse_dropout
from workbench.sparse_lp import plots as sparse_lp
from workbench.sweep import plots as sweeps
from workbench.sweep.points import Points


def _tuned() -> Points:
    """Return the trials of a sweep over LRN's strength and exponent, on digits with different contrasts."""
    space = {"alpha": "1e-3..1e3:log", "beta": "0..1", "C": 3.0, "contrast": 1.0}
    return tuning_studies.pool([tuning_studies.run_sweep(tuning.lrn_on_digits, space, trials=64, sampler="qmc")])


def draw_all(folder: Path) -> list[Path]:
    """Draw every picture of the README into `folder`, and return the files; Refused if it cannot be written to."""
    prepare(folder)
    maps = photographs.feature_maps(photographs.photograph())
    lengths = np.array([3, 4, 0, 3, 4, 0, 3, 4, 2], np.int32)
    ids = np.random.default_rng(0).integers(10, 100, lengths.sum())
    networks = (alexnet(), googlenet(), vgg_a_lrn())
    pictures = {
        "cost-layers": cost.layers_time(machine="laptop"),
        "cost-shares": cost.shares([overhead(network, "LRN", KNOWN["laptop"], batch=8) for network in networks]),
        "lrn-response-curve": lrn.response_curve(),
        "lrn-feature-maps": lrn.normalized_maps(maps),
        "lrn-inhibition-excitation": lrn.inhibition_and_excitation(),
        "dropout-ragged": sparse_dropout.ragged(ids, lengths, ratio=0.3, seed=5),
        "dropout-distribution": sparse_dropout.output_distribution(part="stored"),
        "dropout-lattice": hardware_plots.lattice(width=32),
        "sweep-surface": sweeps.response_surface(_tuned(), "alpha", "beta"),
        "sparse-lp-ball": sparse_lp.ball_and_contours(p=0.5),
        "sparse-lp-prox": sparse_lp.penalty_and_prox(p=0.5),
    }
    files = []
    for name, axes in pictures.items():
        files.append(folder / f"{name}.png")
        with drawing.styled():
            drawing.figure_of(axes).savefig(files[-1], dpi=150, metadata={"Software": None})
    return files
