"""Pixels -> the bytes of a picture file. The way back is read.py."""

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.errors import OutputError

JPEG_QUALITY = 92  # thin coloured lines keep their edges
JPEG_SIDE = 65_535  # pixels; the format has 16 bits for a side
PNG_LEVEL = 3  # half the time of the usual 6, a few percent larger


def encode_picture(pixels: NDArray[np.uint8], *, ending: str) -> bytes:
    """The bytes of a .jpg or .png file with these pixels (H, W, 3) RGB. Raises OutputError for a side too long."""
    height, width = pixels.shape[:2]
    if ending == ".jpg" and max(height, width) > JPEG_SIDE:
        expected = f"sides of at most {JPEG_SIDE:,}, as JPEG has it"
        raise OutputError.at("picture", found=f"{width:,} x {height:,} pixels", expected=expected, repair="write a PNG")
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL],
    }[ending]
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(ending, bgr, options)
    assert done, "OpenCV encodes any 8-bit picture of a legal size"
    return data.tobytes()
