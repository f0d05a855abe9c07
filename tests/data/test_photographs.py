import numpy as np
import pytest

from workbench.data import photographs


def test_photograph_is_grey_and_averaged_in_blocks():
    from sklearn.datasets import load_sample_image

    picture = photographs.photograph("flower.jpg", height=100)
    assert picture.shape == (106, 160)  # blocks of 4 x 4 of 427 x 640
    block = load_sample_image("flower.jpg")[4:8, 8:12].reshape(16, 3).mean(axis=0) / 255
    assert picture[1, 2] == pytest.approx(0.299 * block[0] + 0.587 * block[1] + 0.114 * block[2])


def test_filters_have_unit_norm_no_mean_and_turn():
    filters = photographs.oriented_filters(8)
    assert filters.shape == (8, 13, 13)
    np.testing.assert_allclose((filters**2).sum(axis=(1, 2)), 1.0)
    np.testing.assert_allclose(filters.sum(axis=(1, 2)), 0.0, atol=1e-12)
    np.testing.assert_allclose(filters[4], filters[0].T, atol=1e-12)  # a quarter turn


def test_feature_maps_answer_most_to_their_own_orientation():
    image = np.zeros((30, 41))
    image[:, 20:] = 1.0  # a vertical edge: grey changes along x, which channel 0 looks for
    maps = photographs.feature_maps(image, 8)
    assert maps.shape == (8, 30, 41)
    assert maps.mean() == pytest.approx(1.0, rel=1e-5)
    assert maps[:, 15, 20].argmax() == 0
    assert maps[4].max() < 1e-4 * maps[0].max()


@pytest.mark.parametrize(
    ("arguments", "message"), [({"name": "cat.jpg"}, "must be one of 'china.jpg'"), ({"height": 4}, "height=4")]
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        photographs.photograph(**arguments)
