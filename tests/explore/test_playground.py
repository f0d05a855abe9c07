import threading

import numpy as np
import pytest

from workbench.data.generated import plane
from workbench.data.splits import split
from workbench.explore import Playground, playground
from workbench.training import initializers, layers, optimizers, penalties
from workbench.training.fit import fit

PASTED = {"plane": plane, "split": split, "fit": fit}
for module in (initializers, layers, optimizers, penalties):
    PASTED |= vars(module)


def move(made, epochs):
    made.fields["epochs"].value = epochs
    assert made.wait(60)


def shown(made):
    """Return the numbers in the images and lines of a playground's picture."""
    images = [np.ma.getdata(each.get_array()) for axes in made._axes for each in axes.images]
    return images + [line.get_ydata() for axes in made._axes for line in axes.lines]


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": 0, "learning_rate": 0.1, "initializer": "zeros"},
        {"problem": "xor", "activation": "ReLU", "width": 5, "ratio": 0.25, "replacement": "mean", "worlds": 3},
        {"depth": 3, "activation": "Sigmoid", "initializer": "normal(3)", "penalty": 0.1, "noise": 0.1, "seed": 4},
        {"depth": 1, "activation": "Identity", "initializer": "constant(0.5)", "ratio": 0.5, "replacement": "trained"},
    ],
)
def test_the_lines_of_python_give_what_is_seen(settings):
    of, names = playground.training(**settings), dict(PASTED)
    for _ in range(3):
        of.run_epoch()
    exec(playground.written(**settings, epochs=3), names)
    history, seen = names["history"], of.history()
    assert history.epochs.tolist() == [1, 2, 3]
    assert np.array_equal(history.train_loss, seen.train_loss)
    assert np.array_equal(history.validation_loss, seen.validation_loss)


def test_play_step_and_restart_move_the_epochs():
    made = Playground(epochs=2, width=3)
    made.play.value += playground.PACE  # what the browser does at each interval
    assert made.wait(60)
    assert made._training.epoch == made.values["epochs"] == 2 + playground.PACE
    losses = made._training.history().train_loss
    for button, epoch in ((made.step, 5), (made.restart, 0)):
        button.click()
        assert made.wait(60)
        assert made._training.epoch == made.play.value == epoch
    move(made, 4)
    assert made.wait(60, final=True)  # a draft trains fewer epochs
    assert np.array_equal(made._training.history().train_loss, losses)  # the same world begins anew
    move(made, playground.MOST_EPOCHS + 1)
    assert "epochs=501: must be a whole number from 0 to 500" in made.message
    assert made._training.epoch == 4
    move(made, 3)
    assert made.wait(60, final=True)  # it would be drawn once more while its artists are read
    again = eval(made.python, {"Playground": Playground})
    assert again.values == made.values
    assert made.code == again.code == playground.written(width=3, epochs=3)
    for one, other in zip(shown(made), shown(again), strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    made.close()
    for thread in threading.enumerate():  # nothing goes on
        if thread.name == "workbench-explore":
            thread.join(60)
            assert not thread.is_alive()


def test_maps_are_what_units_and_network_answer_at_each_place():
    of = playground.training(depth=2, width=3, worlds=2)
    of.run_epoch()
    hidden, chances = playground.maps(of)
    assert [each.shape for each in hidden] == [(60, 60, 3), (60, 60, 3)]
    row, column = 50, 7  # of 60, from the bottom and from the left
    place = np.array([-2 + 4 * 7.5 / 60, -2 + 4 * 50.5 / 60])
    first, second = (of.parameters[i] for i in (0, 2))
    answers = np.tanh(first["weight"][0] @ place + first["bias"][0])
    assert hidden[0][row, column] == pytest.approx(answers)
    assert hidden[1][row, column] == pytest.approx(np.tanh(second["weight"][0] @ answers + second["bias"][0]))
    logits = of.history().predict(np.broadcast_to(place, (2, 1, 2)))[:, 0]
    assert chances[:, row, column] == pytest.approx(np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1))


def test_what_is_drawn():
    of = playground.training(worlds=2, depth=1, width=2, activation="ReLU", ratio=0.5)
    of.parameters[0]["weight"][:] = [[0.0, 1.0], [0.0, 0.0]]  # unit 1 answers above the middle; unit 2 never does
    of.parameters[3]["weight"][:], of.parameters[3]["bias"][:] = [[0.0, 0.0], [1.0, 0.0]], [0.0, -1.0]
    plane_axes, units, losses = playground.plot_training(of)
    tiles = np.ma.getdata(units.images[0].get_array())
    assert tiles.shape == (32, 64)
    assert tiles[0, 0] == 1  # the top of the plane is at the top
    assert (tiles[15:30, :30] == 0).all()
    assert (tiles[:30, 32:62] == 0).all()
    assert np.isnan(tiles[:, 30:32]).all()
    *boundaries, circles, triangles = plane_axes.collections
    assert len(boundaries) == 2
    heights = boundaries[1].get_paths()[0].vertices[:, 1]
    assert heights == pytest.approx(np.ones(len(heights)), abs=0.05)
    assert len(circles.get_offsets()) + len(triangles.get_offsets()) == playground.TRAIN
    assert [line.get_linestyle() for line in losses.lines] == ["-", "-", "--", "--"]  # two worlds each
    empty = playground.plot_training(playground.training(depth=0))[1]
    assert [text.get_text() for text in empty.texts] == ["There are no hidden units."]


def test_weights_that_have_diverged_are_drawn_without_a_warning():
    of = playground.training()
    of.parameters[2]["weight"][:] = np.nan
    of.run_epoch()
    assert not np.isfinite(of.history().train_loss).any()
    assert len(playground.plot_training(of)[0].collections) == 2  # the points, and no boundary


def test_a_control_that_is_not_there_is_refused():
    with pytest.raises(TypeError, match="dept is not a control of the playground: choose from problem, noise, depth"):
        Playground(dept=3)
    with pytest.raises(ValueError, match="activation='relu': must be one of 'ReLU', "):
        Playground(activation="relu")


def test_a_draft_trains_few_epochs_and_the_final_picture_all():
    made = Playground(epochs=20, width=2)
    assert made._hasty(made.values | {"width": 3}) == made.values | {"width": 3, "epochs": playground.HASTE}
    assert made._hasty(made.values | {"epochs": 400})["epochs"] == 20 + playground.HASTE
    assert made._hasty(made.values | {"epochs": 22})["epochs"] == 22
    made.move("seed", 4)
    assert made.wait(60, final=True)
    assert made._training.epoch == 20
    assert np.array_equal(shown(made)[-1], shown(Playground(epochs=20, width=2, seed=4))[-1])
