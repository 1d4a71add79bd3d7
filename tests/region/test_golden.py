"""Darknet's own region layers: the activated head, and the boxes it finds in it, before and after NMS."""

import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from predictions import passing
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.tree import read_map
from yolov2.hierarchy.wordtree import WordTree, absolute_probabilities
from yolov2.network.layers import Region
from yolov2.pictures.letterbox import place_letterbox, unletterbox
from yolov2.pictures.read import read_picture
from yolov2.region.decode import activate, candidates, mapped, read
from yolov2.region.select import Nms, Selection, select, select_nodes

LAYER_TOLERANCE = 5e-6  # golden/MANIFEST.md: a_forward, of max(1, the largest value)
ROW_TOLERANCE = 1e-5  # golden/MANIFEST.md: c_tree rows, of the picture's size
DETECT_TOLERANCE = 1e-4  # golden/MANIFEST.md: b_detect, probability and box in parts of the picture
NMS: dict[str, Nms] = {"none": "none", "sort": "class", "obj": "objectness"}
LIBRARIES = pytest.mark.parametrize("array", [np.asarray, torch.asarray], ids=["numpy", "torch"])

REGIONS = [
    "s07_region_softmax",
    "s08_region_logistic",
    "s09_region_background",
    "s10_region_1class",
    "s11_region_coords6",
    "s12_region_tree",
]
# Darknet's CPU path leaves no region output behind for a tree or a mask.
ACTIVATED = [(name, "gpu") for name in REGIONS] + [(name, "cpu") for name in REGIONS[:4]]


@pytest.fixture(params=[pytest.param("golden", marks=pytest.mark.golden), "small_golden"])
def folder(request) -> Path:
    """All of Darknet's outputs, and the few that the repository itself holds."""
    return request.getfixturevalue(request.param)


def recipe_in(folder: Path):
    """The module that rebuilds the inputs of this folder from their seeds."""
    module = ModuleType("golden_recipe")
    exec((folder / "recipe.py").read_text(), module.__dict__)
    return module


@LIBRARIES
@pytest.mark.parametrize("name, arithmetic", ACTIVATED)
def test_activate_gives_darknets_layer_output(folder, name, arithmetic, array):
    head = head_of(folder / "a_forward" / f"{name}.cfg")
    tree = WordTree.read(folder / head.tree) if head.tree else None
    with np.load(folder / "a_forward" / f"{name}.npz") as arrays:
        raw, expected = arrays[f"{arithmetic}_L08"], arrays[f"{arithmetic}_L09"]
    found = np.asarray(activate(array(raw), head, tree=tree, arithmetic=arithmetic))
    np.testing.assert_allclose(found, expected, rtol=0, atol=LAYER_TOLERANCE * max(1, abs(expected).max()))


PLAIN = {  # channels and seed of the head
    "plain_softmax": (33, 7700),
    "plain_logistic": (27, 7701),
    "plain_background": (30, 7702),
    "plain_one_class": (18, 7703),
}
PLAIN_KEY = re.compile(r"t([\d.]+)_(\d+)x(\d+)_(none|sort|obj)([\d.]+)_rel([01])")


@LIBRARIES
@pytest.mark.parametrize("case", PLAIN)
def test_a_plain_head_gives_darknets_detections(folder, case, array):
    head = head_of(folder / "c_tree" / f"{case}.cfg")
    channels, seed = PLAIN[case]
    raw = array(recipe_in(folder).seeded_input((1, channels, 6, 9), seed, 2.0, signed=True))
    with np.load(folder / "c_tree" / f"{case}.npz") as arrays:
        expected = dict(arrays)
    assert len(expected) == 5
    for key, rows in expected.items():
        conf, width, height, nms, iou, relative = parts_of(PLAIN_KEY, key)
        found = select(candidates(raw, head, threshold=float(conf)), conf=float(conf), iou=float(iou), nms=NMS[nms])
        if relative == "0":
            rows = rows / np.array([width, height, width, height, 1, 1, 1], np.float64)
        assert_same_rows(rows_of(found, (int(height), int(width)), (6, 9)), rows, ROW_TOLERANCE)


TREE_KEY = re.compile(r"det_t([\d.]+)_h([\d.]+)_(\d+)x(\d+)_(none|sort|obj)")
DETECTED = {
    "det_small": ("small.tree", 5, 4, (1.08, 1.19, 3.42, 4.41, 6.63, 11.38)),
    "det_9k": ("9k.tree", 2, 2, (0.77871, 1.14074, 3.00525, 4.31277, 9.22725, 9.61974)),
}


@LIBRARIES
def test_a_small_tree_gives_darknets_detections_by_its_double_product(folder, array):
    check_tree_detections(folder, "det_small", array)


@pytest.mark.golden
@LIBRARIES
def test_the_tree_of_yolo9000_gives_darknets_detections_by_its_double_product(golden, array):
    check_tree_detections(golden, "det_9k", array)


def check_tree_detections(folder: Path, case: str, array) -> None:
    head, tree, raw, grid = tree_head(folder, case)
    with np.load(folder / "c_tree" / f"{case}.npz") as arrays:
        expected = {key: rows for key, rows in arrays.items() if key.startswith("det_")}
    assert len(expected) == 5
    for key, rows in expected.items():
        conf, hier, width, height, nms = parts_of(TREE_KEY, key)
        iou = {"sort": 0.3 if hier == "0.05" else 0.45, "obj": 0.4, "none": 0.0}[nms]
        found = select_nodes(
            candidates(array(raw), head, threshold=float(conf), tree=tree),
            tree,
            conf=float(conf),
            iou=iou,
            nms=NMS[nms],
            tree_threshold=float(hier),
            faithful=True,
        )
        assert_same_rows(rows_of(found, (int(height), int(width)), grid), rows, ROW_TOLERANCE)


def test_a_tree_head_is_activated_by_groups_and_multiplied_down_as_by_darknet(folder):
    head, tree, raw, _ = tree_head(folder, "det_small")
    activated = activate(raw, head, tree=tree)
    cells = activated.reshape(3, head.entries, 4, 5).copy()
    cells[:, 5:] = np.moveaxis(absolute_probabilities(np.moveaxis(cells[:, 5:], 1, -1), tree), -1, 1)
    with np.load(folder / "c_tree" / "det_small.npz") as arrays:
        before, after = arrays["region"], arrays["region_after_one_detection_call"]
    np.testing.assert_allclose(activated[0], before, rtol=0, atol=ROW_TOLERANCE)
    np.testing.assert_allclose(cells.reshape(after.shape), after, rtol=0, atol=ROW_TOLERANCE)


@pytest.mark.golden
@pytest.mark.parametrize("key", ["map_t0.005_none", "map_t0.005_sort", "map_t0.05_sort"])
def test_a_mapped_tree_head_gives_darknets_probabilities(golden, key):
    head, tree, raw, grid = tree_head(golden, "det_9k")
    nodes = np.array(read_map(golden / "data" / "inet9k.map", nodes=len(tree)))
    with np.load(golden / "c_tree" / "det_9k.npz") as arrays:
        boxes = arrays[key]  # x, y, w, h, objectness, 200 probabilities
    box, slot = np.nonzero(boxes[:, 5:])
    rows = np.column_stack((boxes[box, :5], slot, boxes[box, 5 + slot]))
    _, threshold, nms = key.split("_")
    conf = float(threshold[1:])
    found = mapped(candidates(raw, head, threshold=conf, tree=tree), tree, nodes)
    selected = select(found, conf=conf, iou=0.45, nms=NMS[nms])
    assert_same_rows(rows_of(selected, (375, 500), grid), rows, ROW_TOLERANCE)


REGION_KEY = re.compile(r"dog_(letterbox|stretch)_t([\d.]+)_(none|sort|obj)")


@pytest.mark.golden
@pytest.mark.parametrize("case", ["voc_224x224", "coco_224x224", "voc5_224x224"])
def test_region_arrays_of_real_networks_give_darknets_detections(golden, models, case):
    entry = next(e for e in json.loads((golden / "b_detect" / "cases.json").read_text()) if e["case"] == case)
    head = head_of(models / entry["cfg"].removeprefix("../models/"))
    with np.load(golden / entry["npz"]) as arrays:
        expected = dict(arrays)
    picture = read_picture(golden / "pictures" / "dog.png").size
    keys = [key for key in map(REGION_KEY.fullmatch, expected) if key]
    assert len(keys) >= 10
    for key in keys:
        resize, threshold, nms = key.groups()
        prediction = read(expected[f"dog_{resize}_region"][None], head)
        conf, size = float(threshold), (224, 224)
        found = select(passing(prediction, threshold=conf), conf=conf, iou=0.45, nms=NMS[nms])
        placed_as = picture if resize == "letterbox" else size
        assert_same_rows(rows_of(found, placed_as, size), expected[key[0]], DETECT_TOLERANCE)


def head_of(path: Path) -> Region:
    head = read_cfg(path).region
    assert head is not None
    return head


def tree_head(folder: Path, case: str):
    """The head of a c_tree/det_* case, its tree, its raw array and its grid (rows, columns)."""
    name, width, height, anchors = DETECTED[case]
    tree = WordTree.read(folder / "data" / name)
    head = Region(tuple(zip(anchors[::2], anchors[1::2], strict=True)), classes=len(tree), softmax=True, tree=name)
    raw = recipe_in(folder).tree_head(3, len(tree), height, width, tree.parents.tolist(), 91)
    return head, tree, raw.reshape(1, head.channels, height, width), (height, width)


def parts_of(pattern: re.Pattern[str], key: str) -> tuple[str, ...]:
    match = pattern.fullmatch(key)
    assert match, key
    return match.groups()


def rows_of(found: Selection, picture_hw: tuple[int, int], network_hw: tuple[int, int]) -> np.ndarray:
    """Rows as Darknet's files have them: x, y, w, h in fractions of the picture, objectness, class, probability."""
    boxes = np.asarray(unletterbox(found.boxes, place_letterbox(picture_hw, network_hw)))
    return np.column_stack((boxes, np.asarray(found.objectness), np.asarray(found.class_ids), np.asarray(found.scores)))


def assert_same_rows(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Equal as sets: each expected row has its own found row of the same class, within the tolerance."""
    assert len(found) == len(expected)
    left = found.copy()
    for row in expected:
        distance = np.abs(left - row).max(axis=1)
        distance[left[:, 5] != row[5]] = np.inf
        nearest = int(np.argmin(distance))
        assert distance[nearest] <= tolerance, (row, left[nearest])
        left = np.delete(left, nearest, axis=0)
