"""Ctrl-C, in two steps: the first press lets what is in work be finished and kept, the second stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Within its block, SIGINT or SIGTERM sets `requested` and `event`, no more; the next raises KeyboardInterrupt.

    Outside the main thread, where Python takes no signals, nothing is changed.
    """

    def __init__(self, event: threading.Event | None = None) -> None:
        self.requested = False
        self._event = event or threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in STOPPING}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self._event.set()
        self.requested = True  # and nothing is said: the signal may have come in the middle of a line
