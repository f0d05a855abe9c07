"""The model of a mask generator, against polynomials in Python's whole numbers and counts drawn by hand."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from workbench import philox
from workbench.hardware import mask_generator, mask_statistics
from workbench.hardware.mask_generator import MaskGenerator

WIDTHS = range(8, 65)
CASES = [("separate", "bit"), ("separate", "word"), ("shared", "bit"), ("shared", "word"), ("leap", "word")]


def polynomial(width):
    return 1 << width | sum(1 << e for e in (*mask_generator.INNER_TERMS[width], 0))


def multiplied(a, b, modulus):
    """Multiply two polynomials over GF(2), whole numbers, modulo a third."""
    top = modulus.bit_length() - 1
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1, b >> 1
        a ^= modulus if a >> top else 0
    return product


def power_of_x(exponent, modulus):
    result, base = 1, 2
    while exponent:
        result = multiplied(result, base, modulus) if exponent & 1 else result
        base, exponent = multiplied(base, base, modulus), exponent >> 1
    return result


def is_prime(number):
    """Test for a prime as Miller and Rabin do; with the first twelve primes as bases, it is certain below 2^64."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    if number < 2 or number % 2 == 0:
        return number == 2
    if number in bases:
        return True
    twos = (number - 1 & 1 - number).bit_length() - 1
    for base in bases:
        powers = [pow(base, (number - 1) >> twos << i, number) for i in range(twos)]
        if powers[0] != 1 and number - 1 not in powers:
            return False
    return True


def prime_factors(number):
    factors, divisor = set(), 2
    while number > 1 and not is_prime(number):
        while number % divisor:
            divisor += 1
        factors.add(divisor)
        number //= divisor
    return factors | ({number} if number > 1 else set())


def prime_factors_below(width):
    """Factor 2^width - 1; for an even width as (2^(width/2) - 1) (2^(width/2) + 1)."""
    if width % 2:
        return prime_factors(2**width - 1)
    return prime_factors_below(width // 2) | prime_factors(2 ** (width // 2) + 1)


def scalar_words(generator, clocks, states):
    """Draw the words one step at a time, by multiplication with x in whole numbers."""
    width, bits, lanes = generator.width, generator.bits, generator.lanes
    modulus = polynomial(width)

    def stepped(state, steps):
        for _ in range(steps):
            state = multiplied(state, 2, modulus)
        return state

    states, words = list(states), []
    for _ in range(clocks):
        if generator.feed == "separate":
            registers = states
        elif generator.feed == "leap":
            registers = [stepped(states[0], lane * bits) for lane in range(lanes)]
        else:
            written = f"{states[0]:0{width}b}"
            turns = [lane * width // lanes % width for lane in range(lanes)]
            registers = [int(written[turn:] + written[:turn], 2) for turn in turns]
        words.append([register >> (width - bits) for register in registers])
        steps = lanes * bits if generator.feed == "leap" else bits if generator.step == "word" else 1
        states = [stepped(state, steps) for state in states]
    return words


def test_the_helpers_factor():
    assert prime_factors(360) == {2, 3, 5}
    assert prime_factors_below(11) == {23, 89}
    assert prime_factors_below(64) == {3, 5, 17, 257, 641, 65537, 6700417}


@pytest.mark.parametrize("width", WIDTHS)
def test_every_polynomial_is_primitive(width):
    modulus, states = polynomial(width), 2**width - 1
    factors = prime_factors_below(width)
    rest = states
    for prime in factors:
        while rest % prime == 0:
            rest //= prime
    assert rest == 1
    assert power_of_x(states, modulus) == 1
    assert all(power_of_x(states // prime, modulus) != 1 for prime in factors)


@pytest.mark.parametrize("width", [8, 9, 12, 15, 16])
def test_one_bit_steps_visit_every_state_but_zero(width):
    generator = MaskGenerator(width, width, 1, step="bit")
    states = generator.words(2**width, (1,))[:, 0]
    assert generator.period == 2**width - 1
    assert sorted(states[:-1]) == list(range(1, 2**width))
    assert states[-1] == states[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_output_bits_obey_the_recurrence(width):
    # What Fibonacci's form of the register says: a(t + n) is the XOR of a(t + e) over the terms e of P below n.
    (state,) = MaskGenerator(width, 1, 1).start(5)
    a = MaskGenerator(width, 1, 1, step="bit").words(3 * width, (state,))[:, 0].tolist()
    for t in range(2 * width):
        assert a[t + width] == sum(a[t + e] for e in (0, *mask_generator.INNER_TERMS[width])) % 2
    assert 0 < sum(a) < len(a)


def test_eight_bits_by_hand():
    # P = x^8 + x^4 + x^3 + x^2 + 1: powers of x, as in the tables of GF(256) that QR codes use.
    assert mask_generator.feedback(8) == 0b00011101
    powers = [1, 2, 4, 8, 16, 32, 64, 128, 29, 58, 116, 232, 205, 135, 19, 38]
    assert MaskGenerator(8, 8, 1, step="bit").words(16, (1,))[:, 0].tolist() == powers
    # The top three bits of each, every third of them, and which are below 3 of 8.
    generator = MaskGenerator(8, 3, 1)
    assert generator.words(6, (1,))[:, 0].tolist() == [0, 0, 2, 1, 6, 1]
    assert generator.masks(0.375, 6, (1,))[:, 0].tolist() == [True, True, True, True, False, True]


@pytest.mark.parametrize(("feed", "step"), CASES)
@pytest.mark.parametrize(("width", "bits", "lanes"), [(8, 8, 3), (11, 4, 5), (16, 7, 33), (33, 32, 2), (64, 64, 3)])
def test_every_feed_bit_for_bit(feed, step, width, bits, lanes):
    generator = MaskGenerator(width, bits, lanes, feed, step)
    states = generator.start(7)
    words = scalar_words(generator, 13, states)
    assert generator.words(13, states).tolist() == words
    masks = [[word < round(0.3 * 2**bits) for word in row] for row in words]
    assert generator.masks(0.3, 13, states).tolist() == masks
    assert generator.dropped(12 * lanes + 1, 0.3, seed=7).tolist() == list(itertools.chain(*masks))[: 12 * lanes + 1]


@pytest.mark.parametrize("width", [8, 16, 64])
def test_ratio_0_keeps_all_and_1_drops_all(width):
    generator = MaskGenerator(width, width, 3)
    states = generator.start(2)
    assert not generator.masks(0.0, 500, states).any()
    assert generator.masks(1.0, 500, states).all()
    assert generator.exact_ratio(0.0) == 0
    assert generator.exact_ratio(1.0) == 1


@pytest.mark.parametrize("bits", [1, 4, 7, 11])
@pytest.mark.parametrize("ratio", [0.0004, 0.3, 0.5, 0.99])
def test_exact_ratio_counts_a_period(bits, ratio):
    generator = MaskGenerator(11, bits, 1)
    masks = generator.masks(ratio, generator.period, (1,))
    assert generator.period == 2047  # 23 * 89, which no number of bits here divides
    assert generator.exact_ratio(ratio) == Fraction(int(masks.sum()), 2047)


def test_quantized_ratio_by_hand():
    generator = MaskGenerator(16, 4)
    assert [generator.threshold(ratio) for ratio in (0.0, 0.03, 0.04, 0.3, 1.0)] == [0, 0, 1, 5, 16]
    assert generator.quantized_ratio(0.3) == 0.3125
    # 5 of 16 words, 2^12 states each, of which zero never comes.
    assert generator.exact_ratio(0.3) == Fraction(5 * 4096 - 1, 65535)
    assert MaskGenerator(8, 8).exact_ratio(0.5) == Fraction(127, 255)


@pytest.mark.parametrize(
    ("feed", "step", "bits", "lanes", "period"),
    [
        ("separate", "bit", 5, 3, 255),
        ("separate", "word", 5, 3, 51),  # 5 divides 255
        ("separate", "word", 4, 3, 255),
        ("leap", "word", 4, 3, 85),  # 12 and 255 share 3
        ("shared", "word", 6, 3, 85),
    ],
)
def test_period(feed, step, bits, lanes, period):
    generator = MaskGenerator(8, bits, lanes, feed, step)
    assert generator.period == period
    words = generator.words(2 * period, generator.start(3))
    returns = [clocks for clocks in range(1, period + 1) if (words[clocks : clocks + period] == words[:period]).all()]
    assert returns == [period]


def test_area_by_hand():
    # Comparators of 4 bits: 1 AND, three majorities of 4 gates, 1 OR. A threshold register of 5 bits.
    separate = MaskGenerator(8, 4, 3, "separate", "bit").area()
    assert separate == mask_generator.Area(
        lanes=3, flip_flops=3 * 8 + 5, xors=3 * 3, comparator_gates=3 * 14, xor_levels=1
    )
    assert separate.flip_flops_per_lane == pytest.approx(29 / 3)
    assert separate.gates_per_lane == 17
    shared = MaskGenerator(8, 4, 3, "shared", "bit").area()
    assert shared == mask_generator.Area(lanes=3, flip_flops=13, xors=3, comparator_gates=42, xor_levels=1)
    # x^15 + x + 1 has one inner term: a XOR for each of 6 steps. Only what enters is ever changed.
    leap = MaskGenerator(15, 2, 3, "leap").area()
    assert leap == mask_generator.Area(lanes=3, flip_flops=15 + 3, xors=6, comparator_gates=3 * 6, xor_levels=1)


def test_networks_of_two_steps_by_hand():
    # From b7 ... b0: b5, b4, b3^b7, b2^b6^b7, b1^b6^b7, b0^b6, b7, b6
    assert mask_generator.chained_network(8, 2) == mask_generator.Network(xors=6, levels=2)
    assert mask_generator.flat_network(8, 1, 1, 2) == mask_generator.Network(xors=1 + 2 + 2 + 1, levels=2)
    # x^9 + x^4 + 1: what step 1 changed is at bit 4, falls out in step 6, and is fed back into what another step makes.
    assert mask_generator.chained_network(9, 5) == mask_generator.Network(xors=5, levels=1)
    assert mask_generator.chained_network(9, 6) == mask_generator.Network(xors=6, levels=2)
    assert (
        mask_generator.chained_network(8, 0) == mask_generator.flat_network(8, 8, 1, 0) == mask_generator.Network(0, 0)
    )


@pytest.mark.parametrize(("width", "bits", "lanes"), [(8, 3, 4), (16, 5, 7), (33, 8, 9)])
def test_flat_network_is_the_matrix_over_gf2(width, bits, lanes):
    one = np.eye(width, k=-1, dtype=np.int64)  # bit i comes from bit i - 1
    one[[0, *mask_generator.INNER_TERMS[width]], width - 1] = 1
    powers = [np.eye(width, dtype=np.int64)]
    for _ in range(lanes * bits):
        powers.append(one @ powers[-1] % 2)
    wires = np.concatenate([powers[lane * bits][width - bits :] for lane in range(lanes)] + [powers[lanes * bits]])
    weights = np.unique(wires, axis=0).sum(axis=1)
    network = mask_generator.flat_network(width, bits, lanes, lanes * bits)
    assert network == mask_generator.Network(int((weights - 1).sum()), math.ceil(math.log2(weights.max())))
    # The matrix moves the register as the generator does.
    generator = MaskGenerator(width, width, 1, step="bit")
    first, *_, last = generator.words(lanes * bits + 1, generator.start(1))[:, 0].tolist()
    moved = powers[lanes * bits] @ [first >> place & 1 for place in range(width)] % 2
    assert sum(int(bit) << place for place, bit in enumerate(moved)) == last


def test_a_chain_takes_few_gates_and_a_flat_network_few_levels():
    generator = MaskGenerator(16, 8, 32, "leap")
    chained, flat = generator.area(), generator.area(flat=True)
    assert chained.xors == 3 * 32 * 8  # three inner terms
    assert flat.xors == mask_generator.flat_network(16, 8, 32, 256).xors > chained.xors
    assert flat.xor_levels <= 4 < chained.xor_levels  # no wire has more than 16 bits to sum
    assert flat.comparator_gates == chained.comparator_gates


def test_speed_in_masks():
    assert MaskGenerator(lanes=12).masks_per_second(250e6) == 3e9


def test_start_draws_from_philox_and_never_zero():
    low, high = philox.words(9, 2).tolist()
    assert MaskGenerator(64, 8, 1).start(9) == (1 + (low | high << 32) % (2**64 - 1),)
    states = MaskGenerator(8, 8, 1000).start(0)
    assert len(states) == 1000
    assert set(states) <= set(range(1, 256))


# Successive words of b bits that share all but one correlate by (4^b - 4) / (2 (4^b - 1)), lag k by about 2^-k.
def test_one_bit_steps_leave_words_correlated():
    generator = MaskGenerator(16, 8, 1, step="bit")
    found = mask_statistics.serial_correlation(generator.words(generator.period, (1,)), range(5))
    np.testing.assert_allclose(found, [1, 0.5, 0.25, 0.125, 0.0625], atol=2e-3)


@pytest.mark.parametrize(("feed", "lanes"), [("separate", 1), ("leap", 3)])
def test_word_steps_do_not(feed, lanes):
    generator = MaskGenerator(32, 8, lanes, feed)
    found = mask_statistics.serial_correlation(generator.words(40_000, generator.start(1)), range(1, 5))
    assert np.abs(found).max() < 4.5 / math.sqrt(40_000)


def test_shared_lanes_are_correlated_and_leaping_ones_are_not():
    # Eight lanes of 16 bits are turned by 2: neighbours share 6 of 8 bits, two places apart, and correlate by 1/4.
    shared = MaskGenerator(16, 8, 8, "shared")
    found = mask_statistics.lane_correlation(shared.words(shared.period, (1,)))
    np.testing.assert_allclose(np.diag(found, 1), 0.25, atol=2e-3)
    repeated = MaskGenerator(8, 4, 16, "shared")
    assert mask_statistics.lane_correlation(repeated.words(255, (1,)))[6, 7] == pytest.approx(1)
    leap = MaskGenerator(64, 8, 8, "leap")
    found = mask_statistics.lane_correlation(leap.words(40_000, leap.start(1)))
    assert np.abs(found - np.eye(8)).max() < 4.5 / math.sqrt(40_000)


def test_separate_lanes_with_counted_seeds_are_sums_of_each_other():
    # The register is linear: what starts in 3 = 1 XOR 2 is for ever the XOR of what starts in 1 and in 2.
    generator = MaskGenerator(32, 1, 3)
    first, second, third = generator.words(999, (1, 2, 3)).T
    np.testing.assert_array_equal(first ^ second, third)
    assert mask_statistics.mask_chi_square(generator.masks(0.5, 999, (1, 2, 3)), 0.5) < 1e-100
    assert mask_statistics.mask_chi_square(generator.masks(0.5, 999, generator.start(1)), 0.5) > 1e-3


def test_delayed_copy_finds_the_clocks_between_two_states():
    generator = MaskGenerator(32, 8, 2, step="bit")
    later = generator.words(6, (1, 1))[5, 0]
    assert later == 0  # the top of the register is still empty, so the state is 1 * x^5
    assert mask_statistics.delayed_copy(*generator.masks(0.5, 4000, (1, 32)).T) == (-5, pytest.approx(1))
    assert mask_statistics.delayed_copy(*generator.masks(0.5, 4000, (32, 1)).T) == (5, pytest.approx(1))
    first = generator.masks(0.5, 4000, generator.start(1))[:, 0]
    assert mask_statistics.delayed_copy(first, ~first) == (0, pytest.approx(-1))


def test_correlations_by_hand():
    values = np.array([[0, 2, 5], [1, 1, 5], [2, 0, 5], [1, 1, 5]], float)
    found = mask_statistics.lane_correlation(values)
    np.testing.assert_allclose(found[:2, :2], [[1, -1], [-1, 1]], atol=1e-12)
    assert np.isnan(found[2]).all()
    # Centred -1, 0, 1, 0: products at lag 1 are 0, at lag 2 -1 and 0; the mean square is 1/2.
    np.testing.assert_allclose(mask_statistics.serial_correlation(values[:, 0], [0, 1, 2]), [1, 0, -1], atol=1e-12)


def test_chi_squares_by_hand():
    # 60 and 40 where 50 and 50 are expected: 100/50 + 100/50 = 4 with one degree of freedom, p = erfc(sqrt(2)).
    p = math.erfc(math.sqrt(2))
    bits = np.repeat(np.array([0, 1], np.uint64), [60, 40])
    assert mask_statistics.word_chi_square(bits, 1) == pytest.approx(p)
    assert mask_statistics.mask_chi_square(bits[:, None].astype(bool), 0.5) == pytest.approx(p)
    # Words are binned by their top 8 bits: 3 << 4 and (3 << 4) + 15 fall into one cell.
    even = np.repeat(np.arange(256, dtype=np.uint64) << np.uint64(4), 6)
    even[1::2] += np.uint64(15)
    assert mask_statistics.word_chi_square(even, 12) == 1
    # Two lanes, 100 clocks at ratio 0.1: patterns expected 81, 9, 9 and 1; the last is too rare for a cell of its own,
    # and is counted with one of the 9: 4 + 9 found where 10 are expected.
    masks = np.repeat(np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool), [81, 9, 6, 4], axis=0)
    expected = math.exp(-(0 + 9 / 9 + 9 / 10) / 2)  # the tail of chi-square with two degrees of freedom
    assert mask_statistics.mask_chi_square(masks, 0.1) == pytest.approx(expected)


def test_a_mask_chi_square_of_what_is_certain():
    kept = np.zeros((9, 3), bool)
    assert math.isnan(mask_statistics.mask_chi_square(kept, 0.0))
    assert mask_statistics.mask_chi_square(kept, 1.0) == 0
    assert math.isnan(mask_statistics.mask_chi_square(~kept, 1.0))


def test_dispersion_by_hand():
    # 0, 3, 1 and 0 of three lanes drop: mean 1, variance (1 + 4 + 0 + 1) / 4; independent ones have 3 * 0.4 * 0.6.
    masks = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 0]], bool)
    assert mask_statistics.dispersion(masks, 0.4) == pytest.approx(1.5 / 0.72)
    assert math.isnan(mask_statistics.dispersion(masks, 1.0))
    # Eight lanes that are one another's copies: the variance of a sum of eight is 64 times that of one, not 8 times.
    copies = MaskGenerator(8, 1, 64, "shared").masks(0.5, 255, (1,)).reshape(255, 8, 8)
    assert mask_statistics.dispersion(copies[:, 0], 0.5) == pytest.approx(8, rel=1e-3)


def test_over_a_period_words_are_too_even():
    generator = MaskGenerator(16, 8, 1)
    assert mask_statistics.word_chi_square(generator.words(generator.period, (1,)), 8) > 1 - 1e-9
    words = mask_generator.philox_words(1, 65535, 1, 8)
    assert 1e-3 < mask_statistics.word_chi_square(words, 8) < 1 - 1e-3


def test_philox_words_are_the_top_bits_of_the_stream():
    words = mask_generator.philox_words(4, 5, 3, 7)
    assert words.tolist() == (philox.words(4, 15).reshape(5, 3) // 2**25).tolist()


def shortest_register(bits):
    """Try every recurrence, shortest first."""
    for length in range(len(bits)):
        for taps in itertools.product((0, 1), repeat=length):
            if all(
                bits[t] == sum(c & bits[t - 1 - i] for i, c in enumerate(taps)) % 2 for t in range(length, len(bits))
            ):
                return length
    return len(bits)


def test_linear_complexity_of_every_short_sequence():
    for bits in itertools.product((0, 1), repeat=7):
        assert mask_statistics.linear_complexity(bits) == shortest_register(bits)


@pytest.mark.parametrize("width", [8, 23, 64])
def test_linear_complexity_of_an_lfsr_is_its_width(width):
    generator = MaskGenerator(width, 1, 1)
    assert mask_statistics.linear_complexity(generator.words(3 * width, generator.start(1))[:, 0]) == width
    assert mask_statistics.linear_complexity(mask_generator.philox_words(1, 200, 1, 1)[:, 0]) == pytest.approx(
        100, abs=5
    )


@pytest.mark.parametrize(
    ("arguments", "problem", "said"),
    [
        ({"width": 7}, ValueError, "width=7: must be a whole number from 8 to 64; the nearest legal value is 8"),
        ({"width": 65}, ValueError, "width=65: must be .* from 8 to 64; the nearest legal value is 64"),
        ({"width": 16.0}, TypeError, "width=16.0: must be a whole number"),
        ({"bits": 0}, ValueError, "bits=0: .* nearest legal value is 1"),
        ({"bits": 17}, ValueError, "bits=17: must be at most width=16; take fewer bits, or a wider register"),
        ({"lanes": 0}, ValueError, "lanes=0: .* nearest legal value is 1"),
        ({"lanes": 1025}, ValueError, "lanes=1025: .* nearest legal value is 1024"),
        ({"feed": "none"}, ValueError, "feed='none': must be one of 'separate', 'shared', 'leap'"),
        ({"step": 1}, TypeError, "step=1: must be one of 'bit', 'word'"),
        ({"feed": "leap", "step": "bit"}, ValueError, "step='bit': .*take step='word', or another feed"),
    ],
)
def test_refuses(arguments, problem, said):
    with pytest.raises(problem, match=said):
        MaskGenerator(**arguments)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda g: g.threshold(math.nan), "ratio=nan: must be finite, a number from 0.0 to 1.0"),
        (lambda g: g.masks(1.01, 1, g.start(1)), "ratio=1.01: .*nearest legal value is 1.0"),
        (lambda g: g.quantized_ratio(-0.1), "ratio=-0.1: .*nearest legal value is 0.0"),
        (lambda g: g.words(1, (0,) * 8), r"states: 0 must be from 1 to 2\^16 - 1: zero never changes"),
        (lambda g: g.words(1, (1 << 16,) * 8), r"states: 65536 must be from 1 to 2\^16 - 1"),
        (lambda g: g.words(1, (1,)), r"states: there are 1; .* needs 8, one for each register; start"),
        (lambda g: g.words(-1, g.start(1)), "clocks=-1: must be at least 0"),
        (lambda g: g.start(-1), "seed=-1: .*nearest legal value is 0"),
        (lambda g: g.masks_per_second(0), "clock_hertz=0: must be above 0 and finite, as 200e6 for 200 MHz"),
        (lambda g: mask_generator.philox_words(1, 2, 3, 33), "bits=33: must be from 1 to 32"),
        (
            lambda g: mask_statistics.word_chi_square(g.words(100, g.start(1)), 8),
            "800 words are too few.*at least 1280",
        ),
    ],
)
def test_refuses_in_a_call(call, said):
    with pytest.raises(ValueError, match=said):
        call(MaskGenerator())
