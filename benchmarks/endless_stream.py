"""Does memory stay flat over an endless video? Target: 100,000 frames, no growth after the first thousands.

    python benchmarks/endless_stream.py [--frames 100000] [--batch 8] [--size 320x240]

A short video, encoded here, is read in a loop as if it were one: decoded anew each time, through the pipeline of
`detect` with a small network of drawn weights, into detections.jsonl. Resident memory is printed along the way.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from _sides import heading, seeded_weights, threads_here

FILM = 250  # frames of the video that is looped
LINES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", default="320x240", help="width x height of the video")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="yolov2-") as name:
        film = write_film(Path(name, "film.mp4"), (height, width))
        heading(
            "does memory stay flat over an endless video?",
            frames=options.frames, batch=options.batch, size=options.size, threads=threads_here(),
        )  # fmt: skip
        watch_memory(film, Path(name, "out"), frames=options.frames, batch=options.batch)


def watch_memory(film: Path, out: Path, *, frames: int, batch: int) -> None:
    from yolov2.detect import pipeline
    from yolov2.detect.detector import Detector
    from yolov2.detect.sources import Source
    from yolov2.detect.writers import open_writers
    from yolov2.network import architectures
    from yolov2.records import Detections

    open_video: Any = pipeline.open_video
    pipeline.open_video = lambda path, **rules: Loop(open_video, path, rules, frames)  # pyright: ignore[reportAttributeAccessIssue]
    sources = [Source(film, "video", Path(film.name))]
    network = architectures.yolov2_tiny_voc(size=96, width=0.125)
    levels: list[float] = []
    boxes, step, start = 0, max(1, frames // LINES), time.perf_counter()
    print(f"\n  {'frames':>10}{'MiB':>8}{'boxes':>12}{'a second':>10}")
    with (
        Detector(network, seeded_weights(network), conf=0.05, threads=threads_here()) as detector,
        open_writers(out, sources, annotated=False) as writers,
    ):
        for number, found in enumerate(pipeline.run(detector, sources, batch=batch), start=1):
            writers.write(found)
            boxes += len(found) if isinstance(found, Detections) else 0
            if number % step == 0:
                levels.append(resident_mib())
                rate = number / (time.perf_counter() - start)
                print(f"  {number:10,}{levels[-1]:8.1f}{boxes:12,}{rate:10.0f}", flush=True)
    lines = sum(1 for _ in (out / "detections.jsonl").open())
    print(f"  {lines:,} lines of JSON; {levels[-1] - levels[0]:+.1f} MiB from {step:,} frames to {frames:,}")


class Loop:
    """A video that begins anew at its end, its frames numbered on, until so many have come."""

    def __init__(self, open_video: Any, path: Path, rules: dict[str, Any], count: int) -> None:
        self._open, self._path, self._rules, self._count = open_video, path, rules, count

    def __enter__(self) -> "Loop":
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Any]:
        index = 0
        while True:
            with self._open(self._path, **self._rules) as video:
                for frame in video:
                    if index == self._count:
                        return
                    yield replace(frame, index=index, time_s=index / video.fps)
                    index += 1


def write_film(path: Path, size: tuple[int, int]) -> Path:
    """A square that moves over noise."""
    import numpy as np

    from yolov2.pictures.video_writer import VideoWriter

    ground = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    with VideoWriter(path, 25, size) as writer:
        for number in range(FILM):
            pixels = ground.copy()
            left = number * (size[1] - 60) // FILM
            pixels[40:100, left : left + 60] = (200, 30, 30)
            writer.write(pixels)
    return path


def resident_mib() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
