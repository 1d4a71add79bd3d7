"""What `detect` says: a table or JSON Lines of what was found, and at the end how it went."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from yolov2.cli.terminal import BOLD, DIM, columns, counted, discard_stdout, duration, paint, printable
from yolov2.detect.writers import Result, json_line
from yolov2.records import Detections, Failure

if TYPE_CHECKING:
    from yolov2.detect.sources import Source

NARROWEST, WIDEST = 12, 24  # the column of labels, in characters
NAMED = 10  # so many failed inputs are named once more at the end


class Screen(Protocol):
    """Shows results on standard output; `end` shows what was held back."""

    def show(self, result: Result) -> None: ...
    def end(self) -> None: ...


class JsonScreen:
    """A line of JSON a picture or frame, or input that failed."""

    def show(self, result: Result) -> None:
        print(json_line(result), end="", flush=True)

    def end(self) -> None:
        """Nothing is held back."""


class Leavable:
    """A screen whose reader may leave, as `| head` does, without ending the work on files."""

    def __init__(self, screen: Screen) -> None:
        self._screen: Screen | None = screen

    def show(self, result: Result) -> None:
        self._try(lambda screen: screen.show(result))

    def end(self) -> None:
        self._try(lambda screen: screen.end())

    def _try(self, call: Callable[[Screen], None]) -> None:
        if self._screen is None:
            return
        try:
            call(self._screen)
        except BrokenPipeError:
            discard_stdout()
            self._screen = None


class Table:
    """Some lines a picture, best first; of a video only counts, when it has ended."""

    def __init__(self, labels: Sequence[str]) -> None:
        longest = max((len(printable(label)) for label in labels), default=0)
        self._width = min(WIDEST, max(NARROWEST, longest))
        self._is_headed = False
        self._video: Video | None = None

    def show(self, result: Result) -> None:
        is_frame = isinstance(result, Detections) and result.frame_index is not None
        if self._video is not None and not (is_frame and result.source == self._video.source):
            self.end()
        if isinstance(result, Failure):
            return  # named on standard error
        if not is_frame:
            self._print_picture(result)
            return
        if self._video is None:
            self._video = Video(result.source, result.size)
        self._video.add(result)

    def end(self) -> None:
        if self._video is not None:
            print("\n".join(self._video.lines(self._width)), flush=True)
        self._video = None

    def _print_picture(self, found: Detections) -> None:
        lines: list[str] = []
        if not self._is_headed:
            heading = f"  {'':{self._width}}  score       x1     y1     x2     y2"
            lines.append(paint(heading, DIM, stream=sys.stdout))
            self._is_headed = True
        lines.append(_title(found.source, found.size))
        for row in found.rows():
            label, box = printable(row["label"]), "".join(f"{round(side):7}" for side in row["box"])
            lines.append(f"  {label:{self._width}}   {row['score']:.2f}  {box}")
        if not len(found):
            lines.append(paint("  nothing found", DIM, stream=sys.stdout))
        print("\n".join(lines), flush=True)


class Video:
    """What was found in a video so far, counted by label."""

    def __init__(self, source: str, size: tuple[int, int]) -> None:
        self.source, self._size = source, size
        self._frames = 0
        self._boxes: Counter[str] = Counter()
        self._frames_with: Counter[str] = Counter()
        self._best: dict[str, float] = {}

    def add(self, found: Detections) -> None:
        self._frames += 1
        names = found.names
        self._boxes.update(names)
        self._frames_with.update(set(names))
        for name, score in zip(names, found.scores.tolist(), strict=True):
            self._best[name] = max(score, self._best.get(name, 0.0))

    def lines(self, label_width: int) -> list[str]:
        """The video's name and length, then a line a label, the most frequent first."""
        rows = [
            (
                f"{printable(name):{label_width}}",
                counted(boxes, "box", "boxes"),
                f"in {counted(self._frames_with[name], 'frame')}",
                f"best {self._best[name]:.2f}",
            )
            for name, boxes in self._boxes.most_common()
        ]
        lines = [f"{_title(self.source, self._size)}, {counted(self._frames, 'frame')}"]
        return lines + [f"  {line}" for line in columns(rows, align="<>>>") or ["nothing found"]]


class Tally:
    """How many of what went through, and what failed."""

    def __init__(self, inputs: Sequence[Source], out: Path | None) -> None:
        self._inputs, self._out = len({str(source.path) for source in inputs}), out
        self._pictures = self._frames = self._detections = 0
        self._videos: set[str] = set()
        self.failed: dict[str, str] = {}  # source: error
        has_video = any(source.kind == "video" for source in inputs)
        self.total = None if has_video else len(inputs)  # a video does not know reliably how long it is
        self.unit = "frames" if has_video else "pictures"

    def add(self, result: Result) -> None:
        if isinstance(result, Failure):
            self.failed[result.source] = result.error
            return
        self._detections += len(result)
        if result.frame_index is None:
            self._pictures += 1
        else:
            self._frames += 1
            self._videos.add(result.source)

    def lines(self, elapsed_s: float) -> list[str]:
        """What was done in this time and where it lies; what failed."""
        parts: list[str] = []
        if self._pictures or not self._videos:
            parts.append(counted(self._pictures, "picture"))
        if self._videos:
            parts.append(f"{counted(len(self._videos), 'video')} ({counted(self._frames, 'frame')})")
        done = self._pictures + self._frames
        rate = f" ({done / elapsed_s:.3g} per second)" if done and elapsed_s else ""
        where = f"; results in {printable(str(self._out))}" if self._out is not None else ""
        parts.append(f"{counted(self._detections, 'detection')} in {duration(elapsed_s)}{rate}{where}")
        return [", ".join(parts), *self._failures()]

    def _failures(self) -> list[str]:
        if not self.failed:
            return []
        names = [printable(source) for source in self.failed]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        return [f"{len(names):,} of {counted(self._inputs, 'input')} failed: {', '.join(names[:NAMED])}{more}"]


def _title(source: str, size: tuple[int, int]) -> str:
    height, width = size
    return f"{paint(printable(source), BOLD, stream=sys.stdout)}  {width} x {height}"
