"""What --fix makes of one box: cut at the picture's edges, turned right, or left out. Any format comes through here."""

from __future__ import annotations

from dataclasses import dataclass, field

from yolov2.data.box_checks import SAME
from yolov2.data.columns import OVERHANG

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a repair did."""

    code: str  # of the fault
    place: str  # within its file: a line, a JSON path; "" is the file as a whole
    done: str


@dataclass(slots=True)
class Boxes:
    """The boxes of one picture, taken one after the other; remembers those that were there before."""

    size: tuple[int, int]  # (height, width)
    changes: list[Change] = field(default_factory=list[Change])
    _seen: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])

    def mend(self, box: Box, *, kind: object, place: str, was_inverted: bool, is_empty: bool) -> Box | None:
        """The box inside its picture; None, with a Change, where nothing is left of it.

        box: xyxy in pixels, its corners in order. kind: its class: a second box of the same is left out.
        was_inverted, is_empty: as its file has it, in whatever way that writes sizes.
        """
        if is_empty:
            return self.drop("box-empty", place)
        if was_inverted:
            self._note("box-inverted", place, "turned its corners right")
        x1, y1, x2, y2 = box
        height, width = self.size
        if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            return self.drop("box-far", place)
        if max(-x1, -y1, x2 - width, y2 - height) > OVERHANG:
            x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
            self._note("box-outside", place, "cut it at the picture's edges")
        if x1 >= x2 or y1 >= y2:  # sides too short for the numbers of a computer
            return self.drop("box-empty", place)
        key = (kind, *(round(value / SAME) for value in (x1, y1, x2, y2)))
        if key in self._seen:
            return self.drop("box-identical", place)
        self._seen.add(key)
        return x1, y1, x2, y2

    def drop(self, code: str, place: str) -> None:
        """Say that a box was left out."""
        self._note(code, place, "left it out")

    def _note(self, code: str, place: str, done: str) -> None:
        self.changes.append(Change(code, place, done))
