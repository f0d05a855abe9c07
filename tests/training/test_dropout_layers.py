"""Dropout and its relatives as layers: each world is what the public function makes of it with the world's seed."""

import numpy as np
import pytest

import workbench
from workbench.baselines import dropconnect, elementwise, subsampling, variational_dropout
from workbench.training import layers
from workbench.training.layers.dropout import drawn

SEEDS = np.array([5, 2**63 + 9, 7], np.uint64)
RATIOS = np.array([0.3, 0.0, 0.6])
REPLACEMENTS = [
    {},
    {"replacement": -0.7, "scaled": True},
    {"replacement": np.arange(11.0)},
    {"replacement": np.linspace(-1, 2, 11), "scaled": True},
    {"replacement": "mean"},
    {"replacement": "mean", "per_feature": True, "scaled": True},
    {"replacement": "median"},
    {"replacement": "median", "per_feature": True},
]


def inputs(dtype, shape=(3, 5, 11)):
    rng = np.random.default_rng(3)
    x, dy = rng.standard_normal((2, *shape)).astype(dtype)
    x[:, 1, 2:5], x[0, :, 7], x[1, 2, 4] = 0, 0, np.inf
    return x, dy


def passed(layer, x, dy, seed=SEEDS, parameters=None):
    """Return y, what is saved, dx and the gradients of a pass in training."""
    parameters = layer.initial(x.shape[2:], np.random.default_rng(0), len(x)) if parameters is None else parameters
    y, saved = layer.forward(parameters, x, training=True, seed=seed)
    return y, saved, *layer.backward(parameters, saved, dy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", REPLACEMENTS, ids=str)
def test_dropout_is_the_operator_in_each_world(options, dtype):
    x, dy = inputs(dtype)
    layer = layers.DropoutWithReplacement(RATIOS, **options)
    y, (dropped, *_), dx, gradients = passed(layer, x, dy)
    for w, (seed, ratio) in enumerate(zip(SEEDS, RATIOS, strict=True)):
        scaled = options.get("scaled", False)
        wanted, marks = workbench.dropout_with_replacement(x[w], ratio, seed=int(seed), engine="reference", **options)
        rounded = dtype == np.float64 and str(options.get("replacement")) == "mean"
        np.testing.assert_allclose(y[w], wanted, rtol=1e-14 if rounded else 0)
        np.testing.assert_array_equal(dropped[w], marks)
        wanted, _ = workbench.dropout_with_replacement_gradient(
            dy[w], marks, ratio=ratio, scaled=scaled, engine="reference"
        )
        np.testing.assert_array_equal(dx[w], wanted)
    assert y.dtype == dx.dtype == dtype
    assert gradients == {}


def test_a_single_seed_is_the_operator_on_the_whole_array():
    x, dy = inputs(np.float64)
    y, (dropped, *_), *_ = passed(layers.Dropout(0.4), x, dy, seed=12)
    wanted, marks = elementwise.dropout(x, 0.4, seed=12)
    np.testing.assert_array_equal(y, wanted)
    np.testing.assert_array_equal(dropped, marks)


@pytest.mark.parametrize(("per_feature", "shape"), [(True, (11,)), (False, ())])
def test_the_trained_replacement_has_the_operators_gradient(per_feature, shape):
    x, dy = inputs(np.float64)
    layer = layers.DropoutWithReplacement(RATIOS, "trained", scaled=True, per_feature=per_feature)
    parameters = layer.initial((11,), np.random.default_rng(0), 3)
    parameters["replacement"] += np.arange(3.0)[:, None]
    y, (dropped, *_), _, gradients = passed(layer, x, dy, parameters=parameters)
    for w, ratio in enumerate(RATIOS):
        np.testing.assert_array_equal(y[w][dropped[w]], w)
        _, wanted = workbench.dropout_with_replacement_gradient(
            dy[w], dropped[w], ratio=ratio, scaled=True, replacement_shape=shape, engine="reference"
        )
        np.testing.assert_allclose(gradients["replacement"][w], np.reshape(wanted, (-1,)), rtol=1e-13)


def test_replacements_of_images_are_by_channel_and_by_world():
    x = np.arange(2 * 3 * 2 * 4 * 5.0).reshape(2, 3, 2, 4, 5) + 1
    ones = np.ones((2, 2, 1, 1)) * np.array([-1.0, -2.0]).reshape(2, 1, 1, 1) + np.array([0, -10.0]).reshape(2, 1, 1)
    y, (dropped, *_), *_ = passed(layers.DropoutWithReplacement(0.5, ones), x, x, seed=SEEDS[:2])
    np.testing.assert_array_equal(y, np.where(dropped, ones[:, None], x))
    y, *_ = passed(layers.DropoutWithReplacement(1.0, "mean", per_feature=True), x, x, seed=SEEDS[:2])
    np.testing.assert_allclose(y, np.broadcast_to(x.mean(axis=(1, 3, 4), keepdims=True), x.shape), rtol=1e-13)
    trained = layers.DropoutWithReplacement(1.0, "trained", per_feature=True)
    *_, gradients = passed(trained, x, x, seed=SEEDS[:2])
    np.testing.assert_allclose(gradients["replacement"], x.sum(axis=(1, 3, 4))[..., None, None])


def test_the_share_that_is_dropped():
    marks = drawn((3, 100, 400), np.float32, SEEDS, RATIOS)[0]
    np.testing.assert_allclose(marks.mean(axis=(1, 2)), RATIOS, atol=4 * np.sqrt(0.25 / 40000))
    assert not marks[1].any()


@pytest.mark.parametrize("name", ["feature", "alpha", "gaussian"])
def test_noise_is_the_baseline_in_each_world(name):
    rng = np.random.default_rng(4)
    x, dy = rng.standard_normal((2, 3, 5, 6, 2, 4)).astype(np.float32)
    y, _, dx, _ = passed(
        {"feature": layers.FeatureDropout, "alpha": layers.AlphaDropout}.get(name, layers.GaussianDropout)(RATIOS),
        x,
        dy,
    )
    forward, backward = getattr(elementwise, f"{name}_dropout"), getattr(elementwise, f"{name}_dropout_gradient")
    for w, ratio in enumerate(RATIOS):
        wanted, noise = forward(x[w], ratio, seed=int(SEEDS[w]))
        np.testing.assert_allclose(y[w], wanted, rtol=3e-6, atol=1e-6)
        drawn_again = (noise,) if name == "gaussian" else (noise, ratio)
        np.testing.assert_allclose(dx[w], backward(dy[w], *drawn_again), rtol=3e-6, atol=1e-6)


def test_dropconnect_is_the_baseline_in_each_world():
    x, dy = np.random.default_rng(4).standard_normal((2, 3, 5, 6))
    dy = dy[..., :4]
    layer = layers.DropConnect(layers.Dense(4), RATIOS)
    parameters = layer.initial((6,), np.random.default_rng(0), 3)
    parameters["bias"] += np.arange(4.0)
    y, _, dx, gradients = passed(layer, x, dy, parameters=parameters)
    for w, ratio in enumerate(RATIOS):
        weight = parameters["weight"][w]
        wanted, marks = dropconnect.dropconnect(x[w], weight, ratio, seed=int(SEEDS[w]))
        np.testing.assert_allclose(y[w], wanted + np.arange(4), rtol=1e-12)
        found = dx[w], gradients["weight"][w]
        for mine, theirs in zip(
            found, dropconnect.dropconnect_gradient(dy[w], x[w], weight, marks, ratio), strict=True
        ):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradients["bias"], dy.sum(axis=1), rtol=1e-12)
    with pytest.raises(ValueError, match="layer=Flatten"):
        layers.DropConnect(layers.Flatten()).initial((6,), np.random.default_rng(0), 3)


@pytest.mark.parametrize("training", [True, False])
def test_variational_dropout_is_the_baseline_in_each_world(training):
    x, dy = np.random.default_rng(4).standard_normal((2, 3, 5, 6))
    dy = dy[..., :4]
    layer = layers.VariationalDropout(layers.Dense(4))
    parameters = layer.initial((6,), np.random.default_rng(0), 3)
    assert (parameters["log_sigma2"] == -10).all()
    parameters["log_sigma2"] = np.random.default_rng(1).uniform(-6, 4, (3, 4, 6))
    y, saved = layer.forward(parameters, x, training=training, seed=SEEDS)
    dx, gradients = layer.backward(parameters, saved, dy)
    for w, seed in enumerate(SEEDS):
        arrays = x[w], parameters["weight"][w], parameters["log_sigma2"][w]
        wanted, normal = variational_dropout.variational_dropout(*arrays, seed=int(seed), training=training)
        np.testing.assert_allclose(y[w], wanted, rtol=1e-12, atol=1e-12)
        if training:
            wanted = variational_dropout.variational_dropout_gradient(dy[w], *arrays, normal)
            found = dx[w], gradients["weight"][w], gradients["log_sigma2"][w]
            for mine, theirs in zip(found, wanted, strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


def lists():
    """Return padded ids (worlds, batch, ids), some lists empty, and each world's ids and lengths without padding."""
    rng = np.random.default_rng(6)
    lengths = rng.integers(0, 8, (3, 5))
    x = np.where(np.arange(7) < lengths[..., None], rng.integers(0, 90, (3, 5, 7)), -1)
    return x, [(x[w][x[w] >= 0], lengths[w]) for w in range(3)]


def padded(values, lengths):
    y = np.full((5, 7), -1)
    y[np.arange(7) < np.asarray(lengths)[:, None]] = values
    return y


@pytest.mark.parametrize("whole", [True, False])
def test_ids_are_dropped_as_the_operators_do(whole):
    x, ragged = lists()
    y, _ = layers.IdDropout(0.5, 99, whole).forward({}, x, training=True, seed=SEEDS)
    name = "sparse_dropout_with_replacement" if whole else "sparse_itemwise_dropout_with_replacement"
    for w, (values, lengths) in enumerate(ragged):
        wanted = getattr(workbench, name)(values, lengths, 0.5, 99, seed=int(SEEDS[w]), engine="reference")
        np.testing.assert_array_equal(y[w], padded(*wanted))
    assert (layers.IdDropout(1.0).forward({}, x, training=True, seed=3)[0] == -1).all()


@pytest.mark.parametrize("whole", [True, False])
def test_each_of_several_lists_is_dropped_on_its_own(whole):
    rng = np.random.default_rng(8)
    lengths = rng.integers(0, 5, (3, 6, 2))  # 3 worlds of 6 examples, each with 2 lists of up to 4 ids
    x = np.where(np.arange(4) < lengths[..., None], rng.integers(0, 90, (3, 6, 2, 4)), -1).astype(np.int32)
    layer = layers.IdDropout(0.5, (99, 77), whole, lists=2)
    y, _ = layer.forward({}, x.reshape(3, 6, 8), training=True, seed=SEEDS)
    name = "sparse_dropout_with_replacement" if whole else "sparse_itemwise_dropout_with_replacement"
    for w, seed in enumerate(SEEDS):
        ids, long = x[w][x[w] >= 0], lengths[w].ravel()
        values, after = getattr(workbench, name)(ids, long, 0.5, 99, seed=int(seed), engine="reference")
        for place, wanted in enumerate(np.split(values, np.cumsum(after)[:-1])):
            example, which = divmod(place, 2)
            wanted = [77 if each == 99 and which else each for each in wanted.tolist()]
            assert y[w, example, 4 * which : 4 * which + 4].tolist() == wanted + [-1] * (4 - len(wanted))
    assert y.dtype == np.int32
    assert {99, 77} <= set(y.ravel().tolist())


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shape \(8,\) does not hold 3 lists of equal width"):
        layers.IdDropout(0.5, lists=3).output((8,))
    with pytest.raises(ValueError, match=r"replacement=\(1, 2\): must be one number, or one for each of 3 lists"):
        layers.IdDropout(0.5, (1, 2), lists=3)


def test_lists_are_subsampled_as_by_the_baseline():
    x, ragged = lists()
    y, _ = layers.SubsampleIds(3).forward({}, x, training=True, seed=SEEDS)
    for w, (values, lengths) in enumerate(ragged):
        wanted, _, _ = subsampling.subsample_lists(values, lengths, 3, seed=int(SEEDS[w]))
        np.testing.assert_array_equal(y[w][y[w] >= 0], wanted)


@pytest.mark.parametrize(
    "layer", [layers.Dropout(), layers.AlphaDropout(), layers.GaussianDropout(RATIOS), layers.SubsampleIds(1)], ids=repr
)
def test_evaluation_changes_nothing(layer):
    x, dy = inputs(np.float32)
    y, saved = layer.forward({}, x, training=False)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer.backward({}, saved, dy)[0], dy)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Dropout(1.5), "ratio=1.5: must be"),
        (lambda: layers.Dropout([0.5, 0.2]), "ratio has 2 numbers"),
        (lambda: layers.GaussianDropout(1.0), "ratio=1.0"),
        (lambda: layers.DropoutWithReplacement(0.5, "max"), "replacement='max'"),
        (lambda: layers.DropoutWithReplacement(0.5, np.nan), "replacement=nan: must be finite"),
        (lambda: layers.DropoutWithReplacement(0.5, 1.0, per_feature=True), "per_feature=True"),
        (lambda: layers.DropoutWithReplacement(0.5, np.ones(4)), r"replacement has shape \(4,\)"),
        (lambda: layers.SubsampleIds(0), "keep=0"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words):
        make().initial((11,), np.random.default_rng(0), 3)


@pytest.mark.parametrize(
    "layer", [layers.Dropout(), layers.FeatureDropout(), layers.AlphaDropout(), layers.GaussianDropout()], ids=repr
)
def test_whole_numbers_are_refused(layer):
    with pytest.raises(TypeError, match="x has dtype int64"):
        layer.forward({}, np.ones((3, 5, 11), np.int64), training=True, seed=1)
