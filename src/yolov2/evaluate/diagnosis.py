"""The stages of a comparison: where B shows a stage it is judged by itself, from what B had before it; else by trial.

A trial is A run once more with one choice, or two, made otherwise. The one that gives what B has is the reason.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from yolov2.evaluate.agreement import (
    Agreement,
    Found,
    Rounding,
    compare_arrays,
    compare_boxes,
    cut_at_edges,
    is_inside,
    last_digit,
)
from yolov2.evaluate.comparison import Stage, Trial, words
from yolov2.evaluate.evidence import Boxes, Evidence
from yolov2.evaluate.setups import BOXES, INPUT, NETWORK, Numbers, Runs, Setup, alternatives, read_boxes
from yolov2.network.layers import section_name

PICTURES_FOR_PAIRS = 3  # hundreds of pairs of changes are tried on these; what fits there has to fit everywhere
MUCH_CLOSER = 4  # times: from here on a change is worth naming though it leaves a difference
NO_LOSS = 1e-7  # rounding of float32
SAME_INPUT = 1e-4  # of the largest value: a fortieth of a grey level
SAME_LAYER = 5e-5  # of the largest value; runtimes differ by 1e-6 to 1e-5, the two batch norms of Darknet by more
TRIALS_KEPT = 8

T = TypeVar("T")
Measure = Callable[[Setup, int | None], Agreement]  # of a setup, on the first so many pictures or on all


@dataclass(frozen=True, eq=False, slots=True)
class OtherRuns:
    """B where it is a run of ours, too: its layers can be asked for."""

    runs: Runs
    setup: Setup


class Diagnosis:
    """What B shows of the pictures of `runs`, judged against A. `base` is A, with boxes as the file of B has them."""

    def __init__(self, runs: Runs, base: Setup, given: Sequence[Evidence], *, other: OtherRuns | None = None) -> None:
        self._runs, self._other = runs, other
        self._base = base
        self._setup = base  # with what was found out about B so far
        self._layers = [one.layers for one in given]
        self._images = _of_all([one.image for one in given])
        self._raws = _of_all([one.raw for one in given])
        self._boxes = _of_all([one.boxes for one in given])
        self._shown = sorted(set(self._layers[0]).intersection(*self._layers[1:]))
        written = self._boxes or []
        self._digit = last_digit(np.concatenate([np.empty((0, 4)), *(boxes.numbers for boxes in written)]))
        self._score_digit = last_digit(np.concatenate([np.empty(0), *(boxes.scores for boxes in written)]))
        self._sizes = [frame.size for frame in runs.frames]

    def stages(self) -> tuple[Stage, ...]:
        """The stages that B shows of every picture; none if there are none."""
        stages: list[Stage] = []
        if self._images is not None:
            stages.append(self._settle("input", INPUT, self._measure_input))
        network = self._network()
        if network is not None:
            stages.append(network)
        if self._boxes is not None:
            before = () if self._raws else NETWORK if self._images else INPUT + NETWORK
            is_another = self._other is not None and self._raws is None  # no change of A becomes another network
            stage = self._settle("boxes", () if is_another else before + BOXES, self._measure_boxes)
            stages.append(replace(stage, given="B's raw heads" if self._raws else "B's input" if self._images else ""))
        return tuple(stages)

    def outcome(self) -> Agreement:
        """How far the last that B shows is from what A makes of the pictures."""
        alone = copy.copy(self)  # without what B shows on the way there
        if self._boxes is not None:
            alone._images = alone._raws = None
            return alone._measure_boxes(self._base, None)
        if self._raws is None and not self._shown:
            return self._measure_input(self._base, None)
        alone._images = None
        return alone._measure_network(self._base, None)

    def _measure_input(self, setup: Setup, count: int | None) -> Agreement:
        assert self._images is not None
        return compare_arrays(self._runs.images(setup, count=count), self._images, tolerance=SAME_INPUT)

    def _network(self) -> Stage | None:
        """Raw head, or the last of the layers that B shows; where they differ, also the first of them that does."""
        if self._other is not None and self._raws is None:
            difference, reason = "inputs or raw heads of other sizes", "B is another network than A"
            return Stage("network", False, difference, reasons=(reason,))
        if self._raws is None and not self._shown:
            return None
        before = self._setup
        free = () if self._parted() else NETWORK if self._images else INPUT + NETWORK
        stage = self._settle("network", free, self._measure_network)
        stage = replace(stage, given="B's input" if self._images else "")
        if stage.is_same:
            return stage
        first = self._first_layer(before)
        difference = f"{stage.difference}; {first}" if first else stage.difference
        return replace(stage, difference=difference, reasons=stage.reasons or self._parted())

    def _measure_network(self, setup: Setup, count: int | None) -> Agreement:
        """Of the raw head, or of the last layer that B shows."""
        if self._raws:
            ours = self._runs.raws(setup, self._images, count=count)
            return compare_arrays(ours, self._raws, tolerance=SAME_LAYER)
        last = self._shown[-1]
        images = (self._images or self._runs.images(setup, count=count))[:count]
        theirs = [layers[last] for layers in self._layers]
        return compare_arrays(self._runs.layer(last, setup, images), theirs, tolerance=SAME_LAYER)

    def _first_layer(self, setup: Setup) -> str:
        """Which of the layers that can be seen of B differs first, and by how much."""
        network, other = self._runs.model.network, self._other
        images = (self._images or self._runs.images(setup))[:PICTURES_FOR_PAIRS]
        for index in self._shown if other is None else range(network.raw_index + 1):
            ours = self._runs.layer(index, setup, images)
            shown_by_b = [layers.get(index) for layers in self._layers[:PICTURES_FOR_PAIRS]]
            theirs = [array for array in shown_by_b if array is not None]
            if other is not None:
                theirs = other.runs.layer(index, other.setup, images)
            agreement = compare_arrays(ours, theirs, tolerance=SAME_LAYER)
            if not agreement.is_same:
                name = section_name(network.layers[index])
                return f"the first layer that differs is {index} [{name}], {agreement.words}"
        return ""

    def _parted(self) -> tuple[str, ...]:
        """The first layer that two models of ours have otherwise, if B is one."""
        if self._other is None:
            return ()
        ours, theirs = self._runs.model, self._other.runs.model
        for index, (a, b) in enumerate(zip(ours.network.layers, theirs.network.layers, strict=False)):
            where = f"layer {index} [{section_name(a)}]"
            if a != b:
                return (f"{where} is another one in B",)
            mine, its = ours.weights.layers[index], theirs.weights.layers[index]
            if mine is not its and not all(np.array_equal(mine[name], its[name]) for name in mine):
                return (f"{where} has other weights in B",)
        return ()

    def _measure_boxes(self, setup: Setup, count: int | None) -> Agreement:
        assert self._boxes is not None
        raws = self._raws[:count] if self._raws else self._runs.raws(setup, self._images, count=count)
        ours = [
            Found(one.xyxy.astype(np.float64), one.scores.astype(np.float64), one.class_ids)
            for one in self._runs.found(setup, raws)
        ]
        pairs = zip(self._boxes[:count], self._sizes, strict=False)
        theirs = [self._read(boxes, setup, size) for boxes, size in pairs]
        conf = setup.conf if isinstance(setup.conf, float | int) else np.nan
        cut = [cut_at_edges(one, size) for one, size in zip(ours, self._sizes, strict=False)]
        has_boxes = any(len(found.scores) for found, _ in theirs)
        is_cut = self._other is None and has_boxes and all(map(is_inside, theirs, self._sizes))  # as COCO results are
        agreement = compare_boxes(cut if is_cut else ours, theirs, sizes=self._sizes, conf=conf)
        if is_cut and any(not np.array_equal(a.xyxy, b.xyxy) for a, b in zip(ours, cut, strict=True)):
            return replace(agreement, words=f"{agreement.words}, with A's boxes cut at the picture's edges as B's are")
        return agreement

    def _read(self, boxes: Boxes, setup: Setup, size: tuple[int, int]) -> tuple[Found, Rounding]:
        """B's boxes as `setup` has them read, and how coarsely they were written."""

        def read(numbers: Numbers) -> Numbers:
            return read_boxes(numbers, setup, size, self._runs.input_hw)

        xyxy = read(boxes.numbers)
        shifted = read(boxes.numbers + self._digit)
        rounding = Rounding(float(np.abs(shifted - xyxy).max(initial=0)), self._score_digit)
        return Found(xyxy, boxes.scores, boxes.class_ids), rounding

    def _settle(self, name: str, free: Sequence[str], measure: Measure) -> Stage:
        """One stage: how far B is from what is known of it, and which changes of the free choices make it the same."""
        start = self._setup
        first = measure(start, None)
        if first.is_same:
            return Stage(name, True, first.words)
        here = Trial({}, first)
        if name == "boxes" and not any(len(boxes.scores) for boxes in self._boxes or ()):
            return Stage(name, False, f"B has no boxes, {first.words}", trials=(here,))  # many a change would do that
        trials = search(start, {key: self._values(key) for key in free}, measure)
        best = [trial for trial in trials if is_fitting(trial)]
        best = [trial for trial in best if trial.agreement.loss <= MUCH_CLOSER * best[0].agreement.loss + NO_LOSS]
        if not best and trials and 0 < trials[0].agreement.loss * MUCH_CLOSER < first.loss:
            best = trials[:1]
        rest = ""
        if best:
            self._setup = replace(start, **best[0].changes)
            rest = "" if best[0].agreement.is_same else best[0].agreement.words
        reasons = tuple(words(replace(start, **trial.changes), start) for trial in best)
        kept = (here, *trials[:TRIALS_KEPT])
        return Stage(name, False, first.words, reasons=reasons, rest=rest, trials=kept)

    def _values(self, key: str) -> Sequence[Any]:
        """What else a choice may have been. A threshold lies just below B's lowest score."""
        scores = [score for boxes in self._boxes or () for score in boxes.scores.tolist()]
        if key != "conf" or not scores:
            return alternatives(self._setup, self._runs.model.network)[key]
        return (max(0.0, min(scores) - 1e-6 - self._score_digit),)


def search(start: Setup, choices: Mapping[str, Sequence[Any]], measure: Measure) -> list[Trial]:
    """All trials of one change, and the best of two if one is not enough, closest first."""
    single = [replace(start, **{key: value}) for key, values in choices.items() for value in values]
    trials = _measured(start, single, measure, None)
    if any(map(is_fitting, trials)):
        return trials
    double = [
        replace(start, **{one: x, two: y})
        for one, two in combinations(choices, 2)
        for x in choices[one]
        for y in choices[two]
    ]
    likely = _measured(start, double, measure, PICTURES_FOR_PAIRS)[:TRIALS_KEPT]
    trials += _measured(start, [replace(start, **trial.changes) for trial in likely], measure, None)
    return sorted(trials, key=lambda trial: trial.agreement.loss)


def is_fitting(trial: Trial) -> bool:
    """Whether a trial gives what B has. Boxes have to: where a threshold leaves none, nothing is shown."""
    return trial.agreement.is_same and trial.agreement.numbers.get("matched", 1) > 0


def _measured(start: Setup, setups: Sequence[Setup], measure: Measure, count: int | None) -> list[Trial]:
    """The trials, closest first. Those that share a network, then those that share its input, run one after another."""
    ordered = sorted(setups, key=lambda setup: str([getattr(setup, key) for key in NETWORK + INPUT]))
    trials = [Trial(setup.changes(start), measure(setup, count)) for setup in ordered]
    return sorted(trials, key=lambda trial: trial.agreement.loss)


def _of_all(found: Sequence[T | None]) -> list[T] | None:
    """What there is of every picture; None if one lacks it."""
    there = [one for one in found if one is not None]
    return there if len(there) == len(found) else None
