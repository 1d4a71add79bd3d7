"""`yolov2.evaluate`: how well a model finds what is in a data set, by the rules of VOC and COCO, from one run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.data.cache import many_objects
from yolov2.data.class_names import ClassMap, match_classes
from yolov2.detect.detector import Detector
from yolov2.detect.model_files import find_model
from yolov2.evaluate import found as detections_of
from yolov2.evaluate import ground_truth
from yolov2.evaluate.average_precision import all_points, at_levels
from yolov2.evaluate.benchmarks import DarknetRecall, Score, darknet_recall, voc
from yolov2.evaluate.coco import CocoScore, coco
from yolov2.evaluate.curves import Calibration, Curve, Threshold, best_threshold, calibration, confusion, curve
from yolov2.evaluate.detections_file import read_detections
from yolov2.evaluate.found import Found, NamedFinder
from yolov2.evaluate.ground_truth import GroundTruth, read_ground_truth
from yolov2.evaluate.matching import Results, Truths, match_voc
from yolov2.records import Detections, Failure

CONF = 0.005  # the floor of scores, as in Darknet's `detector valid`: a curve needs the unsure ones, too
IOU = 0.5  # of VOC's rules
USUAL_CONF = 0.25  # the threshold of a class for which none can be proposed
FILES = ("weights", "names", "tree", "map")  # options that name files of the model
# Settings that change a score, beside the input's size.
SAID = ("conf", "iou", "nms", "tree_threshold", "depth", "resize", "roi", "tile", "min_size", "max_size", "faithful")


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """The scores of one run, and what they were counted from. Fractions are from 0 to 1; NaN: nothing to find."""

    truth: GroundTruth  # the pictures that were read
    classes: ClassMap  # those that count
    results: Results  # image_ids: index of the picture; class_ids: of classes.names; boxes cut at the picture's edges
    truths: Truths  # likewise, as the labels have them, between the edges of pixels
    sizes: NDArray[np.int64]  # (P, 2) height, width of the pictures
    failures: tuple[Failure, ...]  # pictures that could not be read: not counted
    voc07: Score
    voc12: Score
    coco: CocoScore
    recall: DarknetRecall  # whatever the class, of all detections of the run
    curves: tuple[Curve, ...]  # (C,) at IoU 0.5
    thresholds: tuple[Threshold | None, ...]  # (C,) where F1 is best; None: no cut has a hit
    confusion: NDArray[np.int64]  # (C + 1, C + 1) above the thresholds; see curves.confusion
    calibration: Calibration
    model: Mapping[str, Any] | None  # its name, the SHA-256 of its file, its input; None for detections of a file
    settings: Mapping[str, Any]  # how was looked for, and how counted

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that count."""
        return self.classes.names

    @property
    def cuts(self) -> NDArray[np.float64]:
        """(C,) the threshold of each class, 0.25 where none can be proposed."""
        return np.array([USUAL_CONF if one is None else one.conf for one in self.thresholds])

    @property
    def shown(self) -> Results:
        """The detections above the threshold of their class: what a user would see."""
        return self.results[self.results.scores > self.cuts[self.results.class_ids]]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; see metrics_file.py."""
        from yolov2.evaluate.metrics_file import metrics_of  # which knows this record

        return metrics_of(self)


def evaluate(
    data: str | Path,
    *,
    model: str | Path | NamedFinder | None = None,
    detections: str | Path | None = None,
    split: str | None = None,
    images: str | Path | None = None,
    conf: float | None = None,
    max_det: int | None = None,
    classes: Sequence[str] | None = None,
    batch: int = 1,
    on_start: Callable[[GroundTruth, ClassMap], None] = lambda truth, classes: None,
    on_result: Callable[[Detections | Failure], None] = lambda result: None,
    **options: Any,
) -> Evaluation:
    """The scores of a model, or of the detections in a file, on a data set.

    data: a VOC folder, COCO .json, Darknet .data or data.yaml; "DATA@split", or `split`, for one of its splits.
    model: whatever `yolov2.load` takes, with its `options`; or a Detector. detections: COCO results or comp4 files of
    another program, in place of a model. conf: only what scores above it counts; without it 0.005, and all of a file.
    classes: only these count. on_start is called when all is ready, on_result after each picture.
    A picture that can't be read is in `failures`, and the scores are those of the others.
    Raises Yolov2Error, one line, if nothing can be measured; BackendError without faster-coco-eval.
    """
    if detections is not None and model is not None:
        raise ValueError("evaluate: found model and detections, expected one of them")
    _require_coco()
    truth = read_ground_truth(data, split=split, images=None if images is None else Path(images))
    if detections is not None:
        found = read_detections(detections, truth)
        mapped = match_classes(found.names, truth.classes, only=classes, where=truth.data)
        on_start(truth, mapped)
        return score(truth, found, mapped, conf=conf, settings={"detections": str(detections), "conf": conf})
    conf = CONF if conf is None else conf
    with _opened(model, options, conf=conf, max_det=max_det) as (detector, note):
        names = detections_of.class_names_of(detector, truth)
        mapped = match_classes(names, truth.classes, only=classes, where=truth.data)
        on_start(truth, mapped)
        found = detections_of.find(detector, truth, names=names, batch=batch, on_result=on_result)
        return score(truth, found, mapped, conf=conf, model=note, settings=_said(detector.settings, batch))


def score(
    truth: GroundTruth,
    found: Found,
    classes: ClassMap,
    *,
    conf: float | None = None,
    model: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Evaluation:
    """All numbers of what was found in the pictures of `truth`; only scores above `conf` count, without it all."""
    failures = truth.failures + found.failures
    truth, found = _only_read(truth, found)
    count = len(classes.names)
    truths = ground_truth.truths_of(truth.samples, classes)
    results = detections_of.results_of(found, classes)
    results = results if conf is None else results[results.scores > conf]
    results = detections_of.in_pictures(results, found.sizes)
    voc_results, voc_truths = detections_of.in_voc_pixels(results, found.sizes), ground_truth.in_voc_pixels(truths)
    matches = match_voc(voc_results, voc_truths, iou=IOU)
    curves = tuple(curve(matches, voc_results, voc_truths, class_id) for class_id in range(count))
    thresholds = tuple(best_threshold(one, floor=conf or 0.0) for one in curves)
    cuts = np.array([USUAL_CONF if one is None else one.conf for one in thresholds])
    shown = results[results.scores > cuts[results.class_ids]]
    with many_objects():  # the library wants a mapping a box
        coco_score = coco(results, truths, classes=count)
    return Evaluation(
        truth,
        classes,
        results,
        truths,
        found.sizes,
        failures,
        voc07=voc(matches, voc_results, voc_truths, classes=count, average=at_levels),
        voc12=voc(matches, voc_results, voc_truths, classes=count, average=all_points),
        coco=coco_score,
        recall=darknet_recall(results, truths[truths.counted], pictures=len(truth.samples), conf=-1.0),
        curves=curves,
        thresholds=thresholds,
        confusion=confusion(shown, truths, classes=count, conf=0.0, iou=IOU),
        calibration=calibration(matches, voc_results),
        model=model,
        settings=dict(settings or {}),
    )


def _only_read(truth: GroundTruth, found: Found) -> tuple[GroundTruth, Found]:
    """Both without the pictures that could not be read."""
    if found.is_read.all():
        return truth, found
    kept = np.flatnonzero(found.is_read)
    new_index = np.cumsum(found.is_read) - 1
    rows = found.results  # none of them lies in a picture that could not be read
    results = Results(new_index[rows.image_ids], rows.class_ids, rows.scores, rows.xyxy)
    return truth.take(kept), Found(results, found.names, found.sizes[kept], found.is_read[kept])


def _require_coco() -> None:
    """Raises BackendError now rather than after the run."""
    nothing = np.zeros(0, np.int64)
    no = nothing.astype(np.bool_)
    empty = np.zeros((0, 4))
    coco(Results(nothing, nothing, np.zeros(0), empty), Truths(nothing, nothing, empty, no, no, np.zeros(0)), classes=0)


@contextmanager
def _opened(
    model: str | Path | NamedFinder | None, options: Mapping[str, Any], *, conf: float, max_det: int | None
) -> Generator[tuple[NamedFinder, dict[str, Any]]]:
    """The model, and what to say of it. One that was opened already has its own files, and stays open."""
    wanted: dict[str, Any] = {"conf": conf, "max_det": max_det}
    if model is None or isinstance(model, str | Path):
        with Detector.open(model, **options, **wanted) as detector:
            yield detector, _note(detector) | _file_note(model, options)
    elif isinstance(model, Detector):
        yield model.with_settings(**options, **wanted), _note(model)
    else:
        yield model, {"name": type(model).__name__}


def _note(detector: Detector) -> dict[str, Any]:
    height, width = detector.input_size
    return {"name": detector.network.name, "width": width, "height": height, "backend": detector.backend.name}


def _file_note(model: str | Path | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a model is called, and the SHA-256 of the file that its weights lie in."""
    files = find_model(model, **{key: options[key] for key in FILES if key in options})
    weights = files.checkpoint or files.weights
    assert weights is not None, "the model was opened a moment ago"
    with weights.open("rb") as file:
        return {"name": files.where, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _said(settings: Any, batch: int) -> dict[str, Any]:
    """The settings of a run as JSON can say them, but for those of no consequence."""
    said: dict[str, Any] = {key: getattr(settings, key) for key in SAID}  # JSON has lists for the tuples
    return said | {"max_det": settings.limit, "batch": batch}
