"""Watching what does not wait: the frames of a camera or an address, read in a thread of their own.

A live source goes on whether anybody keeps up or not: of frames that come too fast the newest is kept, and the others
are counted. When it breaks off it is asked for again, later and later. What has a length is no live source but a file
that lies elsewhere: every frame of it is given out, and none is asked for twice.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Self

from yolov2.errors import VideoError, Yolov2Warning, printable
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.pictures.read import MAX_PIXELS
from yolov2.pictures.streams import open_camera, open_stream
from yolov2.pictures.video_reader import VideoReader
from yolov2.records import Frame

WAITS_S = (1, 2, 4, 8, 16, 30, 30, 30)  # before each try to find a lost source again
POLL_S = 0.1  # how soon a watcher notices that nobody wants more
LEAVE_S = 1.0  # how long an end waits for a reader that may hang in the network; its own time-out ends it later

log = logging.getLogger(__name__)


def watch(
    address: str,
    name: str,
    *,
    max_pixels: int = MAX_PIXELS,
    clip: Clip = WHOLE,
    is_unwanted: Callable[[], bool] = lambda: False,
) -> Watch:
    """The frames of an address, or of a camera by its number or device file. `name` is what results are said to be of.

    is_unwanted: asked all along; once it is true the frames end.
    """
    if "://" not in address:
        return Watch(
            lambda: open_camera(address, name, max_pixels=max_pixels),
            name, clip=clip, is_unwanted=is_unwanted, is_endless=True,
        )  # fmt: skip
    return Watch(
        lambda: open_stream(address, max_pixels=max_pixels, clip=clip),
        name, clip=clip, is_unwanted=is_unwanted, is_endless=bool(re.match("rtsps?:", address)),
    )  # fmt: skip


class Watch:
    """Iterates over the frames of a source that may be live; to be closed after use, which says what was dropped.

    Frames of a live source count from 0 in the order in which they came, and their time is that of the clock since the
    first one, across every interruption. Iteration raises VideoError if the source can't be opened, or is lost.
    """

    def __init__(
        self,
        open_reader: Callable[[], VideoReader],
        name: str,
        *,
        clip: Clip = WHOLE,
        is_endless: bool = False,
        is_unwanted: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """is_endless: even a live source's regular end is no end, but an interruption. sleep: between two tries."""
        self._open, self._name, self._where = open_reader, name, printable(name)
        self._clip, self._is_endless, self._is_unwanted, self._clock = clip, is_endless, is_unwanted, clock
        self._is_live = False  # until it was opened
        self._start: float | None = None  # when its first frame came
        self._seen = self._wanted = self._dropped = 0  # frames that came; those of the clip; those of them not kept
        self._due = 0  # no frame before this number is wanted
        self._newest: Frame | None = None
        self._fault: BaseException | None = None
        self._is_over = False  # nothing more comes
        self._changed = threading.Condition()
        self._left = threading.Event()  # nothing more is wanted
        self._sleep = self._left.wait if sleep is None else sleep
        self._thread = threading.Thread(target=self._run, name="yolov2-watch", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        """Watch no longer. Warns, once, of frames that were dropped."""
        self._left.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(LEAVE_S)
        dropped, self._dropped = self._dropped, 0
        if dropped:
            frames = f"{dropped:,} of {self._wanted:,} frames"
            text = f"{self._where}: dropped {frames}, which came faster than they could be looked at"
            warnings.warn(text, Yolov2Warning, stacklevel=2)

    def _next(self) -> Frame | None:
        with self._changed:
            while self._newest is None and not self._is_over:
                if self._is_unwanted() or self._is_behind():
                    return None
                self._changed.wait(POLL_S)
            if self._is_unwanted():
                return None
            frame, self._newest = self._newest, None
            self._changed.notify_all()
        if frame is None and self._fault is not None:
            raise self._fault
        return frame

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._watch()
        except BaseException as fault:  # noqa: BLE001 - it belongs to whoever iterates
            self._fault = fault
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _watch(self) -> None:
        """Read to the end; from a live source again and again."""
        failures = 0  # in a row
        while not self._left.is_set():
            before = self._seen
            try:
                with self._open() as reader:
                    self._is_live = reader.is_live
                    self._read(reader)
                if not (self._is_live and self._is_endless) or self._is_behind():
                    return
                reason = "it ended"
            except VideoError as broken:
                if not self._is_live:  # one that never worked, or a file, which could not go on where it broke off
                    raise
                reason = str(broken)
            failures = 0 if self._seen > before else failures + 1
            self._wait(failures, reason)

    def _wait(self, failures: int, reason: str) -> None:
        """Some time before the next try. Raises VideoError after too many."""
        if failures >= len(WAITS_S):
            found = f"no picture in {failures} tries after {self._seen:,} frames"
            repair = "the results so far stand; check that the source is on, and start again"
            raise VideoError.at(self._where, found=found, expected="a source that comes back", repair=repair)
        if self._left.is_set():
            return
        log.info("%s", reason)
        text = "%s: broke off after %s frames; trying again in %d s (%d of %d)"
        log.warning(text, self._where, f"{self._seen:,}", WAITS_S[failures], failures + 1, len(WAITS_S))
        self._sleep(WAITS_S[failures])

    def _read(self, reader: VideoReader) -> None:
        for frame in reader:
            if self._left.is_set():
                return
            if not self._is_live:
                self._offer(frame, is_late_dropped=False)
                continue
            index, self._seen = self._seen, self._seen + 1
            time_s = self._elapsed_s()
            if self._clip.is_behind(time_s, reader.fps):
                return
            if not self._clip.is_before(time_s, reader.fps) and index >= self._due:
                self._due = index + self._clip.stride
                self._wanted += 1
                rate = reader.fps / self._clip.stride
                self._offer(replace(frame, index=index, time_s=time_s, rate=rate), is_late_dropped=True)

    def _offer(self, frame: Frame, *, is_late_dropped: bool) -> None:
        with self._changed:
            while self._newest is not None and not is_late_dropped and not self._left.is_set():
                self._changed.wait()
            self._dropped += self._newest is not None and is_late_dropped
            self._newest = frame
            self._changed.notify_all()

    def _elapsed_s(self) -> float:
        """Seconds since the first frame came."""
        now = self._clock()
        self._start = now if self._start is None else self._start
        return now - self._start

    def _is_behind(self) -> bool:
        """Whether the time to watch a live source is over."""
        return self._start is not None and self._is_live and self._clip.is_behind(self._clock() - self._start, 1.0)
