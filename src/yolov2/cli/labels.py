"""What `classify` says: the best classes of each picture as text or JSON Lines, and at the end how it went."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from yolov2.cli.findings import Tally
from yolov2.cli.terminal import BOLD, counted, duration, paint
from yolov2.detect.sources import Source
from yolov2.detect.text_writers import json_line
from yolov2.errors import printable
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.records import Classification, Failure


class LabelsAsJson:
    """A line of JSON a picture or frame with its best `top` classes, or an input that failed."""

    def __init__(self, top: int) -> None:
        self._top = top

    def show(self, result: Classification | Failure) -> None:
        print(json_line(result if isinstance(result, Failure) else result.top(self._top)), end="", flush=True)

    def end(self) -> None:
        """Nothing is held back."""


class Labels:
    """Some lines a picture or frame: its best `top` classes, each with its probability in percent, or its score."""

    def __init__(self, top: int) -> None:
        self._top = top

    def show(self, result: Classification | Failure) -> None:
        if isinstance(result, Failure):
            return  # named on standard error
        height, width = result.size
        frame = "" if result.frame_index is None else f"  frame {result.frame_index:,}"
        best = result.top(self._top)
        lines = [f"{paint(printable(result.source), BOLD, stream=sys.stdout)}  {width} x {height}{frame}"]
        for label, probability in zip(best.names, best.probabilities.tolist(), strict=True):
            value = f"{probability:7.2%}" if result.has_probabilities else f"{probability:7.3f}"
            lines.append(f"  {value}  {printable(label)}")
        print("\n".join(lines), flush=True)

    def end(self) -> None:
        """Nothing is held back."""


class Count(Tally):
    """How many pictures and frames went through, and what failed."""

    def __init__(self, inputs: Sequence[Source], *, clip: Clip = WHOLE) -> None:
        super().__init__(inputs, None, clip=clip)

    def lines(self, elapsed_s: float) -> list[str]:
        """What was done in this time; what failed."""
        done = self._pictures + self._frames
        nouns = [
            counted(count, noun) for count, noun in ((self._pictures, "picture"), (self._frames, "frame")) if count
        ]
        rate = f" ({done / elapsed_s:.3g} per second)" if done and elapsed_s else ""
        return [f"{' and '.join(nouns) or '0 pictures'} classified in {duration(elapsed_s)}{rate}", *self._failures()]
