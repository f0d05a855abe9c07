"""Every world has its own split, and nothing of the validation and test examples is known in training."""

import statistics

import numpy as np
import pytest

from workbench.data.splits import PARTS, Card, Dataset, as_data, side_by_side, split

RNG = np.random.default_rng(3)
CARD = Card("fruit", "pears and apples", 100, (2, 3), "by tree", "the garden", "none")
LABELS = RNG.permutation(np.repeat([0, 1, 2], [12, 30, 58]))
X = RNG.normal(5, 3, (100, 2, 3))
TREES = np.repeat(np.arange(25), 4)[RNG.permutation(100)] * 7 - 20  # 25 groups of 4 with far-apart numbers
NAMES = ("apple", "pear", "quince")
FRUIT, ON_TREES = Dataset(X, LABELS, NAMES, None, CARD), Dataset(X, LABELS, NAMES, TREES, CARD)
both_kinds = pytest.mark.parametrize("dataset", [FRUIT, ON_TREES], ids=["single", "groups"])


def with_x(x):
    return Dataset(x, LABELS, NAMES, None, CARD)


@both_kinds
@pytest.mark.parametrize("stratify", [True, False])
def test_parts_have_their_sizes_and_share_no_example_and_no_group(dataset, stratify):
    made = split(dataset, range(20), train=37, validation=18, test=30, stratify=stratify)
    assert (made.worlds, made.classes, len({tuple(rows) for rows in made.train.tolist()})) == (20, 3, 20)
    for rows in zip(made.train, made.validation, made.test, strict=True):
        assert [len(set(part.tolist())) for part in rows] == [37, 18, 30]
        assert len(set(np.concatenate(rows).tolist())) == 85
        trees = [set(TREES[part].tolist()) for part in rows]
        if dataset is ON_TREES:
            assert [len(some) for some in trees] == [10, 5, 8]  # the fewest groups of 4 that are enough
            assert len(set.union(*trees)) == 23
    rest = split(FRUIT, 4, train=60, validation=11)
    assert sorted(np.concatenate([rest.train, rest.validation, rest.test], axis=1)[0]) == list(range(100))


@both_kinds
def test_a_split_depends_on_its_own_seed_alone(dataset):
    sizes = {"train": 31, "validation": 22, "test": 17}
    together, alone = split(dataset, [8, 5, 2**63, 8], **sizes), split(dataset, 2**63, **sizes)
    for name in (*PARTS, "mean", "scale"):
        assert np.array_equal(getattr(together, name)[2], getattr(alone, name)[0])
        assert np.array_equal(getattr(together, name)[3], getattr(together, name)[0])


def test_classes_keep_their_shares_and_examples_their_chances():
    made = split(FRUIT, range(200), train=50, validation=20)
    for part, size in (("train", 50), ("validation", 20), ("test", 30)):
        counts = np.stack([np.bincount(LABELS[rows]) for rows in getattr(made, part)])
        shares = size * np.array([0.12, 0.30, 0.58])
        assert np.abs(counts - shares).max() < 2
        np.testing.assert_allclose(counts.mean(axis=0), shares, atol=0.2)
    assert abs(np.bincount(made.train.reshape(-1), minlength=100) - 100).max() < 4.5 * (200 * 0.5 * 0.5) ** 0.5
    freely = split(FRUIT, range(200), train=50, validation=20, stratify=False)
    assert np.abs(np.stack([np.bincount(LABELS[rows]) for rows in freely.train]) - [6, 15, 29]).max() > 5
    grouped = Dataset(X[:90], np.repeat([0, 1], [30, 60]), ("a", "b"), np.arange(90) // 5, CARD)
    made = split(grouped, range(40), train=30, validation=30, test=30)
    counts = np.stack([np.bincount(grouped.y[rows]) for rows in made.validation])
    assert np.abs(counts - [10, 20]).max() <= 5  # a group
    np.testing.assert_allclose(counts.mean(axis=0), [10, 20], atol=1)


def test_features_are_standardized_on_the_training_part_alone():
    made = split(FRUIT, [6, 2], train=23, validation=9, test=4)
    for part in PARTS:
        x, y = made.part(part)
        for world, rows in enumerate(getattr(made, part)):
            column = [float(X[row, 1, 2]) for row in made.train[world]]
            mean, scale = statistics.fmean(column), statistics.pstdev(column)
            np.testing.assert_allclose(x[world, :, 1, 2], [(X[row, 1, 2] - mean) / scale for row in rows])
            assert y[world].tolist() == [LABELS[row] for row in rows]
    plain = split(FRUIT, 2, train=23, validation=9, test=4, standardize=False)
    assert np.array_equal(plain.part("test")[0], X[made.test[1:]])


def test_a_constant_feature_has_scale_1_and_types_are_kept():
    x = X.astype(np.float32)
    x[:, 0, 1] = 0.1
    found = split(with_x(x), 5, train=50, validation=0)
    assert (found.scale[0, 0, 1], found.scale.dtype, found.part("train")[0].dtype) == (1, np.float64, np.float32)
    np.testing.assert_allclose(found.part("test")[0][0, :, 0, 1], 0, atol=1e-8)
    assert found.part("validation")[0].shape == (1, 0, 2, 3)
    ids = RNG.integers(-1, 9, (100, 5))
    found = split(with_x(ids), 5, train=50, validation=1)
    assert np.array_equal(found.part("train")[0][0], ids[found.train[0]])


def test_worlds_are_chosen_and_put_side_by_side():
    first, second = (split(with_x(X + shift), [shift, 9], train=30, validation=8, test=6) for shift in (1, 2))
    both = side_by_side([first, second])
    chosen = both.take(np.tile([3, 0], 2))
    assert (both.worlds, chosen.worlds) == (4, 4)
    for part in PARTS:
        for place, (data, world) in enumerate([(second, 1), (first, 0), (second, 1), (first, 0)]):
            for found, expected in zip(chosen.part(part), data.part(part), strict=True):
                assert np.array_equal(found[place], expected[world])
    plain = side_by_side([split(FRUIT, 1, train=5, validation=2, test=2, standardize=False)] * 2)
    assert (plain.mean, plain.worlds) == (None, 2)
    with pytest.raises(ValueError, match="all standardized or all not"):
        side_by_side([both, plain])


def test_arrays_become_the_training_part():
    one = as_data(X[:7].tolist(), LABELS[:7])
    assert (one.worlds, one.train.tolist(), one.test.shape) == (1, [[0, 1, 2, 3, 4, 5, 6]], (1, 0))
    assert one.classes == max(LABELS[:7]) + 1
    x, y = side_by_side([as_data(X[i : i + 4], X[i : i + 4, 0]) for i in (0, 4, 8)]).part("train")
    assert np.array_equal(x, X[:12].reshape(3, 4, 2, 3))
    assert np.array_equal(y, X[:12, 0].reshape(3, 4, 3))


def test_a_card_can_be_read():
    lines = ["fruit", "  what      pears and apples", "  examples  100, each of shape (2, 3)", "  split     by tree"]
    assert str(CARD).splitlines() == [*lines, "  source    the garden", "  licence   none"]


SIZES = {"train": 50, "validation": 30}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: split(FRUIT, [], **SIZES), r"seeds=\[\]: must be whole numbers from 0, at least one"),
        (lambda: split(FRUIT, [4, -1], **SIZES), r"seeds=\[4, -1\]"),
        (lambda: split(FRUIT, 0, train=0, validation=3), "train=0, validation=3, test=None: must be at least 1"),
        (lambda: split(FRUIT, 0, train=50, validation=51), "validation=51, test=None: .* the 100 examples"),
        (lambda: split(FRUIT, 0, train=50, validation=30, test=21), "test=21"),
        (lambda: split(ON_TREES, 0, **SIZES), "test=None: with groups, the rest differs"),
        (lambda: split(ON_TREES, 6, train=51, validation=25, test=21), "test=21: with seed 6, .* leave 20 examples;"),
        (lambda: split(with_x(X * 1e300), 0, **SIZES), r"standard deviation of x\[0, 0\]=inf: this feature is too"),
        (lambda: split(with_x(X * 1e-40), 0, **SIZES), r"standard deviation of x\[0, 0\]=.*e-40: this feature is too"),
        (lambda: split(FRUIT, 0, **SIZES).part("dev"), "name='dev': must be one of 'train', 'validation', 'test'"),
        (lambda: with_x(np.where(X[78, 1, 2] == X, np.nan, X)), r"x\[78, 1, 2\]=nan: must be finite"),
        (lambda: with_x(X[:99]), r"y: int64, shape \(100,\); must be integers, shape \(99,\)"),
        (lambda: with_x(X.astype(str)), "x: <U"),
        (lambda: with_x(np.full((100, 4), -2)), r"x\[0, 0\]=-2: must be an id from 0, or -1"),
        (lambda: Dataset(X, LABELS, ("a", "b"), None, CARD), r"y\[\d+\]=2: must be from 0 to 1, as there are 2"),
        (lambda: Dataset(X, LABELS * 1.0, ("a", "b"), None, CARD), r"y: float64, shape \(100,\); must be integers"),
        (lambda: Dataset(X, LABELS * 0, ("a", "b"), None, CARD), "y: all are of class 'a'; give examples of two"),
        (lambda: Dataset(X, LABELS, NAMES, TREES / 2, CARD), r"groups: float64, shape \(100,\); must be integers"),
        (lambda: as_data(X, LABELS[:7]), r"y: int64, shape \(7,\); must be integers, shape \(100,\)"),
        (lambda: as_data(X[:0], LABELS[:0]), r"x: float64, shape \(0, 2, 3\)"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_masked_numbers_are_refused():
    masked = np.ma.masked_greater(X, 1.0)
    for make in (lambda: as_data(masked, LABELS), lambda: with_x(masked)):
        with pytest.raises(TypeError, match="x: a masked array's mask would be lost"):
            make()
