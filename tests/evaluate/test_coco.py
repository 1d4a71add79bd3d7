"""COCO's numbers: those of COCO's own script, to the last digits."""

import contextlib
import io
import json
import math
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from slow_metrics import CLASSES, detection_sets, random_set, results_of, truths_of
from yolov2.detect.detector import Detector
from yolov2.errors import BackendError
from yolov2.evaluate.average_precision import coco_levels, precision_recall
from yolov2.evaluate.coco import coco
from yolov2.evaluate.matching import HIT, MISS, Results, Truths

SAME = 1e-9
NUMBERS = [
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"
]  # fmt: skip


def by_pycocotools(results, truths, classes):
    """The twelve numbers of COCO's own script (-1: nothing there), and the AP of each class."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def xywh(box):
        return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]

    annotations = [
        {
            "id": row + 1,
            "image_id": int(truths.image_ids[row]),
            "category_id": int(truths.class_ids[row]) + 1,
            "bbox": xywh(truths.xyxy[row]),
            "area": float(truths.areas[row]),
            "iscrowd": int(truths.crowd[row]),
        }
        for row in range(len(truths))
    ]
    found = [
        {
            "image_id": int(results.image_ids[row]),
            "category_id": int(results.class_ids[row]) + 1,
            "bbox": xywh(results.xyxy[row]),
            "score": float(results.scores[row]),
        }
        for row in range(len(results))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        labelled: Any = COCO()
        labelled.dataset = {
            "images": [{"id": int(image)} for image in np.union1d(results.image_ids, truths.image_ids)],
            "categories": [{"id": class_id + 1, "name": str(class_id)} for class_id in range(classes)],
            "annotations": annotations,
        }
        labelled.createIndex()
        run = COCOeval(labelled, labelled.loadRes(found), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    of_classes = run.eval["precision"][:, :, :, 0, -1]
    return run.stats, [of_classes[:, :, at].mean() for at in range(classes)]


def assert_as_cocos_script(results, truths, classes):
    ours = coco(results, truths, classes=classes)
    stats, per_class = by_pycocotools(results, truths, classes)
    theirs = [math.nan if value < 0 else value for value in (*stats, *per_class)]
    np.testing.assert_allclose([*(asdict(ours)[name] for name in NUMBERS), *ours.per_class], theirs, rtol=0, atol=SAME)


@settings(max_examples=25)
@given(detection_sets(crowds=True).filter(lambda both: len(both[0])))  # COCO's script knows no empty list
def test_coco_is_as_cocos_script_has_it_where_everything_ties(both):
    results, truths = both
    assert_as_cocos_script(results, truths, CLASSES)


@pytest.mark.parametrize("seed", range(2))
def test_coco_is_as_cocos_script_has_it_on_fair_detections(seed):
    assert_as_cocos_script(*random_set(pictures=30, truths=150, found=700, classes=8, seed=seed, crowds=True), 8)


def test_more_than_a_hundred_boxes_of_a_picture_are_cut_as_coco_cuts_them():
    assert_as_cocos_script(*random_set(pictures=2, truths=40, found=900, classes=2), 2)


@pytest.mark.golden
def test_coco_is_as_cocos_script_has_it_on_real_detections_of_coco_pictures(models, shared):
    folder = shared / "data" / "coco-small"
    labels = json.loads((folder / "annotations" / "instances_val.json").read_text())
    detector = Detector.open(models / "yolo-lite" / "voc-trial3-nobatch.cfg", conf=0.005, max_det=None)
    ours = {name: detector.names.index(other) for name, other in VOC_OF_COCO.items()}
    class_of = {one["id"]: ours[one["name"]] for one in labels["categories"] if one["name"] in ours}
    known = [one for one in labels["annotations"] if one["category_id"] in class_of]
    xywh = np.array([one["bbox"] for one in known])
    truths = Truths(
        np.array([one["image_id"] for one in known]),
        np.array([class_of[one["category_id"]] for one in known]),
        np.concatenate((xywh[:, :2], xywh[:, :2] + xywh[:, 2:]), axis=1),
        np.zeros(len(known), np.bool_),
        np.array([one["iscrowd"] for one in known], np.bool_),
        np.array([one["area"] for one in known], np.float64),
    )
    boxes = [(one["id"], detector(folder / "images" / "val" / one["file_name"])) for one in labels["images"][:60]]
    results = Results(
        np.concatenate([np.full(len(found), image) for image, found in boxes]),
        np.concatenate([found.class_ids for _, found in boxes]),
        np.concatenate([found.scores for _, found in boxes]).astype(np.float64),
        np.concatenate([found.xyxy for _, found in boxes]).astype(np.float64),
    )
    assert len(results) > 2000
    assert truths.crowd.any()
    assert_as_cocos_script(results, truths, 20)


VOC_OF_COCO = {"person": "person", "car": "car", "dining table": "diningtable", "chair": "chair", "tv": "tvmonitor"}


def test_the_levels_of_coco_are_those_of_its_script():
    """One class, one picture, boxes that hit or are far away: its AP50 is the mean at 101 recalls."""
    rng = np.random.default_rng(0)
    truths = truths_of([(0, 0, 20 * at, 0, 20 * at + 10, 10) for at in range(25)])
    hits = rng.random(40) < 0.5
    places = iter(range(25))
    found = [(0, 0, 1 - at / 100, *((20 * next(places), 0) if hit else (0, 50)), 0, 0) for at, hit in enumerate(hits)]
    results = results_of([(*row[:5], row[3] + 10, row[4] + 10) for row in found])
    verdicts = np.where(hits, HIT, MISS).astype(np.int8)
    assert coco(results, truths, classes=1).ap50 == pytest.approx(
        coco_levels(*precision_recall(verdicts, 25)), abs=SAME
    )


def test_the_json_shape_has_null_where_there_is_nothing_to_find():
    found = coco(results_of([(0, 0, 0.9, 0, 0, 40, 40)]), truths_of([(0, 0, 0, 0, 40, 40)]), classes=2)
    assert found.to_dict(("cat", "dog")) == {
        "ap": 1.0, "ap50": 1.0, "ap75": 1.0, "ap_small": None, "ap_medium": 1.0, "ap_large": None,
        "ar1": 1.0, "ar10": 1.0, "ar100": 1.0, "ar_small": None, "ar_medium": 1.0, "ar_large": None,
        "per_class": {"cat": 1.0, "dog": None},
    }  # fmt: skip


def test_nothing_found_is_zero_and_nothing_at_all_is_no_number():
    assert coco(results_of([]), truths_of([(0, 0, 0, 0, 40, 40)]), classes=1).ap == 0
    assert math.isnan(coco(results_of([]), truths_of([]), classes=1).ap)
    assert math.isnan(coco(results_of([(0, 0, 0.9, 0, 0, 40, 40)]), truths_of([]), classes=1).ap)


def test_boxes_of_a_class_that_does_not_exist_count_for_nothing():
    results = results_of([(0, 0, 0.9, 0, 0, 40, 40), (0, -1, 0.9, 0, 0, 40, 40), (0, 3, 0.9, 0, 0, 9, 9)])
    truths = truths_of([(0, 0, 0, 0, 40, 40), (0, -1, 0, 0, 40, 40)])
    assert coco(results, truths, classes=1).ap == 1


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(BackendError) as refused:
        coco(results_of([]), truths_of([]), classes=1)
    assert str(refused.value) == (
        "COCO's numbers: found no package, expected faster-coco-eval; pip install 'yolov2[eval]'"
    )
