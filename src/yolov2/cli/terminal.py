"""What a person sees: aligned tables, colour where it is wanted, messages, progress. Loads rich only for a live bar."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from yolov2.errors import Yolov2Warning, printable

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S = 5.0  # how often progress is told where no bar can move
BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"  # SGR codes
COLOURS = {"error": RED, "failed": RED, "warning": YELLOW}

log = logging.getLogger("yolov2")


class Messages(logging.Handler):
    """How much goes to standard error, and in which form: one line, its kind first. Shows log records and warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.verbosity = 0  # -1 with -q, 1 with -v, 2 with -vv
        self.debug = False  # tracebacks, too

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.levelname.lower()
        self.say(f"{paint(kind, COLOURS.get(kind, DIM))}: {printable(record.getMessage())}")

    def say(self, text: str) -> None:
        """A line on standard error, whatever the verbosity."""
        print(text, file=sys.stderr, flush=True)

    def tell(self, text: str) -> None:
        """A line on standard error, unless -q asked for silence."""
        if self.verbosity >= 0:
            self.say(text)

    def refuse(self, refusal: Exception) -> None:
        """What ended the run, in one line; with --debug its traceback before it."""
        if self.debug:
            traceback.print_exception(refusal)
        self.say(f"{paint('yolov2', RED)}: {one_line(refusal)}")

    def adjust(self) -> None:
        """Bring the log to the present verbosity."""
        levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
        log.setLevel(levels.get(max(-1, self.verbosity), logging.DEBUG))

    @contextmanager
    def attached(self) -> Generator[Self]:
        """Log records of the package and every Yolov2Warning come out here meanwhile, each in one line."""
        level, propagates = log.level, log.propagate
        with warnings.catch_warnings():
            before = warnings.showwarning
            warnings.simplefilter("always", Yolov2Warning)

            def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
                if issubclass(category, Yolov2Warning):
                    log.warning("%s", message)
                else:
                    before(message, category, *where, **more)

            warnings.showwarning = show
            log.addHandler(self)
            log.propagate = False
            self.adjust()
            try:
                yield self
            finally:
                log.removeHandler(self)
                log.setLevel(level)
                log.propagate = propagates


class Meter:
    """Progress of a run on standard error: a live bar on a terminal, a plain line every few seconds elsewhere.

    While a bar is there, lines printed to the same terminal appear above it.
    """

    def __init__(
        self,
        total: int | None,
        unit: str,
        units: str,
        *,
        shown: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.done = 0
        self._total, self._unit, self._units, self._shown, self._clock = total, unit, units, shown, clock
        self._start = self._told = clock()
        self._bar: Progress | None = None
        self._task: Any = None

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start

    def __enter__(self) -> Self:
        self._start = self._told = self._clock()
        if self._shown and sys.stderr.isatty():
            self._bar = _live_bar(has_end=self._total is not None)
            unit = self._unit if self._total == 1 else self._units
            self._task = self._bar.add_task("", total=self._total, unit=unit)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self) -> None:
        """One more is done."""
        self.done += 1
        if self._bar is not None:
            known = self.done if self._total is None else self._total
            self._bar.update(self._task, advance=1, unit=self._unit if known == 1 else self._units)
        elif self._shown and self._clock() - self._told >= LINE_EVERY_S:
            self._told = self._clock()
            print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        """How far the run is, in words."""
        rate = self.done / max(self.elapsed_s, 1e-9)
        if self._total is None or self.done > self._total:  # what was promised can be wrong
            return f"{counted(self.done, self._unit, self._units)}, {rate:.3g} per second"
        left = (self._total - self.done) / max(rate, 1e-9)
        of = counted(self._total, self._unit, self._units)
        return f"{self.done:,} of {of}, {rate:.3g} per second, {duration(left)} left"


def _live_bar(*, has_end: bool) -> Progress:
    """A bar with rate and time left; without an end, what is done so far."""
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            return Text(f"{task.speed:.3g} per second" if task.speed else "")

    start: list[progress.ProgressColumn] = [progress.SpinnerColumn(), progress.TextColumn("{task.completed:,}")]
    if has_end:
        start = [progress.BarColumn(bar_width=30), progress.MofNCompleteColumn()]
    return progress.Progress(
        *start,
        progress.TextColumn("{task.fields[unit]}"),
        Rate(),
        progress.TimeRemainingColumn(compact=True) if has_end else progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        refresh_per_second=5,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # results that go to a file must not end on the terminal
        redirect_stderr=True,
    )


def paint(text: str, *codes: str, stream: TextIO | None = None) -> str:
    """The text in these styles if the stream (standard error by default) is a terminal that wants colour."""
    stream = sys.stderr if stream is None else stream
    assert stream is not None
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty()
    return text if plain or not codes else f"\033[{';'.join(codes)}m{text}\033[0m"


def one_line(refusal: Exception) -> str:
    """What an error says to a person."""
    if isinstance(refusal, MemoryError):
        return "memory: found too little, expected room for this model and batch; try a smaller --batch or --size"
    if isinstance(refusal, OSError) and refusal.strerror:
        return printable(f"{refusal.filename or 'standard output'}: {refusal.strerror}")
    return printable(refusal)


def columns(rows: Sequence[Sequence[str]], *, align: str, gap: str = "  ") -> list[str]:
    """The rows as aligned lines; `align` has < or > for each column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return [
        gap.join(f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)).rstrip()
        for row in rows
    ]


def bar(count: float, most: float, *, width: int = 40) -> str:
    """A row of a histogram: `#`, as many as the count is a share of the most, and one where it is not nothing."""
    return "#" * (max(1, round(width * count / most)) if count else 0)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 picture`, `1,200 pictures`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """A span of time for people: `0.42 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def discard_stdout() -> None:
    """What is still to be printed goes nowhere: whoever read it is gone, and Python would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
