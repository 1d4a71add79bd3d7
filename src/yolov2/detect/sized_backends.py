"""A network at whatever size its input comes in: one backend a size, the last few of them kept."""

from __future__ import annotations

import threading
from collections.abc import Callable

from yolov2.backends.base import Backend, Floats

Size = tuple[int, int]  # (height, width)

KEPT = 4  # backends; each may hold the weights once more. As many as the sizes of a picture in `validmulti`


class SizedBackends:
    """A backend for images of any size, opened by `open_at(size)` when the first of that size comes.

    Of several threads one runs at a time: so none meets a backend that another one closes.
    """

    def __init__(self, open_at: Callable[[Size], Backend], *, kept: int = KEPT) -> None:
        self._open_at, self._kept = open_at, kept
        self._backends: dict[Size, Backend] | None = {}  # the one used last is the last
        self._lock = threading.Lock()

    def __call__(self, images: Floats) -> Floats:
        """The raw head (B, channels, rows, columns) of images (B, C, H, W). Raises what `open_at` raises."""
        size = images.shape[2], images.shape[3]
        with self._lock:
            if self._backends is None:
                raise ValueError("this backend is closed")
            backend = self._backends.pop(size, None)
            if backend is None:
                while len(self._backends) >= self._kept:  # before the next is opened: no more than so many at a time
                    self._backends.pop(next(iter(self._backends))).close()
                backend = self._open_at(size)
            self._backends[size] = backend
            return backend(images)

    def close(self) -> None:
        """Close those that are open; a call that still runs ends first."""
        with self._lock:
            for backend in (self._backends or {}).values():
                backend.close()
            self._backends = None
