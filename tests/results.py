"""Detections of small pictures, and the files that are made of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fakes import one_box
from yolov2.detect.sources import Source
from yolov2.detect.writers import Writer
from yolov2.records import Detections, Failure, Frame

GREY = np.full((48, 64, 3), 90, np.uint8)
FAILED = Failure("bad.jpg", "bad.jpg: found 0 bytes")


def picture(source: str = "a.jpg", index: int | None = None, *, rate: float | None = None) -> Detections:
    """A grey picture of 64 x 48 with one detection of a class 3 that has no name."""
    return one_box(Frame(GREY, source=source, index=index, rate=rate), 3)


def found(
    *rows: tuple[int, float, Sequence[float]],
    labels: tuple[str, ...] = ("cat", "dog"),
    source: str = "a.jpg",
    index: int | None = None,
    frame: Frame | None = None,
) -> Detections:
    """Detections of (class id, score, xyxy) in a picture of 64 x 48, or in `frame`."""
    frame = frame or Frame(GREY, source=source, index=index)
    return Detections(
        xyxy=np.array([box for *_, box in rows], np.float32).reshape(-1, 4),
        scores=np.array([score for _, score, _ in rows], np.float32),
        class_ids=np.array([class_id for class_id, *_ in rows], np.int64),
        objectness=np.full(len(rows), 0.75, np.float32),
        size=frame.size,
        labels=labels,
        source=frame.source,
        frame_index=frame.index,
        frame=frame,
    )


def sources(*names: str, kind: str = "picture") -> list[Source]:
    """Files `in/NAME` that a folder argument `in` found."""
    return [Source(Path("in", name), kind, Path(name)) for name in names]  # pyright: ignore[reportArgumentType]


def write_all(writer: Writer, results: Iterable[Detections | Failure]) -> None:
    for result in results:
        writer.write(result)
    writer.close()


def left_in(folder: Path) -> list[str]:
    """The files below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
