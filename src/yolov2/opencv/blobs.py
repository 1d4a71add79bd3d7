"""What `setInput` takes: blobs as `blobFromImage` makes them."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import ModelError

DTYPES = ("float32", "uint8", "float64", "float16")
REPAIR = "make it with blobFromImage"


def checked(blob: Any, channels: int) -> NDArray[Any]:
    """The blob (B, C, H, W), if it is one. Raises ModelError; OpenCV fails later, or takes rows for channels."""
    if not isinstance(blob, np.ndarray):
        raise _refusal(f"a {type(blob).__name__}", "an array")
    array = cast("NDArray[Any]", blob)
    if array.dtype.name not in DTYPES:
        raise _refusal(f"an array of {array.dtype}", "float32 or uint8")
    if array.ndim != 4 or array.shape[1] != channels or array.size == 0:
        raise _refusal(f"an array {array.shape}", f"(B, {channels}, H, W)")
    return array


def scaled(blob: NDArray[Any], *, factor: float, mean: Any) -> NDArray[np.float32]:
    """(blob - mean) * factor in a float32 array of its own; a single number is the mean of the first channel alone."""
    means = np.zeros(blob.shape[1], np.float32)
    given = np.atleast_1d(np.asarray(mean, np.float32))[: len(means)]
    means[: len(given)] = given
    if factor == 1 and not means.any():
        return blob.astype(np.float32)
    return (blob.astype(np.float32) - means[:, None, None]) * np.float32(factor)


def _refusal(found: str, expected: str) -> ModelError:
    return ModelError.at("blob", found=found, expected=expected, repair=REPAIR)
