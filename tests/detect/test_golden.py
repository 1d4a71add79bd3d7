"""Pictures in, detections out, with real trained weights: what Darknet's `detector test` finds, box for box."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rows import assert_same_rows, rows_of
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import read_weights
from yolov2.detect.detector import Detector
from yolov2.network.shapes import Shape

INPUT_TOLERANCE = 2e-6  # MANIFEST.md: preprocessing
KEY = re.compile(r"(?P<picture>[a-z]+)_(?P<resize>letterbox|stretch)_t(?P<conf>[.\d]+)_(?P<nms>sort|obj|none)")
NMS = {"sort": "class", "obj": "objectness", "none": "none"}

CASES = [
    "voc_224x224",
    "voc_416x416",
    "voc_320x192",
    "coco_224x224",
    "coco_416x416",
    "coco_320x192",
    "voc5_224x224",
    "tinyvoc_352x288",
    "tinyvoc_416x416",
]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, golden: Path, models: Path):
    """The network of a case with its weights, and the arrays that Darknet wrote."""
    entries = {entry["case"]: entry for entry in json.loads((golden / "b_detect" / "cases.json").read_text())}
    entry = entries[request.param]
    network = read_cfg(models / entry["cfg"].removeprefix("../models/"))
    network = replace(network, input=Shape(3, entry["height"], entry["width"]))
    weights = read_weights(models / entry["weights"].removeprefix("../models/"), network)
    with np.load(golden / entry["npz"]) as arrays:
        yield network, weights, dict(arrays), golden / "pictures"


@pytest.mark.golden
@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_detections_are_darknets(case, backend):
    network, weights, arrays, pictures = case
    keys = [match for match in map(KEY.fullmatch, arrays) if match]
    assert len(keys) >= 20  # ten or more a picture, of two pictures or five
    raws: dict[tuple[str, str], NDArray[np.float32]] = {}
    with Detector(network, weights, backend=backend, faithful=True) as runner:
        for key in keys:
            options: Any = {
                "conf": float(key["conf"]),
                "nms": NMS[key["nms"]],
                "resize": key["resize"],
                "faithful": True,
            }
            detector = runner.with_settings(**options)
            frame = detector.frame(pictures / f"{key['picture']}.png")
            image = detector.prepare(frame)
            expected_input = arrays.get(f"{key['picture']}_{key['resize']}_input")
            if expected_input is not None:
                np.testing.assert_allclose(image, expected_input, rtol=0, atol=INPUT_TOLERANCE)
            asked = key["picture"], key["resize"]
            if asked not in raws:
                raws[asked] = detector.raw(image[None])
            (found,) = detector.decode(raws[asked], frames=[frame])
            assert_same_rows(rows_of(found), arrays[key.string], conf=float(key["conf"]), what=key.string)


@pytest.mark.golden
def test_boxes_in_pixels_are_darknets(case):
    network, weights, arrays, pictures = case
    with Detector(network, weights, backend="onnxruntime", conf=0.1, faithful=True) as detector:
        for name in [key for key in arrays if "_letterbox_pixels_t0.1_sort" in key]:
            found = detector(pictures / f"{name.split('_')[0]}.png")
            height, width = found.size
            scale = np.array([width, height, width, height, 1, 1, 1])
            assert_same_rows(rows_of(found), arrays[name] / scale, conf=0.1, what=name)


def test_the_comparison_notices_what_differs():
    row = np.array([0.5, 0.5, 0.2, 0.2, 0.9, 3, 0.8])
    for wrong in different(row):
        with pytest.raises(AssertionError, match="case: "):
            assert_same_rows(wrong, row[None], conf=0.5, what="case")
    near = row.copy()
    near[6] = 0.50005
    assert_same_rows(np.array([row]), np.array([row, near]), conf=0.5, what="case")


def different(row: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    yield np.empty((0, 7))
    yield np.array([row, row])
    for column in range(7):
        moved = row.copy()
        moved[column] += 2e-4 if column != 5 else 1
        yield moved[None]


@pytest.mark.slow
def test_the_cars_of_a_real_video_are_found(shared: Path, models: Path):
    with Detector.open(models / "yolov2-tiny-voc-352x288") as detector:
        found = list(detector.stream(shared / "data" / "video" / "car-detection.mp4"))
    assert [one.frame_index for one in found] == list(range(377))
    frames_with = Counter(name for one in found for name in set(one.names))
    assert frames_with.most_common(1)[0][0] == "car"  # seen from above, which no training picture shows
    assert frames_with["car"] > 60
