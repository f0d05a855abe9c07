"""Measure the memory that large calls take beyond their results, one after another, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path


def bytes_beyond_results(setup: str, calls: dict[str, tuple[str, str]]) -> dict[str, float]:
    """Return what each call takes beyond the new arrays that it returns, as a fraction of the bytes of its inputs.

    Args:
        setup: lines of Python that see `np` and `workbench`.
        calls: by name two expressions that see what the setup defines: one that makes a tuple of inputs, small where
            n is 0 and large where it is 1, and one that calls something with these inputs, x.
    """
    environment = {
        **os.environ,
        "WORKBENCH_NUM_THREADS": "2",  # each thread has a buffer of its own
        "MALLOC_MMAP_THRESHOLD_": "65536",  # what is freed leaves the process, so that it hides nothing that is taken
    }
    finished = subprocess.run(
        [sys.executable, "-m", "tests.peaks"],
        input=json.dumps([setup, calls]),
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        cwd=Path(__file__).parents[1],
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def can_measure() -> bool:
    """Tell whether this system lets a process reset its peak."""
    return os.access("/proc/self/clear_refs", os.W_OK)


def _peak() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024


def _main() -> None:
    import numpy as np

    import workbench

    setup, calls = json.load(sys.stdin)
    names = {"np": np, "workbench": workbench}
    exec(setup, names)
    found = {}
    for name, (prepare, call) in calls.items():
        eval(call, names | {"x": eval(prepare, names | {"n": 0})})  # compiled code and stacks are not what is measured
        x = eval(prepare, names | {"n": 1})
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")  # the peak is what is in memory now
        before = _peak()
        results = eval(call, names | {"x": x})
        taken = _peak() - before
        results = results if isinstance(results, tuple) else (results,)
        new = [y for y in results if isinstance(y, np.ndarray) and not any(np.may_share_memory(y, each) for each in x)]
        found[name] = (taken - sum(y.nbytes for y in new)) / sum(each.nbytes for each in x)
        del x, results, new
    print(json.dumps(found))


if __name__ == "__main__":
    _main()
