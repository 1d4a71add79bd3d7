"""The maths of D-RISE beside slow twins."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.evaluate.saliency import Masks, Proposals, draw_masks, hide, most_similar, rescale, similarity
from yolov2.pictures.letterbox import Placement

FLOAT32_NOISE = 1e-6


def proposals(seed: int, count: int, *, pictures: int = 1, classes: int = 5) -> Proposals:
    random = np.random.default_rng(seed)
    low = 0.5 * random.random((count, 2))
    corners = np.concatenate((low, low + 0.1 + 0.4 * random.random((count, 2))), axis=1)
    return Proposals(
        random.integers(0, pictures, count),
        corners.astype(np.float32),
        random.random(count, np.float32),
        random.random((count, classes), np.float32),
    )


def slow_similarity(a: Proposals, b: Proposals, row: int) -> float:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.boxes[0].tolist(), b.boxes[row].tolist()
    overlap = max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - overlap
    p, q = a.class_probs[0].tolist(), b.class_probs[row].tolist()
    cosine = sum(x * y for x, y in zip(p, q, strict=True)) / math.hypot(*p) / math.hypot(*q)
    return overlap / union * cosine * b.objectness[row]


def test_similarity_is_iou_times_cosine_times_objectness():
    sought, found = proposals(1, 1), proposals(2, 50)
    expected = [slow_similarity(sought, found, row) for row in range(50)]
    assert max(expected) > 0.2
    np.testing.assert_allclose(similarity(sought, found), expected, atol=FLOAT32_NOISE)


def test_a_box_is_itself_as_far_as_it_is_an_object():
    one = proposals(1, 1)
    np.testing.assert_allclose(similarity(one, one), one.objectness, rtol=FLOAT32_NOISE)


@pytest.mark.parametrize("broken", [0.0, math.nan, math.inf])
def test_what_is_no_number_is_not_similar(broken):
    sought, found = proposals(1, 1), proposals(2, 3)
    probs = found.class_probs.copy()
    probs[1] = broken
    got = similarity(sought, replace(found, class_probs=probs))
    assert got[1] == 0
    np.testing.assert_array_equal(got[[0, 2]], similarity(sought, found)[[0, 2]])


def test_a_picture_counts_with_its_most_similar_proposal():
    sought, found = proposals(1, 1), proposals(2, 60, pictures=4)
    found = replace(found, pictures=np.where(found.pictures == 2, 3, found.pictures))
    each = similarity(sought, found)
    expected = [max((s for s, p in zip(each, found.pictures, strict=True) if p == n), default=0) for n in range(4)]
    assert expected[2] == 0 < min(expected[n] for n in (0, 1, 3))
    np.testing.assert_array_equal(most_similar(sought, found, pictures=4), np.array(expected, np.float32))


def slow_mask(generator: np.random.Generator, masks: Masks, height: int, width: int) -> np.ndarray:
    cell = max(height, width) / masks.grid
    rows, columns = math.ceil(height / cell) + 2, math.ceil(width / cell) + 2
    down, across = generator.random(), generator.random()
    cells = [[float(generator.random() < masks.visible) for _ in range(columns)] for _ in range(rows)]
    mask = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            row, column = (y + 0.5) / cell + down, (x + 0.5) / cell + across
            i, j = int(row), int(column)
            v, u = row - i, column - j
            upper = (1 - u) * cells[i][j] + u * cells[i][j + 1]
            lower = (1 - u) * cells[i + 1][j] + u * cells[i + 1][j + 1]
            mask[y, x] = (1 - v) * upper + v * lower
    return mask


@pytest.mark.parametrize("size", [(20, 30), (30, 20), (7, 7)])
def test_a_mask_is_a_shifted_grid_of_cells_blurred_into_each_other(size):
    masks, generator = Masks(count=5, grid=4, seed=3, visible=0.4), np.random.default_rng(3)
    expected = [slow_mask(generator, masks, *size) for _ in range(5)]
    np.testing.assert_allclose(np.concatenate(list(draw_masks(masks, size, batch=2))), expected, atol=FLOAT32_NOISE)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    grid=st.integers(1, 50),
    seed=st.integers(0, 2**63),
    batch=st.integers(1, 9),
)
def test_masks_lie_in_0_to_1_and_are_the_same_in_any_batches(size, grid, seed, batch):
    masks = Masks(7, grid, seed)
    together = next(draw_masks(masks, size, batch=7))
    assert together.shape == (7, *size)
    assert together.min() >= 0
    assert together.max() <= 1 + FLOAT32_NOISE
    np.testing.assert_array_equal(np.concatenate(list(draw_masks(masks, size, batch=batch))), together)


@pytest.mark.parametrize("visible", [0.25, 0.5, 0.9])
def test_so_much_is_visible_everywhere_up_to_the_edges(visible):
    mean = np.concatenate(list(draw_masks(Masks(4000, 4, visible=visible), (6, 8), batch=500))).mean(axis=0)
    # of 4,000 draws the mean is off by less than 0.03: four times its standard deviation at 0.5
    np.testing.assert_allclose(mean, visible, atol=0.03)


def test_masks_are_drawn_when_they_are_needed():
    assert next(draw_masks(Masks(count=10**12), (8, 8), batch=4)).shape == (4, 8, 8)


def test_the_last_batch_of_masks_may_be_smaller():
    assert [len(several) for several in draw_masks(Masks(count=10), (8, 8), batch=4)] == [4, 4, 2]


def test_the_network_input_is_hidden_where_the_picture_lies_alone():
    image = np.random.default_rng(1).random((2, 6, 8), np.float32)
    masks = np.random.default_rng(2).random((3, 2, 4), np.float32)
    before = image.copy()
    hidden = hide(image, masks, Placement((6, 8), (2, 4), (3, 1)))
    for b in range(3):
        for c in range(2):
            for y in range(6):
                for x in range(8):
                    share = masks[b, y - 3, x - 1] if 3 <= y < 5 and 1 <= x < 5 else 1
                    assert hidden[b, c, y, x] == image[c, y, x] * share
    np.testing.assert_array_equal(image, before)


def test_rescaled_numbers_fill_0_to_1():
    np.testing.assert_allclose(rescale(np.array([2, 4, 3], np.float32)), [0, 1, 0.5])
    np.testing.assert_array_equal(rescale(np.full(3, 7, np.float32)), [0, 0, 0])
    np.testing.assert_array_equal(rescale(np.array([7, 7 + 1e-6, 7], np.float32)), [0, 0, 0])  # rounding
    np.testing.assert_array_equal(rescale(np.zeros(3, np.float32)), [0, 0, 0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "count: found 0, expected a number from 1"),
        ({"grid": 0}, "grid: found 0, expected a number from 1 to 256"),
        ({"grid": 257}, "grid: found 257, expected a number from 1 to 256"),
        ({"visible": 1}, "visible: found 1, expected a number between 0 and 1"),
    ],
)
def test_masks_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError) as refusal:
        Masks(**wrong)
    assert str(refusal.value) == message
