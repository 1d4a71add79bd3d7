import re

import numpy as np
import pytest

from yolov2.errors import ModelError
from yolov2.opencv.blobs import checked, scaled

REFUSED = [
    (None, "a NoneType, expected an array"),
    ([[1.0]], "a list, expected an array"),
    (np.zeros((1, 3, 2, 2), np.int32), "an array of int32, expected float32 or uint8"),
    (np.zeros((3, 2, 2), np.float32), "an array (3, 2, 2), expected (B, 3, H, W)"),
    (np.zeros((1, 1, 2, 2), np.float32), "an array (1, 1, 2, 2), expected (B, 3, H, W)"),
    (np.zeros((0, 3, 2, 2), np.float32), "an array (0, 3, 2, 2), expected (B, 3, H, W)"),
]


@pytest.mark.parametrize("blob, said", REFUSED)
def test_what_is_no_blob_is_refused(blob, said):
    with pytest.raises(ModelError, match=f"^{re.escape(f'blob: found {said}; make it with blobFromImage')}$"):
        checked(blob, 3)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_means_are_taken_off_before_the_factor(dtype):
    blob = np.arange(12).reshape(1, 3, 2, 2).astype(dtype)
    found = scaled(blob, factor=0.5, mean=(1, 2))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0, :, 0, 0], [(0 - 1) / 2, (4 - 2) / 2, 8 / 2])


def test_a_single_mean_is_that_of_the_first_channel():
    found = scaled(np.ones((1, 3, 1, 1), np.float32), factor=1.0, mean=1)
    np.testing.assert_array_equal(found.ravel(), [0, 1, 1])


def test_the_blob_is_copied():
    blob = np.zeros((1, 3, 2, 2), np.float32)
    assert not np.shares_memory(scaled(blob, factor=1.0, mean=()), blob)
