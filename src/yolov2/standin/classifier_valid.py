"""Darknet's `classifier valid` and its kin: how often a classifier is right over a list of pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from yolov2.darknet.lists import read_data
from yolov2.darknet.sections import Section
from yolov2.darknet.text import read_text
from yolov2.detect.pipeline import run
from yolov2.detect.sources import Source
from yolov2.errors import FormatError, ModelError, printable
from yolov2.network.spec import Network
from yolov2.records import Classification, Failure
from yolov2.standin.classifier_model import (
    Cropped,
    labels_path,
    open_classifier,
    open_classifier_network,
    read_labels,
    top_of,
)
from yolov2.standin.line import Line
from yolov2.standin.model import data_path, listed_path
from yolov2.standin.voice import Voice

SPLIT = 1000  # pictures that `validcrop` counts at a time

Results = Iterator[tuple[str, Classification | Failure]]  # a picture's path as listed, and what came of it


@dataclass(frozen=True, slots=True)
class Exam:
    """What a .data file asks, and the right answers: a picture's class is the first whose label is in its path."""

    labels: tuple[str, ...]
    paths: tuple[str, ...]  # from the working directory
    top: int

    def truth(self, path: str) -> int:
        """The class of a picture; -1 if no label is in its path. Source: Darknet `validate_classifier_single`."""
        return next((index for index, label in enumerate(self.labels) if label in path), -1)

    def truths(self, path: str) -> list[int]:
        """Every class whose label is in the path. Source: Darknet `fill_truth`."""
        return [index for index, label in enumerate(self.labels) if label in path]


class Tally:
    """How many answers were right, and how many of them there were."""

    def __init__(self) -> None:
        self.first = self.among_top = self.answers = 0

    def add(self, ranked: Sequence[int], truths: Sequence[int]) -> None:
        """Count an answer: its best classes, best first, against the right ones."""
        self.answers += 1
        self.first += ranked[0] in truths
        self.among_top += any(class_id in truths for class_id in ranked)

    @property
    def rates(self) -> tuple[np.float32, np.float32]:
        """The share of right answers: the first class, one of the best; 0 of none. In Darknet's float32."""
        answers = np.float32(max(1, self.answers))
        return np.float32(self.first) / answers, np.float32(self.among_top) / answers


def validate(line: Line, voice: Voice, *, preprocess: str) -> int:
    """`DATA CFG WEIGHTS`: accuracy over the pictures of `valid=`. One that can't be read counts neither way.

    Source: Darknet `validate_classifier_single`, `_10`, `_full`, `_multi` and `_crop`.
    """
    line.passed_over("-t", "top= in DATA says how many are looked at", has_value=True)
    data, cfg, weights = line.rest("DATA CFG WEIGHTS", least=3)
    section = read_data(Path(data))
    network = open_classifier_network(cfg, voice, instead="darknet detector valid DATA CFG WEIGHTS")
    exam = _exam(section, network, voice)
    leaves = data_path(section, "leaves", voice) if preprocess == "valid" else None
    sources = [Source(Path(path), "picture", Path(path)) for path in exam.paths]
    is_alexeyabs = line.dialect == "alexeyab" and preprocess == "valid"
    with (
        open_classifier(network, cfg, weights, voice, preprocess=preprocess, leaves=leaves, cache=line.cache) as opened,
        closing(run(Cropped(opened) if is_alexeyabs else opened, sources)) as found,
    ):
        results = zip(exam.paths, found, strict=True)
        if preprocess == "validcrop":
            failed = _tell_splits(results, exam, voice)
        else:
            if is_alexeyabs:
                voice.say(" TOP calculation...")
                voice.say("")
            failed = _tell_each(results, exam, voice, with_scores=preprocess == "valid" and not is_alexeyabs)
    if failed:
        voice.note(f"{failed:,} of {len(exam.paths):,} pictures could not be read and count neither way")
    return 1 if failed else 0


def _tell_each(results: Results, exam: Exam, voice: Voice, *, with_scores: bool) -> int:
    """The lines of every command but `validcrop`; how many pictures failed."""
    tally, failed = Tally(), 0
    for index, (path, found) in enumerate(results):
        if isinstance(found, Failure):
            voice.fail(found.error)
            failed += 1
            continue
        truth = exam.truth(path)
        ranked = found.class_ids[found.class_ids < len(exam.labels)]
        tally.add(ranked[: exam.top].tolist(), [truth])
        if with_scores:  # of the first two classes, whatever they are: Redmon once had no more
            first, second = (_score(found, class_id) for class_id in (0, 1))
            voice.say(f"{printable(path)}, {truth}, {first:f}, {second:f}, ")
        right, among = tally.rates
        voice.say(f"{index}: top 1: {right:f}, top {exam.top}: {among:f}")
    return failed


def _tell_splits(results: Results, exam: Exam, voice: Voice) -> int:
    """The lines of `validcrop`, for every thousand pictures; how many failed. Source: Darknet `network_accuracies`."""
    count, failed = len(exam.paths), 0
    splits = max(1, count // SPLIT)  # Darknet: validate_classifier_crop divides by 0 splits
    sums = np.zeros(2, np.float32)
    for split in range(1, splits + 1):
        tally, start, waited = Tally(), time.perf_counter(), 0.0
        for path, found in islice(results, split * count // splits - (split - 1) * count // splits):
            waited = waited or time.perf_counter() - start
            truths = exam.truths(path)
            if len(truths) != 1 and (truths or len(exam.labels) > 1):  # Darknet: fill_truth
                voice.say(f"Too many or too few labels: {len(truths)}, {printable(path)}")
            if isinstance(found, Failure):
                voice.fail(found.error)
                failed += 1
            else:
                tally.add(found.class_ids[: exam.top].tolist(), truths)
        voice.say(f"Loaded: {tally.answers} images in {waited:f} seconds")
        sums += tally.rates
        right, among = sums / np.float32(split)
        rest = time.perf_counter() - start - waited
        voice.say(f"{split}: top 1: {right:f}, top {exam.top}: {among:f}, {rest:f} seconds, {tally.answers} images")
    return failed


def _score(found: Classification, class_id: int) -> float:
    """What a class has got; 0 where the network has no such class."""
    return float(found.probabilities[found.class_ids == class_id].sum())


def _exam(data: Section, network: Network, voice: Voice) -> Exam:
    """Raises Yolov2Error if a list is missing, or the classes are not the network's."""
    classes, outputs = data.integer("classes", 2), network.raw_shape.size
    if not 1 <= classes <= outputs:
        expected = f"1 to {outputs:,}, the outputs of the network"
        raise ModelError.at(
            data.where("classes"), found=f"classes={classes}", expected=expected, repair=f"write classes={outputs}"
        )
    text = read_text(listed_path(data, voice), expected="a picture's path on each line", refusal=FormatError)
    paths = tuple(line for line in (raw.removesuffix("\r") for raw in text.split("\n")) if line.strip())
    labels = read_labels(labels_path(data, voice), classes)
    return Exam(labels, paths, min(top_of(data), classes))
