"""What was found, as files: annotated pictures and video, JSON Lines, CSV. Every file appears whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import sys
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from yolov2.detect.outputs import make_folder, refuse_existing, refuse_inputs, target_paths
from yolov2.detect.sources import RESULTS, Source
from yolov2.errors import OutputError, Yolov2Warning
from yolov2.files import write_whole
from yolov2.pictures.draw import draw_detections
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.video import open_video
from yolov2.pictures.video_writer import VideoWriter
from yolov2.records import Classification, Detections, Failure

Result = Detections | Failure

NOWHERE: Mapping[str, Path] = MappingProxyType({})  # the targets of a run that writes no annotated files
JSONL, CSV = RESULTS, "detections.csv"
CSV_HEADING = "source,frame,label,class_id,score,objectness,x1,y1,x2,y2\n"
DRAWING_THREADS = 2
WAITING = 8  # pictures drawn or waiting for it at a time; a full-size photograph takes tens of megabytes


class Writer(Protocol):
    """Takes results in order. `close` at the end keeps what was written, `abort` drops what is open."""

    def write(self, result: Result) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class TextFile:
    """A text file with what `text_of` makes of each result; it takes its name when it is closed. Raises OutputError."""

    def __init__(self, path: Path, text_of: Callable[[Result], str], *, heading: str = "") -> None:
        self._text_of = text_of
        self._whole = write_whole(path)
        self._file = self._whole.__enter__()
        self._append(heading)

    def write(self, result: Result) -> None:
        self._append(self._text_of(result))

    def close(self) -> None:
        self._whole.__exit__(None, None, None)

    def abort(self) -> None:
        with suppress(OutputError):
            self._whole.__exit__(_Dropped, _Dropped(), None)  # write_whole removes its draft after any exception

    def _append(self, text: str) -> None:
        try:
            self._file.write(text.encode("utf-8", "surrogateescape"))  # stray bytes of file names as they were
        except OSError as wrong:
            self._whole.__exit__(type(wrong), wrong, wrong.__traceback__)  # removes the draft, raises OutputError


class _Dropped(Exception):
    """Ends a file that nobody wants any more."""


class AnnotatedPictures:
    """A file a picture with its boxes on it. Drawing and encoding run beside the network, a few pictures behind it."""

    def __init__(self, targets: Mapping[str, Path]) -> None:
        self._targets = targets  # by source
        self._work = Work(DRAWING_THREADS)

    def write(self, result: Result) -> None:
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

    def write(self, result: Result) -> None:
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
            with open_video(Path(found.source), max_pixels=sys.maxsize) as video:  # the limit asked for let it pass
                rate = video.fps
            self._source, self._video = found.source, VideoWriter(target, rate, found.size)
        assert self._video is not None
        self._index = found.frame_index
        self._video.write(drawn(found))

    def _end(self) -> None:
        if self._video is not None:
            self._video.close()
        self._source = self._video = None


class Writers:
    """Several writers as one. As a context manager it closes them, or aborts them all if an error ends the block."""

    def __init__(self, *writers: Writer) -> None:
        self._writers = writers

    def write(self, result: Result) -> None:
        for writer in self._writers:
            writer.write(result)

    def close(self) -> None:
        """Give every file its name. If one can't have it, the rest is aborted. Raises OutputError."""
        for index, writer in enumerate(self._writers):
            try:
                writer.close()
            except BaseException:
                for other in self._writers[index:]:
                    other.abort()
                raise

    def abort(self) -> None:
        for writer in self._writers:
            writer.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


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


def open_writers(
    folder: Path, sources: Sequence[Source], *, annotated: bool = True, as_csv: bool = False, force: bool = False
) -> Writers:
    """Writers into `folder` for what will be found in these sources: detections.jsonl, pictures and video, a CSV file.

    Raises OutputError if the folder can't be written into, if results are there already and `force` is not given, and
    in any case if a source itself would be overwritten.
    """
    targets = target_paths(folder, sources) if annotated else {}
    tables = [folder / JSONL, *([folder / CSV] if as_csv else [])]
    refuse_inputs(targets.values(), sources)
    if not force:
        refuse_existing([*tables, *targets.values()])
    make_folder(folder)
    writers: list[Writer] = [AnnotatedPictures(targets), AnnotatedVideos(targets)] if annotated else []
    try:
        writers.append(
            TextFile(tables[0], partial(json_line, targets=targets))
        )  # after the pictures: it says that the run went well
        if as_csv:
            writers.append(TextFile(tables[1], csv_rows, heading=CSV_HEADING))
    except BaseException:
        Writers(*writers).abort()
        raise
    return Writers(*writers)


def json_line(result: Result | Classification, *, targets: Mapping[str, Path] = NOWHERE) -> str:
    """A result as one line of JSON, pure ASCII. That of Detections ends with the annotated file of its source."""
    if isinstance(result, Failure):
        return json.dumps({"source": result.source, "error": result.error}) + "\n"
    fields = result.to_dict()
    if isinstance(result, Detections):
        target = targets.get(result.source)
        fields["output"] = None if target is None else str(target)
    return json.dumps(fields) + "\n"


def csv_rows(result: Result) -> str:
    """A result as lines of CSV, one a detection; a picture without any, or an input that failed, has none."""
    if isinstance(result, Failure):
        return ""
    start = (result.source, "" if result.frame_index is None else result.frame_index)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        (*start, row["label"], row["class_id"], row["score"], row["objectness"], *row["box"]) for row in result.rows()
    )
    return text.getvalue()


def write_annotated(found: Detections, target: Path) -> None:
    """The picture with its boxes drawn on it, as a file of the kind that its name says. Raises OutputError.

    One that this kind can't hold gets no file, with a warning: it must not end the run of all others.
    """
    make_folder(target.parent)
    try:
        data = encode_picture(drawn(found), ending=target.suffix)
    except OutputError as refusal:
        warnings.warn(f"{found.source}: not written with its boxes; {refusal}", Yolov2Warning, stacklevel=2)
        return
    with write_whole(target) as file:
        file.write(data)


def drawn(found: Detections) -> NDArray[np.uint8]:
    """The pixels of the picture with its boxes on it."""
    if found.frame is None:
        raise ValueError("writers: found detections without their picture, expected them with it")
    return draw_detections(found.frame.pixels, found)
