"""The pictures of a data set, decoded once: bytes in memory, and in a file mapped into it where the memory ends."""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import PictureError, Yolov2Warning
from yolov2.pictures.quick_distort import shrunk
from yolov2.pictures.read import MAX_PIXELS, read_picture

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB

GREY = 127
STAND_IN = (8, 8, 3)  # what stands in for a picture that can't be read
LOCKS = 64  # pictures that are being decoded at a time never wait for each other, but for one in so many
SEGMENT = 256 << 20  # bytes of the file that are mapped at a time; a picture never lies in two
UNKNOWN_MEMORY = 4 << 30  # bytes, where the system does not tell what is free


class PictureStore:
    """store[i]: picture i, upright, its longer side at most `side`. Threads may share it; arrays are not to be changed.

    memory_bytes: as much is kept in memory; None: half of what is free now. The rest goes into a file without a name
    in the folder `spill` (None: the system's own for such files), of which nothing remains once the store is closed or
    the process ends, however it ends. A picture that can't be read is warned of, named in `failed` and grey from then
    on.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        *,
        side: int,
        memory_bytes: int | None = None,
        spill: Path | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if side < 1:
            raise ValueError(f"side: found {side}, expected a number of pixels from 1")
        self.paths = tuple(str(path) for path in paths)
        self.side = side
        self._max_pixels = max_pixels
        self._room = free_memory() // 2 if memory_bytes is None else memory_bytes
        self._spill = Spill(spill, largest=side * side * 3)
        self._kept: list[Pixels | None] = [None] * len(self.paths)
        self._sizes: list[tuple[int, int]] = [(0, 0)] * len(self.paths)  # as read
        self._failed: dict[int, str] = {}
        self._locks = tuple(threading.Lock() for _ in range(LOCKS))
        self._counting = threading.Lock()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Pixels:
        kept = self._kept[index]
        if kept is not None:
            return kept
        with self._locks[index % LOCKS]:
            kept = self._kept[index]
            return self._decode(range(len(self))[index]) if kept is None else kept

    def size_of(self, index: int) -> tuple[int, int]:
        """(height, width) of a picture before it was made smaller."""
        if self._sizes[index] == (0, 0):
            self[index]
        return self._sizes[index]

    @property
    def failed(self) -> Mapping[int, str]:
        """What was wrong with pictures that could not be read, by their index, as far as they were asked for."""
        return MappingProxyType(self._failed)

    def close(self) -> None:
        """Let go of the file. Arrays in use stay valid."""
        self._spill.close()
        self._kept = [None] * len(self.paths)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _decode(self, index: int) -> Pixels:
        try:
            whole = read_picture(Path(self.paths[index]), max_pixels=self._max_pixels).rgb
            pixels = np.ascontiguousarray(shrunk(whole, self.side))
        except PictureError as refusal:
            if index not in self._failed:
                warnings.warn(f"{refusal}; it is left out of the training", Yolov2Warning, stacklevel=3)
            self._failed[index] = str(refusal)
            whole = pixels = np.full(STAND_IN, GREY, np.uint8)
        self._sizes[index] = whole.shape[:2]
        pixels.flags.writeable = False
        with self._counting:
            fits = self._room >= pixels.nbytes
            if fits:
                self._room -= pixels.nbytes
            kept = pixels if fits else self._spill.keep(pixels)
        self._kept[index] = kept
        return pixels if kept is None else kept


class Spill:
    """Arrays in a file without a name, read through a map of it. Once the disk is full, nothing more is kept."""

    def __init__(self, folder: Path | None, *, largest: int) -> None:
        self._folder = folder
        grain = mmap.ALLOCATIONGRANULARITY
        self._segment = -(-max(SEGMENT, largest) // grain) * grain
        self._file: Any = None
        self._map: Any = None  # of the last segment; arrays hold on to the earlier ones
        self._end = 0
        self._is_full = False

    def keep(self, pixels: Pixels) -> Pixels | None:
        """The same array out of the file; None where it is not kept, of which the first is warned of."""
        if self._is_full:
            return None
        try:
            at = self._written(pixels)
        except OSError as wrong:
            self._is_full = True
            told = f"{self._folder or tempfile.gettempdir()}: found no room for decoded pictures ({wrong.strerror})"
            repair = "pictures beyond it are decoded every time; free some space or choose another folder"
            warnings.warn(f"{told}, expected room for all of them; {repair}", Yolov2Warning, stacklevel=4)
            return None
        flat: Pixels = np.frombuffer(self._map, np.uint8, pixels.size, at % self._segment)
        return flat.reshape(pixels.shape)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._file, self._map, self._is_full = None, None, True

    def _written(self, pixels: Pixels) -> int:
        """Where in the file the array lies now, its segment mapped. Raises OSError."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, prefix="yolov2-pictures-")  # noqa: SIM115 - close()
        at = self._end
        if at % self._segment + pixels.size > self._segment:
            at = -(-at // self._segment) * self._segment
        # Written by calls and not through the map: on a full disk these fail, where a map ends the process.
        number = self._file.fileno()
        left, place = pixels.data.cast("B"), at
        while left:
            done = os.pwrite(number, left, place)
            left, place = left[done:], place + done
        if at % self._segment == 0:
            start = at
            os.ftruncate(number, start + self._segment)
            self._map = mmap.mmap(number, self._segment, access=mmap.ACCESS_READ, offset=start)
        self._end = place
        return at


def free_memory() -> int:
    """Bytes that a process may still take: of the machine, and of the container it runs in."""
    limits = [limit for limit in (_machine_bytes(), _container_bytes()) if limit is not None]
    return max(0, min(limits, default=UNKNOWN_MEMORY))


def _machine_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def _container_bytes(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What is left of a limit on this process's control group; what files in the cache take of it counts as free."""
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            limit, now = (int((root / name).read_text(encoding="ascii")) for name in (most, used))
            lines = (root / most).with_name("memory.stat").read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):  # no such file, or "max"
            continue
        stats = {name: int(value) for name, value in (line.split() for line in lines)}
        return limit - now + stats.get("total_inactive_file", stats.get("inactive_file", 0))
    return None
