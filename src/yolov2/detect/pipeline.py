"""Reading, resizing, inference and decoding at the same time, bounded in memory, results in order.

One thread walks the sources and hands reading and resizing to a small pool; the caller's thread runs the network;
decoding of a batch runs in the pool while the network has the next one.
"""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from yolov2.detect.sources import Source, expand_sources
from yolov2.errors import Yolov2Error, Yolov2Warning
from yolov2.pictures.read import read_picture
from yolov2.pictures.video import open_video
from yolov2.records import Failure, Frame

WORKERS = 2
STOP_POLL_S = 0.1  # how soon a reader that waits for room notices that nobody wants more


Found = TypeVar("Found")  # what there is to say of a frame: Detections, Classification


class ReadingRules(Protocol):
    """What the pipeline asks of somebody's settings."""

    @property
    def faithful(self) -> bool: ...  # EXIF rotation is ignored, as Darknet does

    @property
    def max_pixels(self) -> int: ...


class Finder(Protocol[Found]):
    """What the pipeline asks of a Detector, a Classifier."""

    @property
    def settings(self) -> ReadingRules: ...

    def prepare(self, frame: Frame) -> Any: ...  # (3, H, W), or several such images

    def raw(self, images: Any) -> Any: ...  # those of a batch: (B, 3, H, W), or a list of the several

    def decode(self, raw: Any, *, frames: Sequence[Frame]) -> list[Found]: ...


@dataclass(frozen=True, eq=False, slots=True)
class Ready:
    """A frame with the network input made of it."""

    frame: Frame
    image: Any  # what `prepare` makes of it


Slot = Future[Ready | Failure]


def run(
    detector: Finder[Found], sources: Sequence[Source], *, batch: int = 1, workers: int = WORKERS
) -> Generator[Found | Failure]:
    """What was found in every picture and frame, in the order of the sources; a Failure where one can't be read.

    At most three batches of frames and a few more are held at a time. Closing the iterator stops the reading.
    """
    if batch < 1:
        raise ValueError(f"batch: found {batch}, expected a number from 1")
    with ThreadPoolExecutor(workers, thread_name_prefix="yolov2-work") as pool:
        reader = Reader(detector, sources, pool, ahead=batch + workers)
        try:
            pending: Future[list[Found | Failure]] | None = None
            for group in _groups(reader, batch):
                images = [item.image for item in group if isinstance(item, Ready)]
                raw = detector.raw(_together(images)) if images else None
                finished, pending = pending, pool.submit(_finish, detector, group, raw)
                if finished is not None:
                    yield from finished.result()
            if pending is not None:
                yield from pending.result()
        finally:
            reader.stop()


def stream(
    detector: Finder[Found],
    sources: str | Path | Iterable[str | Path],
    *,
    batch: int = 1,
    on_failure: Callable[[Failure], None] | None = None,
) -> Iterator[Found]:
    """What was found in all that these files, folders and patterns name; what can't be read goes to `on_failure`.

    Without one it is warned of. See `run`.
    """
    named = [sources] if isinstance(sources, str | Path) else sources
    for result in run(detector, expand_sources(named), batch=batch):
        if not isinstance(result, Failure):
            yield result
        elif on_failure is not None:
            on_failure(result)
        else:
            warnings.warn(result.error, Yolov2Warning, stacklevel=2)


class Reader:
    """A thread that walks the sources and keeps a bounded queue of frames being prepared. Iterates in order."""

    def __init__(
        self, detector: Finder[Any], sources: Sequence[Source], pool: ThreadPoolExecutor, *, ahead: int
    ) -> None:
        self._detector, self._sources, self._pool = detector, sources, pool
        self._slots: queue.Queue[Slot | BaseException | None] = queue.Queue(maxsize=ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._walk, name="yolov2-reader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Ready | Failure]:
        while (slot := self._slots.get()) is not None:
            if isinstance(slot, BaseException):
                raise slot
            yield slot.result()

    def stop(self) -> None:
        """End the walk; what waits in the queue is dropped."""
        self._stopped.set()
        self._thread.join()

    def _walk(self) -> None:
        try:
            for source in self._sources:
                if source.error:
                    self._put(_done(Failure(str(source.path), source.error)))
                elif source.kind == "picture":
                    self._put(self._pool.submit(self._read, source.path))
                else:
                    self._walk_video(source.path)
                if self._stopped.is_set():
                    return
            self._put(None)
        except BaseException as fault:  # noqa: BLE001 - ours: it belongs to the caller's thread, not to this one
            self._put(fault)

    def _walk_video(self, path: Path) -> None:
        try:
            with open_video(path, max_pixels=self._detector.settings.max_pixels) as frames:
                for frame in frames:
                    self._put(self._pool.submit(self._prepare, frame))
                    if self._stopped.is_set():
                        return
        except Yolov2Error as refusal:
            self._put(_done(Failure(str(path), str(refusal))))

    def _read(self, path: Path) -> Ready | Failure:
        try:
            settings = self._detector.settings
            frame = read_picture(path, exif=not settings.faithful, max_pixels=settings.max_pixels)
            return self._prepare(frame)
        except Yolov2Error as refusal:
            return Failure(str(path), str(refusal))

    def _prepare(self, frame: Frame) -> Ready | Failure:
        try:
            return Ready(frame, self._detector.prepare(frame))
        except Yolov2Error as refusal:  # read well, but of a size that the network can't take
            return Failure(frame.source, str(refusal))

    def _put(self, slot: Slot | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._slots.put(slot, timeout=STOP_POLL_S)
            except queue.Full:
                continue
            return


def _groups(reader: Reader, batch: int) -> Iterator[list[Ready | Failure]]:
    """Frames in order, `batch` to a group; failures ride along."""
    group: list[Ready | Failure] = []
    for item in reader:
        group.append(item)
        if sum(isinstance(member, Ready) for member in group) == batch:
            yield group
            group = []
    if group:
        yield group


def _together(images: Sequence[Any]) -> Any:
    """Images as one array; several images a frame stay a list."""
    are_single = isinstance(images[0], np.ndarray)
    if not are_single:
        return images
    return np.stack(images) if len(images) > 1 else images[0][None]


def _finish(detector: Finder[Found], group: list[Ready | Failure], raw: Any) -> list[Found | Failure]:
    frames = [item.frame for item in group if isinstance(item, Ready)]
    found = iter(detector.decode(raw, frames=frames) if raw is not None else [])
    return [item if isinstance(item, Failure) else next(found) for item in group]


def _done(failure: Failure) -> Slot:
    slot: Slot = Future()
    slot.set_result(failure)
    return slot
