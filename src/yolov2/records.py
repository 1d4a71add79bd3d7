"""What travels through the house: a Frame on its way in, Detections on their way out. Neither knows a file format."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas
    import PIL.Image
    import supervision


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture as it was read: a file, a frame of a video, or an array handed in."""

    pixels: NDArray[np.uint8]  # (H, W, C): 3 channels are RGB, 1 is grey, others are what the network was trained on
    source: str = ""  # path, URL or label of where it came from
    index: int | None = None  # frame number in a video, from 0; None for a picture
    time_s: float | None = None  # seconds from the start of the video
    rate: float | None = None  # frames a second of the video, as they are read

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or not self.pixels.shape[2]:
            raise ValueError(f"Frame: found {self.pixels.dtype} {self.pixels.shape}, expected uint8 (H, W, channels)")

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) what people see of it: grey three times, or the first three of many channels."""
        channels = self.pixels.shape[2]
        return self.pixels[..., :3] if channels >= 3 else np.repeat(self.pixels[..., :1], 3, axis=2)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


SHOWN = 5  # detections in a repr

TreePath: TypeAlias = tuple[tuple[str, float], ...]  # (label, probability) from a root down


@dataclass(frozen=True, eq=False, slots=True)
class Detections:
    """What was found in one picture, best first; nothing found is zero rows.

    Boxes are not clipped to the picture, as in Darknet; `clipped()` does that. A class of a box is a row of its own.
    """

    xyxy: NDArray[np.float32]  # (N, 4) pixels of the picture as read
    scores: NDArray[np.float32]  # (N,) objectness * class probability
    class_ids: NDArray[np.int64]  # (N,) index into the class names
    objectness: NDArray[np.float32]  # (N,)
    size: tuple[int, int]  # (height, width) of the picture in pixels
    labels: tuple[str, ...] = ()  # the model's class names, by class id
    paths: tuple[TreePath, ...] = ()  # of a tree model: for every row the nodes from a root down, each with P(node)
    source: str = ""
    frame_index: int | None = None
    frame: Frame | None = field(default=None, repr=False)  # the picture itself, where it was kept

    def __post_init__(self) -> None:
        n = len(self.scores)
        expected = {
            "xyxy": ((n, 4), np.float32),
            "scores": ((n,), np.float32),
            "class_ids": ((n,), np.int64),
            "objectness": ((n,), np.float32),
        }
        _seal(self, expected)
        if self.paths and len(self.paths) != n:
            raise ValueError(f"Detections.paths: found {len(self.paths)}, expected {n}, one a row, or none")

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        height, width = self.size
        best = [f"{name} {score:.2f}" for name, score in zip(self[:SHOWN].names, self.scores[:SHOWN], strict=True)]
        more = [f"{len(self) - SHOWN} more"] if len(self) > SHOWN else []
        return f"Detections({self.source or 'picture'}, {width} x {height}: {', '.join(best + more) or 'nothing'})"

    def __iter__(self) -> Iterator[Detections]:
        """One detection at a time, each a Detections of one row."""
        return (self[row] for row in range(len(self)))

    def __getitem__(self, which: NDArray[Any] | slice | int) -> Detections:
        """The chosen rows: `found[found.scores > 0.5]`, `found[:10]`, `found[0]`; always a Detections.

        Raises TypeError for a bool, which a comparison of the list `names` gives, and which would count as row 0 or 1.
        """
        if isinstance(which, bool | np.bool):
            raise TypeError(f'detections[...]: found {which}, expected rows; compare np.array(found.names) == "dog"')
        if isinstance(which, int):
            row = range(len(self))[which]  # raises IndexError, and takes numbers from the end
            which = slice(row, row + 1)
        rows: list[int] = np.arange(len(self.paths))[which].tolist() if self.paths else []
        return replace(
            self,
            xyxy=self.xyxy[which],
            scores=self.scores[which],
            class_ids=self.class_ids[which],
            objectness=self.objectness[which],
            paths=tuple(self.paths[row] for row in rows),
        )

    @property
    def class_probs(self) -> NDArray[np.float32]:
        """(N,) the class probability alone: score / objectness."""
        return (self.scores / np.maximum(self.objectness, np.finfo(np.float32).tiny)).astype(np.float32)

    @property
    def names(self) -> list[str]:
        """The label of every row; a class without a name is called by its number."""
        return [self.label(class_id) for class_id in self.class_ids]

    def label(self, class_id: int) -> str:
        """The name of a class, or its number where the model has no names."""
        return self.labels[class_id] if class_id < len(self.labels) else str(class_id)

    def clipped(self) -> Detections:
        """The same boxes cut at the edges of the picture."""
        height, width = self.size
        limit = np.array([width, height, width, height], np.float32)
        return replace(self, xyxy=np.clip(self.xyxy, np.float32(0), limit))

    def draw(self) -> PIL.Image.Image:
        """The picture with its boxes drawn on it, as a PIL image. Raises ValueError if the picture was not kept."""
        from PIL import Image

        from yolov2.pictures.draw import draw_detections

        if self.frame is None:
            raise ValueError("Detections.draw: these detections came without their picture")
        return Image.fromarray(draw_detections(self.frame.rgb, self))

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows."""
        if self.frame is None:
            return None
        buffer = io.BytesIO()
        self.draw().save(buffer, "PNG")
        return buffer.getvalue()

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """One mapping a detection, of plain values: label, class_id, score, objectness, box; path of a tree model."""
        boxes = [_shortest(box) for box in self.xyxy]
        columns = (self.class_ids.tolist(), _shortest(self.scores), _shortest(self.objectness), boxes)
        for row, (class_id, score, objectness, box) in enumerate(zip(*columns, strict=True)):
            label = self.label(class_id)
            found = {"label": label, "class_id": class_id, "score": score, "objectness": objectness, "box": box}
            yield (
                found | {"path": [[name, float(str(np.float32(p)))] for name, p in self.paths[row]]}
                if self.paths
                else found
            )

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of one picture: source, frame, width, height, detections."""
        height, width = self.size
        return {
            "source": self.source,
            "frame": self.frame_index,
            "width": width,
            "height": height,
            "detections": list(self.rows()),
        }

    def to_coco(
        self, *, image_id: int | str | None = None, category_ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """COCO results, a mapping a detection; `converters.coco_entries` says which ids it takes by itself."""
        from yolov2.converters import coco_entries

        return coco_entries(self, image_id=image_id, category_ids=category_ids)

    def to_supervision(self) -> supervision.Detections:
        """What Supervision's annotators, trackers and zones take. Raises OutputError where it is not installed."""
        from yolov2.converters import to_supervision

        return to_supervision(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A table with a row a detection. Raises OutputError where pandas is not installed."""
        from yolov2.converters import to_pandas

        return to_pandas(self)

    def to_arrow(self) -> Any:
        """The same table as a pyarrow.Table. Raises OutputError where pyarrow is not installed."""
        from yolov2.converters import to_arrow

        return to_arrow(self)


@dataclass(frozen=True, eq=False, slots=True)
class Classification:
    """What a picture shows as a whole: its classes, best first, and of equals the first of the names first."""

    class_ids: NDArray[np.int64]  # (N,) index into the class names
    probabilities: NDArray[np.float32]  # (N,)
    size: tuple[int, int]  # (height, width) of the picture in pixels
    labels: tuple[str, ...] = ()  # the model's class names, by class id
    has_probabilities: bool = True  # False: plain scores, of a network without softmax
    source: str = ""
    frame_index: int | None = None

    def __post_init__(self) -> None:
        n = len(self.probabilities)
        _seal(self, {"class_ids": ((n,), np.int64), "probabilities": ((n,), np.float32)})

    def __len__(self) -> int:
        return len(self.probabilities)

    def top(self, k: int = 5) -> Classification:
        """The best k classes alone; all where there are no more."""
        if k < 1:
            raise ValueError(f"top: found {k}, expected a number from 1")
        return replace(self, class_ids=self.class_ids[:k], probabilities=self.probabilities[:k])

    @property
    def names(self) -> list[str]:
        """The label of every row; a class without a name is called by its number."""
        return [self.label(class_id) for class_id in self.class_ids.tolist()]

    def label(self, class_id: int) -> str:
        """The name of a class, or its number where the model has no names."""
        return self.labels[class_id] if class_id < len(self.labels) else str(class_id)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """One mapping a class, of plain values: label, class_id, probability (score where they are none)."""
        value = "probability" if self.has_probabilities else "score"
        for class_id, probability in zip(self.class_ids.tolist(), self.probabilities.tolist(), strict=True):
            yield {"label": self.label(class_id), "class_id": class_id, value: probability}

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of one picture: source, frame, width, height, classes."""
        height, width = self.size
        return {
            "source": self.source,
            "frame": self.frame_index,
            "width": width,
            "height": height,
            "classes": list(self.rows()),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that could not be read, in the place where its result would have been."""

    source: str
    error: str  # one line


def _seal(record: Any, expected: Mapping[str, tuple[tuple[int, ...], type[np.generic]]]) -> None:
    """Check shape and dtype of a new record's arrays, and make them read-only."""
    for name, (shape, dtype) in expected.items():
        array = getattr(record, name)
        if array.shape != shape or array.dtype != dtype:
            where = f"{type(record).__name__}.{name}"
            raise ValueError(f"{where}: found {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}")
        sealed = array.view()
        sealed.flags.writeable = False
        object.__setattr__(record, name, sealed)


def _shortest(values: NDArray[np.float32]) -> list[float]:
    """Python floats with as few digits as tell the float32 apart: 0.68350840, not 0.6835083961486816."""
    return [float(str(value)) for value in values]
