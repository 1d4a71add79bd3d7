"""`darknet detector map` and `recall`: what is found in a list of pictures, against the labels beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from yolov2.errors import printable
from yolov2.evaluate.benchmarks import DarknetMap, darknet_map, darknet_recall
from yolov2.evaluate.found import find
from yolov2.evaluate.ground_truth import GroundTruth, read_ground_truth
from yolov2.evaluate.matching import HIT, MISS, Results, Truths, match_darknet
from yolov2.records import Detections, Failure
from yolov2.standin.program import Program, Rules
from yolov2.standin.voice import Voice

Told: TypeAlias = Callable[[Detections | Failure], None]

MAP_THRESH = 0.005  # Darknet: validate_detector_map
MAP_RULES = Rules(MAP_THRESH, hier=0, nms=0.45, is_last_node=True)
RECALL_THRESH, RECALL_NMS = 0.001, 0.4  # Darknet: validate_detector_recall


@dataclass(frozen=True, slots=True)
class Counting:
    """What the flags of `detector map` say."""

    thresh: float  # of the boxes that TP, FP, FN and their IoU count
    iou: float
    points: int  # of recall at which precision is read; 0: all of them


def read_truth(data: str, split: str = "valid") -> GroundTruth:
    """The pictures of valid= and their labels, both where Darknet looks for them. Raises LabelError."""
    return read_ground_truth(data, split=split, form="darknet", faithful=True)


def judge(program: Program, truth: GroundTruth, counting: Counting, voice: Voice) -> int:
    """The exit status: 1 if a picture failed; the lines of the mean average precision are said."""
    return int(mean_average(program, truth, counting, voice).failed > 0)


class Judged(NamedTuple):
    """What came of it."""

    mean: float
    failed: int  # pictures


def mean_average(program: Program, truth: GroundTruth, counting: Counting, voice: Voice) -> Judged:
    """The mean average precision; its lines are said. Source: AlexeyAB's `validate_detector_map`."""
    voice.say("\n calculation mAP (mean average precision)...")
    start = time.perf_counter()
    failures = _missing(truth, voice)
    results = _found(program, truth, _failing(failures, voice))
    found, lines = _map(results, _truths(truth), program.names or truth.classes, program.num_classes, counting)
    for line in lines:
        voice.say(line)
    voice.tell(f"Total Detection Time: {time.perf_counter() - start:.0f} Seconds")  # Darknet: on standard output
    return Judged(found.score.mean, len(failures))


def recall(program: Program, truth: GroundTruth, voice: Voice) -> int:
    """The exit status, likewise; a line with the counts so far is told after each picture.

    Source: Darknet `validate_detector_recall`.
    """
    options = program.detector.network.training
    voice.tell(f"Learning Rate: {options.learning_rate:g}, Momentum: {options.momentum:g}, Decay: {options.decay:g}")
    failures = _missing(truth, voice)
    _found(program, truth, _Running(_truths(truth), failures, voice))
    return int(bool(failures))


@dataclass(slots=True)
class _Running:
    """The counts of `recall` after each picture, in the order of the list."""

    truths: Truths
    failures: list[Failure]
    voice: Voice
    index: int = field(default=-1, init=False)
    seen: int = field(default=0, init=False)  # pictures that could be read
    boxes: int = field(default=0, init=False)
    correct: int = field(default=0, init=False)
    total: int = field(default=0, init=False)
    iou: float = field(default=0.0, init=False)

    def __call__(self, result: Detections | Failure) -> None:
        self.index += 1
        if isinstance(result, Failure):
            self.failures.append(result)
            self.voice.fail(result.error)
            return
        truths = self.truths[self.truths.image_ids == self.index]
        rows = np.full(len(result), self.index)
        scores, xyxy = result.scores.astype(np.float64), result.xyxy.astype(np.float64)
        one = darknet_recall(Results(rows, result.class_ids, scores, xyxy), truths, pictures=1)
        self.seen += 1
        self.boxes += len(result)
        self.correct += one.correct
        self.total += one.total
        self.iou += one.mean_iou * one.total
        self.voice.tell(self.line)

    @property
    def line(self) -> str:
        """Darknet's; before the first object it divides by zero, and here stands 0."""
        total = max(1, self.total)
        return (
            f"{self.index:5d} {self.correct:5d} {self.total:5d}\tRPs/Img: {self.boxes / self.seen:.2f}"
            f"\tIOU: {100 * self.iou / total:.2f}%\tRecall:{100 * self.correct / total:.2f}%"
        )


def _map(
    results: Results, truths: Truths, names: tuple[str, ...], classes: int, counting: Counting
) -> tuple[DarknetMap, list[str]]:
    """The scores, and what `detector map` prints of them. Darknet ends some lines with a space, and these do, too."""
    found = darknet_map(
        results, truths, classes=classes, conf=counting.thresh, iou=counting.iou, points=counting.points
    )
    verdicts = match_darknet(results, truths, iou=counting.iou).verdicts
    shown = results.scores > counting.thresh
    hits, misses = (
        np.bincount(results.class_ids[shown & (verdicts == verdict)], minlength=classes) for verdict in (HIT, MISS)
    )
    lines = [f"\n detections_count = {len(results)}, unique_truth_count = {found.score.truths.sum()}  "]
    for class_id, average in enumerate(found.score.per_class.tolist()):
        name = printable(names[class_id]) if class_id < len(names) else str(class_id)
        lines.append(
            f"class_id = {class_id}, name = {name}, ap = {100 * average:.2f}%   "
            f"\t (TP = {hits[class_id]}, FP = {misses[class_id]}) "
        )
    return found, lines + _total_lines(found, counting)


def _total_lines(found: DarknetMap, counting: Counting) -> list[str]:
    at = f" for conf_thresh = {counting.thresh:.2f}, "
    how = f"{counting.points} Recall-points" if counting.points else "Area-Under-Curve for each unique Recall"
    mean = found.score.mean
    counts = (
        f"TP = {found.hits}, FP = {found.misses}, FN = {found.unfound}, average IoU = {100 * found.mean_iou:.2f} % "
    )
    return [
        f"\n{at}precision = {found.precision:.2f}, recall = {found.recall:.2f}, F1-score = {found.f1:.2f} ",
        at + counts,
        f"\n IoU threshold = {100 * counting.iou:2.0f} %, used {how} ",
        f" mean average precision (mAP@{counting.iou:.2f}) = {mean:f}, or {100 * mean:.2f} % ",
    ]


def _found(program: Program, truth: GroundTruth, told: Told) -> Results:
    return find(program, truth, names=program.names, on_result=told).results


def _truths(truth: GroundTruth) -> Truths:
    """The labels as they are: Darknet knows a class by its number, whatever the names."""
    samples = truth.samples
    return Truths(samples.rows, samples.class_ids, samples.boxes, samples.difficult, samples.crowd, samples.areas)


def _missing(truth: GroundTruth, voice: Voice) -> list[Failure]:
    for failure in truth.failures:
        voice.fail(failure.error)
    return list(truth.failures)


def _failing(failures: list[Failure], voice: Voice) -> Told:
    def told(result: Detections | Failure) -> None:
        if isinstance(result, Failure):
            failures.append(result)
            voice.fail(result.error)

    return told
