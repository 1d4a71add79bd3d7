"""How often a classifier is right about pictures whose class is known: with its first answer, with one of its best."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolov2.detect.classifier import Classifier
from yolov2.detect.pipeline import run
from yolov2.detect.sources import Source
from yolov2.records import Classification, Failure
from yolov2.samples import UNKNOWN, Samples

BATCH = 32


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a classifier knows of so many pictures."""

    pictures: int  # that could be read
    first: int  # where the best answer is right
    among: int  # where one of the best `top` is
    top: int
    failures: tuple[Failure, ...] = ()  # of pictures that count neither way

    @property
    def top1(self) -> float:
        """The share of right first answers; 0 of no picture."""
        return self.first / max(1, self.pictures)

    @property
    def top_k(self) -> float:
        """The share of pictures whose class is among the best `top` answers."""
        return self.among / max(1, self.pictures)


def accuracy(classifier: Classifier, samples: Samples, *, top: int = 5, batch: int = BATCH) -> Accuracy:
    """How right the classifier is about these samples; those without a class are left out.

    Its answers are the classes of the samples: of a network over a WordTree, give it their nodes as its map.
    Source: Darknet `validate_classifier_single`.
    """
    chosen = samples.take(np.flatnonzero(samples.labels != UNKNOWN))
    sources = [Source(Path(picture), "picture", Path(picture)) for picture in chosen.pictures]
    places: list[int] = []
    failures: list[Failure] = []
    with closing(run(classifier, sources, batch=batch)) as results:
        for label, found in zip(chosen.labels.tolist(), results, strict=True):
            if isinstance(found, Failure):
                failures.append(found)
            else:
                places.append(place_of(found, label))
    first, among = (sum(place < limit for place in places) for limit in (1, top))
    return Accuracy(len(places), first, among, top, tuple(failures))


def place_of(found: Classification, label: int) -> int:
    """Where a class stands among the answers, from 0; behind all where it is none of them."""
    at = np.flatnonzero(found.class_ids == label)
    return int(at[0]) if len(at) else len(found.class_ids)
