"""Other implementations of the operators, each optional: which are installed."""

import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module, metadata

from workbench.bench.case import Case
from workbench.machines.timing import Contender

# The modules that a peer needs, and its `build`.
Declared = Mapping[str, tuple[tuple[str, ...], Callable]]


@dataclasses.dataclass(frozen=True)
class Peer:
    """An installed peer: `build`, called with a case and a number of threads, makes what is timed, or returns None."""

    name: str
    version: str
    build: Callable[[Case, int], Contender | None]

    def results(self, case: Case, threads: int) -> tuple | None:
        """Build and run once; return the results, None where the peer has no such operator."""
        contender = self.build(case, threads)
        results = None if contender is None else contender.run()
        return results if results is None or isinstance(results, tuple) else (results,)


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
