"""A detector that answers as Darknet's program does: its thresholds, every class of a box, and boxes in its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yolov2.boxes import xyxy_from_cxcywh
from yolov2.detect.decoder import PLACEMENTS
from yolov2.detect.detector import Detector
from yolov2.detect.settings import Settings
from yolov2.hierarchy.wordtree import WordTree, absolute_probabilities, top_prediction
from yolov2.pictures.letterbox import unletterbox
from yolov2.records import Detections, Frame
from yolov2.region.decode import Candidates, activate, candidates, mapped, read
from yolov2.region.select import select

Floats = NDArray[np.float32]

LIKELY = 0.5  # AlexeyAB's walk ends at the last node with P(node) above this


@dataclass(frozen=True, slots=True)
class Rules:
    """What Darknet's flags say of an answer."""

    thresh: float
    hier: float = 0.5
    nms: float = 0.45  # 0: none
    by: Literal["class", "objectness"] = "class"  # Darknet: do_nms_sort, do_nms_obj
    is_last_node: bool = False  # a box of a tree has the last likely node of all, as AlexeyAB's, and no walk
    is_classless: bool = False  # a box counts once, by its objectness, whatever it is: Darknet's `recall`


class Program:
    """What pipeline.run asks of a detector, with Darknet's rules for the answer.

    Rows of one box stand together, in the order of its classes; boxes stand in the order of Darknet's list.
    """

    def __init__(self, detector: Detector, rules: Rules) -> None:
        self.detector, self.rules = detector, rules

    @property
    def settings(self) -> Settings:
        return self.detector.settings

    @property
    def names(self) -> tuple[str, ...]:
        return self.detector.names

    @property
    def num_classes(self) -> int:
        return self.detector.num_classes

    @property
    def channels(self) -> int:
        return self.detector.channels

    def prepare(self, frame: Frame) -> Any:
        return self.detector.prepare(frame)

    def raw(self, images: Any) -> Floats:
        return self.detector.raw(images)

    def decode(self, raw: Floats, *, frames: Sequence[Frame]) -> list[Detections]:
        """What is found in each frame, from the raw heads (B, ...)."""
        region, tree, rules = self.detector.region, self.detector.tree, self.rules
        is_walked = (
            self.detector.map is None
        )  # the last likely node, too: with more than half it is the best of its group
        answers: list[Detections] = []
        for frame, head in zip(frames, raw, strict=True):
            found = candidates(head[None], region, threshold=rules.thresh, tree=tree, is_walked=is_walked)
            answers.append(self._answer(found, frame))
        return answers

    def activated(self, raw: Floats) -> Floats:
        """The output of Darknet's region layer for a raw head, of which `decode_activated` takes an average, too."""
        return activate(raw, self.detector.region, tree=self.detector.tree)

    def decode_activated(self, activated: Floats, *, frame: Frame) -> Detections:
        """What is found in the one frame, from the region layer's output (1, ...)."""
        region = self.detector.region
        prediction = read(activated, region)
        objectness = prediction.objectness.reshape(-1)
        index = np.nonzero(objectness > self.rules.thresh)[0]
        found = Candidates(
            pictures=np.zeros(len(index), np.int64),
            boxes=prediction.boxes.reshape(-1, 4)[index],
            objectness=objectness[index],
            class_probs=prediction.class_probs.reshape(-1, region.classes)[index],
        )
        return self._answer(found, frame)

    def _answer(self, found: Candidates, frame: Frame) -> Detections:
        rules, detector = self.rules, self.detector
        found = _with_classes(found, rules, detector.tree, detector.map)
        nms = rules.by if rules.nms > 0 else "none"
        chosen = select(found, conf=rules.thresh, iou=rules.nms, nms=nms)
        place = _places(found, rules)[chosen.candidates]
        order = np.lexsort((chosen.class_ids, place))
        placement = PLACEMENTS[self.settings.resize](frame.size, detector.input_size)
        height, width = frame.size
        relative = xyxy_from_cxcywh(unletterbox(chosen.boxes[order], placement))
        return Detections(
            xyxy=(relative * np.array([width, height, width, height], np.float32)).astype(np.float32),
            scores=chosen.scores[order].astype(np.float32),
            class_ids=chosen.class_ids[order],
            objectness=chosen.objectness[order].astype(np.float32),
            size=frame.size,
            labels=detector.names,
            source=frame.source,
            frame_index=frame.index,
            frame=frame,
        )


def boxes_of(found: Detections) -> Iterator[Detections]:
    """The rows of one box after the other: those that follow each other with one place and one objectness."""
    claims = np.column_stack((found.xyxy, found.objectness))
    for _, rows in groupby(range(len(found)), key=lambda row: claims[row].tobytes()):
        yield found[np.array(list(rows))]


def _with_classes(found: Candidates, rules: Rules, tree: WordTree | None, nodes: Sequence[int] | None) -> Candidates:
    """The same boxes with the classes that Darknet gives them: of a tree one node, or those of a map."""
    if rules.is_classless:
        return replace(found, class_probs=np.ones((len(found.boxes), 1), np.float32))
    if tree is None:
        return found
    if nodes is not None:
        return mapped(found, tree, np.array(nodes, np.int64))
    if not len(found.boxes):
        return found
    rows = np.arange(len(found.boxes))
    one: Floats = np.zeros_like(found.class_probs)
    if rules.is_last_node:  # its score is P(node) alone
        absolute = absolute_probabilities(found.class_probs, tree)
        likely = absolute > LIKELY
        last = likely.shape[1] - 1 - np.argmax(likely[:, ::-1], axis=1)
        one[rows, last] = np.where(likely[rows, last], absolute[rows, last], 0)
        return replace(found, objectness=np.ones_like(found.objectness), class_probs=one)
    one[rows, top_prediction(found.class_probs, tree, threshold=rules.hier, faithful=True)] = 1
    return replace(found, class_probs=one)


def _places(found: Candidates, rules: Rules) -> NDArray[np.int64]:
    """(N,) where each box stands in Darknet's list after its NMS, which sorts that list once for every class in turn.

    So the boxes of the last class come first, best first, then those of the class before it.
    """
    count = len(found.boxes)
    if rules.by == "objectness" or not count:
        order = np.argsort(-found.objectness, kind="stable")
    else:
        scores = found.objectness[:, None] * found.class_probs
        scores = np.where(scores > rules.thresh, scores, 0)
        used = np.nonzero(np.any(scores > 0, axis=0))[0]
        order = np.lexsort(-scores[:, used].T) if len(used) else np.arange(count)  # the last key sorts first
    places = np.empty(count, np.int64)
    places[order] = np.arange(count)
    return places
