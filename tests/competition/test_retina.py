import numpy as np
import pytest

from workbench.competition import retina


def test_the_answers_solve_the_equations_of_hartline_and_ratliff():
    light = retina.pattern("ramp", 30)
    padded = np.concatenate([np.full(retina.MARGIN, light[0]), light, np.full(retina.MARGIN, light[-1])])
    raw = np.array(
        [[0 if i == j else np.exp(-abs(i - j) / 2.5) for j in range(len(padded))] for i in range(len(padded))]
    )
    weights = 0.8 * raw / raw[len(padded) // 2].sum()
    answers = np.linalg.inv(np.eye(len(padded)) + weights) @ padded
    middle = slice(retina.MARGIN, -retina.MARGIN)
    assert retina.answers(light, 0.8, 2.5) == pytest.approx(answers[middle], rel=1e-6)
    assert retina.settle(light, 0.8, 2.5, steps=300)[-1] == pytest.approx(answers[middle], rel=1e-6)


def test_even_light_gives_even_answers_and_an_edge_gets_bands():
    assert retina.answers(np.full(7, 3.0), 0.5, 2.0) == pytest.approx(np.full(7, 2.0), rel=1e-4)
    answers = 2 * retina.answers(retina.pattern("edge"), 1.0, 3.0)
    half = len(answers) // 2
    assert answers[0] == pytest.approx(retina.DIM, rel=1e-3)
    assert answers[-1] == pytest.approx(retina.BRIGHT, rel=1e-3)
    assert (np.argmin(answers), np.argmax(answers)) == (half - 1, half)  # Mach bands, at both sides of the edge
    assert answers[half] - retina.BRIGHT == pytest.approx(retina.DIM - answers[half - 1])
    assert answers[half] > retina.BRIGHT + 0.1


def test_a_ramp_gets_bands_at_its_two_ends_and_none_in_the_middle():
    light = retina.pattern("ramp")
    answers = 2 * retina.answers(light)
    assert (np.argmin(answers), np.argmax(answers)) == (20, 40)
    assert answers[28:33] == pytest.approx(light[28:33], abs=0.02)


def test_equal_greys_look_different():
    light, answers = retina.pattern("two greys"), retina.answers(retina.pattern("two greys"))
    assert light[15] == light[45] == 1.5
    assert answers[15] > 1.1 * answers[45]


def test_patterns_stay_between_dim_and_bright():
    for name in retina.PATTERNS:
        light = retina.pattern(name, 50)
        assert (light.shape, light.min(), light.max()) == ((50,), retina.DIM, retina.BRIGHT)
    assert len(set(retina.pattern("stairs"))) == 5
    with pytest.raises(ValueError, match="name='edges': must be one of 'edge', 'ramp', 'stairs', 'two greys'"):
        retina.pattern("edges")
