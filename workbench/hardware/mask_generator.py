"""How a chip draws a dropout mask, bit by bit: a shift register, a comparator and W lanes.

A linear-feedback shift register (LFSR) of n bits is a polynomial s over GF(2), bit i the coefficient of x^i, and each
step multiplies it by x modulo a primitive polynomial P: shift left, and where a 1 falls out at the top, XOR P into the
rest. In this form, Galois's, every XOR stands alone, so one level of logic is enough. As P is primitive, a step walks
through all 2^n - 1 states but zero, which stays zero and must not be a seed.

A lane reads b bits as a number, and drops its element where that is below a threshold. Three ways to feed W lanes:

    separate  a register for each lane, with a state of its own
    shared    one register; lane j reads it rotated left by j * n // W bits (and beyond n lanes, lanes repeat)
    leap      one register that moves W * b steps a clock through an unrolled XOR network: lane j reads what it would
              hold after j * b steps, so that no two lanes and no two clocks read the same bits of the stream, until
              all 2^n - 1 of them have been read

Gates are counted in the plainest technology, XOR, AND and OR with two inputs, and inverters free:

    feedback    1 XOR for each inner term of P and step. Several steps a clock are a network: chained, step after
                step, which takes few gates, or flat, each wire a tree of its own as the steps' matrix over GF(2) has
                it, which a signal passes sooner.
    comparator  word < threshold, with a threshold from a register: 1 AND for the lowest bit, a majority of 4 gates for
                the borrow of every other, and 1 OR for the threshold's extra bit, with which ratio 1 drops all: 4b - 2
    flip-flops  n for each register, and b + 1 for the threshold, once

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

# The inner exponents of a primitive P = x^n + ... + 1, by n: the fewest, then the lowest, that there are. Low ones make
# a wide network cheap, for what a step feeds back is not fed back again for a long time.
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
    """Return what a step XORs into the register where a 1 falls out: P without x^width, as a whole number."""
    return 1 | sum(1 << exponent for exponent in INNER_TERMS[WIDTH.check(width)])


@compiler()
def _walk(state, feedback, width, steps, states):
    """Write the states before each of len(states) moves of `steps` steps."""
    top = np.uint64(width - 1)
    one = np.uint64(1)
    mask = (((one << top) - one) << one) | one
    for i in range(np.uintp(states.size)):
        states[i] = state
        for _ in range(steps):
            state = ((state << one) & mask) ^ (feedback * (state >> top))


@dataclasses.dataclass(frozen=True)
class Network:
    """An XOR network: gates with two inputs, and how many of them a signal passes on the longest way."""

    xors: int
    levels: int


@dataclasses.dataclass(frozen=True)
class Area:
    """What a generator of `lanes` lanes is made of, in all."""

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
    """A generator of dropout masks as a chip has it; the module explains the arguments, their ranges are above.

    A word is the top `bits` of a register. The step "word" moves a register `bits` steps a clock, "bit" one step, which
    leaves successive words overlapping; a leap moves lanes * bits steps and takes "word" alone. An argument of the
    wrong type raises TypeError, and one that is out of its range ValueError.
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
        """Return the steps that a register moves in a clock."""
        if self.feed == "leap":
            return self.lanes * self.bits
        return self.bits if self.step == "word" else 1

    @property
    def period(self) -> int:
        """Return the clocks after which a register's state returns: (2^n - 1) / gcd(2^n - 1, steps a clock)."""
        states = (1 << self.width) - 1
        return states // math.gcd(states, self.advance)

    def masks_per_second(self, clock_hertz: float) -> float:
        """Return how many elements a second draws for: each clock for as many as there are lanes."""
        if not (math.isfinite(clock_hertz) and clock_hertz > 0):
            raise ValueError(f"clock_hertz={clock_hertz!r}: must be above 0 and finite, as 200e6 for 200 MHz")
        return self.lanes * clock_hertz

    def threshold(self, ratio: float) -> int:
        """Return the whole number nearest to ratio * 2^bits (the even one of two): words below it are dropped."""
        return round(RATIO.check(ratio) * (1 << self.bits))

    def quantized_ratio(self, ratio: float) -> float:
        """Return the share of all words that is below the threshold."""
        return self.threshold(ratio) / (1 << self.bits)

    def exact_ratio(self, ratio: float) -> Fraction:
        """Return the dropped share over a period, (T 2^(n - b) - 1) / (2^n - 1): one dropped state, zero, never comes.

        Where steps a clock and 2^n - 1 share a factor, a period holds some of the states, and this is the mean over all
        seeds.
        """
        below = self.threshold(ratio) << (self.width - self.bits)
        return Fraction(max(below - 1, 0), (1 << self.width) - 1)

    def start(self, seed: int) -> tuple[int, ...]:
        """Return a state for each register, drawn from Philox: never zero; two may be close on the cycle, or equal."""
        halves = philox.words(SEED.check(seed), 2 * self.registers).reshape(self.registers, 2)
        draws = (int(low) | int(high) << 32 for low, high in halves)
        return tuple(1 + draw % ((1 << self.width) - 1) for draw in draws)

    def words(self, clocks: int, states: Sequence[int]) -> np.ndarray:
        """Return what the comparators read, uint64 (clocks, lanes), from registers that start in `states`."""
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
        """Return who is dropped of `count` elements, bool: element i is lane i % lanes of clock i // lanes."""
        return self.masks(ratio, -(-count // self.lanes), self.start(seed)).reshape(-1)[:count]

    def area(self, flat: bool = False) -> Area:
        """Count what the generator is made of, by the conventions above, with chained networks or flat ones."""
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
                f"states: {len(states)} of them; feed={self.feed!r} with {self.lanes} lanes has {self.registers} "
                f"registers, each with one; start(seed) gives them"
            )
        for state in states:
            if not 0 < state < 1 << self.width:
                raise ValueError(f"states: {state} must be from 1 to 2^{self.width} - 1, for zero stays zero")
        return states


@functools.lru_cache(maxsize=1024)
def chained_network(width: int, steps: int) -> Network:
    """Count `steps` steps built one after the other: an XOR for each inner term and step."""
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
    """Count `steps` steps, and `lanes` words `bits` steps apart, as a tree of XORs for each wire that differs.

    A wire that is the XOR of k of the register's bits takes k - 1 gates, ceil(log2 k) deep.
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
    """Yield, after 0, 1, ... steps, the bits of the first state whose XOR each bit is, as whole numbers."""
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
    """Return what comparators of `bits` bits would read from Philox, uint64 (clocks, lanes): a word for each."""
    if not 1 <= bits <= 32:
        raise ValueError(f"bits={bits}: must be from 1 to 32, for a word of Philox has 32 bits")
    words = philox.words(SEED.check(seed), clocks * lanes).reshape(clocks, lanes)
    return words.astype(np.uint64) >> np.uint64(32 - bits)
