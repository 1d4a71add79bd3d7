"""Pictures with their truth, as every reader of labels gives them: Sample, many of them as Samples, and Fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from yolov2.errors import LabelError

UNKNOWN = -1  # the class id of a box whose class the data set does not have; the label of a picture without one
# The columns of a box, by name: shape behind (N,), and type.
COLUMNS: dict[str, tuple[tuple[int, ...], Any]] = {
    "boxes": ((4,), np.float64),
    "class_ids": ((), np.int64),
    "difficult": ((), np.bool_),
    "crowd": ((), np.bool_),
    "areas": ((), np.float64),
    "lines": ((), np.int64),
}


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """One picture and what is known to be in it; a picture without objects has zero rows.

    A box lies at the edges of its pixels, counted from 0: VOC's corners, which count pixels from 1 and include both
    ends, come in as (xmin - 1, ymin - 1, xmax, ymax) and go out as (x1 + 1, y1 + 1, x2, y2). Boxes stand as the file
    has them, also where they reach over the picture's edge.
    """

    picture: Path
    size: tuple[int, int]  # (height, width) as the labels say, else as the upright picture has it; (0, 0) was not asked
    boxes: NDArray[np.float64]  # (N, 4) xyxy, pixels of the picture as read
    class_ids: NDArray[np.int64]  # (N,) index into the classes of the data set; UNKNOWN for a class it does not have
    difficult: NDArray[np.bool_]  # (N,) VOC's flag: neither found nor missed
    crowd: NDArray[np.bool_]  # (N,) COCO's flag: a region of many
    areas: NDArray[np.float64]  # (N,) COCO's own area of the object in square pixels; elsewhere that of the box
    lines: NDArray[np.int64]  # (N,) line in the label file, from 1; COCO: index into "annotations", from 0
    label: int | None = None  # the class of the whole picture, where it has one
    id: str = ""  # VOC and Darknet: the file's stem; COCO: the image id
    annotation: str = ""  # the file that its labels stand in

    def __post_init__(self) -> None:
        _seal(self, len(self.boxes))

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, eq=False, slots=True)
class Samples(Sequence[Sample]):
    """Many samples as columns, so that a million of them open at once; an item is a Sample, a slice again Samples."""

    pictures: tuple[str, ...]  # (P,)
    ids: tuple[str, ...]  # (P,)
    annotations: tuple[str, ...]  # (P,)
    sizes: NDArray[np.int64]  # (P, 2) height, width
    labels: NDArray[np.int64]  # (P,) class of the whole picture, or UNKNOWN
    starts: NDArray[np.int64]  # (P + 1,) the boxes of picture i are the rows starts[i]:starts[i + 1]
    boxes: NDArray[np.float64]  # (R, 4), and so on: the columns of Sample for all pictures, one after the other
    class_ids: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]
    lines: NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.pictures)
        found = (len(self.ids), len(self.annotations), len(self.sizes), len(self.labels), len(self.starts) - 1)
        if found != (count,) * 5:
            raise ValueError(f"Samples: found {found} ids, annotations, sizes, labels, starts for {count} pictures")
        _seal(self, int(self.starts[-1]))

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Samples:
        """The same samples as columns."""
        many = list(samples)
        starts = np.zeros(len(many) + 1, np.int64)
        np.cumsum([len(one) for one in many], out=starts[1:])
        columns: dict[str, Any] = {
            name: np.concatenate([np.zeros((0, *shape), dtype), *(getattr(one, name) for one in many)])
            for name, (shape, dtype) in COLUMNS.items()
        }
        return cls(
            tuple(str(one.picture) for one in many),
            tuple(one.id for one in many),
            tuple(one.annotation for one in many),
            np.array([one.size for one in many], np.int64).reshape(-1, 2),
            np.array([UNKNOWN if one.label is None else one.label for one in many], np.int64),
            starts,
            **columns,
        )

    def __len__(self) -> int:
        return len(self.pictures)

    @overload
    def __getitem__(self, which: int) -> Sample: ...
    @overload
    def __getitem__(self, which: slice) -> Samples: ...
    def __getitem__(self, which: int | slice) -> Sample | Samples:
        if isinstance(which, slice):
            return self.take(np.arange(len(self), dtype=np.int64)[which])
        i = range(len(self))[which]  # raises IndexError, and takes numbers from the end
        rows = slice(int(self.starts[i]), int(self.starts[i + 1]))
        height, width = self.sizes[i].tolist()
        label = int(self.labels[i])
        return Sample(
            Path(self.pictures[i]),
            (height, width),
            **{name: getattr(self, name)[rows] for name in COLUMNS},
            label=None if label == UNKNOWN else label,
            id=self.ids[i],
            annotation=self.annotations[i],
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Samples({len(self):,} pictures, {len(self.boxes):,} boxes)"

    @property
    def counts(self) -> NDArray[np.int64]:
        """(P,) boxes of each picture."""
        return np.diff(self.starts)

    @property
    def rows(self) -> NDArray[np.int64]:
        """(R,) the picture that each box is in."""
        return np.repeat(np.arange(len(self)), self.counts)

    def take(self, which: NDArray[np.int64]) -> Samples:
        """The chosen pictures, in that order; an index may come twice."""
        chosen: list[int] = which.tolist()
        counts = self.counts[which]
        starts = np.zeros(len(which) + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        shifts: NDArray[np.int64] = self.starts[:-1][which] - starts[:-1]
        rows = np.arange(int(starts[-1])) + np.repeat(shifts, counts)
        return Samples(
            tuple(self.pictures[i] for i in chosen),
            tuple(self.ids[i] for i in chosen),
            tuple(self.annotations[i] for i in chosen),
            self.sizes[which],
            self.labels[which],
            starts,
            **{name: getattr(self, name)[rows] for name in COLUMNS},
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the labels in one place; a reader collects faults and goes on."""

    code: str  # what kind of fault, as in "box-outside"
    where: str  # file:line, or file:annotations[3].bbox
    found: str
    expected: str
    repair: str
    is_error: bool  # a label or picture is lost and nobody can know what was meant; False: a rule says what is done

    @property
    def message(self) -> str:
        """One line in the form of every refusal."""
        return str(self.as_error())

    def as_error(self) -> LabelError:
        """The same as an exception."""
        return LabelError.at(self.where, found=self.found, expected=self.expected, repair=self.repair)


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """What a reader made of one split: the samples that could be read, and all that was wrong."""

    samples: Samples
    faults: tuple[Fault, ...] = ()


def _seal(record: Any, rows: int) -> None:
    """Check shape and dtype of the columns of a new record, and make them read-only."""
    for name, (behind, dtype) in COLUMNS.items():
        array = getattr(record, name)
        if array.shape != (rows, *behind) or array.dtype != dtype:
            where, expected = f"{type(record).__name__}.{name}", f"{np.dtype(dtype)} {(rows, *behind)}"
            raise ValueError(f"{where}: found {array.dtype} {array.shape}, expected {expected}")
        if array.flags.writeable:
            sealed = array.view()
            sealed.flags.writeable = False
            object.__setattr__(record, name, sealed)
