"""Made-up backgrounds differ, fill their size, and come again from the same generator; pieces of them have an outline."""

import numpy as np
import pytest

from yolov2.pictures.textures import piece, texture


def made(seed, size=(48, 64)):
    return texture(np.random.default_rng(seed), size)


def test_a_texture_is_that_of_its_generator_and_no_other():
    assert made(3).shape == (48, 64, 3)
    assert made(3).dtype == np.uint8
    np.testing.assert_array_equal(made(3), made(3))
    means = np.array([made(seed).mean(axis=(0, 1)) for seed in range(60)])
    assert means.std(axis=0).min() > 25  # levels: they differ from one another in every channel
    spreads = np.array([made(seed).std() for seed in range(60)])
    assert np.median(spreads) > 15  # and within themselves


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (33, 7)])
def test_any_size_can_be_made(size):
    assert made(0, size).shape == (*size, 3)


def test_a_piece_shows_the_picture_inside_an_outline():
    pixels = made(1, (40, 40))
    shares = []
    for seed in range(40):
        flat = piece(np.random.default_rng(seed), pixels)
        is_opaque = flat[..., 3] == 255
        np.testing.assert_array_equal(flat[is_opaque][:, :3], pixels[is_opaque])
        assert not flat[flat[..., 3] == 0].any()
        shares.append(is_opaque.mean())
    assert min(shares) > 0.05
    assert max(shares) < 0.95
