from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_sets import write_picture
from yolov2.data import similar
from yolov2.data.similar import candidate_pairs, group, near_duplicates

WORDS = st.integers(0, 2**63 - 1)


@st.composite
def hashes(draw):
    """Some numbers, and neighbours of them that differ in up to 9 bits."""
    some = draw(st.lists(WORDS, min_size=1, max_size=5))
    near = []
    for one in some:
        for flips in draw(st.lists(st.sets(st.integers(0, 62), max_size=9), max_size=4)):
            near.append(one ^ sum(1 << bit for bit in flips))
    return draw(st.permutations(some + near))


def slow_pairs(queries, bits):
    return {(i, j) for i, a in enumerate(queries) for j, b in enumerate(bits) if i < j and (a ^ b).bit_count() <= 7}


@given(hashes(), st.randoms(use_true_random=False), st.sampled_from([1, 5, 1 << 20]))
def test_the_pairs_found_are_those_of_comparing_all(bits, random, at_once):
    queries = random.sample(bits, len(bits))
    arrays = np.array(queries, np.uint64), np.array(bits, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar, "PAIRS_AT_ONCE", at_once)
        found = {pair for a, b in candidate_pairs(*arrays) for pair in zip(a.tolist(), b.tolist(), strict=True)}
    assert found == slow_pairs(queries, bits)


@pytest.mark.parametrize("band", range(4))
def test_seven_bits_may_differ_two_in_each_band_but_one(band):
    two = sum(0b11 << (16 * other) for other in range(4) if other != band)
    for bit in range(16):
        bits = np.array([0, two ^ 1 << (16 * band + bit)], np.uint64)
        assert {(int(i), int(j)) for a, b in candidate_pairs(bits, bits) for i, j in zip(a, b, strict=True)} == {(0, 1)}


def prints(*thumbnails):
    return np.array([one.ravel() for one in thumbnails], np.uint8)


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (16, 16), np.uint8)


def groups_of(bits, thumbnails, mirrored=None):
    mirrored = [2**62 - 1 - i * 0x0F0F0F0F for i in range(len(bits))] if mirrored is None else mirrored
    return group(np.array(bits, np.uint64), np.array(mirrored, np.uint64), prints(*thumbnails))


def test_pictures_with_one_hash_and_other_looks_are_not_the_same():
    assert groups_of([5, 5, 5, 5], [noise(0), noise(1), noise(0), noise(1)]) == [(0, 2), (1, 3)]


def test_pictures_alike_to_one_are_one_group():
    assert groups_of([0, 0x7F, 0x3F80], [noise(0)] * 3) == [(0, 1, 2)]


def test_a_mirrored_picture_is_found_by_its_mirrored_hash():
    assert groups_of([5, 1 << 40], [noise(0), noise(0)[:, ::-1]], mirrored=[1 << 40, 5]) == [(0, 1)]


def test_flat_pictures_are_the_same_where_their_grey_is():
    flat = [np.full((16, 16), grey, np.uint8) for grey in (0, 255, 2, 253)]
    assert groups_of([0, 0, 0, 0], flat) == [(0, 2), (1, 3)]


def test_no_pictures_have_no_groups():
    assert group(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros((0, 256), np.uint8)) == []


def test_what_cannot_be_read_is_in_no_group(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    paths = [
        tmp_path / "a.jpg",
        write_picture(tmp_path / "b.jpg"),
        tmp_path / "nowhere.jpg",
        write_picture(tmp_path / "c.png"),
    ]
    assert near_duplicates(paths, root=tmp_path, cache=None) == [(1, 3)]


def test_copies_are_found_among_real_pictures(voc_pictures, tmp_path):
    some = voc_pictures[:300]
    picture: Any = cv2.imread(str(some[17]))
    copies: dict[str, Any] = {
        "again.jpg": (picture, [cv2.IMWRITE_JPEG_QUALITY, 30]),
        "half.jpg": (cv2.resize(picture, None, fx=0.5, fy=0.5), [cv2.IMWRITE_JPEG_QUALITY, 80]),
        "mirrored.jpg": (picture[:, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70]),
        "half-mirrored.png": (cv2.resize(picture[:, ::-1], None, fx=0.5, fy=0.5), []),
    }
    for name, (pixels, options) in copies.items():
        cv2.imwrite(str(tmp_path / name), pixels, options)
    paths = [*some, *(tmp_path / name for name in copies)]
    for _ in range(2):  # and again from the cache
        assert near_duplicates(paths, root=tmp_path, cache=tmp_path / "cache") == [(17, 300, 301, 302, 303)]


@pytest.mark.slow
def test_of_all_pictures_of_voc2007_two_pairs_show_the_same_scene(voc_pictures, tmp_path):
    found = near_duplicates(voc_pictures, root=tmp_path, cache=None)
    assert [[voc_pictures[i].stem for i in one] for one in found] == [["001172", "003848"], ["006437", "007546"]]


def test_of_pictures_that_can_not_be_read_none_are_alike(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    assert near_duplicates([tmp_path / "a.jpg"], root=tmp_path, cache=None) == []
    assert near_duplicates([], root=tmp_path, cache=None) == []
