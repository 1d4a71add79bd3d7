"""Darknet's answers: its classes, and its order of boxes, against plain loops and against what Darknet wrote."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rows import assert_same_rows, rows_of
from yolov2.darknet.cfg import parse_cfg, read_cfg
from yolov2.darknet.weights import initial_weights, read_weights
from yolov2.detect.detector import Detector
from yolov2.hierarchy.wordtree import WordTree, grouped_softmax
from yolov2.records import Detections, Frame
from yolov2.standin.program import Program, Rules, boxes_of

SCORE_NOISE = 1e-6  # float32, in another order
THRESH, NMS = 0.2, 0.3

CFG = """[net]
width=96
height=64
channels=3
[convolutional]
filters={filters}
size=1
stride=32
activation=linear
[region]
anchors=1,1, 2,1.5
classes={classes}
num=2
{kind}
"""
KEY = re.compile(r"([a-z]+)_(letterbox|stretch)_t([.\d]+)_(sort|obj|none)")
TREE = WordTree(("a", "b", "a1", "a2", "b1", "b2"), np.array([-1, -1, 0, 0, 1, 1]))


def small_detector(classes: int, *, tree: WordTree | None = None, kind: str = "softmax=0") -> Detector:
    network = parse_cfg(CFG.format(filters=2 * (5 + classes), classes=classes, kind=kind))
    return Detector(network, initial_weights(network), tree=tree, resize="stretch", faithful=True)


def random_head(seed: int, classes: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1.5, (1, 2 * (5 + classes), 2, 3)).astype(np.float32)


def frame() -> Frame:
    return Frame(np.zeros((64, 96, 3), np.uint8))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


Box = tuple[float, float, float, float]  # cxcywh, in parts of the picture


def slow_list(head: NDArray[np.float32], classes: int, *, thresh: float) -> list[tuple[Box, float, list[float]]]:
    """Box, objectness and probabilities of every anchor in every cell, in the order in which Darknet makes its list."""
    anchors, rows, columns = [(1, 1), (2, 1.5)], head.shape[2], head.shape[3]
    cells = head[0].reshape(2, 5 + classes, rows, columns).astype(np.float64)
    made: list[tuple[Box, float, list[float]]] = []
    for n, (width, height) in enumerate(anchors):
        for j in range(rows):
            for i in range(columns):
                tx, ty, tw, th, claim, *logits = cells[n, :, j, i]
                box = (
                    *((i + sigmoid(tx)) / columns, (j + sigmoid(ty)) / rows),
                    *(math.exp(tw) * width / columns, math.exp(th) * height / rows),
                )
                objectness = sigmoid(claim)
                scores = [objectness * sigmoid(logit) for logit in logits]
                kept = [score if objectness > thresh and score > thresh else 0.0 for score in scores]
                made.append((box, objectness if objectness > thresh else 0.0, kept))
    return made


def slow_iou(a: Box, b: Box) -> float:
    sides = [
        min(a[k] + a[k + 2] / 2, b[k] + b[k + 2] / 2) - max(a[k] - a[k + 2] / 2, b[k] - b[k + 2] / 2) for k in (0, 1)
    ]
    overlap = max(sides[0], 0) * max(sides[1], 0)
    return overlap / (a[2] * a[3] + b[2] * b[3] - overlap)


def slow_sort_nms(made: list[tuple[Box, float, list[float]]], classes: int, *, nms: float) -> None:
    """Darknet's do_nms_sort, in place: the list is sorted anew for every class, and stays as the last one left it."""
    made[:] = [entry for entry in made if entry[1]]
    for k in range(classes):
        made.sort(key=lambda entry: -entry[2][k])
        for i, (box, _, scores) in enumerate(made):
            for other, _, others in made[i + 1 :] if scores[k] else ():
                if slow_iou(box, other) > nms:
                    others[k] = 0.0


def slow_objectness_nms(made: list[tuple[Box, float, list[float]]], *, nms: float) -> None:
    """Darknet's do_nms_obj, likewise."""
    made[:] = sorted((entry for entry in made if entry[1]), key=lambda entry: -entry[1])
    gone: set[int] = set()
    for i, (box, _, _) in enumerate(made):
        for j in range(i + 1, len(made)) if i not in gone else ():
            if slow_iou(box, made[j][0]) > nms:
                gone.add(j)
                made[j][2][:] = [0.0] * len(made[j][2])


def in_parts(found: Detections) -> list[tuple[int, float]]:
    return list(zip(found.class_ids.tolist(), found.scores.tolist(), strict=True))


@pytest.mark.parametrize("by", ["class", "objectness"])
@pytest.mark.parametrize("classes", [1, 2, 5])
def test_boxes_and_their_order_are_those_of_plain_loops(classes, by):
    many = 0
    with small_detector(classes) as detector:
        program = Program(detector, Rules(THRESH, nms=NMS, by=by))
        for seed in range(30):
            head = random_head(seed, classes)
            made = slow_list(head, classes, thresh=THRESH)
            if by == "class":
                slow_sort_nms(made, classes, nms=NMS)
            else:
                slow_objectness_nms(made, nms=NMS)
            expected = [(k, score) for _, _, scores in made for k, score in enumerate(scores) if score]
            (found,) = program.decode(head, frames=[frame()])
            assert found.class_ids.tolist() == [k for k, _ in expected]
            np.testing.assert_allclose(found.scores, [score for _, score in expected], atol=SCORE_NOISE)
            boxes = [box for box, _, scores in made for score in scores if score]
            np.testing.assert_allclose(rows_of(found)[:, :4], np.reshape(boxes, (-1, 4)), atol=1e-5)
            many += len(found)
    assert many > 50


def test_an_average_of_one_is_the_answer_itself():
    with small_detector(3) as detector:
        program = Program(detector, Rules(THRESH, nms=NMS))
        for seed in range(5):
            head = random_head(seed, 3)
            (direct,) = program.decode(head, frames=[frame()])
            activated = program.decode_activated(program.activated(head), frame=frame())
            assert direct.class_ids.tolist() == activated.class_ids.tolist()
            np.testing.assert_allclose(rows_of(direct), rows_of(activated), atol=SCORE_NOISE)


def test_without_nms_every_box_stays():
    head = random_head(3, 2)
    with small_detector(2) as detector:
        (found,) = Program(detector, Rules(THRESH, nms=0)).decode(head, frames=[frame()])
    assert len(found) == sum(score > 0 for _, _, scores in slow_list(head, 2, thresh=THRESH) for score in scores)


def test_classes_of_one_box_stand_together():
    head = np.full((1, 14, 2, 3), -9, np.float32)
    head[0, 7:14, 1, 2] = (0, 0, 0, 0, 9, 1, 2)  # one box with two classes
    with small_detector(2) as detector:
        (found,) = Program(detector, Rules(THRESH)).decode(head, frames=[frame()])
    assert [box.class_ids.tolist() for box in boxes_of(found)] == [[0, 1]]


@pytest.mark.parametrize("is_last_node", [False, True])
def test_a_tree_gives_one_node_a_box(is_last_node):
    """pjreddie's: the walk over products of products, with the objectness. AlexeyAB's: the last node above .5."""
    seen: set[int] = set()
    with small_detector(6, tree=TREE, kind="tree=six.tree") as detector:
        program = Program(detector, Rules(THRESH, nms=0, is_last_node=is_last_node))
        for seed in range(20):
            head = 2 * random_head(seed, 6)
            (found,) = program.decode(head, frames=[frame()])
            expected = sorted(slow_nodes(head, is_last_node=is_last_node))
            assert sorted(found.class_ids.tolist()) == [node for node, _ in expected]
            np.testing.assert_allclose(sorted(found.scores), sorted(score for _, score in expected), atol=SCORE_NOISE)
            seen |= set(found.class_ids.tolist())
    assert seen == set(range(6))


def slow_nodes(head: NDArray[np.float32], *, is_last_node: bool) -> Iterator[tuple[int, float]]:
    cells = head[0].reshape(2, 11, 6).transpose(0, 2, 1).reshape(-1, 11)
    for cell in cells:
        objectness = sigmoid(float(cell[4]))
        conditional = grouped_softmax(cell[None, 5:], TREE)[0]
        absolute = [
            float(conditional[k] * (conditional[TREE.parents[k]] if TREE.parents[k] >= 0 else 1)) for k in range(6)
        ]
        if objectness <= THRESH:
            continue
        if is_last_node:
            last = max((k for k in range(6) if absolute[k] > 0.5), default=None)
            if last is not None:
                yield last, absolute[last]
            continue
        root = int(np.argmax(absolute[:2]))
        child = max((2 * root + 2, 2 * root + 3), key=lambda k: absolute[k])
        yield (child if absolute[root] > 0.5 and absolute[root] * absolute[child] > 0.5 else root), objectness


@pytest.mark.golden
@pytest.mark.parametrize("case", ["voc_224x224", "coco_224x224"])
def test_rows_are_darknets(golden: Path, models: Path, case: str):
    entry = next(e for e in json.loads((golden / "b_detect" / "cases.json").read_text()) if e["case"] == case)
    network = read_cfg(models / entry["cfg"].removeprefix("../models/"))
    weights = read_weights(models / entry["weights"].removeprefix("../models/"), network)
    with np.load(golden / entry["npz"]) as arrays:
        keys = [match for match in map(KEY.fullmatch, arrays) if match]
        assert len(keys) >= 50
        for resize in ("letterbox", "stretch"):
            with Detector(network, weights, resize=resize, faithful=True) as detector:
                for key in (key for key in keys if key[2] == resize):
                    rules = Rules(
                        float(key[3]),
                        nms=0 if key[4] == "none" else 0.45,
                        by="objectness" if key[4] == "obj" else "class",
                    )
                    program = Program(detector, rules)
                    shown = detector.frame(golden / "pictures" / f"{key[1]}.png")
                    (found,) = program.decode(program.raw([program.prepare(shown)]), frames=[shown])
                    assert_same_rows(rows_of(found), arrays[key.string], conf=rules.thresh, what=key.string)
