"""Simulate, bit by bit, a chip that draws dropout masks with shift registers and one comparator per lane.

A linear-feedback shift register (LFSR) of n bits holds a polynomial s over GF(2); bit i is the coefficient of x^i. Each
step multiplies s by x modulo a primitive polynomial P: shift left, and if a 1 leaves at the top, XOR P into the rest.
In this form, named after Galois, no XOR depends on another, so one level of logic is enough. Because P is primitive,
the steps visit all 2^n - 1 non-zero states. Zero stays zero and must not be a seed.

A lane reads b bits as a number, and drops its element if this is below a threshold. W lanes are fed in three ways:

    separate  each lane has its own register, with its own state
    shared    one register; lane j reads it rotated left by j * n // W bits (with more than n lanes, lanes repeat)
    leap      one register that moves W * b steps per clock through an unrolled XOR network; lane j reads the register
              as it would be after j * b steps. No two lanes and no two clocks read the same bits of the stream until
              all 2^n - 1 bits have been read

Gates are XOR, AND and OR with two inputs; inverters are free. The counts are:

    feedback    1 XOR for each inner term of P and step. Several steps per clock form a network. A chained network
                builds step after step and needs few gates. A flat network follows the steps' matrix over GF(2), with
                its own tree for each wire, and has a shorter delay.
    comparator  4b - 2 gates for word < threshold: 1 AND for the lowest bit, 4 gates (a majority) for the borrow of
                every other bit, and 1 OR for the threshold's extra bit, which makes ratio 1 drop everything
    flip-flops  n for each register, and once b + 1 for the threshold

Sources: Golomb, Shift Register Sequences, 1967. Massey, Shift-Register Synthesis and BCH Decoding, 1969.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from workbench import philox
from workbench.compiling import compiler
from workbench.operator import Arg
from workbench.sparse_dropout import RATIO

# The inner exponents of a primitive P = x^n + ... + 1, by n: as few as possible, then as low as possible. Low exponents
# make a wide network cheap, because it takes many steps until a bit that was fed back is fed back again.
# fmt: off
INNER_TERMS = {
    8: (4, 3, 2), 9: (4,), 10: (3,), 11: (2,), 12: (6, 4, 1), 13: (4, 3, 1), 14: (5, 3, 1), 15: (1,), 16: (5, 3, 2),
    17: (3,), 18: (7,), 19: (5, 2, 1), 20: (3,), 21: (2,), 22: (1,), 23: (5,), 24: (4, 3, 1), 25: (3,), 26: (6, 2, 1),
    27: (5, 2, 1), 28: (3,), 29: (2,), 30: (6, 4, 1), 31: (3,), 32: (7, 6, 2), 33: (13,), 34: (8, 4, 3), 35: (2,),
    36: (11,), 37: (6, 4, 1), 38: (6, 5, 1), 39: (4,), 40: (5, 4, 3), 41: (3,), 42: (7, 4, 3), 43: (6, 4, 3),
    44: (6, 5, 2), 45: (4, 3, 1), 46: (8, 7, 6), 47: (5,), 48: (9, 7, 4), 49: (9,), 50: (4, 3, 2), 51: (6, 3, 1),
    52: (3,), 53: (6, 2, 1), 54: (8, 6, 3), 55: (24,), 56: (7, 4, 2), 57: (7,), 58: (19,), 59: (7, 4, 2), 60: (1,),
    61: (5, 2, 1), 62: (6, 5, 3), 63: (1,), 64: (4, 3, 1),
}
# fmt: on

FEEDS = ("separate", "shared", "leap")
STEPS = ("bit", "word")

WIDTH = Arg("width", int, 16, "bits of a shift register", low=8, high=64, slider=(8, 64))
BITS = Arg("bits", int, 8, "bits that a comparator reads, at most width", low=1, high=64, slider=(1, 16))
LANES = Arg("lanes", int, 8, "mask bits a clock", low=1, high=1024, slider=(1, 64))
FEED = Arg("feed", str, "separate", "where the lanes' bits come from", choices=FEEDS)
STEP = Arg("step", str, "word", "how far a register moves in a clock: one bit, or a word of bits", choices=STEPS)
SEED = Arg("seed", int, 1, "which states the registers start in", low=0, high=philox.SEEDS - 1, slider=(0, 20))


def feedback(width: int) -> int:
    """Return P without x^width as a whole number; a step XORs it into the register if a 1 leaves at the top."""
    return 1 | sum(1 << exponent for exponent in INNER_TERMS[WIDTH.check(width)])


@compiler()
def _walk(state, feedback, width, steps, states):
    """Write to `states` the state before each move of `steps` steps."""
    top = np.uint64(width - 1)
    one = np.uint64(1)
    mask = (((one << top) - one) << one) | one
    for i in range(np.uintp(states.size)):
        states[i] = state
        for _ in range(steps):
            state = ((state << one) & mask) ^ (feedback * (state >> top))


@dataclasses.dataclass(frozen=True)
class Network:
    """An XOR network: the number of two-input gates, and the number of gates on the longest path of a signal."""

    xors: int
    levels: int


@dataclasses.dataclass(frozen=True)
class Area:
    """Total numbers of parts of a generator with `lanes` lanes."""

    lanes: int
    flip_flops: int
    xors: int
    comparator_gates: int
    xor_levels: int

    @property
    def flip_flops_per_lane(self) -> float:
        return self.flip_flops / self.lanes

    @property
    def gates_per_lane(self) -> float:
        return (self.xors + self.comparator_gates) / self.lanes


@dataclasses.dataclass(frozen=True)
class MaskGenerator:
    """A generator of dropout masks on a chip. The module explains the arguments; WIDTH to STEP hold their ranges.

    A word is the top `bits` bits of a register. Per clock, the step "word" moves a register by `bits` steps, and "bit"
    by one step, so that successive words overlap. A leap moves lanes * bits steps and accepts only "word". An argument
    of the wrong type raises TypeError, and an argument out of its range ValueError.
    """

    width: int = WIDTH.default
    bits: int = BITS.default
    lanes: int = LANES.default
    feed: str = FEED.default
    step: str = STEP.default

    def __post_init__(self) -> None:
        for arg in (WIDTH, BITS, LANES, FEED, STEP):
            object.__setattr__(self, arg.name, arg.check(getattr(self, arg.name)))
        if self.bits > self.width:
            raise ValueError(
                f"bits={self.bits}: must be at most width={self.width}; take fewer bits, or a wider register"
            )
        if self.feed == "leap" and self.step == "bit":
            raise ValueError("step='bit': a leap moves past every bit that was read; take step='word', or another feed")

    @property
    def registers(self) -> int:
        return self.lanes if self.feed == "separate" else 1

    @property
    def advance(self) -> int:
        """Return the number of steps that a register moves per clock."""
        if self.feed == "leap":
            return self.lanes * self.bits
        return self.bits if self.step == "word" else 1

    @property
    def period(self) -> int:
        """Return the number of clocks until a register's state repeats: (2^n - 1) / gcd(2^n - 1, steps per clock)."""
        states = (1 << self.width) - 1
        return states // math.gcd(states, self.advance)

    def masks_per_second(self, clock_hertz: float) -> float:
        """Return the number of elements per second: the number of lanes times the clock rate."""
        if not (math.isfinite(clock_hertz) and clock_hertz > 0):
            raise ValueError(f"clock_hertz={clock_hertz!r}: must be above 0 and finite, as 200e6 for 200 MHz")
        return self.lanes * clock_hertz

    def threshold(self, ratio: float) -> int:
        """Return the whole number nearest to ratio * 2^bits (a half goes to the even one); words below it drop."""
        return round(RATIO.check(ratio) * (1 << self.bits))

    def quantized_ratio(self, ratio: float) -> float:
        """Return the share of all words that are below the threshold."""
        return self.threshold(ratio) / (1 << self.bits)

    def exact_ratio(self, ratio: float) -> Fraction:
        """Return the dropped share over a period, (T 2^(n - b) - 1) / (2^n - 1), T the threshold; state 0 never occurs.

        If the steps per clock and 2^n - 1 have a common factor, a period contains only some of the states, and this is
        the mean over all seeds.
        """
        below = self.threshold(ratio) << (self.width - self.bits)
        return Fraction(max(below - 1, 0), (1 << self.width) - 1)

    def start(self, seed: int) -> tuple[int, ...]:
        """Return a non-zero state for each register, drawn from Philox; two may be equal or close on the cycle."""
        halves = philox.words(SEED.check(seed), 2 * self.registers).reshape(self.registers, 2)
        draws = (int(low) | int(high) << 32 for low, high in halves)
        return tuple(1 + draw % ((1 << self.width) - 1) for draw in draws)

    def words(self, clocks: int, states: Sequence[int]) -> np.ndarray:
        """Return the words that the comparators read, uint64 (clocks, lanes), if registers start in `states`."""
        states = self._checked_states(states)
        if clocks < 0:
            raise ValueError(f"clocks={clocks}: must be at least 0")
        below = np.uint64(self.width - self.bits)
        if self.feed == "leap":
            return (self._walk(states[0], self.bits, clocks * self.lanes) >> below).reshape(clocks, self.lanes)
        if self.feed == "separate":
            return np.stack([self._walk(state, self.advance, clocks) for state in states], axis=1) >> below
        register = self._walk(states[0], self.advance, clocks)
        lanes = [self._rotated(register, lane * self.width // self.lanes) for lane in range(self.lanes)]
        return np.stack(lanes, axis=1) >> below

    def masks(self, ratio: float, clocks: int, states: Sequence[int]) -> np.ndarray:
        """Return whether each lane drops its element, bool (clocks, lanes)."""
        threshold = self.threshold(ratio)
        words = self.words(clocks, states)
        if not threshold:
            return np.zeros(words.shape, bool)
        return words <= np.uint64(threshold - 1)  # the threshold itself may be 2^64

    def dropped(self, count: int, ratio: float, seed: int) -> np.ndarray:
        """Return which of `count` elements are dropped, bool: element i is lane i % lanes of clock i // lanes."""
        return self.masks(ratio, -(-count // self.lanes), self.start(seed)).reshape(-1)[:count]

    def area(self, flat: bool = False) -> Area:
        """Count the generator's parts as the module docstring says, with a chained or a flat network."""
        if flat:
            network = flat_network(self.width, self.bits, self.lanes if self.feed == "leap" else 1, self.advance)
        else:
            network = chained_network(self.width, self.advance)
        return Area(
            lanes=self.lanes,
            flip_flops=self.registers * self.width + self.bits + 1,
            xors=self.registers * network.xors,
            comparator_gates=self.lanes * (4 * self.bits - 2),
            xor_levels=network.levels,
        )

    def _walk(self, state: int, steps: int, count: int) -> np.ndarray:
        states = np.empty(count, np.uint64)
        _walk(np.uint64(state), np.uint64(feedback(self.width)), self.width, steps, states)
        return states

    def _rotated(self, register: np.ndarray, places: int) -> np.ndarray:
        """Return the register's bits rotated left."""
        if not places:
            return register
        mask = np.uint64((1 << self.width) - 1)
        return (register << np.uint64(places)) & mask | register >> np.uint64(self.width - places)

    def _checked_states(self, states: Sequence[int]) -> tuple[int, ...]:
        states = tuple(map(int, states))
        if len(states) != self.registers:
            raise ValueError(
                f"states: there are {len(states)}; feed={self.feed!r} with {self.lanes} lanes needs {self.registers}, "
                f"one for each register; start(seed) returns them"
            )
        for state in states:
            if not 0 < state < 1 << self.width:
                raise ValueError(f"states: {state} must be from 1 to 2^{self.width} - 1: zero never changes")
        return states


@functools.lru_cache(maxsize=1024)
def chained_network(width: int, steps: int) -> Network:
    """Count the network of `steps` steps built one after the other, with one XOR for each inner term and step."""
    inner = INNER_TERMS[WIDTH.check(width)]
    levels = [0] * width
    deepest = 0
    for _ in range(steps):
        fallen = levels.pop()
        levels.insert(0, fallen)
        for exponent in inner:
            levels[exponent] = 1 + max(levels[exponent], fallen)
            deepest = max(deepest, levels[exponent])
    return Network(steps * len(inner), deepest)


@functools.lru_cache(maxsize=1024)
def flat_network(width: int, bits: int, lanes: int, steps: int) -> Network:
    """Count the network for `steps` steps and `lanes` words that are `bits` steps apart, one tree per distinct wire.

    A wire that is the XOR of k bits of the register needs k - 1 gates in ceil(log2 k) levels.
    """
    wires = set()
    for step, rows in enumerate(_unrolled(width, max(steps, (lanes - 1) * bits))):
        if step % bits == 0 and step < lanes * bits:
            wires.update(rows[width - bits :])
        if step == steps:
            wires.update(rows)
    weights = [wire.bit_count() for wire in wires]
    return Network(sum(weight - 1 for weight in weights), (max(weights) - 1).bit_length())


def _unrolled(width: int, steps: int) -> Iterator[list[int]]:
    """Yield after 0, 1, ... steps, for each bit, the bits of the first state whose XOR it is, as a whole number."""
    inner = INNER_TERMS[WIDTH.check(width)]
    rows = [1 << place for place in range(width)]
    yield rows
    for _ in range(steps):
        fallen = rows.pop()
        rows.insert(0, fallen)
        for exponent in inner:
            rows[exponent] ^= fallen
        yield rows


def philox_words(seed: int, clocks: int, lanes: int, bits: int) -> np.ndarray:
    """Return the top `bits` bits of one Philox word per clock and lane, uint64 (clocks, lanes)."""
    if not 1 <= bits <= 32:
        raise ValueError(f"bits={bits}: must be from 1 to 32: a word of Philox has 32 bits")
    words = philox.words(SEED.check(seed), clocks * lanes).reshape(clocks, lanes)
    return words.astype(np.uint64) >> np.uint64(32 - bits)
