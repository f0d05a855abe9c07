"""Sealed answers are judged as open ones are, and cannot be read."""

import math

import pytest

from workbench.explore.answers import is_right, seal

TRUTHS = [
    (3.1623, 0.02),
    (-2.5, 0.1),
    (1, 0.3),
    (0.5**20, 0.05),
    (1849688064, 0.01),
    (4, 0.0),
    (0.999981, 2e-6),
    (0, 0.02),
]


@pytest.mark.parametrize(("truth", "tolerance"), TRUTHS)
def test_a_sealed_number_accepts_what_isclose_accepts(truth, tolerance):
    sealed = seal(truth, tolerance)
    factors = [1 + sign * (tolerance or 1e-6) * share for share in (0, 0.3, 0.9, 1.2, 3, 50) for sign in (1, -1)]
    predictions = [truth * factor for factor in factors] + [0, -truth, 1e-13, 1e-3, math.nan, math.inf, "7/2", "1e-3"]
    for each in predictions:
        number = 3.5 if each == "7/2" else float(each)
        assert is_right(each, sealed, tolerance) == math.isclose(number, truth, rel_tol=tolerance, abs_tol=1e-12), each


def test_a_sealed_word_accepts_the_word_alone():
    sealed = seal("Down")
    assert [is_right(each, sealed) for each in ("down", ' "DOWN." ', "up", "", 3.2)] == [
        True,
        True,
        False,
        False,
        False,
    ]


WORDS = {"Pearson", "information"}


@pytest.mark.parametrize("truth", [WORDS, seal(WORDS)], ids=["open", "sealed"])
def test_a_set_of_words_is_right_in_any_order(truth):
    wrong = ({"Pearson"}, {"Pearson", "information", "x"}, set())
    predictions = ({"Information", "pearson."}, "information, pearson", *wrong)
    assert [is_right(each, truth) for each in predictions] == [True, True, False, False, False]


@pytest.mark.parametrize(("truth", "shown"), [("depends", "depends"), (0.25, "0.25"), (57600321, "57600321")])
def test_a_seal_shows_no_answer_and_is_never_the_same(truth, shown):
    seals = {seal(truth) for _ in range(5)}
    assert len(seals) == 5
    assert not [each for each in seals if shown in each]
    assert seal(min(seals)) in seals  # a sealed answer stays as it is


def test_what_cannot_be_sealed_is_refused():
    for truth, tolerance in ((math.nan, 0.02), (math.inf, 0.02), (1.0, 1.0), (1.0, -0.1)):
        with pytest.raises(ValueError, match=r"must be finite, and in \[0, 1\)"):
            seal(truth, tolerance)
    with pytest.raises(ValueError, match="'up' is not a number"):
        is_right("up", seal(0.5))
