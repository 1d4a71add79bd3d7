"""Pictures and video with the boxes drawn on them, a file each. How boxes look is the business of pictures/draw.py."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.detect.outputs import make_folder
from yolov2.detect.work import DRAWING_THREADS, Work
from yolov2.errors import OutputError, Yolov2Warning, printable
from yolov2.files import write_whole
from yolov2.pictures.draw import draw_detections
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.video_writer import VideoWriter
from yolov2.records import Detections, Failure, Frame

UNKNOWN_RATE = 25.0  # frames a second of a video that does not say


class AnnotatedPictures:
    """A file a picture with its boxes on it. Drawing and encoding run beside the network, a few pictures behind it."""

    def __init__(self, targets: Mapping[str, Path]) -> None:
        self._targets = targets  # by source
        self._work = Work(DRAWING_THREADS)

    def write(self, result: Detections | Failure) -> None:
        if isinstance(result, Detections) and result.frame_index is None:
            self._work.submit(write_annotated, result, self._targets[result.source])

    def close(self) -> None:
        self._work.finish()

    def abort(self) -> None:
        self._work.drop()


class AnnotatedVideos:
    """A file a video with the boxes on its frames. Encoding runs beside the network, in order, some frames behind."""

    def __init__(self, targets: Mapping[str, Path]) -> None:
        self._targets = targets  # by source
        self._work = Work(1)
        self._source: str | None = None
        self._index = -1  # of the frame before
        self._video: VideoWriter | None = None
        self._start_s = 0.0  # when its first frame was shown

    def write(self, result: Detections | Failure) -> None:
        if isinstance(result, Detections) and result.frame_index is not None:
            self._work.submit(self._append, result)

    def close(self) -> None:
        self._work.submit(self._end)
        self._work.finish()

    def abort(self) -> None:
        self._work.drop()
        if self._video is not None:
            self._video.abort()

    def _append(self, found: Detections) -> None:
        assert found.frame_index is not None
        if found.source != self._source or found.frame_index <= self._index:  # a video named twice is written anew
            self._end()
            target = self._targets[found.source]
            make_folder(target.parent)
            rate = frame_of(found).rate or UNKNOWN_RATE
            self._source, self._video = found.source, VideoWriter(target, rate, found.size)
            self._start_s = frame_of(found).time_s or 0.0
        assert self._video is not None
        self._index = found.frame_index
        self._video.write(drawn(found), at_s=(frame_of(found).time_s or 0.0) - self._start_s)  # a live one has gaps

    def _end(self) -> None:
        if self._video is not None:
            self._video.close()
        self._source = self._video = None


def write_annotated(found: Detections, target: Path) -> None:
    """The picture with its boxes drawn on it, as a file of the kind that its name says. Raises OutputError.

    One that this kind can't hold gets no file, with a warning: it must not end the run of all others.
    """
    write_picture(drawn(found), target, source=found.source, what="with its boxes")


def write_picture(pixels: NDArray[np.uint8], target: Path, *, source: str, what: str) -> None:
    """These pixels as a file of the kind that its name says, or a warning of what was not written. OutputError."""
    make_folder(target.parent)
    try:
        data = encode_picture(pixels, ending=target.suffix)
    except OutputError as refusal:
        warnings.warn(f"{printable(source)}: not written {what}; {refusal}", Yolov2Warning, stacklevel=2)
        return
    with write_whole(target) as file:
        file.write(data)


def drawn(found: Detections) -> NDArray[np.uint8]:
    """The pixels of the picture with its boxes on it."""
    return draw_detections(frame_of(found).rgb, found)


def frame_of(found: Detections) -> Frame:
    """The picture of these detections, which must have been kept."""
    if found.frame is None:
        raise ValueError("writers: found detections without their picture, expected them with it")
    return found.frame
