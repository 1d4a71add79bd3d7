"""A classifier's inputs: against what Darknet's own commands make of a picture, and against slow twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.pictures.crops import (
    PREPROCESSINGS,
    RESIZED,
    crop,
    four_sizes,
    longer_side_size,
    middle,
    mirrored,
    shorter_side_size,
)
from yolov2.pictures.letterbox import letterbox, stretch

SAME_INPUT = 2e-6  # golden/MANIFEST.md: preprocessing of g_classifier
SAME_NORMALISED = 1e-6  # float32 rounding of values up to 3
SIZES = {0: (60, 90, 950), 1: (90, 50, 951), 2: (32, 32, 952)}  # of seeded_picture in cases.json
KEYS = {
    "predict": ["predict_letterbox"],
    "valid": ["valid_center_crop"],
    "validcrop": ["validcrop_stretch"],
    "validfull": ["validfull_resize_min"],
    "valid10": [f"valid10_{n}" for n in range(10)],
}
NETWORK = (32, 32)

picture_sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def arrays(small_golden):
    with np.load(small_golden / "g_classifier" / "preprocess.npz") as file:
        return dict(file)


@pytest.mark.golden
@pytest.mark.parametrize("picture", SIZES)
@pytest.mark.parametrize("name", KEYS)
def test_the_input_of_each_command_is_darknets(arrays, recipe, picture, name):
    views = PREPROCESSINGS[name](recipe.seeded_picture(*SIZES[picture]), NETWORK)
    assert len(views) == len(KEYS[name])
    for view, key in zip(views, KEYS[name], strict=True):
        np.testing.assert_allclose(view, arrays[f"p{picture}_{key}"], rtol=0, atol=SAME_INPUT)
        assert view.dtype == np.float32


@pytest.mark.golden
@pytest.mark.parametrize("picture", SIZES)
def test_the_sizes_of_validmulti_are_darknets_each_with_its_mirror_image(arrays, recipe, picture):
    small, small_mirror, large, large_mirror = four_sizes(
        recipe.seeded_picture(*SIZES[picture]), NETWORK, sides=(24, 48)
    )
    for side, view, mirror in ((24, small, small_mirror), (48, large, large_mirror)):
        expected = arrays[f"p{picture}_validmulti_resize_max_{side}"]
        np.testing.assert_allclose(view, expected, rtol=0, atol=SAME_INPUT)
        np.testing.assert_allclose(mirror, expected[:, :, ::-1], rtol=0, atol=SAME_INPUT)


@pytest.mark.golden
@pytest.mark.parametrize("picture", SIZES)
def test_the_middle_of_try_is_darknets(arrays, recipe, picture):
    found = middle(recipe.seeded_picture(*SIZES[picture]), shorter=40, side=32)
    np.testing.assert_allclose(found, arrays[f"p{picture}_try_crop"], rtol=0, atol=SAME_INPUT)


def test_try_is_224_pixels_from_the_middle_of_256_normalised():
    pixels = noise(301, 280)
    (found,) = PREPROCESSINGS["try"](pixels, NETWORK)
    assert found.shape == (3, 224, 224)
    image = stretch(pixels, (275, 256)).astype(np.float64)
    means, deviations = (0.48263, 0.45230, 0.40099), (0.22590, 0.22121, 0.22104)
    for channel in range(3):
        window = image[channel, (275 - 225) // 2 + 1 :, (256 - 225) // 2 + 1 :][:224, :224]
        expected = (window - means[channel]) / (deviations[channel] + 1e-6)
        np.testing.assert_allclose(found[channel], expected, rtol=0, atol=SAME_NORMALISED)


@given(
    size=picture_sizes,
    corner=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    wanted=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_a_crop_takes_each_pixel_or_the_nearest_of_the_edge(size, corner, wanted):
    image = letterbox(noise(*size), size)
    found = crop(image, corner, wanted)
    assert found.shape == (3, *wanted)
    for row in range(wanted[0]):
        for column in range(wanted[1]):
            y, x = min(max(corner[0] + row, 0), size[0] - 1), min(max(corner[1] + column, 0), size[1] - 1)
            np.testing.assert_array_equal(found[:, row, column], image[:, y, x])


def test_mirrored_exchanges_left_and_right():
    np.testing.assert_array_equal(mirrored(np.arange(6, dtype=np.float32).reshape(1, 2, 3))[0], [[2, 1, 0], [5, 4, 3]])


@pytest.mark.parametrize(
    "picture, shorter, longer",
    [
        ((60, 90), (32, 48), (21, 32)),  # MANIFEST.md: 2 sizes that Darknet gave; whole numbers are cut
        ((90, 50), (57, 32), (32, 17)),
        ((7, 7), (32, 32), (32, 32)),
        ((1, 500), (32, 16000), (1, 32)),  # Darknet's longer side would have no rows here
        ((500, 1), (16000, 32), (32, 1)),
    ],
)
def test_a_picture_keeps_its_proportions(picture, shorter, longer):
    assert shorter_side_size(picture, 32) == shorter
    assert longer_side_size(picture, 32) == longer


@pytest.mark.parametrize("picture", [(60, 90), (90, 50), (1, 30)])
def test_the_sizes_that_are_told_beforehand_are_those_of_the_views(picture):
    assert RESIZED.keys() == {"validfull", "validmulti", "try"}
    full, multi = (
        {view.shape[1:] for view in PREPROCESSINGS[name](noise(*picture), NETWORK)}
        for name in ("validfull", "validmulti")
    )
    assert set(RESIZED["validfull"](picture, NETWORK)) == full
    assert set(RESIZED["validmulti"](picture, NETWORK)) == multi
    assert RESIZED["try"]((60, 90), NETWORK) == ((256, 384),)


@given(size=picture_sizes, name=st.sampled_from(["predict", "valid", "validcrop", "valid10"]))
def test_the_others_have_the_size_of_the_network_whatever_the_picture(size, name):
    for view in PREPROCESSINGS[name](noise(*size), (24, 40)):
        assert view.shape == (3, 24, 40)
        assert view.min() >= 0
        assert view.max() <= 1
