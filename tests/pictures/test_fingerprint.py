from typing import Any

import cv2
import numpy as np
import pytest

from yolov2.pictures.fingerprint import fingerprint, read_fingerprint

MOST = 6  # of 63 bits: at most 5 were seen to differ in 300 copies of each kind


def read_grey(path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def compressed(pixels, quality) -> Any:
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def smaller(pixels, times):
    return cv2.resize(pixels, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)


COPIES = {
    "compressed again": lambda grey: compressed(grey, 30),
    "half the size": lambda grey: compressed(smaller(grey, 2), 80),
    "a third of the size": lambda grey: smaller(grey, 3),
    "darker": lambda grey: (grey * 0.8).astype(np.uint8),
}


@pytest.fixture(scope="module")
def pictures(voc_pictures):
    return [read_grey(path) for path in voc_pictures[::60]]


def distance(a, b):
    return (a ^ b).bit_count()


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_has_nearly_the_bits_of_its_picture(pictures, copy):
    distances = [distance(fingerprint(copy(grey)).bits, fingerprint(grey).bits) for grey in pictures]
    assert len(distances) > 60
    assert max(distances) <= MOST


def test_a_mirrored_copy_has_nearly_the_mirrored_bits_both_ways(pictures):
    for grey in pictures:
        one, other = fingerprint(grey), fingerprint(compressed(np.ascontiguousarray(grey[:, ::-1]), 70))
        assert distance(one.mirrored, other.bits) <= MOST
        assert distance(one.bits, other.mirrored) <= MOST
        assert np.abs(one.thumbnail[:, ::-1].astype(int) - other.thumbnail).max() <= 5


def test_other_pictures_have_other_bits(pictures):
    prints = [fingerprint(grey).bits for grey in pictures]
    nearest = min(distance(a, b) for i, a in enumerate(prints) for b in prints[:i])
    assert nearest > 2 * MOST


def test_a_flat_picture_has_no_bits():
    one = fingerprint(np.full((50, 70), 93, np.uint8))
    assert (one.bits, one.mirrored, one.thumbnail.tolist()) == (0, 0, [[93] * 16] * 16)


def test_each_bit_is_the_sign_of_a_wave():
    columns = np.cos(np.pi * (np.arange(64) + 0.5) / 64)  # half a wave across: the second of the first row
    grey = np.rint(128 + 100 * np.tile(columns, (64, 1))).astype(np.uint8)
    assert (fingerprint(grey).bits >> 62, fingerprint(grey).mirrored >> 62) == (1, 0)


def test_a_file_has_the_fingerprint_of_what_it_shows(voc_pictures):
    whole = fingerprint(read_grey(voc_pictures[0]))
    assert distance(read_fingerprint(voc_pictures[0]).bits, whole.bits) <= 2
