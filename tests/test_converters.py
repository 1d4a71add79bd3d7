"""Detections as other libraries have them, read back by those libraries."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import supervision as sv

from results import found, picture
from yolov2.coco_classes import CATEGORY_IDS, DARKNET_SPELLING, NAMES
from yolov2.converters import coco_category_ids, coco_image_id
from yolov2.errors import OutputError
from yolov2.zoo.registry import COCO_NAMES

TWO = found((1, 0.9, (-4, 2, 30, 50)), (0, 0.5, (8, 8, 16.5, 24)))
COLUMNS = ["source", "frame", "width", "height", "label", "class_id", "score", "objectness", "x1", "y1", "x2", "y2"]
PATHS = ((("animal", 0.75), ("dog", 0.5)), (("animal", 0.75), ("cat", 0.25)))


@pytest.mark.parametrize(
    "source, expected",
    [
        ("in/COCO_val2014_000000000139.jpg", 139),
        ("000000000139.jpg", 139),
        ("a.b_7.png", 7),
        ("street.jpg", "street"),
        ("street_b.jpg", "street_b"),
        ("in_12/street.jpg", "street"),
        ("x_１２.jpg", "x_１２"),
        ("", ""),
    ],
)
def test_an_image_id_is_the_number_at_the_end_of_the_name_or_the_name(source, expected):
    assert coco_image_id(source) == expected


def test_a_frame_is_called_by_its_number():
    assert coco_image_id("in/clip_3.mp4", 12) == "clip_3_000012"


def test_darknets_list_and_cocos_own_have_cocos_ids():
    assert coco_category_ids(COCO_NAMES) == coco_category_ids(NAMES) == CATEGORY_IDS
    assert tuple(DARKNET_SPELLING.get(name, name) for name in NAMES) == COCO_NAMES
    assert coco_category_ids(NAMES[::-1]) is None
    assert coco_category_ids(NAMES[:79]) is None


@pytest.mark.golden
def test_the_ids_are_those_of_cocos_annotations(shared: Path):
    said = json.loads((shared / "data" / "coco-small" / "annotations" / "instances_val.json").read_text())
    assert [(one["id"], one["name"]) for one in said["categories"]] == list(zip(CATEGORY_IDS, NAMES, strict=True))


def test_coco_boxes_are_clamped_corners_and_sides():
    assert TWO.to_coco() == [
        {"image_id": "a", "category_id": 2, "bbox": [0, 2, 30, 46], "score": pytest.approx(0.9)},
        {"image_id": "a", "category_id": 1, "bbox": [8, 8, 8.5, 16], "score": 0.5},
    ]


def test_coco_ids_can_be_given():
    assert [(one["image_id"], one["category_id"]) for one in TWO.to_coco(image_id=7, category_ids=(11, 12))] == [
        (7, 12),
        (7, 11),
    ]


def test_an_evaluator_loads_what_we_write(capsys):
    truth = pytest.importorskip("faster_coco_eval").COCO()
    truth.dataset = {"info": {}, "images": [{"id": 5}], "annotations": [], "categories": [{"id": 1}, {"id": 2}]}
    truth.createIndex()
    loaded = truth.loadRes(TWO.to_coco(image_id=5))
    assert [one["area"] for one in loaded.dataset["annotations"]] == [30 * 46, 8.5 * 16]


def test_supervision_takes_boxes_scores_and_names():
    theirs = TWO.to_supervision()
    assert isinstance(theirs, sv.Detections)
    np.testing.assert_array_equal(theirs.xyxy, TWO.xyxy)
    np.testing.assert_array_equal(theirs.confidence, TWO.scores)
    np.testing.assert_array_equal(theirs.class_id, TWO.class_ids)
    assert list(theirs.data["class_name"]) == ["dog", "cat"]
    assert len(theirs.with_nms(0.5)) == 2
    theirs.xyxy[0] = 0  # a copy of its own
    assert TWO.xyxy[0, 0] == -4


def test_supervision_takes_nothing_found():
    theirs = found().to_supervision()
    assert len(theirs) == 0
    assert len(sv.Detections.merge([theirs, TWO.to_supervision()])) == 2


def test_pandas_has_a_row_a_detection():
    table = TWO.to_pandas()
    assert table.columns.tolist() == COLUMNS
    assert table["label"].tolist() == ["dog", "cat"]
    assert table["frame"].isna().tolist() == [True, True]
    assert [table[side].tolist()[0] for side in ("x1", "y1", "x2", "y2")] == [-4, 2, 30, 50]
    assert (table["score"].dtype, table["class_id"].dtype, table["width"].dtype) == ("float32", "int64", "int32")


def test_pandas_tables_of_pictures_and_frames_can_be_joined():
    frames = pd.concat([found().to_pandas(), TWO.to_pandas(), picture("c.mp4", index=7).to_pandas()])["frame"]
    assert str(frames.dtype) == "Int64"
    assert [None if frame is pd.NA else frame for frame in frames.tolist()] == [None, None, 7]


def test_arrow_has_the_same_columns_with_or_without_rows():
    assert TWO.to_arrow().column_names == COLUMNS
    assert found().to_arrow().schema == TWO.to_arrow().schema
    assert pa.concat_tables([found().to_arrow(), TWO.to_arrow()]).to_pylist() == TWO.to_arrow().to_pylist()


def test_pandas_and_arrow_say_the_same():
    for one in (TWO, picture("c.mp4", index=7), found()):
        assert one.to_arrow().to_pylist() == [
            {key: None if value is pd.NA else value for key, value in row.items()}
            for row in one.to_pandas().to_dict("records")
        ]


def test_a_tree_model_has_its_paths():
    tree = replace(TWO, paths=PATHS)
    assert tree.to_pandas()["path"].tolist() == [list(path) for path in PATHS]
    assert tree.to_arrow()["path"].to_pylist() == [
        [{"label": name, "probability": share} for name, share in path] for path in PATHS
    ]


def test_stray_bytes_of_a_file_name_become_text():
    odd = replace(TWO, source="caf\udce9.jpg", labels=("c\udcffat", "dog"))
    assert odd.to_arrow()["source"].to_pylist()[0] == "caf\N{REPLACEMENT CHARACTER}.jpg"
    assert odd.to_pandas()["label"].tolist() == ["dog", "c\N{REPLACEMENT CHARACTER}at"]


@pytest.mark.parametrize(
    "method, package, repair",
    [
        ("to_supervision", "supervision", "pip install supervision"),
        ("to_pandas", "pandas", "pip install 'yolov2[tables]'"),
        ("to_arrow", "pyarrow", "pip install 'yolov2[tables]'"),
    ],
)
def test_a_library_that_is_missing_is_one_line(monkeypatch, method, package, repair):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OutputError) as refusal:
        getattr(TWO, method)()
    assert str(refusal.value) == f"Detections.{method}: found no package, expected {package}; {repair}"
