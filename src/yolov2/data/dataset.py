"""What DATA is: a path, with a split behind an @ where one is meant, -> a DataSet of any format."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolov2.data.cache import default_cache, many_objects
from yolov2.data.coco import open_coco
from yolov2.data.columns import join
from yolov2.data.cvat import open_cvat
from yolov2.data.darknet import open_darknet
from yolov2.data.folders import labels_inside, open_folders, open_list
from yolov2.data.holdout import hold_out
from yolov2.data.json_kind import has_labelme, json_kind
from yolov2.data.label_studio import open_label_studio
from yolov2.data.labelme import open_labelme
from yolov2.data.opened import Kind, Opened, Options, Task
from yolov2.data.ultralytics import open_ultralytics
from yolov2.data.voc import is_voc, open_voc
from yolov2.errors import LabelError, printable
from yolov2.samples import Reading, Samples

READERS: dict[Kind, Callable[[Path, Options], Opened]] = {
    "voc": open_voc,
    "coco": open_coco,
    "darknet": open_darknet,
    "ultralytics": open_ultralytics,
    "folders": open_folders,
    "list": open_list,
    "cvat": open_cvat,
    "labelme": open_labelme,
    "label-studio": open_label_studio,
}
ENDINGS: dict[str, Kind] = {
    ".data": "darknet",
    ".yaml": "ultralytics",
    ".yml": "ultralytics",
    ".txt": "list",
    ".xml": "cvat",
}
FORMS = "a VOC folder, a COCO .json, a Darknet .data, a data.yaml, a folder of class folders, or a list of classes"
FOR_VALIDATION = ("val", "valid", "validation")  # the first that a data set has, where none is named
FOR_EVALUATION = (*FOR_VALIDATION, "test")
FOR_TRAINING = ("train", "trainval")

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class DataSet:
    """An opened data set; samples are read when a split is asked for."""

    opened: Opened
    chosen: str | None = None  # the splits after the @, as in "train+val"
    cache: Path | None = None

    @property
    def kind(self) -> Kind:
        """The format."""
        return self.opened.kind

    @property
    def root(self) -> Path:
        """The folder that the data set lies in."""
        return self.opened.root

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by class id."""
        return self.opened.classes

    @property
    def task(self) -> Task:
        """Whether its pictures have boxes or one class each."""
        return self.opened.task

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits that can be asked for."""
        return self.opened.split_names

    def read(self, split: str | None = None) -> Reading:
        """The samples of a split and all that is wrong with them; of several, joined, for "train+val".

        None is the chosen split, else the only one. Raises LabelError for a split that is not there.
        """
        with many_objects():
            return join([self.opened.read(name) for name in self.names_of(split)])

    def split(self, split: str | None = None) -> Samples:
        """The samples of a split. Raises LabelError for the first label that nobody can know the meaning of."""
        reading = self.read(split)
        errors = [fault for fault in reading.faults if fault.is_error]
        if errors:
            more = f"; {len(errors) - 1:,} more" if len(errors) > 1 else ""
            raise LabelError(f"{errors[0].message}{more}; `yolov2 data check` lists all")
        if reading.faults:
            count = f"{len(reading.faults):,} odd label{'s' * (len(reading.faults) > 1)}"
            told = f"{printable(self.root)}: {count}, the first {reading.faults[0].message}"
            log.warning("%s; `yolov2 data check` lists all", told)
        return reading.samples

    def evaluation(self) -> tuple[str, Samples]:
        """The name and samples of the split to evaluate on: the chosen one, else val, valid or test, else the only one.

        Raises LabelError.
        """
        name = self.chosen or next((name for name in FOR_EVALUATION if name in self.split_names), None) or self._only()
        return name, self.split(name)

    def learnable(self) -> Samples:
        """All samples to train on: those of the chosen split, else of train or trainval, else of the only one.

        Raises LabelError.
        """
        name = self.chosen or next((name for name in FOR_TRAINING if name in self.split_names), None) or self._only()
        return self.split(name)

    def training(self) -> tuple[Samples, Samples]:
        """The samples to train on and those to validate on; no picture is in both.

        These are train and val where both are there, else the only split, or the one chosen, without a tenth of it,
        and that tenth. Raises LabelError.
        """
        samples = self.learnable()
        for other in (one for one in FOR_VALIDATION if one in self.split_names):
            validation = self.split(other)
            if frozenset(validation.pictures).isdisjoint(samples.pictures):
                return samples, validation
        held = hold_out(samples, root=self.root, cache=self.cache)
        everything = np.arange(len(samples), dtype=np.int64)
        return samples.take(everything[~held]), samples.take(everything[held])

    def _only(self) -> str:
        return self.names_of(None)[0]

    def names_of(self, split: str | None) -> Sequence[str]:
        """The names of the splits that "train+val" is. Raises LabelError for one that is not there."""
        asked = split or self.chosen
        if asked is None:
            if len(self.split_names) == 1:
                return self.split_names
            repair = f"add @{self.split_names[0]} to its path"
            raise self._unsure("no split named", repair)
        names = [asked] if asked in self.split_names else asked.split("+")
        for name in names:
            if name not in self.split_names:
                raise self._unsure(f"the split {printable(name)}", "correct it")
        return names

    def _unsure(self, found: str, repair: str) -> LabelError:
        expected = f"one of {', '.join(map(printable, self.split_names))}"
        return LabelError.at(printable(self.root), found=found, expected=expected, repair=repair)


def open_data(
    data: str | Path,
    *,
    form: Kind | None = None,
    images: Path | None = None,
    names: Sequence[str] | None = None,
    task: Task | None = None,
    faithful: bool = False,
    cache: Path | str | None = "default",
) -> DataSet:
    """The data set at a path; "VOC2007@val" and "x.json@val2017" name a split of it, "VOC2007@train+val" two.

    form: its format, where path and content do not tell; images: the folder of a COCO file's or an export's pictures;
    names: the classes in order, where the format leaves them open;
    faithful: Darknet's rules for label paths and relative paths; cache: its folder, None for none.
    Raises LabelError where nothing can be read; what is wrong with single labels, reading a split tells.
    """
    folder = default_cache() if cache == "default" else None if cache is None else Path(cache)
    options = Options(images, None if names is None else tuple(names), task, faithful, folder)
    path, chosen = _parted(str(data))
    if form is None:
        path, form = _kind(path)
    with many_objects():
        opened = READERS[form](path, options)
    dataset = DataSet(opened, chosen, folder)
    if chosen is not None:
        dataset.names_of(chosen)
    return dataset


def _parted(data: str) -> tuple[Path, str | None]:
    """The path, and the split behind its last @ where the whole is no path."""
    before, at, split = data.rpartition("@")
    if not at or not split or "/" in split or Path(data).exists():
        return Path(data), None
    return Path(before), split


def _kind(path: Path) -> tuple[Path, Kind]:
    """What is to be opened there, and its format. Raises LabelError."""
    if path.is_dir():
        if is_voc(path) or has_labelme(path):
            return path, "voc" if is_voc(path) else "labelme"
        file = labels_inside(path)
        return (path, "folders") if file is None else _kind(file)
    if not path.exists():
        raise LabelError.at(printable(path), found="no such file or folder", expected=FORMS, repair="check the path")
    ending = path.suffix.lower()
    kind = json_kind(path) if ending == ".json" else ENDINGS.get(ending)
    if kind is None:
        found = f"a file ending in {printable(path.suffix) or 'nothing'}"
        raise LabelError.at(printable(path), found=found, expected=FORMS, repair="give one of these")
    return path, kind
