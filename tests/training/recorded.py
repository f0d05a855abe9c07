"""What PyTorch 2.13 computed in float64: the cases of recorded/torch_training.json."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "recorded"
_ARRAYS = np.load(FOLDER / "torch_training.npz")


def cases(kind: str) -> Iterator[tuple[str, dict, dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Yield id, arguments, inputs and outputs of each case whose kind begins with `kind`."""
    for case in json.loads((FOLDER / "torch_training.json").read_text())["cases"]:
        if case["kind"].startswith(kind):
            inputs, outputs = (
                {name: _ARRAYS[f"{case['id']}/{side}/{name}"] for name in case[side]} for side in ("inputs", "outputs")
            )
            yield case["id"], case["arguments"] | {"kind": case["kind"]}, inputs, outputs
