"""All that a detector finds in the pictures of a data set, as flat arrays. From files: detections_file.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yolov2.data.class_names import ClassMap
from yolov2.detect.pipeline import Finder, run
from yolov2.detect.sources import Source
from yolov2.errors import LabelError, Yolov2Warning, printable
from yolov2.evaluate.benchmarks import comp4_corners
from yolov2.evaluate.ground_truth import GroundTruth
from yolov2.evaluate.matching import Results
from yolov2.records import Detections, Failure


class NamedFinder(Finder[Detections], Protocol):
    """What is asked of a Detector here."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def num_classes(self) -> int: ...


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Detections of all pictures of a GroundTruth."""

    results: Results  # image_ids: index of the picture; class_ids: of `names`; boxes between the edges of pixels
    names: tuple[str, ...]
    sizes: NDArray[np.int64]  # (P, 2) height, width of each picture as it was read
    is_read: NDArray[np.bool_]  # (P,)
    failures: tuple[Failure, ...] = ()


def class_names_of(detector: NamedFinder, truth: GroundTruth) -> tuple[str, ...]:
    """What a model calls its classes; one without names has the data's, in their order, and a warning says so.

    Raises LabelError for a model without names that has another number of classes.
    """
    if detector.names:
        return detector.names
    if detector.num_classes != len(truth.classes):
        found, expected = f"a model of {detector.num_classes} classes without names", f"{len(truth.classes)} classes"
        raise LabelError.at(printable(truth.data), found=found, expected=expected, repair="give --names FILE")
    warnings.warn(
        "the model has no class names: its classes are taken for those of the data, in their order",
        Yolov2Warning,
        stacklevel=2,
    )
    return truth.classes


def find(
    detector: NamedFinder,
    truth: GroundTruth,
    *,
    names: Sequence[str],
    batch: int = 1,
    on_result: Callable[[Detections | Failure], None] = lambda result: None,
) -> Found:
    """What a detector finds in every picture; `on_result` is called after each. What can't be read is a failure."""
    pictures = [Path(picture) for picture in truth.samples.pictures]
    sources = [Source(path, "picture", Path(path.name)) for path in pictures]
    sizes, is_read = truth.samples.sizes.copy(), np.ones(len(sources), np.bool_)
    boxes: list[NDArray[np.floating]] = [np.zeros((0, 4))]
    scores: list[NDArray[np.floating]] = [np.zeros(0)]
    class_ids = [np.zeros(0, np.int64)]
    counts = np.zeros(len(sources), np.int64)
    failures: list[Failure] = []
    with closing(run(detector, sources, batch=batch)) as results:
        for index, result in enumerate(results):
            if isinstance(result, Failure):
                is_read[index] = False
                failures.append(result)
            else:
                boxes.append(result.xyxy)
                scores.append(result.scores)
                class_ids.append(result.class_ids)
                counts[index], sizes[index] = len(result), result.size
            on_result(result)
    _tell_other_sizes(truth, sizes)
    flat = Results(
        np.repeat(np.arange(len(sources)), counts),
        np.concatenate(class_ids),
        np.concatenate(scores, dtype=np.float64),
        np.concatenate(boxes, dtype=np.float64),
    )
    return Found(flat, tuple(names), sizes, is_read, tuple(failures))


def results_of(found: Found, classes: ClassMap) -> Results:
    """The detections of the classes that count, by their numbers there."""
    class_ids = classes.of_model[found.results.class_ids]
    kept, counts = found.results, class_ids >= 0
    return Results(kept.image_ids[counts], class_ids[counts], kept.scores[counts], kept.xyxy[counts])


def in_voc_pixels(results: Results, sizes: NDArray[np.int64]) -> Results:
    """The same with VOC's corners, as a comp4 file has them; sizes: (P, 2) of the pictures."""
    corners = comp4_corners(results.xyxy, sizes[results.image_ids])
    return Results(results.image_ids, results.class_ids, results.scores, corners)


def in_pictures(results: Results, sizes: NDArray[np.int64]) -> Results:
    """The same cut at the edges of the pictures, as COCO results have them. Source: Darknet `print_cocos`."""
    limits = sizes[results.image_ids][:, ::-1]
    boxes = np.concatenate((np.maximum(results.xyxy[:, :2], 0), np.minimum(results.xyxy[:, 2:], limits)), axis=1)
    return Results(results.image_ids, results.class_ids, results.scores, boxes)


def _tell_other_sizes(truth: GroundTruth, sizes: NDArray[np.int64]) -> None:
    """Warn of pictures that are not as large as their labels say: the boxes are then of another picture."""
    odd = np.flatnonzero((sizes != truth.samples.sizes).any(axis=1)).tolist()
    if odd:
        first = printable(truth.samples.pictures[odd[0]])
        count = "1 picture has" if len(odd) == 1 else f"{len(odd):,} pictures have"
        warnings.warn(
            f"{count} another size than their labels say, the first {first}; `yolov2 data check` lists all",
            Yolov2Warning,
            stacklevel=3,
        )
