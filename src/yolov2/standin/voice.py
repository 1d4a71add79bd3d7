"""How a command of the stand-in is heard: results, remarks and questions, each on the channel where Darknet has it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

PROMPT = "Enter Image Path: "


class Stop(Protocol):
    """Whether somebody wants a run to end with what is in work."""

    @property
    def requested(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Voice:
    """What a command speaks through. Only cli/ prints; tests hand in lists."""

    say: Callable[[str], None]  # one line of the result, on standard output
    ask: Callable[[str], None]  # a prompt on standard output, without an end of line
    tell: Callable[[str], None]  # one line that Darknet has on standard error: the layer table, `Loading weights`
    note: Callable[[str], None]  # one line of our own on standard error: what is not done here
    fail: Callable[[str], None]  # an input that failed, in one line on standard error
    lines: Callable[[], Iterator[str]]  # the lines of standard input, without their ends
    interrupts: Callable[[], AbstractContextManager[Stop]]  # around work that Ctrl-C ends in good order


def asked_pictures(voice: Voice) -> Iterator[str]:
    """The names of pictures that come over standard input, each asked for; blank lines are none."""
    lines = voice.lines()
    while True:
        voice.ask(PROMPT)
        name = next(lines, None)
        if name is None:
            return
        if name.strip():
            yield name
