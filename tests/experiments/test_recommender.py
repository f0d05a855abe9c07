"""The recommender's experiments, against loops and hand counts on tiny worlds."""

import math

import numpy as np
import pytest

from workbench.data.id_lists import make_id_lists
from workbench.experiments import rare_rows, recommender, recommender_plots
from workbench.experiments.recommender import GONE, MISSING, NOTHING, WITHOUT, Trained
from workbench.sparse_lp import sparse_lp_regularizer
from workbench.training import fit as fitting
from workbench.training import network as networks
from workbench.training.fit import fit
from workbench.training.layers import EmbeddingBag
from workbench.training.optimizers import SGD, Adagrad

TINY = 11  # ids of each feature


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(recommender, "SIZES", {"train": 70, "validation": 50, "test": 60})
    monkeypatch.setattr(recommender, "TUNING", (7, 9))
    caches = recommender.people, rare_rows.sizes, rare_rows.uses  # which a test may replace
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


def tiny(method=rare_rows.NONE, seeds=(0, 3, 4), start=1.0):
    def build(rate):
        return recommender.recommender(TINY, start=start), Adagrad(rate), {"penalties": [], "epochs": 2}

    return recommender.train(build, {"rate": (0.05, 0.2)}, seeds, TINY)


def test_people_of_a_world_are_those_of_its_seed():
    data = recommender.people((5, 2), TINY)
    made = make_id_lists(180, TINY, seed=2, zipf=1.0)
    x, y = data.part("validation")
    assert x.shape == (2, 50, 3 * recommender.WIDTH)
    assert y[1].tolist() == made.labels[70:120].tolist()
    ids = np.split(made.values, np.cumsum(made.lengths)[:-1])
    assert x[1, 4, recommender.WIDTH : 2 * recommender.WIDTH].tolist()[:2] == [*ids[3 * 74 + 1].tolist(), -1, -1][:2]


def test_missing_lists_become_nothing_or_their_features_id():
    x, _ = recommender.people((5, 2), TINY).part("test")
    assert recommender.replacements(TINY, NOTHING) == (-1, -1, -1)
    assert recommender.replacements(TINY, MISSING) == (33, 34, 35)
    gone = recommender.with_missing(x, 1.0, (33, 34, 35), (5, 2)).reshape(2, 60, 3, -1)
    assert (gone[..., 0] == [33, 34, 35]).all()
    assert (gone[..., 1:] == -1).all()
    half = recommender.with_missing(x, 0.5, (33, 34, 35), (5, 2)).reshape(2, 60, 3, -1)
    lost = half[..., 0] >= 33
    assert np.array_equal(half[~lost], x.reshape(2, 60, 3, -1)[~lost])
    assert abs(lost.mean() - 0.5) < 5 * math.sqrt(0.25 / lost.size)
    assert 0 < (lost.sum(axis=2) == 1).mean() < 1  # each list of a person on its own


def test_tuning_takes_the_least_mean_validation_loss_of_its_own_worlds():
    arm = tiny()
    losses = []
    for rate in (0.05, 0.2):
        of_rate = []
        for seed in (7, 9):
            build = lambda rate: (recommender.recommender(TINY, start=1.0), Adagrad(rate), {"epochs": 2})  # noqa: E731
            history = recommender.fit_points(build, ["rate"], np.array([[rate]]), (seed,), TINY)
            of_rate.append(min(history.validation_loss[0]))
        losses.append(sum(of_rate) / 2)
    assert arm.chosen == {"rate": (0.05, 0.2)[int(losses[1] < losses[0])]}
    assert arm.at_the_end == ("rate",)
    alone = recommender.fit_points(build, ["rate"], np.array([[arm.chosen["rate"]]]), (3,), TINY).at_best()
    assert arm.test_loss[1] == alone.loss(recommender.people((3,), TINY))[0]


def test_losses_in_use_begin_with_complete_lists():
    arm = tiny()
    losses = recommender.losses_in_use({WITHOUT: arm, "missing id, 0.5": arm}, TINY)
    assert losses[WITHOUT].shape == (3, len(GONE))
    np.testing.assert_array_equal(losses[WITHOUT][:, 0], arm.test_loss)
    gains = recommender.gains_in_use(losses)
    assert list(gains) == ["missing id, 0.5"]
    assert gains["missing id, 0.5"][:, 0].tolist() == [0, 0, 0]
    last = 1 - losses["missing id, 0.5"][2, -1] / losses[WITHOUT][2, -1]
    assert gains["missing id, 0.5"][2, -1] == pytest.approx(last)
    assert last != 0


def test_gains_cross_zero_between_two_shares():
    gains = np.array([[-0.1, -0.3, 0.1, 0.2], [0.0, -1, 1, 1], [-2, -1, -0.5, -0.1], [-1, 1, -1, 1]])
    found = recommender.crossing(gains, (0.0, 0.2, 0.6, 0.7))
    # from -0.3 at 0.2 to 0.1 at 0.6: three quarters of the way
    np.testing.assert_allclose(found, [0.5, 0.0, np.nan, 0.1])


def test_every_row_is_shrunk_by_the_operator():
    penalty = rare_rows.penalty(rare_rows.FULL, 0.25, 2.0)[0]
    parameters = [{}, {"weight": np.arange(12.0).reshape(2, 3, 2)}]
    gradients = [{}, {"weight": np.zeros((2, 3, 2))}]
    state = penalty.start(parameters)
    penalty.add_gradient(parameters, gradients, 0.0, state)
    penalty.after_step(parameters, 1.0, 0.0, state)
    np.testing.assert_allclose(parameters[1]["weight"], 0.75 * np.arange(12.0).reshape(2, 3, 2))
    assert rare_rows.penalty(rare_rows.NONE, 0.25, 2.0) == []


def test_catching_up_is_shrinking_every_row_after_each_step():
    rng = np.random.default_rng(2)
    bag = rare_rows.CaughtUp(7, 3, "sum", reg_lambda=0.1)
    parameters = bag.initial((4,), rng, 2)
    table, optimizer = parameters["weight"].copy(), SGD(0.5)
    state = optimizer.start([parameters])
    for _ in range(5):
        ids = rng.integers(-1, 6, (2, 3, 4))  # row 6 is never named
        _, saved = bag.forward(parameters, ids, training=True)
        dy = rng.standard_normal((2, 3, 3))
        _, gradients = bag.backward(parameters, saved, dy)
        optimizer.step([parameters], [gradients], state)
        for world, example, place in np.argwhere(ids >= 0):
            table[world, ids[world, example, place]] -= 0.5 * dy[world, example]
        for world in table:
            sparse_lp_regularizer(world, np.arange(7), 2.0, 0.1)
        np.testing.assert_allclose(bag.table(parameters), table, rtol=1e-12)
        y, _ = bag.forward(parameters, ids, training=False)
        wanted, _ = EmbeddingBag(7, 3, "sum").forward({"weight": table}, ids, training=False)
        np.testing.assert_allclose(y, wanted, rtol=1e-12)
    assert parameters["done"][:, 6].tolist() == [0, 0]
    assert parameters["steps"].tolist() == [[5], [5]]


def test_caught_up_in_training_and_what_is_visited():
    found = rare_rows.catching_up(vocabulary=TINY)
    assert found["difference"] < 1e-12
    steps = 6 * 2  # 70 people in batches of 50
    assert found[rare_rows.FULL] == 36 * steps
    assert 0 < found["caught up"] < 36 * steps


def test_uses_are_the_mean_number_of_batches_that_name_a_row(monkeypatch):
    x, _ = recommender.people((0,), TINY).part("train")
    rng, named = np.random.default_rng(0), np.zeros(36)
    rounds = 400
    for _ in range(rounds):
        order = rng.permutation(70)
        for batch in (order[:35], order[35:]):
            ids = x[0, batch]
            named[np.unique(ids[ids >= 0])] += 1
    monkeypatch.setitem(rare_rows.OPTIONS, "batch", 35)
    assert np.abs(rare_rows.uses(vocabulary=TINY) - named / rounds).max() < 0.15
    assert ((rare_rows.uses(vocabulary=TINY) == 0) == (named == 0)).all()


def test_sizes_start_at_the_first_numbers():
    none, lazy, full = rare_rows.sizes(2.0, 0.1, 0.5, 1, TINY).values()
    network, data = recommender.recommender(TINY, start=0.5), recommender.people((1,), TINY)
    first = fit(network, data, Adagrad(0.1), epochs=0, seed=1).parameters
    assert none.shape == (7, 36)
    assert none[0] == pytest.approx(np.sqrt((first[1]["weight"][0] ** 2).mean(axis=1)))
    unused = rare_rows.uses(1, TINY) == 0
    np.testing.assert_array_equal(lazy[:, unused], none[:, unused])
    assert (lazy[-1] < none[-1]).mean() > 0.5
    assert (full[-1] < none[-1]).all()


@pytest.mark.parametrize("group", [1, 1 << 25], ids=["worlds apart", "worlds together"])
def test_sizes_are_those_of_methods_trained_alone(monkeypatch, group):
    monkeypatch.setattr(fitting, "GROUP_BYTES", group)
    network, data = recommender.recommender(TINY, start=1.0), recommender.people((1,), TINY)
    found = rare_rows.sizes(1.0, 0.02, 1.0, 1, TINY)
    for method in rare_rows.METHODS:
        options = {**rare_rows.OPTIONS, "evaluate_every": 0, "penalties": rare_rows.penalty(method, 0.02, 1.0)}
        alone = fit(network, data, Adagrad(0.2), seed=1, **options).parameters[1]["weight"][0]
        assert found[method][-1].tolist() == np.sqrt(np.square(alone).mean(axis=1)).tolist(), method


def test_rows_are_removed_by_norm_or_by_use():
    arm = tiny()
    x, y = arm.data.part("test")
    counts = [[0] * 36 for _ in range(3)]
    for world, people in enumerate(arm.data.part("train")[0]):
        for row in people[people >= 0]:
            counts[world][row] += 1
    table = arm.history.parameters[1]["weight"]
    for ranking in rare_rows.RANKINGS:
        losses = rare_rows.without_rows(arm, "test", ranking)
        assert losses[:, 0] == pytest.approx(arm.test_loss)
        half = table.copy()
        for world in range(3):
            scores = (table[world] ** 2).sum(axis=1) if ranking == rare_rows.NORM else np.array(counts[world])
            half[world, np.argsort(scores, kind="stable")[:18]] = 0
        parameters = [each | ({"weight": half} if i == 1 else {}) for i, each in enumerate(arm.history.parameters)]
        logits = networks.predict(arm.history.network, parameters, x)
        right = np.take_along_axis(logits, y[..., None], axis=2)[..., 0]
        wanted = (np.logaddexp(logits[..., 0], logits[..., 1]) - right).mean(axis=1)
        np.testing.assert_allclose(losses[:, rare_rows.SHARES.index(0.5)], wanted)


def test_the_smallest_table_is_within_the_margin_on_validation_data(monkeypatch):
    tables = {"validation": np.full((3, 2, 9), 9.0), "test": np.arange(54.0).reshape(3, 2, 9)}
    tables["validation"][0, 0, :2] = 1.0  # strength 0 removes 0.2, strength 1 removes 0.3
    tables["validation"][0, 1, :3] = 1.01
    tables["validation"][1, :, :4] = [[1.0] * 4, [0.9] * 4]  # both remove 0.4, and strength 1 has the lower loss
    tables["validation"][2, :, 1:] = 0.1  # the whole table is above the limit
    monkeypatch.setattr(rare_rows, "without_rows", lambda arm, part, ranking: tables[part].reshape(6, 9))

    class Whole:
        def loss(self, data, part="test"):
            return np.full(3, {"validation": 1.0, "test": 100.0}[part])

        parameters = ({}, {"weight": np.array([[[0.0, 0], [0, 1]], [[0, 0], [0, 0]]] * 3)})

    class Three:
        worlds = 3

    none = Trained(Whole(), Three(), {}, ())
    found = rare_rows.smallest(none, none)
    assert found.removed.tolist() == [0.3, 0.4, 0.0]
    assert found.test_loss.tolist() == [11.0, 30.0, 100.0]
    assert found.zero_numbers.tolist() == [0.75, 1.0]
    assert found.zero_rows.tolist() == [0.5, 1.0]
    assert found.loss.tolist() == [18.0, 27.0]


def test_bytes_of_the_rows_that_are_left():
    assert rare_rows.bytes_left(0.0, rows=10, columns=3) == 120
    assert rare_rows.bytes_left(0.3, rows=10, columns=3) == 7 * 12 + 2  # ten bits take two bytes


def test_pictures(monkeypatch):
    losses = {
        name: np.linspace(0.4, 0.6, 30).reshape(3, 10) * k for name, k in ((WITHOUT, 1.0), ("missing id, 0.5", 0.9))
    }
    left, right = recommender_plots.losses_in_use(losses)
    np.testing.assert_allclose(left.lines[1].get_ydata(), losses["missing id, 0.5"].mean(axis=0))
    np.testing.assert_allclose(right.lines[0].get_ydata(), 0.1)
    monkeypatch.setattr(rare_rows, "uses", lambda seed: np.array([0, 0, 1, 2, 5, 8, 20.0]))
    shrunk = {rare_rows.NONE: 2.0, rare_rows.LAZY: 1.0, rare_rows.FULL: 0.5}
    rows = np.arange(1, 15.0).reshape(2, 7)
    monkeypatch.setattr(rare_rows, "sizes", lambda *_: {method: size * rows for method, size in shrunk.items()})
    ax = recommender_plots.rows_by_use(2.0, 0.1, 1)
    assert [line.get_ydata().tolist() for line in ax.lines[:2]] == [[0.5] * 6, [0.25] * 6]
    courses = {title: {"by norm": np.array([[1.0] * 8 + [2], [1] * 8 + [4]])} for title in ("a", "b")}
    panel, _ = recommender_plots.without_rows(courses)
    assert panel.lines[0].get_ydata()[-1] == 2.0
    ax = recommender_plots.bars_of_shares({"one": np.array([0.2, 0.4, 0.3])})
    assert ax.lines[1].get_xdata() == pytest.approx([0.3])
