"""Pixels come back from the files they are encoded into."""

import numpy as np
import pytest

from yolov2.errors import OutputError
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.read import decode_picture

JPEG_NOISE = 4  # levels a flat colour may move by


def flat(*colour: int) -> np.ndarray:
    return np.full((16, 24, 3), colour, np.uint8)


def test_a_png_file_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    data = encode_picture(pixels, ending=".png")
    assert data.startswith(b"\x89PNG")
    np.testing.assert_array_equal(decode_picture(data, name="a.png").pixels, pixels)


def test_a_jpeg_file_keeps_red_red():
    data = encode_picture(flat(200, 40, 10), ending=".jpg")
    assert data.startswith(b"\xff\xd8\xff")
    np.testing.assert_allclose(decode_picture(data, name="a.jpg").pixels, flat(200, 40, 10), atol=JPEG_NOISE)


def test_a_side_that_jpeg_can_not_hold_is_refused():
    said = "^picture: found 65,536 x 1 pixels, expected sides of at most 65,535, as JPEG has it; write a PNG$"
    with pytest.raises(OutputError, match=said):
        encode_picture(np.zeros((1, 65536, 3), np.uint8), ending=".jpg")
    assert encode_picture(np.zeros((1, 65536, 3), np.uint8), ending=".png")
