"""What whoever trains a detector wants to know of it on labelled pictures: one number, and how sure it ever was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolov2.data.class_names import match_classes
from yolov2.evaluate import found as detections_of
from yolov2.evaluate import ground_truth
from yolov2.evaluate.benchmarks import voc12
from yolov2.evaluate.found import NamedFinder
from yolov2.evaluate.ground_truth import GroundTruth
from yolov2.samples import Samples


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a detector does on the pictures of a validation."""

    mean_ap: float  # over classes with truths, at an IoU of 0.5, by VOC's rule of 2012; 0 without any
    surest: float  # the best score of any detection; 0 where there is none
    surest_of: str  # what and where that is, in words


def judge(detector: NamedFinder, samples: Samples, *, classes: Sequence[str], batch: int = 8) -> Judgement:
    """The detector's answers to these pictures, judged. A picture that can't be read counts as one without answers."""
    truth = GroundTruth("validation", "voc", "val", tuple(classes), samples, (), samples.ids)
    mapped = match_classes(tuple(classes), tuple(classes), where="validation")
    found = detections_of.find(detector, truth, names=classes, batch=batch)
    results = detections_of.results_of(found, mapped)
    truths = ground_truth.in_voc_pixels(ground_truth.truths_of(samples, mapped))
    mean = voc12(detections_of.in_voc_pixels(results, found.sizes), truths, classes=len(classes)).mean
    score = 0.0 if np.isnan(mean) else float(mean)
    if not len(results):
        return Judgement(score, 0.0, "no box at all")
    best = int(np.argmax(results.scores))
    corners = " ".join(f"{side:.0f}" for side in results.xyxy[best])
    name, picture = classes[int(results.class_ids[best])], samples.pictures[int(results.image_ids[best])]
    return Judgement(score, float(results.scores[best]), f"{name} at {corners} in {picture}")
