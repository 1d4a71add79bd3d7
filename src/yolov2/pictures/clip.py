"""Which part of a video is read: from when, until when, and every how many frames. Opens nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

TOLERANCE_S = 1e-3  # the coarsest clock of a file, that of Matroska and FLV


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of a video. Raises ValueError, in one line, for one that holds nothing.

    Times count from the first frame of a file, and of a live source from when watching began.
    """

    start_s: float = 0.0
    end_s: float | None = None  # a frame at this time is no more part of it; None: to the last one
    stride: int = 1  # every so many frames, from the first that is read

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise ValueError(f"start_s: found {self.start_s:g}, expected seconds from 0")
        if self.end_s is not None and not (math.isfinite(self.end_s) and self.end_s > self.start_s):
            raise ValueError(f"end_s: found {self.end_s:g} s, expected more than the {self.start_s:g} s of the start")
        if self.stride < 1:
            raise ValueError(f"stride: found {self.stride}, expected a number from 1")

    def is_before(self, time_s: float, fps: float) -> bool:
        """Whether a frame comes too early."""
        return time_s < self.start_s - _tolerance(fps)

    def is_behind(self, time_s: float, fps: float) -> bool:
        """Whether a frame comes too late."""
        return self.end_s is not None and time_s >= self.end_s - _tolerance(fps)

    def count(self, frames: int, fps: float) -> int:
        """How many of a file's frames are part of it, at a steady rate."""
        first = min(frames, _first_from(self.start_s, fps))
        last = frames if self.end_s is None else min(frames, _first_from(self.end_s, fps))
        return -(-(last - first) // self.stride)


WHOLE = Clip()


def _first_from(time_s: float, fps: float) -> int:
    return max(0, math.ceil((time_s - _tolerance(fps)) * fps))


def _tolerance(fps: float) -> float:
    return min(TOLERANCE_S, 0.25 / fps)
