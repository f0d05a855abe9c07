"""Other implementations of the operators, each optional: which are installed, and which of those can be run."""

import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module, metadata

# The modules that a peer needs, and what makes of a configuration a contender, or None where the peer has no such
# operator.
Declared = Mapping[str, tuple[tuple[str, ...], Callable]]


@dataclasses.dataclass(frozen=True)
class Peer:
    """An installed peer: `build`, called with a configuration and a number of threads, makes what is timed."""

    name: str
    version: str
    build: Callable


def find_peers(declared: Declared) -> tuple[list[Peer], list[str]]:
    """Return the peers that can be imported, and the names of those that cannot."""
    found, absent = [], []
    for name, (modules, build) in declared.items():
        try:
            for module in modules:
                import_module(module)
        except ImportError:
            absent.append(name)
        else:
            found.append(Peer(name, metadata.version(name), build))
    return found, absent


def present_peers(declared: Declared, say: Callable[[str], None]) -> list[Peer]:
    """Return the peers that can be imported, and say which those are and which are absent."""
    peers, absent = find_peers(declared)
    if peers:
        say("peers: " + ", ".join(f"{peer.name} {peer.version}" for peer in peers))
    if absent:
        say(f"absent peers, skipped: {', '.join(absent)} (pip install '.[bench]' adds them)")
    return peers


def results_of(peers: list[Peer], configuration: tuple, say: Callable[[str], None]) -> dict[Peer, object]:
    """Build and run every peer once on a configuration; return the results of those that can be run.

    The result is None where a peer has no such operator. A peer that fails is left out, by name.
    """
    results = {}
    for peer in peers:
        try:
            contender = peer.build(*configuration)
            results[peer] = None if contender is None else contender.run()
        except Exception as problem:  # a broken optional package must not take ours down with it
            reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
            say(f"{peer.name} {peer.version} cannot be run and is skipped: {reason}")
    return results
