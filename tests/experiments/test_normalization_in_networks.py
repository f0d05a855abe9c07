"""LRN in trained networks: images, layers, measures and losses against what is known by hand or from SciPy."""

import dataclasses
import types

import numpy as np
import pytest
from scipy.signal import correlate2d
from scipy.special import log_softmax

from tests.lrn import scalar
from workbench.claims.families import lrn_meaning
from workbench.experiments import arms
from workbench.experiments import normalization_in_networks as experiments
from workbench.experiments import normalization_plots as plots
from workbench.sweep.space import read_space
from workbench.sweep.target import find_target
from workbench.training import layers
from workbench.training.fit import fit

CLAIMS = {claim.id: claim for claim in lrn_meaning.CLAIMS}
SHORT = {"epochs": 2, "batch": 30, "evaluate_every": 1}


@pytest.fixture
def short(monkeypatch):
    """Train for two epochs with few trials, and forget these networks."""
    monkeypatch.setattr(experiments, "TRAINING", SHORT)
    monkeypatch.setattr(experiments, "JUDGED", {"validation": 60, "test": 90})
    monkeypatch.setattr(experiments, "RATES", (0.03,))
    monkeypatch.setattr(experiments, "ALPHAS", (2.0,))
    monkeypatch.setattr(experiments, "TRIALS", 2)
    monkeypatch.setattr(experiments, "PLAIN_RATES", (0.03, 0.05))
    monkeypatch.setattr(experiments, "DECAYED", {"rate": (0.03,), "decay": (0.0, 1e-3)})
    caches = (experiments.world, experiments.trained, experiments._probed)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def kinds(arm, shape=(1, 8, 8)):
    return [type(layer).__name__ for layer in experiments.network(arm, shape, 10)]


def test_the_layers_of_the_arms():
    assert kinds("none") == ["Convolution", "ReLU", "MaxPool", "Flatten", "Dense"]
    assert kinds("batch + LRN")[1:4] == ["BatchNorm", "ReLU", "LocalResponseNorm"]
    assert kinds("LRN before ReLU")[1:3] == ["LocalResponseNorm", "ReLU"]
    assert kinds("weight + LRN") == ["WeightNorm", "ReLU", "LocalResponseNorm", "MaxPool", "Flatten", "WeightNorm"]
    assert experiments.network("LRN within", (1, 8, 8), 10)[2].region == "within"
    deep = [type(layer).__name__ for layer in experiments._deep("second convolution", 1.0)]
    assert deep.index("LocalResponseNorm") == 5
    assert type(experiments._deep("logits", 1.0)[-1]) is layers.LocalResponseNorm


def test_images_have_a_mean_square_of_one_and_their_own_contrast():
    plain, varied = experiments.world(5), experiments.world(5, contrast=0.7)
    np.testing.assert_allclose(np.mean(plain.x.astype(float) ** 2), 1, rtol=1e-5)
    seen = plain.x > 0
    factors = np.where(seen, varied.x, np.nan) / np.where(seen, plain.x, 1)
    low, high = np.nanmin(factors, axis=(1, 2, 3)), np.nanmax(factors, axis=(1, 2, 3))
    np.testing.assert_allclose(low, high, rtol=1e-5)
    assert np.std(np.log(low)) == pytest.approx(0.7, rel=0.05)
    assert experiments.world(5, "patches").x.shape[1:] == (1, 8, 8)
    assert experiments.world(5, "vowels").x.shape[1:] == (1, 1, 64)
    np.testing.assert_array_equal(plain.train, varied.train)


def test_what_two_arms_do_to_images():
    x = np.array([[[[3.0, 4.0, 0.0, 0.0]]], [[[0.0, 0.0, 0.0, 0.0]]]])
    np.testing.assert_allclose(experiments.as_taken(x, "image by its norm")[0, 0, 0], [1.2, 1.6, 0, 0])
    assert not experiments.as_taken(x, "image by its norm")[1].any()
    np.testing.assert_allclose(experiments.as_taken(-x, "logarithm")[0, 0, 0, :2], [-np.log(4), -np.log(5)])
    assert experiments.as_taken(x, "LRN") is x


def test_corrupted_images(monkeypatch):
    x = np.random.default_rng(0).uniform(0.1, 1, (500, 1, 5, 6)).astype(np.float32)
    ratio = experiments.corrupted(x, "contrast", 3) / x
    np.testing.assert_allclose(np.ptp(ratio, axis=(1, 2, 3)), 0, atol=1e-5)
    assert np.std(np.log(ratio[:, 0, 0, 0])) == pytest.approx(experiments.CORRUPTIONS["contrast"], rel=0.1)
    added = experiments.corrupted(x, "brightness", 3) - x
    np.testing.assert_allclose(np.ptp(added, axis=(1, 2, 3)), 0, atol=1e-5)
    noise = experiments.corrupted(x, "noise", 3) - x
    assert noise.std() == pytest.approx(experiments.CORRUPTIONS["noise"], rel=0.02)
    shifted, sides = experiments.corrupted(x, "shift", 3), set()
    for before, after in zip(x[:, 0], shifted[:, 0], strict=True):
        fits = [side for side in experiments.SIDES if np.array_equal(after, moved(before, *side))]
        sides.update(fits)
        assert len(fits) == 1
    assert len(sides) == 4
    monkeypatch.setattr(experiments, "CORRUPTIONS", {"rotation": 90.0})
    square = x[..., :5]
    turned = experiments.corrupted(square, "rotation", 3)
    either = [
        np.allclose(a, np.rot90(b, k), atol=1e-5)
        for a, b in zip(turned[:, 0], square[:, 0], strict=True)
        for k in (1, 3)
    ]
    assert np.reshape(either, (-1, 2)).sum(axis=1).tolist() == [1] * len(x)


def moved(image, down, right):
    rows, columns = image.shape
    after = np.zeros_like(image)
    for row in range(rows):
        for column in range(columns):
            if 0 <= row - down < rows and 0 <= column - right < columns:
                after[row, column] = image[row - down, column - right]
    return after


def test_similarity_of_filters():
    filters = np.zeros((1, experiments.CHANNELS, 1, 3, 3))
    for channel in range(experiments.CHANNELS):
        filters[0, channel, 0].flat[channel] = 1 + channel
    history = types.SimpleNamespace(parameters=[{"weight": filters}])
    assert experiments.similarity(history) == 0
    filters[0, 1] = -5 * filters[0, 0]  # one pair of 28 along one line
    assert experiments.similarity(history) == pytest.approx(1 / 28)


def test_epochs_to_a_training_loss():
    history = types.SimpleNamespace(train_loss=np.array([[2.0, 0.3, 0.2]]), epochs=np.array([5, 10, 15]))
    assert experiments.epochs_to_target(history) == 10
    history.train_loss = np.array([[2.0, 0.7, 0.6]])
    assert experiments.epochs_to_target(history) == 15


def test_a_trained_network_with_lrn_pixel_by_pixel(short):
    """Its test loss is what convolution by SciPy, LRN as a loop, and maxima of blocks give."""
    tuned, data = experiments.trained(0, "LRN", train=40), experiments.world(0, train=40)
    first, *_, last = tuned.history.parameters
    lrn = {"size": 5, "alpha": tuned.chosen["alpha"], "beta": tuned.chosen["beta"], "bias": 1.0}
    (x,), (y,) = data.part("test")
    losses = []
    for image, digit in zip(x[:12, 0].astype(float), y[:12], strict=True):
        pairs = zip(first["weight"][0, :, 0], first["bias"][0], strict=True)
        maps = np.stack([correlate2d(image, weight, mode="same") + bias for weight, bias in pairs])
        maps = scalar.normalized(np.maximum(maps, 0)[None], **lrn)[0]
        pooled = maps.reshape(8, 4, 2, 4, 2).max(axis=(2, 4)).ravel()
        losses.append(-log_softmax(last["weight"][0] @ pooled + last["bias"][0])[digit])
    few = dataclasses.replace(data, test=data.test[:, :12])
    assert float(tuned.history.loss(few)[0]) == pytest.approx(np.mean(losses), rel=1e-5)


def test_every_arm_has_as_many_trials(short, monkeypatch):
    real, trials = arms.fit, []
    monkeypatch.setattr(
        arms, "fit", lambda *given, **options: trials.append(len(options["seed"])) or real(*given, **options)
    )
    for arm in ("none", "LRN", "LRN within", "weight + LRN", "weight decay", "batch"):
        trials.clear()
        experiments.trained(0, arm, train=40)
        assert sum(trials) == experiments.TRIALS == 2
    trials.clear()
    experiments.places(0)
    assert trials[:5] == [2] * 5  # none, and LRN at four places, with two alphas


def test_channels_in_another_order(short):
    order = np.array([3, 7, 0, 1, 6, 2, 5, 4])
    for arm in experiments.PERMUTED:
        assert experiments.permuted(0, arm, order) == pytest.approx(0, abs=1e-5)
    assert abs(experiments.permuted(0, "LRN", order)) > 1e-4
    assert experiments.permuted(0, "LRN", np.arange(8)) == pytest.approx(0, abs=1e-6)
    assert experiments.permuted(0, "LRN", np.arange(8)[::-1]) == pytest.approx(0, abs=1e-5)  # a window has no direction


def test_gains_are_those_of_the_tuned_networks(short):
    found = experiments.generalization(0, 1.0, 40)
    others = {"none": "none", "weight decay": "weight decay", "images of norm 1": "image by its norm"}
    losses = {arm: experiments.trained(0, arm, "digits", 1.0, 40).test_loss for arm in ("LRN", *others.values())}
    for over, other in others.items():
        assert found[f"relative gain over {over}"] == pytest.approx(1 - losses["LRN"] / losses[other])
    assert found["relative gain, weight decay"] == pytest.approx(1 - losses["weight decay"] / losses["none"])
    alone = experiments.against_none(0, "LRN", 1.0, 40)
    assert alone["relative gain over none"] == found["relative gain over none"]
    assert 1 <= found["effective rank of responses, LRN"] <= 8
    assert found["LRN's alpha"] == 2.0
    assert found["LRN's beta"] in experiments.BETAS


@pytest.mark.parametrize("id", ["L08", "L11", "L32", "L44", "L45"])
def test_every_setting_of_a_claim_has_its_numbers(short, id):
    claim = CLAIMS[id]
    settings, target = list(claim.settings.values()), find_target(f"{claim.run.__module__}:{claim.run.__name__}")
    for arguments in settings:
        assert read_space(target.declared, {"seed": 3, **arguments}).fixed == {"seed": 3, **arguments}
        target.check_complete(arguments)
    for arguments in (settings[0], settings[-1]):
        numbers = claim.run(0, **arguments)
        assert {rule.number for rule in claim.rule} <= numbers.keys()
        assert np.isfinite(list(numbers.values())).all()


def test_pictures_follow_their_sliders():
    ax = plots.maps_before_and_after("LRN", 3, 2)
    title = ax[0, 0].figure.get_suptitle()
    before, after = (ax[row, 3].images[0].get_array() for row in (0, 1))
    history, data = plots.trained_network("LRN")
    assert plots.maps_before_and_after("LRN", 3, 2, size=1, alpha=1e-9, ax=ax) is ax
    np.testing.assert_allclose(ax[1, 3].images[0].get_array(), before, rtol=1e-6)
    assert (np.asarray(after) <= np.asarray(before) + 1e-6).all()
    share = f"{(history.predict(data.part('test')[0])[0].argmax(-1) == data.part('test')[1][0]).mean():.0%}"
    assert f": {share} of" in title
    np.testing.assert_allclose(ax[0, 0].images[0].get_array(), data.part("test")[0][0, 3, 0])
    np.testing.assert_allclose(ax[1, 0].images[0].get_array(), history.parameters[0]["weight"][0, 2, 0])


def test_what_normalization_costs():
    """By hand: LRN reads x and writes y, then reads dy and x and writes dx: five arrays of four bytes a number."""
    for network in experiments.COUNTED:
        found = experiments.prices(network)
        assert found["LRN"]["bytes"] == 20
        assert all(20 <= each["bytes"] < 21 for each in found.values())
        assert all(each["time over that of the other layers"] > 0 for each in found.values())
    small, wide = (experiments.prices(network)["LRN"] for network in experiments.COUNTED)
    assert small["time over that of the other layers"] > 3 * wide["time over that of the other layers"]


def test_learning_curves_are_those_of_the_nearest_rate(short, monkeypatch):
    monkeypatch.setattr(plots, "EPOCHS", 2)
    monkeypatch.setattr(plots, "LEARNING", ("none", "LRN"))
    plots._courses.cache_clear()
    ax = plots.courses_at(0.09, 2, 0.5)
    data = experiments.world(1, contrast=0.5)
    alone = fit(experiments.network("LRN", (1, 8, 8), 10, plots.ALPHA), data, arms.sgd(0.1), epochs=2, batch=30, seed=1)
    np.testing.assert_allclose(plots.at_rate("LRN", 0.09, 2, 0.5)[1], alone.batch_loss[0], rtol=1e-5)
    both = plots.at_rate("LRN", 0.1, 2, 0.5)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), both.mean(axis=0))  # the median of two
    before = np.array(ax.lines[1].get_ydata())
    assert plots.courses_at(0.01, 2, 0.5, ax=ax) is ax
    assert not np.allclose(ax.lines[1].get_ydata(), before)
    plots._courses.cache_clear()


def test_alpha_after_training_and_the_reverse_order():
    shares = [plots.share_right("LRN", alpha=alpha) for alpha in (1e-6, 1e4)]
    assert shares[0] == pytest.approx(plots.share_right("LRN"), abs=0.05)
    assert shares[1] < plots.share_right("LRN") - 0.05
    assert plots.change_by_order("LRN", range(8)[::-1]) == pytest.approx(0, abs=1e-5)
    assert plots.change_by_order("batch", [5, 2, 0, 1, 7, 6, 3, 4]) == pytest.approx(0, abs=1e-5)
