"""Jobs beside the network: drawing, encoding and writing on a few threads. What a job does is not its business."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

DRAWING_THREADS = 2
WAITING = 8  # pictures drawn or waiting for it at a time; a full-size photograph takes tens of megabytes


class Work:
    """Jobs on a few threads, so many waiting at most. A job's error comes out of the next call."""

    def __init__(self, threads: int, *, waiting: int = WAITING) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="yolov2-write")
        self._pending: deque[Future[None]] = deque()
        self._waiting = waiting

    def submit(self, job: Callable[..., None], *arguments: Any) -> None:
        while self._pending and (len(self._pending) >= self._waiting or self._pending[0].done()):
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(job, *arguments))

    def finish(self) -> None:
        """Wait for every job."""
        try:
            while self._pending:
                self._pending.popleft().result()
        finally:
            self.drop()

    def drop(self) -> None:
        """Wait for the jobs at work, drop the others."""
        self._pool.shutdown(cancel_futures=True)
        self._pending.clear()
