"""Where the time goes: each stage of detection, and all of them overlapped. Compares backends in turn.

Every contender of a comparison is a process of its own: in one, the threads of two runtimes would disturb each other.
"""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from yolov2.detect.detector import Detector
from yolov2.detect.model_files import find_model
from yolov2.detect.models import load_network
from yolov2.detect.pipeline import run
from yolov2.detect.sources import Source
from yolov2.errors import BackendError, ModelError, PictureError, Yolov2Error
from yolov2.pictures.draw import draw_detections
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.read import read_picture
from yolov2.records import Failure

STAGES = ("read", "letterbox", "forward", "decode + NMS", "draw", "end to end")
WARM_UP = 2  # rounds that count for nothing: threads start, caches fill
FEWEST_ROUNDS = 3
PIPELINE_S = 1.0  # how long, about, the overlapped part of a round takes
Samples = Mapping[str, Sequence[float]]  # seconds a batch, by stage


@dataclass(frozen=True, slots=True)
class Plan:
    """What one contender runs: the keywords of `Detector.open`, the pictures, and how many of them a pass."""

    model: Mapping[str, Any]
    pictures: tuple[Path, ...]
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One stage in numbers. Times are those of a batch; `per_second` counts pictures."""

    backend: str
    precision: str
    size: str  # width x height of the network's input
    batch: int
    stage: str
    p50_ms: float
    p99_ms: float
    per_second: float

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Label:
    """What a contender turned out to be."""

    backend: str
    precision: str
    size: str
    batch: int


class Contender(Protocol):
    """Runs one round over all pictures at a time."""

    @property
    def label(self) -> Label: ...
    def round(self) -> Samples: ...
    def close(self) -> None: ...


class Here:
    """A contender in this process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        _check_detector(plan.model)
        self._detector = Detector.open(**plan.model)
        height, width = self._detector.input_size
        precision = plan.model.get("precision", "fp32")
        self.label = Label(self._detector.backend.name, precision, f"{width}x{height}", plan.batch)

    def round(self) -> Samples:
        return time_round(self._detector, self._plan.pictures, batch=self._plan.batch)

    def close(self) -> None:
        self._detector.close()


class There:
    """A contender in a process of its own, which sleeps while others run. Raises what its Detector refused."""

    def __init__(self, plan: Plan) -> None:
        context = get_context("spawn")  # forking a process with threads can hang
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, plan), daemon=True)
        self._process.start()
        theirs.close()
        self.label: Label = self._receive()

    def round(self) -> Samples:
        self._pipe.send("round")
        return self._receive()

    def close(self) -> None:
        self._pipe.close()
        self._process.join()

    def _receive(self) -> Any:
        try:
            answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            found = f"a process that ended with status {self._process.exitcode}"
            raise BackendError.at(
                "bench", found=found, expected="its times", repair="run it alone to see why"
            ) from None
        if isinstance(answer, Yolov2Error):
            raise answer
        return answer


def _check_detector(model: Mapping[str, Any]) -> None:
    """Raises ModelError for a classifier, before its weights are read."""
    named = ("model", "weights", "names", "data", "tree", "map")
    chosen: dict[str, Any] = {key: model.get(key) for key in named}
    files = find_model(**chosen)
    if load_network(files).region is None:
        found, expected = "no [region] at its end", "a detector"
        raise ModelError.at(files.where, found=found, expected=expected, repair="bench measures detectors")


def _serve(pipe: Connection, plan: Plan) -> None:
    """The other end of There: a label, then a round for every message, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to us, too; who asked for rounds ends us
    try:
        contender = Here(plan)
        pipe.send(contender.label)
        while pipe.recv():
            pipe.send(contender.round())
    except (Yolov2Error, ValueError) as refusal:  # a ValueError here is a size or class that the model does not have
        pipe.send(refusal if isinstance(refusal, Yolov2Error) else Yolov2Error(str(refusal)))
    except (EOFError, BrokenPipeError):
        return


def measure(
    contenders: Sequence[Contender], *, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> list[Row]:
    """The rows of every contender, from rounds in turn that take about so many seconds in all."""
    for _ in range(WARM_UP):
        for contender in contenders:
            contender.round()
    samples: list[dict[str, list[float]]] = [defaultdict(list) for _ in contenders]
    start, rounds = clock(), 0
    while rounds < FEWEST_ROUNDS or clock() - start < seconds:
        for contender, mine in zip(contenders, samples, strict=True):
            for stage, times in contender.round().items():
                mine[stage] += times
        rounds += 1
    return [
        row_of(contender.label, stage, mine[stage])
        for contender, mine in zip(contenders, samples, strict=True)
        for stage in STAGES
        if mine[stage]
    ]


def time_round(detector: Detector, pictures: Sequence[Path], *, batch: int) -> Samples:
    """Seconds a batch, by stage: each alone over all pictures, then all of them overlapped as `detect` runs them."""
    samples: dict[str, list[float]] = {stage: [] for stage in STAGES}
    groups = batches(pictures, batch)
    for paths in groups:
        marks = [time.perf_counter()]

        def mark(marks: list[float] = marks) -> None:
            marks.append(time.perf_counter())

        frames = [read_picture(path) for path in paths]
        mark()
        images = np.stack([detector.prepare(frame) for frame in frames])
        mark()
        raw = detector.raw(images)
        mark()
        found = detector.decode(raw, frames=frames)
        mark()
        for frame, one in zip(frames, found, strict=True):
            encode_picture(draw_detections(frame.pixels, one), ending=".jpg")
        mark()
        for stage, start, end in zip(STAGES, marks, marks[1:], strict=False):
            samples[stage].append(end - start)
    alone = sum(map(sum, samples.values())) / len(groups)
    repeats = max(1, round(PIPELINE_S / alone / len(groups)))  # long enough that starting and ending hardly count
    samples[STAGES[-1]] = time_pipeline(detector, [path for paths in groups for path in paths] * repeats, batch=batch)
    return samples


def time_pipeline(detector: Detector, pictures: Sequence[Path], *, batch: int) -> list[float]:
    """Seconds from one batch of results to the next, the first from the start. Raises PictureError."""
    sources = [Source(path, "picture", Path(path.name)) for path in pictures]
    times, last = list[float](), time.perf_counter()
    for number, result in enumerate(run(detector, sources, batch=batch), start=1):
        if isinstance(result, Failure):
            raise PictureError(result.error)
        if number % batch == 0:
            now = time.perf_counter()
            times.append(now - last)
            last = now
    return times


def batches(pictures: Sequence[Path], batch: int) -> list[Sequence[Path]]:
    """The pictures in full batches, begun again from the first where the last one is short."""
    filled = [*pictures]
    while len(filled) % batch:
        filled += pictures[: batch - len(filled) % batch]
    return [filled[start : start + batch] for start in range(0, len(filled), batch)]


def row_of(label: Label, stage: str, times: Sequence[float]) -> Row:
    """Median, 99th percentile and rate of one stage. Of `end to end` the rate counts: its times come in bursts."""
    p50, p99 = np.percentile(times, (50, 99))
    rate = label.batch * len(times) / sum(times)
    return Row(
        label.backend,
        label.precision,
        label.size,
        label.batch,
        stage,
        p50_ms=round(1000 * float(p50), 3),
        p99_ms=round(1000 * float(p99), 3),
        per_second=round(rate, 2),
    )


def readable(pictures: Sequence[Path], *, on_failure: Callable[[Failure], None]) -> tuple[Path, ...]:
    """The pictures that can be read; the others go to `on_failure`. Raises PictureError if none can."""
    found: list[Path] = []
    for path in pictures:
        try:
            read_picture(path)
            found.append(path)
        except PictureError as refusal:
            if len(pictures) == 1:
                raise
            on_failure(Failure(str(path), str(refusal)))
    if not found:
        said, repair = f"{len(pictures):,} pictures that can't be read", "name others"
        raise PictureError.at("bench", found=said, expected="pictures", repair=repair)
    return tuple(found)


def make_pictures(folder: Path, *, count: int = 8, size: tuple[int, int] = (480, 640)) -> tuple[Path, ...]:
    """JPEG files that take as long to read as photographs: shapes under a little grain, the same ones every time."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    paths: list[Path] = []
    for number in range(count):
        random = np.random.default_rng(number)
        pixels = random.normal(128, 6, (height, width, 3)).astype(np.float32)
        for y, x, radius in random.uniform((0, 0, 20), (height, width, 200), (12, 3)):
            inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
            pixels[inside] += random.normal(0, 60, 3).astype(np.float32)
        path = folder / f"made-{number}.jpg"
        path.write_bytes(encode_picture(np.clip(pixels, 0, 255).astype(np.uint8), ending=".jpg"))
        paths.append(path)
    return tuple(paths)
