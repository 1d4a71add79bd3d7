"""A voice of the Darknet stand-in that keeps what is said."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from yolov2.standin.voice import Voice


@dataclass
class FakeStop:
    """Ctrl-C, pressed after so many looks."""

    after: int | None = None

    @property
    def requested(self) -> bool:
        if self.after is None:
            return False
        self.after -= 1
        return self.after < 0


class FakeVoice:
    """`voice` is what a command takes; `said`, `asked`, `told`, `noted` and `failed` are what it was given to say."""

    def __init__(self, lines: Sequence[str] = (), *, stop_after: int | None = None) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.told: list[str] = []
        self.noted: list[str] = []
        self.failed: list[str] = []
        self._lines = lines
        self._stop = FakeStop(stop_after)
        self.voice = Voice(
            say=self.said.append,
            ask=self.asked.append,
            tell=self.told.append,
            note=self.noted.append,
            fail=self.failed.append,
            lines=self._read,
            interrupts=self._interrupts,
        )

    def _read(self) -> Iterator[str]:
        return iter(self._lines)

    def _interrupts(self) -> AbstractContextManager[FakeStop]:
        return nullcontext(self._stop)
