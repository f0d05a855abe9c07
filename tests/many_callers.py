"""Call every operator from many threads, a forked child and spawned children; print a line for each that goes well.

A script, so that a crash is a failed test. Results must be those of one call alone, bit for bit.
"""

import functools
import hashlib
import multiprocessing
import os
import sys
import threading

import numpy as np

from tests.declared import ELEMENTS, run
from workbench import OPERATORS, parallel

THREADS, ROUNDS = 4, 2


@functools.cache
def calls(name: str) -> list[tuple]:
    """Return the inputs and arguments of each timed call of an operator, or of its examples."""
    operator, rng = OPERATORS[name], np.random.default_rng(0)
    return list(operator.timed(rng, ELEMENTS) if operator.timed else operator.examples(rng))


def digest(name: str) -> list[str]:
    """Return a digest of the results of each call of an operator."""
    operator = OPERATORS[name]
    results = (run(operator, [x.copy() for x in inputs], arguments) for inputs, arguments in calls(name))
    return [hashlib.sha256(b"".join(part.tobytes() for part in each)).hexdigest() for each in results]


def say(name: str, scenario: str) -> None:
    print(name, scenario, flush=True)


def from_many_threads(alone: dict[str, list[str]]) -> None:
    """Call from threads that start together."""
    for name, expected in alone.items():
        start, found = threading.Barrier(THREADS), []

        def work(name: str = name, start: threading.Barrier = start, found: list = found) -> None:
            start.wait()
            found.extend(digest(name) for _ in range(ROUNDS))

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if found == [expected] * (THREADS * ROUNDS):
            say(name, "threads")


def use_two_threads() -> None:
    """Use the pool: one thread alone would wait in vain."""
    meeting = threading.Barrier(2, timeout=60)
    parallel.run(lambda start, stop: meeting.wait(), 2, 1 << 20)


def from_a_forked_child(alone: dict[str, list[str]]) -> None:
    """Call from a child that was forked after the pool was used, and from the parent afterwards."""
    use_two_threads()
    child = os.fork()
    if child == 0:
        use_two_threads()
        for name, expected in alone.items():
            if digest(name) == expected:
                say(name, "forked")
        os._exit(0)
    os.waitpid(child, 0)
    for name, expected in alone.items():
        if digest(name) == expected:
            say(name, "parent")


def from_spawned_children(alone: dict[str, list[str]]) -> None:
    """Call from two new processes."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for name, found in zip(alone, pool.map(digest, alone), strict=True):
            if found == alone[name]:
                say(name, "spawned")


if __name__ == "__main__":
    parallel.WORTH_WAKING = 0.0
    alone = {name: digest(name) for name in sys.argv[1:]}
    from_many_threads(alone)
    from_spawned_children(alone)
    if hasattr(os, "fork"):
        from_a_forked_child(alone)
