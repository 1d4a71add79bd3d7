"""The record of a comparison, stage by stage, and the one sentence that it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolov2.evaluate.agreement import Agreement
from yolov2.evaluate.setups import EPSILONS, UNITS, Setup

TOLD = 3  # so many reasons that fit equally well are told
ALIKE_PX, ALIKE_SCORE = 1.0, 0.01  # boxes no further apart than this agree to the eye
REORGS = {"plain": "a plain space-to-depth", "legacy": "Darknet's"}
PHRASES: dict[str, Callable[[Any, Any], str]] = {  # by choice of a Setup: what B does, and A
    "resize": lambda b, a: f"B resizes by {b} where A does by {a}",
    "channels": lambda b, a: f"B feeds the channels as {b} where A feeds {a}",
    "scale": lambda b, a: f"B's input runs from 0 to {b:g} where A's runs to {a:g}",
    "arithmetic": lambda b, a: f"B's batch norm has another epsilon: {EPSILONS[b]}, where A has {EPSILONS[a]}",
    "reorg": lambda b, a: f"B's reorg is {REORGS[b]} where A's is {REORGS[a]}",
    "anchors": lambda b, a: f"B's anchors are {b / a:g} times A's" if b > a else f"B's anchors are 1/{a / b:g} of A's",
    "conf": lambda b, a: f"B's threshold is about {b:.3g} where A's is {a}",
    "nms": lambda b, a: f"B thins out boxes by NMS {b!r} where A does by {a!r}",
    "iou": lambda b, a: f"B's NMS allows an overlap of {b:g} where A's allows {a:g}",
    "boxes": lambda b, a: f"B's boxes are {b} and were read as {a}",
    "unit": lambda b, a: f"B's boxes are {UNITS[b]} and were read as {UNITS[a]}",
}
NOUNS = {"input": "inputs", "network": "raw heads", "boxes": "boxes"}
REMAINS = {
    "input": "how B decodes and resizes pictures",
    "network": "B's weights, layers and precision",
    "boxes": "B's weights and precision, and what it makes of scores",
}


def words(setup: Setup, base: Setup) -> str:
    """In which way B, which does as `setup`, differs from A."""
    changes = setup.changes(base)
    return ", and ".join(PHRASES[name](value, getattr(base, name)) for name, value in changes.items())


@dataclass(frozen=True, slots=True)
class Trial:
    """How close A comes to B with some of its choices made otherwise."""

    changes: Mapping[str, Any]  # of A's Setup
    agreement: Agreement

    def to_dict(self) -> dict[str, Any]:
        return {"changes": dict(self.changes), "same": self.agreement.is_same, **self.agreement.numbers}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the way from picture to boxes."""

    name: str  # of NOUNS
    is_same: bool
    difference: str  # how far apart, in words
    given: str = ""  # what of B's own this stage was judged from, if not from the pictures
    reasons: tuple[str, ...] = ()  # each of them alone explains it; none: unexplained
    rest: str = ""  # what is left of the difference with the first reason
    trials: tuple[Trial, ...] = ()  # as it is, then the closest

    def to_dict(self) -> dict[str, Any]:
        trials = [trial.to_dict() for trial in self.trials]
        told = {"stage": self.name, "given": self.given, "same": self.is_same, "difference": self.difference}
        return told | {"reasons": list(self.reasons), "rest": self.rest, "trials": trials}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and why it differs."""

    a: str
    b: str
    pictures: int
    outcome: Agreement  # of the last that B shows with what A makes of the pictures
    stages: tuple[Stage, ...]

    @property
    def agree(self) -> bool:
        """Whether nothing that B shows differs."""
        return all(stage.is_same for stage in self.stages)

    @property
    def end_to_end(self) -> str:
        """How far apart the last that B shows is from what A makes of the pictures, in words."""
        numbers = self.outcome.numbers
        if not numbers.get("matched"):
            return self.outcome.words
        total = sum(int(numbers[key]) for key in ("matched", "only_a", "only_b"))
        return f"{int(numbers['matched'])} of {total} boxes matched, {_apart(numbers)}"

    @property
    def sentence(self) -> str:
        """Why the boxes differ, or that they do not."""
        what = NOUNS[self.stages[-1].name]
        if self.agree:
            return f"The {what} agree within tolerance: {self.outcome.words}."
        faults = [stage for stage in self.stages if not stage.is_same]
        if _is_alike(self.outcome):
            return f"The boxes agree, {_apart(self.outcome.numbers)}, although {', and '.join(map(_although, faults))}."
        because = ", and ".join(_told(stage.reasons) for stage in faults if stage.reasons)
        rest = "; ".join(_rest(stage) for stage in faults if stage.rest or not stage.reasons)
        if self.outcome.is_same:
            start = f"The {what} agree on these pictures" + (", but" if because else "")
        else:
            start = f"The {what} differ" + (" mostly" if because and rest else "") + (" because" if because else "")
        return " ".join(filter(None, (start, because))) + (f"; {rest}." if rest else ".")

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON has it."""
        told = {"a": self.a, "b": self.b, "pictures": self.pictures, "agree": self.agree}
        outcome = {"same": self.outcome.is_same, **self.outcome.numbers}
        stages = [stage.to_dict() for stage in self.stages]
        return told | {"sentence": self.sentence, "outcome": outcome, "stages": stages}


def _is_alike(outcome: Agreement) -> bool:
    """Whether all boxes matched, so near that nobody sees the difference."""
    numbers = outcome.numbers
    if not numbers.get("matched") or numbers["only_a"] or numbers["only_b"]:
        return False
    return numbers["box_difference_px"] <= ALIKE_PX and numbers["score_difference"] <= ALIKE_SCORE


def _apart(numbers: Mapping[str, float]) -> str:
    return f"up to {numbers['box_difference_px']:.2g} px and {numbers['score_difference']:.2g} in score apart"


def _although(stage: Stage) -> str:
    return _told(stage.reasons) if stage.reasons else f"the {NOUNS[stage.name]} differ ({stage.difference})"


def _told(reasons: Sequence[str]) -> str:
    return " or ".join(reasons[:TOLD]) + (" (these pictures can't tell)" if len(reasons) > 1 else "")


def _rest(stage: Stage) -> str:
    if stage.rest:
        return f"what is left then ({stage.rest}) nothing that was tried explains: look at {REMAINS[stage.name]}"
    return (
        f"nothing that was tried explains the {NOUNS[stage.name]} ({stage.difference}): look at {REMAINS[stage.name]}"
    )
