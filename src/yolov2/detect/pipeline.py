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
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from yolov2.detect.sources import Source, expand_sources
from yolov2.errors import Yolov2Error, Yolov2Warning
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.pictures.live import Watch, watch
from yolov2.pictures.read import decode_picture, read_picture
from yolov2.pictures.video import open_video
from yolov2.pictures.video_reader import VideoReader
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

    @property
    def channels(self) -> int: ...  # of a picture: 3 are RGB

    def prepare(self, frame: Frame) -> Any: ...  # (C, H, W), or several such images

    def raw(self, images: Any) -> Any: ...  # those of a batch: (B, C, H, W), or a list of the several

    def decode(self, raw: Any, *, frames: Sequence[Frame]) -> list[Found]: ...


@dataclass(frozen=True, eq=False, slots=True)
class Ready:
    """A frame with the network input made of it."""

    frame: Frame
    image: Any  # what `prepare` makes of it


Slot = Future[Ready | Failure]


def run(
    detector: Finder[Found],
    sources: Sequence[Source],
    *,
    batch: int = 1,
    workers: int = WORKERS,
    clip: Clip = WHOLE,
    stop: threading.Event | None = None,
) -> Generator[Found | Failure]:
    """What was found in every picture and frame, in the order of the sources; a Failure where one can't be read.

    clip: the part of every video, and of every live source, that is read. Closing the iterator stops the reading;
    `stop`, once set, ends it as well: with the source at work, or at once with one that is live.
    At most three batches of frames and a few more are held at a time.
    """
    if not isinstance(batch, int) or batch < 1:  # pyright: ignore[reportUnnecessaryIsInstance] - a programmer's call
        raise ValueError(f"batch: found {batch!r}, expected a number from 1")
    with ThreadPoolExecutor(workers, thread_name_prefix="yolov2-work") as pool:
        reader = Reader(detector, sources, pool, ahead=batch + workers, clip=clip, stop=stop or threading.Event())
        try:
            pending: Future[list[Found | Failure]] | None = None
            groups = _groups(reader, batch)
            while True:
                if pending is not None and reader.is_idle:  # nothing to run meanwhile: a slow camera's answers come now
                    yield from pending.result()
                    pending = None
                group = next(groups, None)
                if group is None:
                    break
                images = [item.image for item in group if isinstance(item, Ready)]
                raw = detector.raw(_together(images)) if images else None
                finished, pending = pending, pool.submit(_finish, detector, group, raw)
                if finished is not None:
                    yield from finished.result()
                if raw is None:  # failures alone, which wait for nothing
                    yield from pending.result()
                    pending = None
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
    stride: int = 1,
    start_s: float = 0.0,
    end_s: float | None = None,
    allow_urls: bool = False,
) -> Iterator[Found]:
    """What was found in all that these sources name; what can't be read goes to `on_failure`, or is warned of.

    Sources are files, folders, patterns, lists, cameras and, with `allow_urls`, addresses: see `expand_sources`. Of
    videos every `stride`-th frame is looked at, from `start_s` until `end_s`: see `Clip`. Memory is bounded: see `run`.
    """
    is_one: bool = isinstance(sources, str) or not hasattr(sources, "__iter__")
    named: list[Any] = [sources] if is_one else list(cast("Iterable[Any]", sources))
    for source in named:
        if not isinstance(source, str | Path):
            repair = "for pictures in memory call detector(pictures)"
            raise TypeError(f"sources: found {type(source).__name__}, expected paths (str or Path); {repair}")
    clip = Clip(start_s, end_s, stride)
    for result in run(detector, expand_sources(named, allow_urls=allow_urls), batch=batch, clip=clip):
        if not isinstance(result, Failure):
            yield result
        elif on_failure is not None:
            on_failure(result)
        else:
            warnings.warn(result.error, Yolov2Warning, stacklevel=2)


class Reader:
    """A thread that walks the sources and keeps a bounded queue of frames being prepared. Iterates in order."""

    def __init__(
        self,
        detector: Finder[Any],
        sources: Sequence[Source],
        pool: ThreadPoolExecutor,
        *,
        ahead: int,
        clip: Clip,
        stop: threading.Event,
    ) -> None:
        self._detector, self._sources, self._pool = detector, sources, pool
        self._clip, self._stop = clip, stop
        self._slots: queue.Queue[Slot | BaseException | None] = queue.Queue(maxsize=ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._walk, name="yolov2-reader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Ready | Failure]:
        while (slot := self._slots.get()) is not None:
            if isinstance(slot, BaseException):
                raise slot
            item = slot.result()
            if not isinstance(item, Failure) or item.error:
                yield item

    @property
    def is_idle(self) -> bool:
        """Whether nothing has been read that nobody has taken."""
        return self._slots.empty()

    def stop(self) -> None:
        """End the walk; what waits in the queue is dropped."""
        self._stopped.set()
        self._thread.join()

    def _walk(self) -> None:
        try:
            for source in self._sources:
                if source.error:
                    self._put(_done(Failure(source.name, source.error)))
                elif source.kind == "picture":
                    self._put(self._pool.submit(self._read, source))
                else:
                    self._walk_video(source)
                if self._is_unwanted():
                    break
            self._put(None)
        except BaseException as fault:  # noqa: BLE001 - ours: it belongs to the caller's thread, not to this one
            self._put(fault)

    def _walk_video(self, source: Source) -> None:
        try:
            with self._open(source) as frames:
                refused = threading.Lock()  # taken by the first frame that can't be looked at
                for frame in frames:
                    self._put(self._pool.submit(self._prepare, frame, refused))
                    if self._stopped.is_set() or refused.locked():
                        return
        except Yolov2Error as refusal:
            self._put(_done(Failure(source.name, str(refusal))))

    def _open(self, source: Source) -> VideoReader | Watch:
        limit = self._detector.settings.max_pixels
        if source.kind == "video":
            return open_video(source.path, max_pixels=limit, clip=self._clip)
        return watch(source.address, source.name, max_pixels=limit, clip=self._clip, is_unwanted=self._is_unwanted)

    def _is_unwanted(self) -> bool:
        return self._stopped.is_set() or self._stop.is_set()

    def _read(self, source: Source) -> Ready | Failure:
        try:
            settings = self._detector.settings
            exif, limit, channels = not settings.faithful, settings.max_pixels, self._detector.channels
            if source.data is None:
                frame = read_picture(source.path, exif=exif, max_pixels=limit, channels=channels)
            else:
                frame = decode_picture(source.data, name=source.name, exif=exif, max_pixels=limit, channels=channels)
            return self._prepare(frame)
        except Yolov2Error as refusal:
            return Failure(source.name, str(refusal))

    def _prepare(self, frame: Frame, refused: threading.Lock | None = None) -> Ready | Failure:
        """refused: taken by the first frame of a video that can't be looked at, which ends it; the next say nothing."""
        try:
            return Ready(frame, self._detector.prepare(frame))
        except Yolov2Error as refusal:  # read well, but of a size that the network can't take
            is_first = refused is None or refused.acquire(blocking=False)
            return Failure(frame.source, str(refusal) if is_first else "")

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
        ready = sum(isinstance(member, Ready) for member in group)
        if ready in (0, batch):  # of failures alone at once: they wait for nothing
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
