"""Dimension clusters: against plain loops, AlexeyAB's own centres, and shapes that nobody can cluster."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from yolov2.priors import kmeans
from yolov2.priors.kmeans import (
    cluster,
    count_different,
    darknet_kmeans,
    darknet_start,
    grouped,
    mean_iou,
    shape_iou,
)

FLOAT32_SUMS = 1e-5  # Darknet adds up to some hundred float32
sides = st.integers(1, 64).map(lambda eighths: eighths / 8)
some_shapes = hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=sides)


def crowd(count: int, *, seed: int = 0, spread: float = 0.3) -> np.ndarray:
    """Shapes around five of different sizes, no two alike."""
    rng = np.random.default_rng(seed)
    five = np.array([[1, 1], [2, 4], [5, 3], [4, 9], [11, 10]], float)
    return five[rng.integers(0, 5, count)] * np.exp(rng.normal(0, spread, (count, 2)))


def slow_iou(a, b):
    overlap = min(a[0], b[0]) * min(a[1], b[1])
    return overlap / (a[0] * a[1] + b[0] * b[1] - overlap)


@given(some_shapes, some_shapes)
def test_iou_of_shapes_is_that_of_boxes_with_a_common_corner(shapes, centres):
    expected = [[slow_iou(shape, centre) for shape in shapes] for centre in centres]
    np.testing.assert_allclose(shape_iou(shapes, centres), expected, rtol=1e-12)


@given(some_shapes, st.integers(1, 4), st.booleans(), st.randoms(use_true_random=False))
def test_a_step_on_grouped_shapes_is_that_on_every_single_one(shapes, k, mean, random):
    groups, counts = grouped(shapes)
    k = min(k, len(groups))
    of_group = np.array([*range(k), *(random.randrange(k) for _ in range(len(groups) - k))])  # none is empty
    moved = kmeans._Step(groups, counts, mean=mean).centres(of_group, np.zeros(len(groups)), k)
    every, nearest = np.repeat(groups, counts, axis=0), np.repeat(of_group, counts)
    expected = [(np.mean if mean else np.median)(every[nearest == j], axis=0) for j in range(k)]
    np.testing.assert_allclose(moved, expected, rtol=1e-12)


def test_a_centre_without_shapes_moves_to_the_shape_that_fits_its_own_least():
    shapes = np.array([[1, 1], [2, 2], [9, 9]], float)
    step = kmeans._Step(shapes, np.ones(3, np.int64), mean=False)
    moved = step.centres(np.zeros(3, np.int64), np.array([1, 0.8, 0.1]), 2)
    assert moved.tolist() == [[2, 2], [9, 9]]


@given(some_shapes, st.integers(1, 5), st.sampled_from(["iou", "euclid"]), st.sampled_from(["median", "mean"]))
def test_centres_are_in_order_of_area_and_their_mean_iou_is_that_of_a_plain_loop(shapes, k, method, centre):
    k = min(k, count_different(shapes))
    found = cluster(shapes, k, method=method, centre=centre, restarts=2)
    areas = found.centres.prod(axis=1)
    assert found.centres.shape == (k, 2)
    assert (np.diff(areas) >= 0).all()
    expected = np.mean([max(slow_iou(shape, one) for one in found.centres) for shape in shapes])
    assert found.mean_iou == pytest.approx(expected, rel=1e-12)


@given(some_shapes)
def test_with_a_centre_for_each_different_shape_they_fit_exactly(shapes):
    found = cluster(shapes, count_different(shapes), restarts=1)
    assert found.mean_iou == pytest.approx(1, abs=1e-12)
    assert sorted(found.centres.tolist()) == np.unique(shapes, axis=0).tolist()


@pytest.mark.parametrize("centre", ["median", "mean"])
def test_clear_clusters_are_found(centre):
    found = cluster(crowd(2000, spread=0.03), 5, centre=centre)
    np.testing.assert_allclose(found.centres, [[1, 1], [2, 4], [5, 3], [4, 9], [11, 10]], rtol=0.01)


def test_the_same_seed_gives_the_same_centres_and_another_one_need_not():
    shapes = crowd(500)
    first, again, other = (cluster(shapes, 7, seed=seed, restarts=1).centres for seed in (3, 3, 4))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_more_starts_are_never_worse():
    shapes = crowd(500)
    means = [cluster(shapes, 7, restarts=restarts).mean_iou for restarts in (1, 3, 10)]
    assert means == sorted(means)
    assert means[0] < means[2]


def test_a_start_gives_the_best_centres_that_it_passes_not_the_last():
    shapes, went_down = crowd(60, spread=0.6), 0
    step = kmeans._Step(shapes, np.ones(60, np.int64), mean=False)
    for first in range(20):
        centres, path = shapes[first : first + 4], []
        for _ in range(40):
            iou = shape_iou(shapes, centres)
            path.append(iou.max(axis=0).mean())
            centres = step.centres(iou.argmax(axis=0), iou.max(axis=0), 4)
        assert kmeans._by_iou(step, shapes[first : first + 4])[0] == pytest.approx(60 * max(path))
        went_down += path[-1] < max(path) - 1e-9
    assert went_down > 3


def test_medians_fit_better_than_means_and_means_better_than_euclidean_distance():
    shapes = crowd(3000, spread=0.6)
    median, mean = (cluster(shapes, 5, centre=centre).mean_iou for centre in ("median", "mean"))
    assert median > mean > cluster(shapes, 5, method="euclid").mean_iou


def test_euclid_ends_where_each_centre_is_the_mean_of_its_nearest():
    shapes = crowd(300)
    centres = cluster(shapes, 4, method="euclid").centres
    nearest = ((shapes[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    expected = [shapes[nearest == j].mean(axis=0) for j in range(4)]
    np.testing.assert_allclose(centres, expected, rtol=1e-9)


def test_equal_shapes_are_counted_as_one_with_a_weight():
    groups, counts = grouped(np.array([[2, 1], [1, 3], [2, 1], [1, 2]], float))
    assert groups.tolist() == [[1, 2], [1, 3], [2, 1]]
    assert counts.tolist() == [1, 1, 2]


def test_groups_keep_every_shape_and_the_sum_of_sides():
    shapes = crowd(20_000)
    groups, counts = grouped(shapes, most=1000)
    assert len(groups) <= 1000
    assert counts.sum() == 20_000
    np.testing.assert_allclose(counts @ groups, shapes.sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize("k", [5, pytest.param(9, marks=pytest.mark.slow)])
def test_grouping_moves_the_mean_iou_by_less_than_a_twentieth_of_a_point(k, monkeypatch):
    shapes = crowd(60_000, spread=0.5)
    in_groups = cluster(shapes, k, restarts=2).mean_iou
    assert len(grouped(shapes)[0]) < 50_000
    monkeypatch.setattr(kmeans, "grouped", lambda shapes, most=0: grouped(shapes, most=len(shapes)))
    assert abs(in_groups - cluster(shapes, k, restarts=2).mean_iou) < 0.0005


@pytest.mark.golden
@pytest.mark.parametrize("case", range(4))
def test_alexeyabs_rule_gives_his_centres(golden, case):
    his = np.load(golden / "h_anchors" / "kmeans.npz")
    centres, nearest, rounds = darknet_kmeans(his[f"boxes_{case}"], his[f"start_{case}"])
    np.testing.assert_allclose(centres, his[f"centers_{case}"], rtol=0, atol=FLOAT32_SUMS)
    np.testing.assert_array_equal(nearest, his[f"assign_{case}"])
    assert rounds == his[f"rounds_{case}"]
    assert mean_iou(his[f"boxes_{case}"].astype(np.float64), centres) == pytest.approx(his[f"avg_iou_{case}"], abs=1e-6)


def test_alexeyabs_centre_without_boxes_stays_where_it_is():
    centres, nearest, _ = darknet_kmeans(np.array([[1, 1], [1, 1.2], [5, 5]]), np.array([[50, 50], [1, 1], [5, 5]]))
    assert nearest.tolist() == [1, 1, 2]
    assert centres.tolist() == [[50, 50], [1, 1.1], [5, 5]]


def test_alexeyabs_start_is_boxes_drawn_once_each():
    shapes = crowd(9)
    start = darknet_start(shapes, 9, seed=2)
    assert sorted(start.tolist()) == sorted(shapes.tolist())
    assert start.tolist() != darknet_start(shapes, 9, seed=3).tolist()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([[1, 2], [3, 0]], "shapes: found 3 x 0 in row 1, expected numbers above 0"),
        ([[-1, 2]], "shapes: found -1 x 2 in row 0, expected numbers above 0"),
        ([[1, 2], [1, np.nan]], "shapes: found 1 x nan in row 1, expected numbers above 0"),
        ([[np.inf, 2]], "shapes: found inf x 2 in row 0, expected numbers above 0"),
        ([1, 2], "shapes: found (2,), expected (N, 2) widths and heights of at least one box"),
        (np.zeros((0, 2)), "shapes: found (0, 2), expected (N, 2) widths and heights of at least one box"),
    ],
)
def test_what_is_no_shape_is_refused(shapes, message):
    with pytest.raises(ValueError) as refused:
        cluster(np.array(shapes, float), 1)
    assert str(refused.value) == message


@pytest.mark.parametrize("k", [0, 3])
def test_more_centres_than_different_shapes_are_refused(k):
    with pytest.raises(ValueError) as refused:
        cluster(np.array([[1, 2], [1, 2], [2, 2]], float), k)
    assert str(refused.value) == f"k: found {k}, expected a number from 1 to 2, the number of different box shapes"
