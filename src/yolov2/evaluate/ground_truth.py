"""The pictures that a model is measured on, and what is in them. Where the labels lie is the business of data/."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from yolov2.converters import coco_category_ids, coco_image_id
from yolov2.data.class_names import ClassMap
from yolov2.data.dataset import FOR_EVALUATION, DataSet, open_data
from yolov2.data.entries import read_coco_entry
from yolov2.data.opened import Kind
from yolov2.detect.voc_results import voc_id
from yolov2.errors import LabelError, Yolov2Warning, printable
from yolov2.evaluate.benchmarks import voc_corners
from yolov2.evaluate.matching import Truths
from yolov2.records import Failure
from yolov2.samples import Fault, Samples

OF_A_PICTURE = ("picture-missing", "picture-unreadable")  # faults that cost one picture, and no more


@dataclass(frozen=True, eq=False, slots=True)
class GroundTruth:
    """One split of a data set."""

    data: str  # what the user called it
    kind: str  # the format
    split: str
    classes: tuple[str, ...]
    samples: Samples
    category_ids: tuple[int, ...]  # (classes,) their ids in COCO results
    image_ids: tuple[int | str, ...]  # (P,) what COCO results call each picture; see `_image_ids`
    failures: tuple[Failure, ...] = ()  # pictures that are listed and not there

    @property
    def name(self) -> str:
        """The data set and its split, as a user would name both."""
        return self.data if self.data.endswith(f"@{self.split}") else f"{self.data}@{self.split}"

    @property
    def voc_ids(self) -> tuple[str, ...]:
        """(P,) what VOC results call each picture."""
        return self.samples.ids if self.kind == "voc" else tuple(map(voc_id, self.samples.pictures))

    def take(self, pictures: NDArray[np.int64]) -> GroundTruth:
        """The same for these pictures alone."""
        chosen: list[int] = pictures.tolist()
        ids = tuple(self.image_ids[index] for index in chosen)
        return GroundTruth(
            self.data, self.kind, self.split, self.classes, self.samples.take(pictures), self.category_ids, ids
        )


def read_ground_truth(
    data: str | Path,
    *,
    split: str | None = None,
    images: Path | None = None,
    form: Kind | None = None,
    faithful: bool = False,
) -> GroundTruth:
    """The pictures and boxes of a split; without one that of DATA@SPLIT, else val, valid or test, else the only one.

    form, faithful: as `open_data` has them. A picture that is missing is a failure, and the rest is read. Raises
    LabelError for any other label that nobody can know the meaning of, and for data without boxes.
    """
    opened = open_data(data, images=images, form=form, faithful=faithful)
    where = printable(data)
    if opened.task != "detect":
        found, repair = "pictures with one class each", "give pictures with boxes"
        raise LabelError.at(where, found=found, expected="boxes", repair=repair)
    name = split or opened.chosen or next((one for one in FOR_EVALUATION if one in opened.split_names), None)
    name = name or opened.names_of(None)[0]
    reading = opened.read(name)
    refuse_errors(reading.faults)
    lost = [fault for fault in reading.faults if fault.code in OF_A_PICTURE]
    if not len(reading.samples):
        found = f"no picture in the split {printable(name)}"
        raise LabelError.at(where, found=found, expected="some to measure on", repair="name another with --split")
    category_ids, image_ids = _ids_of(opened, reading.samples)
    return GroundTruth(
        str(data),
        opened.kind,
        name,
        opened.classes,
        reading.samples,
        category_ids,
        image_ids,
        tuple(Failure(fault.where, fault.message) for fault in lost),
    )


def truths_of(samples: Samples, classes: ClassMap) -> Truths:
    """The objects of the classes that count, as flat arrays; boxes between the edges of pixels."""
    class_ids = np.where(samples.class_ids >= 0, classes.of_data[samples.class_ids], -1)
    counts = class_ids >= 0
    return Truths(
        samples.rows[counts],
        class_ids[counts],
        samples.boxes[counts],
        samples.difficult[counts],
        samples.crowd[counts],
        samples.areas[counts],
    )


def in_voc_pixels(truths: Truths) -> Truths:
    """The same with VOC's corners."""
    return Truths(
        truths.image_ids,
        truths.class_ids,
        voc_corners(truths.xyxy),
        truths.difficult,
        truths.crowd,
        truths.areas,
    )


def refuse_errors(faults: Sequence[Fault]) -> None:
    """Raises LabelError for the first fault that costs more than its picture."""
    errors = [fault for fault in faults if fault.is_error and fault.code not in OF_A_PICTURE]
    if errors:
        more = f"; {len(errors) - 1:,} more" if len(errors) > 1 else ""
        raise LabelError(f"{errors[0].message}{more}; `yolov2 data check` lists all")


def _ids_of(opened: DataSet, samples: Samples) -> tuple[tuple[int, ...], tuple[int | str, ...]]:
    """What COCO results call classes and pictures: a COCO file's own ids, of the type that they have there.

    Else COCO's for its classes, or numbers from 1; and `_image_ids`.
    """
    if opened.kind == "coco":
        entry = read_coco_entry(samples.annotations[0], root=opened.root, cache=opened.cache)
        assert entry is not None, "the file was read a moment ago"
        own = {(str(number), PurePath(name).name): number for number, name, _, _ in entry.pictures}
        pictures = zip(samples.ids, samples.pictures, strict=True)
        image_ids = tuple(own[one, PurePath(picture).name] for one, picture in pictures)
        return tuple(number for number, _ in entry.categories), image_ids
    category_ids = coco_category_ids(opened.classes) or tuple(range(1, len(opened.classes) + 1))
    return category_ids, _image_ids(samples.pictures)


def _image_ids(pictures: Sequence[str]) -> tuple[int | str, ...]:
    """The numbers in the pictures' names where these tell them apart, else the names, else, with a warning, 1 to P."""
    for ids in (tuple(map(coco_image_id, pictures)), tuple(PurePath(one).stem for one in pictures)):
        if len(set(ids)) == len(ids):
            return ids
    warnings.warn(
        f"several pictures have one name: COCO results call them 1 to {len(pictures):,}, in the order of the data",
        Yolov2Warning,
        stacklevel=4,
    )
    return tuple(range(1, len(pictures) + 1))
