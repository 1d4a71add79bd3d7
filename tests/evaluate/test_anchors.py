"""Anchors for a data set: which boxes count, at which scale, and the paper's Table 1 on VOC2007."""

from pathlib import Path

import numpy as np
import pytest

from yolov2.darknet.cfg import parse_cfg
from yolov2.errors import LabelError
from yolov2.evaluate.anchors import anchors, boxes_of, find_anchors, paper_table
from yolov2.network.layers import Region
from yolov2.priors.kmeans import darknet_kmeans, darknet_start
from yolov2.samples import Sample, Samples

CFG = "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters={filters}\nsize=1\nactivation=linear\n[region]\nclasses=2\n{lines}\n"


def samples_of(*pictures):
    """Each picture as (height, width) and rows of (x1, y1, x2, y2, flag), the flag "difficult", "crowd" or nothing."""
    many = []
    for number, (size, rows) in enumerate(pictures):
        boxes = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4)
        flags = [row[4] if len(row) > 4 else "" for row in rows]
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        many.append(
            Sample(
                Path(f"{number}.jpg"), size, boxes, np.zeros(len(rows), np.int64),
                np.array([flag == "difficult" for flag in flags], np.bool_),
                np.array([flag == "crowd" for flag in flags], np.bool_),
                areas, np.zeros(len(rows), np.int64),
            )
        )  # fmt: skip
    return Samples.of(many)


@pytest.fixture
def some():
    """Boxes of forty shapes in wide and in high pictures."""
    rng = np.random.default_rng(0)
    sides = rng.uniform(5, 90, (40, 2))
    return boxes_of(
        samples_of(*(((100, 200) if n % 2 else (200, 100), [(0, 0, w, h)]) for n, (w, h) in enumerate(sides)))
    )


@pytest.fixture(scope="session")
def voc2007(unpacked):
    """The boxes of VOC2007 trainval that are not difficult."""
    from yolov2.evaluate.anchors import training_samples

    return boxes_of(training_samples(f"{unpacked('data/voc2007') / 'VOC2007'}@trainval"))


def test_boxes_are_clipped_and_those_that_do_not_count_are_counted():
    rows = [(-10, 0, 20, 30), (0, 0, 5, 5, "difficult"), (1, 1, 9, 9, "crowd"), (3, 3, 3, 8), (50, 50, 90, 60)]
    found = boxes_of(samples_of(((40, 60), rows), ((40, 60), [])))
    assert found.wh.tolist() == [[20, 30]]
    assert found.pictures_wh.tolist() == [[60, 40]]
    assert found.pictures == 1
    assert found.left_out == {"difficult": 1, "crowd": 1, "empty": 2}


def test_difficult_boxes_count_where_asked_for():
    rows = [(0, 0, 20, 30), (0, 0, 5, 5, "difficult")]
    found = boxes_of(samples_of(((40, 60), rows)), difficult=True)
    assert (found.wh.tolist(), found.left_out) == ([[20, 30], [5, 5]], {})


@pytest.mark.parametrize(
    ("rows", "found"),
    [([], "no boxes"), ([(0, 0, 5, 5, "difficult"), (0, 0, 5, 5, "crowd")], "no boxes but 1 difficult, 1 crowd")],
)
def test_without_boxes_there_are_no_anchors(rows, found):
    with pytest.raises(LabelError) as refused:
        boxes_of(samples_of(((40, 60), rows)), where="my.data")
    assert str(refused.value) == f"my.data: found {found}, expected boxes to cluster; name another data set or split"


@pytest.mark.parametrize(
    ("resize", "expected"), [("letterbox", [[104, 52], [20.8, 41.6]]), ("stretch", [[104, 104], [41.6, 41.6]])]
)
def test_boxes_on_the_network_input_keep_their_proportions_or_are_stretched(resize, expected):
    boxes = boxes_of(samples_of(((100, 200), [(0, 0, 50, 25)]), ((200, 100), [(0, 0, 10, 20)])))
    np.testing.assert_allclose(boxes.on_network((416, 416), resize), expected, rtol=1e-12)


def test_a_wide_input_limits_a_picture_by_its_height():
    boxes = boxes_of(samples_of(((100, 200), [(0, 0, 50, 25)])))
    assert boxes.on_network((200, 800), "letterbox").tolist() == [[100, 50]]
    assert boxes.on_network((200, 800), "stretch").tolist() == [[200, 50]]


def test_anchors_are_in_cells_of_32_pixels_in_order_of_area(some):
    found = find_anchors(some, 3, size=(320, 608))
    assert found.cells.shape == (3, 2)
    assert (np.diff(found.cells.prod(axis=1)) > 0).all()
    np.testing.assert_array_equal(found.pixels, found.cells * 32)
    # no anchor lies outside of the boxes that it stands for
    on_network = some.on_network((320, 608), "letterbox")
    assert (found.pixels >= on_network.min(axis=0) - 0.01).all()
    assert (found.pixels <= on_network.max(axis=0) + 0.01).all()


def test_the_cfg_line_is_read_back_as_the_same_anchors(some):
    found = find_anchors(some, 4)
    network = parse_cfg(CFG.format(filters=4 * 7, lines=f"{found.cfg_line}\nnum=4"))
    assert isinstance(network.layers[-1], Region)
    np.testing.assert_array_equal(network.layers[-1].anchors, found.cells)


def test_the_curve_has_a_point_for_every_k_and_tells_each_step(some):
    steps = []
    found = find_anchors(some, 3, curve=True, on_step=lambda: steps.append(1))
    assert [k for k, _ in found.curve] == list(range(1, 16))
    assert dict(found.curve)[3] == found.mean_iou
    assert len(steps) == 15
    means = [mean for _, mean in found.curve]
    assert means[0] < means[4] < means[14] <= 1


def test_the_curve_ends_at_the_number_of_different_boxes():
    boxes = boxes_of(samples_of(((100, 100), [(0, 0, 10, 10), (0, 0, 20, 10), (5, 5, 15, 15)])))
    assert find_anchors(boxes, 1, curve=True).curve[-1] == (2, pytest.approx(1))


def test_more_anchors_than_different_boxes_are_refused():
    boxes = boxes_of(samples_of(((100, 100), [(0, 0, 10, 10), (0, 0, 20, 10), (5, 5, 15, 15)])))
    with pytest.raises(LabelError) as refused:
        find_anchors(boxes, 3, where="my.data")
    assert str(refused.value) == (
        "my.data: found 2 different box shapes, expected at least 3, one an anchor; ask for 2 anchors or fewer"
    )


def test_alexeyabs_rule_takes_shares_of_the_picture_and_one_seeded_start(some):
    found = find_anchors(some, 4, method="alexeyab", seed=5)
    assert found.resize == "stretch"
    cells = some.wh / some.pictures_wh * 13
    expected = darknet_kmeans(cells, darknet_start(cells, 4, seed=5))[0]
    np.testing.assert_allclose(found.cells, sorted(expected.tolist(), key=np.prod), atol=5e-5)


def test_the_same_seed_gives_the_same_anchors(some):
    assert find_anchors(some, 6, seed=1).to_dict() == find_anchors(some, 6, seed=1).to_dict()


def test_the_json_shape(some):
    found = find_anchors(some, 1, size=(320, 608), resize="stretch", seed=7)
    assert found.to_dict() == {
        "k": 1, "mean_iou": found.mean_iou, "anchors": [found.cells[0].tolist()], "unit": "cells", "curve": [],
        "stride": 32, "width": 608, "height": 320, "method": "iou", "resize": "stretch", "seed": 7,
        "boxes": 40, "left_out": {},
    }  # fmt: skip


def test_pictures_without_boxes_are_no_data_for_anchors(tmp_path):
    (tmp_path / "list.txt").write_text("")
    for name in ("cat", "dog"):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / "1.jpg").write_bytes(b"")
    with pytest.raises(LabelError) as refused:
        anchors(tmp_path)
    expected = "found pictures without boxes, expected labelled boxes; name a data set for detection"
    assert str(refused.value) == f"{tmp_path}: {expected}"


@pytest.mark.golden
def test_voc2007_has_as_many_boxes_as_its_readme_says(voc2007):
    assert len(voc2007.wh) == 12_537 - 2_461
    assert voc2007.left_out == {"difficult": 2_461}


@pytest.mark.golden
@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize(("k", "paper"), [(5, 0.610), (9, 0.672)])
def test_five_and_nine_anchors_of_voc2007_fit_better_than_the_papers(voc2007, resize, k, paper):
    assert find_anchors(voc2007, k, resize=resize).mean_iou >= paper + 0.01


@pytest.mark.golden
def test_the_papers_table_on_voc2007(voc2007):
    table = {(row.name, row.k): (row.mean_iou, row.paper) for row in paper_table(voc2007)}
    assert table == {
        ("k-means, Euclidean", 5): (pytest.approx(0.590, abs=0.001), 0.587),
        ("k-means, 1 - IoU", 5): (pytest.approx(0.625, abs=0.001), 0.610),
        ("hand-picked, of Faster R-CNN", 9): (pytest.approx(0.627, abs=0.001), 0.609),
        ("k-means, 1 - IoU", 9): (pytest.approx(0.692, abs=0.001), 0.672),
    }


def test_the_papers_table_needs_nine_shapes():
    with pytest.raises(
        LabelError, match=r"^Table 1: found fewer than 9 box shapes, expected 9 or more; name more boxes$"
    ):
        paper_table(boxes_of(samples_of(((100, 100), [(0, 0, 10, 10)]))))
