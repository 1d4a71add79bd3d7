"""A run from its first result to its exit status, and what `detect` says: a table or JSON Lines, and how it went."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from yolov2.cli.interrupts import Interrupts
from yolov2.cli.status import DONE, INTERRUPTED, SOME_FAILED
from yolov2.cli.terminal import (
    BOLD,
    DIM,
    RED,
    Messages,
    Meter,
    columns,
    counted,
    discard_stdout,
    duration,
    paint,
)
from yolov2.detect.text_writers import NOWHERE, json_line
from yolov2.detect.writers import Result
from yolov2.errors import OutputError, Yolov2Error, printable
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.records import Classification, Detections, Failure

if TYPE_CHECKING:
    from yolov2.detect.sources import Source

NARROWEST, WIDEST = 12, 24  # the column of labels, in characters
MOST_ASKED = 100  # videos whose headers are read before a run for what they promise
NAMED = 10  # so many failed inputs are named once more at the end


Found = TypeVar("Found", Detections, Classification)
Taken = TypeVar("Taken", contravariant=True)  # what a screen or a file takes of the two


class Screen(Protocol[Taken]):
    """Shows results on standard output; `end` shows what was held back."""

    def show(self, result: Taken | Failure) -> None: ...
    def end(self) -> None: ...


class Files(Protocol[Taken]):
    """Takes results in order; as a context manager it keeps them, or drops what is open if an error ends the block."""

    def write(self, result: Taken | Failure) -> None: ...
    def __enter__(self) -> object: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class NoFiles:
    """Files where none are wanted."""

    def write(self, result: Detections | Classification | Failure) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *exception: object) -> None: ...


def follow(
    results: Generator[Found | Failure],
    files: Files[Found],
    screen: Screen[Found],
    tally: Tally,
    messages: Messages,
    *,
    strict: bool,
    stop: Event | None = None,
) -> int:
    """Write, show and count results as they come, and say at the end how it went. The exit status.

    An error in mid-run ends it with status 1: something did start. What was finished by then is kept, unless it is the
    files themselves that can't be written. An interrupt sets `stop`: a live source may have nothing to say for long.
    """
    meter = Meter(tally.total, *tally.unit, shown=messages.verbosity >= 0)
    is_broken = False
    with Interrupts(stop) as interrupts:
        try:
            with meter, files, closing(results):
                try:
                    for result in results:
                        files.write(result)
                        screen.show(result)
                        tally.add(result)
                        meter.advance()
                        if isinstance(result, Failure):
                            messages.say(f"{paint('failed', RED)}: {printable(result.error)}")
                        if interrupts.requested:
                            messages.say("finishing what is in work; Ctrl-C once more stops at once")
                        if interrupts.requested or (strict and tally.failed):
                            break
                except OutputError:
                    raise
                except (Yolov2Error, MemoryError) as refusal:
                    is_broken = True
                    messages.refuse(refusal)
                screen.end()
        except (Yolov2Error, MemoryError) as refusal:  # such as a full disk
            messages.refuse(refusal)
            return SOME_FAILED
    for line in tally.lines(meter.elapsed_s):
        messages.tell(line)
    if strict and tally.failed and not interrupts.requested:
        left = counted(tally.untried, "input")
        messages.tell(f"stopped at the first failure; {left} not tried")
    if interrupts.requested:
        messages.say("yolov2: interrupted; what was finished is kept")
        return INTERRUPTED
    return SOME_FAILED if is_broken or tally.failed else DONE


class JsonScreen:
    """A line of JSON a picture or frame, or input that failed. `targets`: the annotated file of a source."""

    def __init__(self, targets: Mapping[str, Path] = NOWHERE) -> None:
        self._targets = targets

    def show(self, result: Detections | Classification | Failure) -> None:
        print(json_line(result, targets=self._targets), end="", flush=True)

    def end(self) -> None:
        """Nothing is held back."""


class Leavable(Generic[Found]):
    """A screen whose reader may leave, as `| head` does, without ending the work on files."""

    def __init__(self, screen: Screen[Found]) -> None:
        self._screen: Screen[Found] | None = screen

    def show(self, result: Found | Failure) -> None:
        self._try(lambda screen: screen.show(result))

    def end(self) -> None:
        self._try(lambda screen: screen.end())

    def _try(self, call: Callable[[Screen[Found]], None]) -> None:
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
            path = " > ".join(f"{printable(name)} {probability:.2f}" for name, probability in row.get("path", ()))
            lines.append(f"  {label:{self._width}}   {row['score']:.2f}  {box}   {path}".rstrip())
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

    def __init__(
        self, inputs: Sequence[Source], out: Path | None, *, limit: int | None = None, clip: Clip = WHOLE
    ) -> None:
        self._inputs, self._out, self._limit = len({source.name for source in inputs}), out, limit
        self._full = 0  # pictures and frames with as many detections as are kept
        self._tried: set[str] = set()
        self._pictures = self._frames = self._detections = 0
        self._videos: set[str] = set()
        self.failed: dict[str, str] = {}  # source: error
        has_video = any(source.kind != "picture" and not source.error for source in inputs)
        self.total = _total(inputs, clip)
        self.unit = ("frame", "frames")
        if not has_video:
            self.unit = ("picture", "pictures")
        elif any(source.kind == "picture" for source in inputs):
            self.unit = ("picture or frame", "pictures and frames")

    @property
    def untried(self) -> int:
        """How many inputs nothing was heard of."""
        return self._inputs - len(self._tried)

    def add(self, result: Detections | Classification | Failure) -> None:
        self._tried.add(result.source)
        if isinstance(result, Failure):
            self.failed[result.source] = result.error
            return
        self._detections += len(result)
        self._full += len(result) == self._limit
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
        return [", ".join(parts), *self._cuts(), *self._failures()]

    def _cuts(self) -> list[str]:
        """That there may be more than what --max-det keeps."""
        if not self._full:
            return []
        noun = "frame" if not self._pictures else "picture" if not self._frames else "picture or frame"
        where = counted(self._full, noun, "pictures and frames" if " " in noun else None)
        verb = "has" if self._full == 1 else "have"
        found = counted(self._limit or 0, "detection")
        return [f"{where} {verb} {found}, the most that --max-det keeps; there may be more"]

    def _failures(self) -> list[str]:
        if not self.failed:
            return []
        names = [printable(source) for source in self.failed]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        return [f"{len(names):,} of {counted(self._inputs, 'input')} failed: {', '.join(names[:NAMED])}{more}"]


def _total(inputs: Sequence[Source], clip: Clip) -> int | None:
    """How many pictures and frames there are, by what videos promise; None where one does not, and for many videos."""
    if any(source.address and not source.error for source in inputs):
        return None
    videos = [source.path for source in inputs if source.kind == "video"]
    if not videos:
        return len(inputs)
    if len(videos) > MOST_ASKED:
        return None
    from yolov2.pictures.video import promised_frames

    counts = [promised_frames(path, clip=clip) for path in videos]
    if any(count is None for count in counts):
        return None
    return len(inputs) - len(videos) + sum(count or 0 for count in counts)


def _title(source: str, size: tuple[int, int]) -> str:
    height, width = size
    return f"{paint(printable(source), BOLD, stream=sys.stdout)}  {width} x {height}"
