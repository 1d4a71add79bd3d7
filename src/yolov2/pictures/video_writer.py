"""Pictures -> a video file, which appears whole or not at all. Reading one is the business of video.py."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.errors import OutputError, printable
from yolov2.pictures.video import load_av, reason

ENCODERS = (("libx264", {"crf": "20", "preset": "veryfast"}), ("mpeg4", {"q": "3"}))


class VideoWriter:
    """Writes pictures into an MP4 file that appears under its name only when it is closed whole.

    As a context manager it closes at the end, and leaves nothing behind after an exception. Raises OutputError.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        """`size` is (height, width) of every frame; a picture of another size is fitted into it."""
        if not (math.isfinite(fps) and fps > 0 and min(size) >= 1):
            raise ValueError(f"VideoWriter: found {fps} frames/s of {size}, expected a positive rate and size")
        self._path, self._size, self._fps = path, size, fps
        self._count = 0  # places for pictures so far, filled or passed over
        self._is_over = False  # closed or given up; PyAV crashes when it is asked for more
        self._errors: tuple[type[Exception], ...] = (load_av().FFmpegError, OSError)
        try:
            # In the same folder, since a rename must not cross file systems; short, since names end at 255 bytes.
            self._temporary = path.with_name(f".video-{secrets.token_hex(8)}.part")
            os.close(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))  # as the umask allows
        except OSError as error:
            raise self._refusal(error) from error
        try:
            self._container, self._stream = self._open_output(Fraction(fps).limit_denominator(1001))
        except self._errors as error:
            self._temporary.unlink(missing_ok=True)
            raise self._refusal(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, pixels: NDArray[np.uint8], *, at_s: float = 0.0) -> None:
        """Adds one picture, (H, W, 3) RGB, shown so many seconds from the start, or right after the one before.

        Raises ValueError once the file is closed or given up.
        """
        if self._is_over:
            raise ValueError(f"VideoWriter: found a picture for {self._path}, which is closed")
        frame = load_av().VideoFrame.from_ndarray(_fitted(pixels, self._size), format="rgb24")
        frame.pts = max(self._count, round(at_s * self._fps))
        try:
            self._container.mux(self._stream.encode(frame))
        except self._errors as error:
            self.abort()
            raise self._refusal(error) from error
        self._count = frame.pts + 1

    def close(self) -> None:
        """Finishes the file and gives it its name; without a picture there is no file. Once is enough."""
        if self._is_over:
            return
        if self._count == 0:
            self.abort()
            return
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            with open(self._temporary, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(self._temporary, self._path)
        except self._errors as error:
            self.abort()
            raise self._refusal(error) from error
        self._is_over = True

    def abort(self) -> None:
        """Leaves nothing behind."""
        if self._is_over:
            return
        self._is_over = True
        with contextlib.suppress(*self._errors):  # the file is given up, whatever its last bytes would have been
            self._container.close()
        self._temporary.unlink(missing_ok=True)

    def _open_output(self, rate: Fraction) -> tuple[Any, Any]:  # PyAV's container and stream
        av = load_av()
        container = av.open(str(self._temporary), "w", format="mp4", options={"movflags": "+faststart"})
        name, options = next((n, o) for n, o in ENCODERS if n in av.codecs_available)
        stream: Any = container.add_stream(name, rate=rate, options=options)
        height, width = self._size
        stream.height, stream.width = height + height % 2, width + width % 2  # yuv420p halves both
        stream.pix_fmt = "yuv420p"
        return container, stream

    def _refusal(self, error: Exception) -> OutputError:
        return OutputError.at(
            printable(self._path),
            found=f"a video that can't be written ({reason(error)})",
            expected="a place with room for it",
            repair="check the folder, its permissions and the space left",
        )


def _fitted(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture at the video's size, black beside it if the proportions differ; an odd side gets its edge twice."""
    height, width = size
    if pixels.shape[:2] != size:
        scale = min(height / pixels.shape[0], width / pixels.shape[1])
        h, w = max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale))
        top, left = (height - h) // 2, (width - w) // 2
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[top : top + h, left : left + w] = cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA)
        pixels = canvas
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(pixels)
