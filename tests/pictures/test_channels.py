"""Pictures of other than three channels: what becomes of them on the way to a network, and where they are read from."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from yolov2.errors import PictureError
from yolov2.pictures.channels import decode_array, with_channels
from yolov2.pictures.letterbox import letterbox
from yolov2.pictures.read import read_picture
from yolov2.records import Frame

RANDOM = np.random.default_rng(8)
RGBA = RANDOM.integers(0, 256, (6, 9, 4), np.uint8)


def slow_grey(pixels):
    """Darknet's loader, stbi: (77 r + 150 g + 29 b) >> 8, pixel by pixel."""
    return np.array([[[(77 * int(r) + 150 * int(g) + 29 * int(b)) >> 8] for r, g, b, *_ in row] for row in pixels])


@pytest.mark.parametrize(("given", "wanted"), [(a, b) for a in (1, 3, 4) for b in (1, 3, 4)])
def test_grey_colour_and_alpha_become_each_other(given, wanted):
    pixels = RGBA[..., :given]
    turned = with_channels(Frame(pixels), wanted)
    grey = pixels if given == 1 else slow_grey(pixels)
    rgb = np.repeat(grey, 3, axis=2) if given == 1 else pixels[..., :3]
    alpha = pixels[..., 3:] if given == 4 else np.full((6, 9, 1), 255)
    np.testing.assert_array_equal(turned, {1: grey, 3: rgb, 4: np.dstack((rgb, alpha))}[wanted])
    assert turned.dtype == np.uint8


def test_many_channels_are_taken_as_they_are_and_shown_by_their_first_three():
    frame = Frame(np.dstack((RGBA, RGBA)))
    np.testing.assert_array_equal(with_channels(frame, 8), frame.pixels)
    np.testing.assert_array_equal(frame.rgb, RGBA[..., :3])
    np.testing.assert_array_equal(Frame(RGBA[..., :2]).rgb, np.repeat(RGBA[..., :1], 3, axis=2))


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 9])
@pytest.mark.parametrize("size", [(13, 31), (40, 40), (300, 500)])
def test_every_channel_is_resized_as_it_would_be_alone(channels, size):
    pixels = RANDOM.integers(0, 256, (*size, channels), np.uint8)
    together = letterbox(pixels, (32, 48))
    assert together.shape == (channels, 32, 48)
    for k in range(channels):
        as_colour = letterbox(np.repeat(pixels[..., k, None], 3, axis=2), (32, 48))
        np.testing.assert_array_equal(together[k], as_colour[0])


def test_a_file_is_read_with_the_channels_that_are_asked_for(tmp_path):
    Image.fromarray(RGBA).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", channels=4).pixels, RGBA)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").pixels, RGBA[..., :3])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", channels=1).pixels, slow_grey(RGBA))
    Image.fromarray(RGBA[..., :3]).save(tmp_path / "b.png")
    opaque = np.dstack((RGBA[..., :3], np.full((6, 9), 255, np.uint8)))
    np.testing.assert_array_equal(read_picture(tmp_path / "b.png", channels=4).pixels, opaque)


def test_of_16_bits_of_alpha_the_high_byte_is_kept(tmp_path):
    wide = RANDOM.integers(0, 1 << 16, (6, 9, 4), np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), wide[..., [2, 1, 0, 3]])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", channels=4).pixels[..., 3], wide[..., 3] >> 8)


def test_an_array_file_holds_any_number_of_channels(tmp_path):
    pixels = np.dstack((RGBA, RGBA))
    np.save(tmp_path / "a.npy", pixels)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.npy", channels=8).pixels, pixels)
    np.save(tmp_path / "b.npy", pixels[..., 0])
    np.testing.assert_array_equal(read_picture(tmp_path / "b.npy").pixels, np.repeat(pixels[..., :1], 3, axis=2))


def saved(array, *, end: int | None = None) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()[:end]


def headed(shape: str) -> bytes:
    """A .npy file that claims this shape and holds nothing."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (saved(RGBA.astype(float)), "found float64 (6, 9, 4), expected a .npy file of uint8 (H, W, channels); save it with numpy.save(path, array)"),
        (saved(RGBA[0, 0]), "found uint8 (4,), expected a .npy file of uint8 (H, W, channels); save it with numpy.save(path, array)"),
        (saved(np.array([[{"a": 1}]], object)), "found object (1, 1), expected a .npy file of uint8 (H, W, channels); save it with numpy.save(path, array)"),
        (headed("(1, 1, 1" + "0" * 30 + ")"), "found 128 bytes for (1, 1, 1" + "0" * 30 + "), expected the whole array; copy it again"),
        (headed("(2, 2, True)"), "found uint8 (2, 2, True), expected a .npy file of uint8 (H, W, channels); save it with numpy.save(path, array)"),
        (saved(RGBA, end=200), "found 200 bytes for (6, 9, 4), expected the whole array; copy it again"),
        (saved(RGBA, end=20), "found a .npy header that can't be read (EOF: reading array header, expected 118 bytes got 10), expected a .npy file of uint8 (H, W, channels); save it anew"),
        (saved(np.zeros((101, 100, 1), np.uint8)), "found 100 x 101 pixels, expected at most 10,000 pixels; make it smaller, or raise the limit with --max-pixels"),
    ],
)  # fmt: skip
def test_an_array_file_of_something_else_is_refused(data, message):
    with pytest.raises(PictureError) as refusal:
        decode_array(data, "a.npy", max_pixels=10_000)
    assert str(refusal.value) == f"a.npy: {message}"


@given(st.binary(max_size=80), st.integers(0, 120))
@example(b"\0" * 16 + b"(", 111)
def test_any_bytes_are_an_array_or_a_refusal(tail, kept):
    try:
        pixels = decode_array(saved(RGBA)[:kept].ljust(8, b"\x93") + tail, "a.npy", max_pixels=10_000)
    except PictureError:
        return
    assert pixels.dtype == np.uint8


def test_a_picture_that_can_not_have_the_channels_of_a_network_is_refused(tmp_path):
    Image.fromarray(RGBA).save(tmp_path / "a.png")
    with pytest.raises(PictureError) as refusal:
        read_picture(Path(tmp_path / "a.png"), channels=5)
    expected = "found 3 channels, expected 5, as the network has; give an array (H, W, channels) of uint8, or a .npy file of one"
    assert str(refusal.value) == f"{tmp_path / 'a.png'}: {expected}"
