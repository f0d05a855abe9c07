"""Training: worlds that do not touch each other, minima that scikit-learn finds too, histories, and refusals."""

import dataclasses

import numpy as np
import pytest

from workbench import parallel
from workbench.data.splits import Data, as_data
from workbench.training import fit as fitting
from workbench.training import losses, penalties, schedules, trees
from workbench.training.fit import Training, fit, one_blas_thread
from workbench.training.history import History
from workbench.training.initializers import constant, zeros
from workbench.training.layers import Dense, EmbeddingBag, Flatten, IdDropout, Layer, ReLU, Tanh
from workbench.training.optimizers import SGD, Adam
from workbench.training.stopping import EarlyStopping

NETWORK = [Dense(7), ReLU(), Dense(3)]


def clouds(worlds, train=20, validation=11, features=4):
    """Return three clouds of points, split anew in each world and scaled by each world's own numbers."""
    rng = np.random.default_rng(2)
    y = np.arange(60) % 3
    x = rng.normal(size=(60, features)) + 1.5 * np.eye(3, features)[y]
    rows = np.stack([np.random.default_rng(world).permutation(60) for world in range(worlds)])
    part = dict(zip(("train", "validation", "test"), np.split(rows, [train, train + validation], axis=1), strict=True))
    mean = np.linspace(-0.5, 0.5, 5)[:worlds, None] * np.ones(features)
    return Data(x, y, **part, mean=mean, scale=1 + mean**2, classes=3)


def same(one, other):
    for name in ("train_loss", "train_error", "validation_loss", "validation_error", "batch_loss", "best_epoch"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    found = trees.flat([one.parameters, one.best, one.state])
    for path, array in trees.flat([other.parameters, other.best, other.state]).items():
        np.testing.assert_array_equal(found[path], array, err_msg=path)


@pytest.mark.parametrize("rule", [None, EarlyStopping(2)], ids=["to the end", "early stopping"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_worlds_are_the_same_alone_and_together_for_any_number_of_threads(monkeypatch, rule, dtype):
    monkeypatch.setattr(fitting, "GROUP_BYTES", 1)
    data, rates = clouds(5), np.array([0.1, 0.01, 0.05, 0.3, 0.1])
    options = {"epochs": 6, "batch": 8, "dtype": dtype, "early_stopping": rule, "clip": 1.0}
    together = fit(NETWORK, data, Adam(rates), seed=[4, 1, 9, 0, 2], **options)
    monkeypatch.setattr(fitting, "GROUP_BYTES", 1 << 30)
    with parallel.thread_limit(1):
        monkeypatch.setenv("WORKBENCH_NUM_THREADS", "1")
        same(together, fit(NETWORK, data, Adam(rates), seed=[4, 1, 9, 0, 2], **options))
    for world in (0, 3):
        alone = fit(NETWORK, data.take([world]), Adam(rates[world]), seed=[4, 1, 9, 0, 2][world], **options)
        short = alone.batch_loss.shape[1]
        whole = together.worlds([world])
        np.testing.assert_array_equal(whole.batch_loss[:, :short], alone.batch_loss)
        assert np.isnan(whole.batch_loss[:, short:]).all()
        for one, other in zip(trees.leaves(whole.parameters), trees.leaves(alone.parameters), strict=True):
            np.testing.assert_array_equal(one, other)


def test_forty_worlds_are_forty_single_worlds_to_the_last_bit():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    rows = np.stack([np.random.default_rng(world).permutation(300) for world in range(40)])
    data = Data(x, y, rows[:, :250], rows[:, :0], rows[:, :0], None, None, 10)
    network = [Dense(64), ReLU(), Dense(10)]
    together = fit(network, data, Adam(1e-3), epochs=2, seed=range(40), evaluate_every=0)
    for world in range(40):
        alone = fit(network, data.take([world]), Adam(1e-3), epochs=2, seed=world, evaluate_every=0)
        for one, other in zip(trees.leaves(together.parameters), trees.leaves(alone.parameters), strict=True):
            np.testing.assert_array_equal(one[world], other[0])


def test_worlds_of_one_split_differ_by_their_seeds():
    found = fit(NETWORK, clouds(1), SGD(0.1), epochs=2, seed=range(4))
    assert len(np.unique(found.batch_loss[:, -1])) == 4


def test_every_example_is_used_once_in_an_epoch_and_in_another_order_in_the_next():
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Spy(Layer):
        def forward(self, parameters, x, *, training, seed):
            if training:
                seen.append((x[..., 0].copy(), np.array(seed)))
            return x, None

        def backward(self, parameters, saved, dy):
            return dy, {}

    x = np.arange(14.0).reshape(14, 1)
    fit([Spy(), Dense(1)], as_data(x, x[:, 0]), SGD(0.0), epochs=2, batch=4, seed=3)
    assert [batch.shape[1] for batch, _ in seen] == [4, 4, 4, 2] * 2
    epochs = [np.concatenate([batch[0] for batch, _ in seen[i : i + 4]]) for i in (0, 4)]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), x[:, 0])
    assert not np.array_equal(*epochs)
    assert len({int(seed[0]) for _, seed in seen}) == 8


def test_a_step_of_gradient_descent_by_hand():
    x, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([1.0, 5.0])
    history = fit([Dense(1, constant(1.0))], as_data(x, y), SGD(0.1), epochs=1, batch=2)
    # Predictions 3 and 2, errors 2 and -3: the gradient is (2 - 9, 4 + 3) for the weights and -1 for the bias.
    np.testing.assert_allclose(history.parameters[0]["weight"][0, 0], [1.7, 0.3])
    np.testing.assert_allclose(history.parameters[0]["bias"][0], [0.1])
    np.testing.assert_allclose(history.batch_loss, [[6.5]])


def test_logistic_regression_reaches_the_minimum_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    data, decay = clouds(2, train=40), 0.05
    history = fit(
        [Dense(3, zeros)], data, SGD(0.5, momentum=0.9, weight_decay=decay), epochs=600, batch=40, seed=[0, 1]
    )
    for world in range(2):
        x, y = (part[world] for part in data.part("train"))
        # Weight decay shrinks the biases too, so scikit-learn gets them as the weights of a constant feature.
        peer = LogisticRegression(C=1 / (40 * decay), fit_intercept=False, tol=1e-12, max_iter=10_000)
        peer.fit(np.column_stack([x, np.ones(40)]), y)
        weight, bias = (history.parameters[0][name][world] for name in ("weight", "bias"))
        np.testing.assert_allclose(np.column_stack([weight, bias]), peer.coef_, rtol=1e-5, atol=1e-6)


def test_a_multilayer_perceptron_takes_the_steps_of_scikit_learn():
    from sklearn.neural_network import MLPClassifier

    data = clouds(1, train=30)
    x, y = (part[0] for part in data.part("train"))
    peer = MLPClassifier(
        (7,), activation="tanh", solver="sgd", alpha=0.0, batch_size=30, learning_rate_init=0.2, momentum=0.0,
        shuffle=False, max_iter=1,
    )  # fmt: skip
    peer.partial_fit(x, y, classes=[0, 1, 2])
    network = [Dense(7, as_given(peer.coefs_[0])), Tanh(), Dense(3, as_given(peer.coefs_[1]))]
    training = Training(network, data, SGD(0.2), epochs=50, batch=30)
    for layer, bias in zip((0, 2), peer.intercepts_, strict=True):
        training.parameters[layer]["bias"][0] = bias
    for _ in range(50):
        training.run_epoch()
        peer.partial_fit(x, y)
    for layer, weight in zip((0, 2), peer.coefs_, strict=True):
        np.testing.assert_allclose(training.parameters[layer]["weight"][0].T, weight, rtol=1e-9, atol=1e-11)


def as_given(weight):
    return lambda shape, rng, fan_in, fan_out: np.broadcast_to(weight.T, shape).copy()


def test_losses_and_errors_are_those_of_the_parameters(monkeypatch):
    monkeypatch.setattr("workbench.training.network.EXAMPLES_AT_ONCE", 6)
    data = clouds(3)
    history = fit(NETWORK, data, Adam(0.01), epochs=4, batch=6, seed=range(3), evaluate_every=3)
    np.testing.assert_array_equal(history.epochs, [3, 4])
    for part in ("train", "validation"):
        x, y = data.part(part)
        for world in range(3):
            first, last = (history.parameters[layer] for layer in (0, 2))
            hidden = np.maximum(x[world] @ first["weight"][world].T + first["bias"][world], 0)
            scores = hidden @ last["weight"][world].T + last["bias"][world]
            chance = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            expected = -np.log(chance[np.arange(len(y[world])), y[world]]).mean()
            np.testing.assert_allclose(getattr(history, f"{part}_loss")[world, -1], expected)
            np.testing.assert_allclose(history.loss(data, part)[world], expected)
            assert getattr(history, f"{part}_error")[world, -1] == (scores.argmax(axis=1) != y[world]).mean()
            assert history.error(data, part)[world] == (scores.argmax(axis=1) != y[world]).mean()


def test_a_history_that_is_saved_loaded_and_continued_is_one_long_training(tmp_path):
    data, seeds = clouds(3), [5, 6, 7]
    whole = fit(NETWORK, data, Adam(0.02), epochs=5, seed=seeds)
    fit(NETWORK, data, Adam(0.02), epochs=2, seed=seeds).save(tmp_path / "half")
    half = History.load(tmp_path / "half.npz", NETWORK)
    same(whole, fit(NETWORK, data, Adam(0.02), epochs=5, seed=seeds, start=half))
    one = fit(NETWORK, data.take([1]), Adam(0.02), epochs=5, seed=6, start=half.worlds([1]))
    np.testing.assert_array_equal(one.validation_loss, whole.validation_loss[1:2])


def test_a_history_goes_on_with_the_rates_and_strengths_that_are_given_now():
    def penalized(weight):
        return [penalties.LpGradient(weight)]

    start = fit(NETWORK, clouds(2), SGD(0.1), epochs=2, seed=[5, 6], penalties=penalized(0.1))
    for rates, weight, moves in (([0.0, 0.0], 0.1, [False, False]), ([0.0, 0.2], 0.1, [False, True])):
        now = fit(NETWORK, clouds(2), SGD(rates), epochs=3, seed=[5, 6], penalties=penalized(weight), start=start)
        moved = now.parameters[0]["weight"] != start.parameters[0]["weight"]
        assert moved.any(axis=(1, 2)).tolist() == moves
    strong, weak = (
        fit(NETWORK, clouds(2), SGD(0.1), epochs=3, seed=[5, 6], penalties=penalized(weight), start=start)
        for weight in ([0.5, 0.0], 0.0)
    )
    differ = strong.parameters[0]["weight"] != weak.parameters[0]["weight"]
    assert differ.any(axis=(1, 2)).tolist() == [True, False]


def test_what_does_not_continue_a_history_is_refused():
    data, other = clouds(1), dataclasses.replace(clouds(1), x=clouds(1).x[::-1])
    adam, sgd = (fit(NETWORK, data, optimizer, epochs=4, batch=8) for optimizer in (Adam(0.1), SGD(0.5)))
    for network, on, optimizer, options, words in (
        (NETWORK, data, SGD(0.5), {"epochs": 3}, "^epochs=3: start has 4 epochs already"),
        (NETWORK, other, SGD(0.5), {}, "^start ends with the training losses .* give the same network, data and loss"),
        ([Dense(7), Tanh(), Dense(3)], data, SGD(0.5), {}, "^start ends with the training losses"),
        (NETWORK, data, SGD(0.5), {"early_stopping": EarlyStopping(1, minimum_gain=9.0)}, "^early_stopping: start has"),
    ):
        with pytest.raises(ValueError, match=words):
            fit(network, on, optimizer, **{"epochs": 6, "batch": 8, "start": sgd, **options})
    with pytest.raises(ValueError, match=r"gradient: shape \(1, 28\); must be no such array"):
        fit(NETWORK, data, SGD(0.1), epochs=6, batch=8, start=adam)


def test_an_epoch_that_is_interrupted_does_not_count():
    @dataclasses.dataclass(frozen=True)
    class Interrupting(Layer):
        def forward(self, parameters, x, *, training, seed):
            if now:
                raise KeyboardInterrupt
            return x, None

    now = []
    training = Training([Dense(3), Interrupting()], clouds(1), SGD(0.1), epochs=3, early_stopping=EarlyStopping())
    now.append(1)
    with pytest.raises(KeyboardInterrupt):
        training.run_epoch()
    history = training.history()
    assert (training.epoch, history.batch_loss.shape) == (0, (1, 0))
    np.testing.assert_array_equal(history.parameters[0]["weight"], training.parameters[0]["weight"])
    assert history.state


def test_early_stopping_restores_the_best_weights():
    data = clouds(4, train=9)
    history = fit(NETWORK, data, SGD(0.5), epochs=60, batch=9, seed=range(4), early_stopping=EarlyStopping(3))
    np.testing.assert_array_equal(history.stopped, history.best_epoch + 3)
    best = np.nanmin(history.validation_loss, axis=1)
    np.testing.assert_allclose(history.loss(data, "validation"), best, rtol=1e-12)
    with pytest.raises(ValueError, match=r"^start: was stopped early"):
        fit(NETWORK, data, SGD(0.5), epochs=90, seed=range(4), start=history)


def test_the_weights_of_the_best_epoch_are_kept():
    data = clouds(4, train=9)
    history = fit(NETWORK, data, SGD(0.5), epochs=30, batch=9, seed=range(4))
    best = history.validation_loss.min(axis=1)
    assert (history.loss(data, "validation") > best).any()
    np.testing.assert_allclose(history.at_best().loss(data, "validation"), best, rtol=1e-12)
    np.testing.assert_array_equal(history.best_epoch, history.validation_loss.argmin(axis=1) + 1)


@pytest.mark.parametrize(
    ("rule", "stops", "best"),
    [
        (EarlyStopping(2), 4, 2),
        (EarlyStopping(3), 0, 5),
        (EarlyStopping(2, minimum_gain=0.3), 5, 3),
        (EarlyStopping(2, smoothing=0.5), 0, 5),
    ],
)
def test_when_a_world_stops(rule, stops, best):
    watch = fitting.Watch(1, rule)
    for epoch, loss in enumerate(
        [1.0, 0.8, 0.9, 0.85, 0.3] if rule.minimum_gain == 0 else [1, 0.8, 0.6, 0.59, 0.58], 1
    ):
        watch.see(np.array([loss]), epoch)
    assert (watch.stopped[0], watch.best_epoch[0]) == (stops, best)


def test_a_world_that_diverges_in_its_last_step_is_reported_and_has_no_best_weights():
    history = fit(NETWORK, clouds(2), SGD([0.1, 1e308]), epochs=1, seed=range(2))
    assert np.isfinite(history.batch_loss).all()
    assert history.diverged.tolist() == [0, 1]
    assert np.isfinite(history.at_best().loss(clouds(2))).tolist() == [True, False]


def test_a_network_with_fewer_outputs_than_classes_has_no_share_of_errors():
    data = clouds(1)
    binary = dataclasses.replace(data, y=data.y % 2, classes=2)
    numbers = dataclasses.replace(data, y=data.x[:, 0], classes=0)
    for of, loss in ((binary, losses.binary_cross_entropy), (numbers, None)):
        history = fit([Dense(1)], of, SGD(0.1), epochs=1, loss=loss)
        assert np.isnan([history.train_error[0, 0], history.validation_error[0, 0], history.error(of)[0]]).all()


def test_bytes_in_another_order_and_ids_without_a_sign_are_the_same_numbers():
    data = clouds(1)
    swapped = dataclasses.replace(data, x=data.x.astype(">f8"), y=data.y.astype(">i4"))
    same(fit(NETWORK, data, SGD(0.1), epochs=1), fit(NETWORK, swapped, SGD(0.1), epochs=1))
    ids, network = np.arange(60).reshape(20, 3) % 5, [IdDropout(0.5), EmbeddingBag(5, 3)]
    signed, unsigned = (as_data(ids.astype(kind), np.arange(20) % 3) for kind in (np.int64, np.uint8))
    same(fit(network, signed, SGD(0.1), epochs=1), fit(network, unsigned, SGD(0.1), epochs=1))


def test_an_infinite_loss_is_no_best_one_and_does_not_spoil_the_next():
    watch = fitting.Watch(2, EarlyStopping(9, smoothing=0.5))
    for seen in ([np.inf, np.nan], [2.0, 4.0], [1.0, np.inf], [1.0, 3.0]):
        watch.see(np.array(seen), len(seen))
    np.testing.assert_array_equal(watch.best, [1.25, 3.0])


def test_a_world_that_diverges_is_reported_and_the_others_go_on():
    data = clouds(3)
    history = fit(NETWORK, data, SGD([0.1, 1e200, 0.1]), epochs=4, seed=range(3))
    assert history.diverged[1] in (1, 2)
    np.testing.assert_array_equal(history.diverged[[0, 2]], 0)
    assert f"world 1 (seed 1) diverged in epoch {history.diverged[1]}" in str(history)
    same(fit(NETWORK, data.take([2]), SGD(0.1), epochs=4, seed=2), history.worlds([2]))


def test_a_gradient_is_shortened_to_the_norm():
    rng = np.random.default_rng(0)
    gradients = [{"weight": rng.normal(size=(3, 4, 5))}, {}, {"bias": rng.normal(size=(3, 2))}]
    norms = np.sqrt((gradients[0]["weight"] ** 2).sum(axis=(1, 2)) + (gradients[2]["bias"] ** 2).sum(axis=1))
    before, longest = trees.changed(gradients, np.copy), float(np.sort(norms)[1])
    fitting._shorten(gradients, longest)
    for now, then in zip(trees.leaves(gradients), trees.leaves(before), strict=True):
        for world in range(3):
            np.testing.assert_allclose(now[world], then[world] * min(1, longest / norms[world]))


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (schedules.constant(), [1, 1, 1, 1]),
        (schedules.step(0.5, 0.1), [1, 1, 0.1, 0.1]),
        (schedules.cosine(0.2), [1, 0.8828427, 0.6, 0.3171573]),
        (schedules.warm_up(0.5), [0, 0.5, 1, 1]),
        (schedules.warm_up(0.25, schedules.step(0.5, 0.1)), [0, 1, 1, 0.1]),
    ],
)
def test_schedules(schedule, values):
    np.testing.assert_allclose([schedule(done) for done in (0, 0.25, 0.5, 0.75)], values, atol=1e-7)


def test_the_schedule_sets_the_length_of_each_step():
    data = as_data(np.ones((4, 1)), np.arange(4.0))
    found = [
        fit([Dense(1, zeros)], data, SGD(0.1), epochs=1, batch=1, schedule=schedules.step(at, 0.0), seed=0)
        for at in (0.0, 0.25, 0.75, 1.0)
    ]
    moved = [abs(each.parameters[0]["bias"][0, 0]) for each in found]
    assert moved[0] == 0
    assert len(set(moved)) == 4


def test_fits_side_by_side_give_the_threads_of_linear_algebra_back():
    from threadpoolctl import threadpool_info

    def threads():
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    before = threads()
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(threads()) == {1}
    second.__exit__(None, None, None)
    assert threads() == before


def changed(**arrays):
    return dataclasses.replace(clouds(5), **arrays)


REFUSED = {
    "no layers": ({"network": []}, "network is empty"),
    "not a layer": ({"network": [Dense(3), "ReLU"]}, r"network\[1\] is 'ReLU'"),
    "shapes do not chain": ({"network": [Dense(3)], "x": np.ones((6, 2, 5))}, r"network\[0\]: Dense takes .* Flatten"),
    "too few outputs": (
        {"network": [Dense(2)]},
        r"network ends with shape \(2,\): must be \(3,\), as there are 3 class",
    ),
    "no data": ({"data": "digits"}, "data is a str"),
    "worlds": ({"seed": [1, 2]}, "seed names 2 worlds and data has 5"),
    "epochs": ({"epochs": -1}, "epochs=-1: must be at least 0"),
    "batch": ({"batch": 0}, "batch=0: must be at least 1"),
    "half": ({"batch": 1.5}, "batch=1.5: must be an int"),
    "dtype": ({"dtype": np.float16}, "dtype=float16: must be float32 or float64"),
    "clip": ({"clip": 0}, "clip=0: must be above 0"),
    "rates": (
        {"optimizer": SGD([0.1, 0.2])},
        "learning_rate has 2 numbers: must be one number, or one for each of 5 worlds",
    ),
    "no end of the norm": ({"clip": np.inf}, "clip=inf: must be above 0 and finite"),
    "NaN": ({"data": changed(x=np.full((60, 4), np.nan))}, r"x\[0, 0\]=nan: must be finite"),
    "rows from the end": ({"data": changed(test=-np.ones((5, 1), int))}, r"test\[0, 0\]=-1: must be from 0 to 59"),
    "rows of one world": ({"data": changed(validation=np.ones((1, 3), int))}, r"validation: .* shape \(5, n\)"),
    "nothing to train on": ({"data": changed(train=np.ones((5, 0), int))}, r"train: .* n > 0 to train"),
    "bytes of pixels": ({"data": changed(x=np.ones((60, 4), np.uint8))}, "x has dtype uint8, as ids have, .* floats"),
    "overflow": ({"data": changed(x=np.full((60, 4), 1e99)), "dtype": np.float32}, "x in float32 is too large"),
    "no digits left": (
        {"data": changed(mean=np.full((5, 4), 2e9), scale=np.full((5, 4), 50.0)), "dtype": np.float32},
        "x in float32 .* varies little around a large mean",
    ),
    "nothing is watched": ({"early_stopping": EarlyStopping(), "evaluate_every": 0}, "early_stopping .*evaluate_every"),
    "nothing to stop by": ({"data": clouds(5, validation=0), "early_stopping": EarlyStopping()}, "validation examples"),
}


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(changed, message):
    options = {"network": NETWORK, "data": clouds(5), "optimizer": SGD(0.1), "epochs": 1, "seed": range(5)} | changed
    if "x" in options:
        x = options.pop("x")
        options |= {"data": as_data(x, np.arange(len(x)) % 3), "seed": 0}
    with pytest.raises((ValueError, TypeError), match=message):
        fit(options.pop("network"), options.pop("data"), options.pop("optimizer"), **options)


def test_labels_out_of_range_are_refused_in_training():
    data = dataclasses.replace(clouds(2), classes=2)
    with pytest.raises(ValueError, match=r"^y\[2\]=2: must be from 0 to 1"):
        fit([Dense(2)], data, SGD(0.1), epochs=1, seed=range(2))
    with pytest.raises(ValueError, match=r"^targets hold 2: must be from 0 to 1"):
        losses.cross_entropy(np.ones((1, 3, 2)), np.array([[0, 2, 1]]))
    with pytest.raises(TypeError, match=r"^targets have dtype float64"):
        losses.cross_entropy(np.ones((2, 3, 4)), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "learning_rate=-0.1"),
        (lambda: SGD(np.nan), "learning_rate=nan"),
        (lambda: Adam(0.1, weight_decay=[0.1, -1]), "weight_decay="),
        (lambda: Adam(0.1, betas=(0.9, 1.0)), "betas="),
        (lambda: SGD(0.1, momentum=1.0), "momentum=1.0"),
        (lambda: Dense(0), "units=0"),
        (lambda: EarlyStopping(0), "patience=0"),
        (lambda: EarlyStopping(np.nan), "patience=nan"),
        (lambda: EarlyStopping(smoothing=1.0), "smoothing=1.0"),
        (lambda: schedules.warm_up(1.0), "share=1.0"),
        (lambda: losses.cross_entropy(np.ones((2, 3, 4)), np.ones((2, 3), int), 1.5), "label_smoothing=1.5"),
        (lambda: losses.squared_error(np.ones((2, 3, 4)), np.ones((2, 3))), "targets have shape"),
    ],
)
def test_numbers_that_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_each_name_is_a_file_of_its_own(tmp_path):
    history = fit(NETWORK, clouds(1), SGD(0.1), epochs=1)
    for name in ("rate=0.1", "rate=0.2", "run.npz"):
        history.save(tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rate=0.1.npz", "rate=0.2.npz", "run.npz"]


def test_a_damaged_history_or_one_of_other_layers_is_refused(tmp_path):
    file = tmp_path / "a.npz"
    fit(NETWORK, clouds(1), SGD(0.1), epochs=1).save(file)
    for network in (NETWORK[:2], [Dense(7), Tanh(), Dense(3)]):
        with pytest.raises(ValueError, match="its layers are Dense, ReLU, Dense"):
            History.load(file, network)
    with pytest.raises(FileNotFoundError):
        History.load(tmp_path / "b.npz", NETWORK)
    content = file.read_bytes()
    for damaged in (content[:3000], content[:90] + b"?" + content[91:]):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.npz: is not a history of this network"):
            History.load(file, NETWORK)


def test_a_file_that_is_no_history_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a history"):
        History.load(tmp_path / "a.npz", NETWORK)
    history = fit(NETWORK, clouds(1), SGD(0.1), epochs=1)
    with pytest.raises(ValueError, match=r"^start\.parameters, 0/weight: shape \(1, 7, 4\); must be shape \(1, 6, 4\)"):
        fit([Dense(6), ReLU(), Dense(3)], clouds(1), SGD(0.1), epochs=2, start=history)
    with pytest.raises(ValueError, match=r"^start has the seeds"):
        fit(NETWORK, clouds(1), SGD(0.1), epochs=2, seed=1, start=history)
    with pytest.raises(ValueError, match=r"^start.state, optimizer/averages/0/weight/gradient: no such array"):
        fit(NETWORK, clouds(1), Adam(0.1), epochs=2, start=history)


def test_images_are_flattened():
    rng = np.random.default_rng(1)
    history = fit([Flatten(), Dense(2)], as_data(rng.normal(size=(8, 2, 3)), np.arange(8) % 2), SGD(0.1), epochs=1)
    assert history.predict(rng.normal(size=(1, 5, 2, 3))).shape == (1, 5, 2)
    with pytest.raises(ValueError, match=r"^network\[0\]: Dense takes examples with one axis, got shape \(\)"):
        fit([Dense(2)], as_data(rng.normal(size=(8, 4)), np.arange(8) % 2), SGD(0.1), epochs=1).predict(np.ones((1, 4)))


def test_threads_share_the_worlds_only_if_each_has_enough_to_do(monkeypatch):
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "3")

    def groups():
        training = fitting.Training(NETWORK, clouds(5), Adam(0.1), epochs=1, batch=8, seed=range(5))
        return [group.worlds for group in training._groups]

    assert groups() == [slice(0, 5)]
    monkeypatch.setattr(fitting, "THREAD_BYTES", 1)
    assert groups() == [slice(0, 1), slice(1, 3), slice(3, 5)]
