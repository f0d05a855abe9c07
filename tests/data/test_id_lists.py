"""Synthetic id lists, and the experiment on missing ones."""

import numpy as np
import pytest

from workbench.data.id_lists import FEATURES, MEAN_LENGTHS, make_id_lists, multi_hot, padded
from workbench.experiments import missing_lists


def lists_of(made):
    return np.split(made.values, np.cumsum(made.lengths)[:-1])


def test_lists_are_sound():
    made = make_id_lists(53, 71, seed=4)
    assert made.lengths.shape == (53 * 3,)
    assert made.lengths.sum() == made.values.size
    assert made.ids == 3 * 71
    for place, ids in enumerate(lists_of(made)):
        feature = place % 3
        assert ((ids >= feature * 71) & (ids < (feature + 1) * 71)).all()
        assert len(set(ids.tolist())) == len(ids)


def test_lists_depend_on_the_seed_alone():
    first, again, other = make_id_lists(20, 30, seed=1), make_id_lists(20, 30, seed=1), make_id_lists(20, 30, seed=2)
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.lengths, other.lengths)


def test_popular_ids_are_drawn_as_one_over_their_rank():
    made = make_id_lists(4000, 50, seed=2, zipf=1.0)
    firsts = np.array([ids[0] for ids in lists_of(made)[::3] if len(ids)])  # the first of a list is drawn from all
    shares = np.bincount(firsts, minlength=50) / len(firsts)
    world = np.random.default_rng(2026)
    meanings = world.standard_normal((3, 50, 6))[0]
    tastes = np.random.default_rng(2).standard_normal((4000, 6))
    weights = np.exp(tastes @ meanings.T) / np.arange(1, 51)
    expected = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
    assert np.abs(shares - expected).max() < 5 * np.sqrt(0.25 / len(firsts))
    assert shares[:10].sum() > 0.4  # without popularity, ten of fifty ids have about a fifth
    with pytest.raises(ValueError, match=r"zipf=-1: must be at least 0 and finite"):
        make_id_lists(3, 5, zipf=-1)


def test_padded_lists_stand_side_by_side():
    made = make_id_lists(11, 40, seed=6)
    table = padded(made, 5)
    assert table.shape == (11, 15)
    for place, ids in enumerate(lists_of(made)):
        example, feature = divmod(place, 3)
        kept = ids[:5].tolist()
        assert table[example, 5 * feature : 5 * feature + 5].tolist() == kept + [-1] * (5 - len(kept))


def test_mean_lengths():
    means = make_id_lists(2000, seed=0).lengths.reshape(-1, len(FEATURES)).mean(axis=0)
    # A geometric length with mean m has variance m (m + 1); six sigma.
    for mean, wanted in zip(means, MEAN_LENGTHS, strict=True):
        assert mean == pytest.approx(wanted, abs=6 * np.sqrt(wanted * (wanted + 1) / 2000) + 0.05)


@pytest.mark.parametrize(("examples", "vocabulary"), [(0, 10), (10, 1)])
def test_sizes_that_make_no_lists_are_refused(examples, vocabulary):
    with pytest.raises(ValueError, match=f"examples={examples}, vocabulary={vocabulary}: must be at least 1 and 2"):
        make_id_lists(examples, vocabulary)


def test_multi_hot_counts_ids_by_example():
    values, lengths = np.array([4, 1, 1, 5, 5]), np.array([1, 2, 0, 2], np.int32)  # two examples of two lists
    assert multi_hot(values, lengths, 2, 5).toarray().tolist() == [[0, 2, 0, 0, 1, 0], [0, 0, 0, 0, 0, 2]]


def test_a_missing_list_becomes_one_id_in_every_example():
    made = make_id_lists(7, 30, seed=3)
    values, lengths = missing_lists.with_missing_list(made, 1)
    before, after = lists_of(made), np.split(values, np.cumsum(lengths)[:-1])
    for place, ids in enumerate(after):
        assert ids.tolist() == ([made.ids] if place % 3 == 1 else before[place].tolist())


def test_the_experiment_at_ratio_zero_does_not_depend_on_the_method(monkeypatch):
    sizes = {"TRAINING": 600, "VALIDATION": 300, "TEST": 301, "STRENGTHS": (0.1, 0.3)}
    for name, value in sizes.items():
        monkeypatch.setattr(missing_lists, name, value)
    outcomes = missing_lists.run((0.0,), (5,))
    assert [o.method for o in outcomes] == ["whole lists", "single ids"]
    assert outcomes[0].complete == outcomes[1].complete
    assert outcomes[0].missing == outcomes[1].missing
    assert set(outcomes[0].missing) == set(FEATURES)
    assert all(outcomes[0].complete < loss for loss in outcomes[0].missing.values())
    assert outcomes[0].complete < np.log(2)  # it has learned something
