"""How many channels a picture has, and how many a network wants: grey, colour, colour with alpha, or many."""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import PictureError, printable
from yolov2.records import Frame

GREY_SHARES = (77, 150, 29)  # of 256, for red, green, blue; the loader of Darknet's pictures: stbi__compute_y
OPAQUE = 255
NUMPY_MAGIC = b"\x93NUMPY"


def with_channels(frame: Frame, channels: int) -> NDArray[np.uint8]:
    """The pixels of a frame (H, W, C) as (H, W, channels), turned from and to grey, RGB and RGBA where need be.

    Raises PictureError where one has as many channels as no rule leads to.
    """
    pixels, given = frame.pixels, frame.pixels.shape[2]
    if given == channels:
        return pixels
    if given not in (1, 3, 4) or channels not in (1, 3, 4):
        found, expected = f"{given} channels", f"{channels}, as the network has"
        repair = "give an array (H, W, channels) of uint8, or a .npy file of one"
        raise PictureError.at(printable(frame.source) or "picture", found=found, expected=expected, repair=repair)
    if channels == 1:
        return _grey(pixels)
    if channels == 3:
        return frame.rgb
    return np.dstack((frame.rgb, np.full(pixels.shape[:2], OPAQUE, np.uint8)))


def from_bgr(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BGR or BGRA, as OpenCV has it, -> RGB or RGBA; a picture of other channels as it is."""
    if pixels.shape[2] not in (3, 4):
        return pixels
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def decode_array(data: bytes, where: str, *, max_pixels: int) -> NDArray[np.uint8]:
    """The picture (H, W, C) of uint8 in the bytes of a .npy file, (H, W) being grey. Raises PictureError."""
    expected, repair = "a .npy file of uint8 (H, W, channels)", "save it with numpy.save(path, array)"
    file: Any = io.BytesIO(data)
    try:
        major, _ = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    except Exception as error:
        # NumPy parses the header as Python, and raises what the damage happens to cause there.
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        found = f"a .npy header that can't be read ({said})"
        raise PictureError.at(where, found=found, expected=expected, repair="save it anew") from error
    is_shape = len(shape) in (2, 3) and all(type(side) is int and side > 0 for side in shape)
    if dtype != np.uint8 or not is_shape:
        raise PictureError.at(where, found=printable(f"{dtype} {shape}"), expected=expected, repair=repair)
    if shape[0] * shape[1] > max_pixels:
        found, repair = f"{shape[1]:,} x {shape[0]:,} pixels", "make it smaller, or raise the limit with --max-pixels"
        raise PictureError.at(where, found=found, expected=f"at most {max_pixels:,} pixels", repair=repair)
    if math.prod(shape) > len(data) - file.tell():
        found = f"{len(data):,} bytes for {shape}"
        raise PictureError.at(where, found=found, expected="the whole array", repair="copy it again")
    pixels = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else pixels[..., None])


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3 or 4) -> (H, W, 1), rounded down as Darknet's loader does."""
    red, green, blue = (pixels[..., k].astype(np.uint16) * share for k, share in enumerate(GREY_SHARES))
    return ((red + green + blue) >> 8).astype(np.uint8)[..., None]
