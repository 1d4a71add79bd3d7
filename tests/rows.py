"""Detections as Darknet's golden arrays have them, and their comparison as sets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.records import Detections

TOLERANCE = 1e-4  # MANIFEST.md: of the probability, and of the box in parts of the picture


def rows_of(found: Detections) -> NDArray[np.float64]:
    """(N, 7) x, y, w, h in parts of the picture, objectness, class, probability."""
    height, width = found.size
    corners = found.xyxy.astype(np.float64) / [width, height, width, height]
    xy, wh = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    return np.column_stack((xy, wh, found.objectness, found.class_ids, found.scores)).astype(np.float64)


def assert_same_rows(
    found: NDArray[Any], expected: NDArray[np.float64], *, conf: float, what: str, tolerance: float = TOLERANCE
) -> None:
    """The same set of [x, y, w, h, objectness, class, probability]; one so close to the threshold may come or go."""
    left = list(found)
    for row in expected:
        nearest = min(left, key=lambda other: distance(row, other), default=None)
        if nearest is not None and distance(row, nearest) <= tolerance:
            left = [other for other in left if other is not nearest]
        else:
            assert abs(row[6] - conf) <= tolerance, f"{what}: {row} is missing; nearest {nearest}"
    for other in left:
        assert abs(other[6] - conf) <= tolerance, f"{what}: {other} is too many"


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The largest difference; of a box larger than the picture (exp of the head, up to 40 times) in parts of itself."""
    scale = np.ones(7)
    scale[:4] = np.maximum(1, np.abs(a[2:4]).max())
    return float((np.abs(a - b) / scale).max())  # another class is at least 1 away
