"""What stays of a picture when it is compressed again, made smaller or mirrored: a hash of 63 bits and a thumbnail."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.read import read_small_grey

WAVES = 8  # along each side: the coarse shapes of a picture
GRID = 32  # pixels of a side that the waves are measured on
THUMBNAIL = 16  # pixels of a side
SHORTEST = 128  # pixels of a side to decode at least: four to each of the grid
LEAST = 0.5  # of a wave to count as one: a flat picture has none, whatever the rounding


@dataclass(frozen=True, eq=False, slots=True)
class Fingerprint:
    """Alike for pictures that look alike."""

    bits: int  # 63: the signs of the coarsest waves of the picture
    mirrored: int  # the same of the picture mirrored left to right
    thumbnail: NDArray[np.uint8]  # (16, 16) grey


def read_fingerprint(path: Path) -> Fingerprint:
    """The fingerprint of the picture in a file. Raises PictureError."""
    return fingerprint(read_small_grey(path, shortest=SHORTEST))


def fingerprint(grey: NDArray[np.uint8]) -> Fingerprint:
    """The fingerprint of a grey picture (H, W)."""
    small = cv2.resize(grey, (GRID, GRID), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))[:WAVES, :WAVES]  # rows first: how often it changes down, then across
    mirror = np.where(np.arange(WAVES) % 2, -1, 1)  # a wave with an odd count across changes its sign in the mirror
    step = GRID // THUMBNAIL
    blocks = small.reshape(THUMBNAIL, step, THUMBNAIL, step).mean(axis=(1, 3))
    return Fingerprint(_bits(waves), _bits(waves * mirror), np.rint(blocks).astype(np.uint8))


def _bits(waves: NDArray[Any]) -> int:
    """The signs of all waves but the mean, as one number."""
    signs = np.packbits((waves > LEAST).ravel()[1:])
    return int.from_bytes(signs.tobytes(), "big") >> 1
