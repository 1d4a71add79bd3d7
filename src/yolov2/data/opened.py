"""What every reader gives when it opens a data set: its classes, the names of its splits, and a way to read one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from yolov2.samples import Reading

Kind: TypeAlias = Literal[
    "voc", "coco", "darknet", "ultralytics", "folders", "list", "cvat", "labelme", "label-studio"
]  # fmt: skip
Task: TypeAlias = Literal["detect", "classify"]


@dataclass(frozen=True, eq=False, slots=True)
class Opened:
    """A data set of one format, of which no sample was read yet."""

    kind: Kind
    root: Path  # what relative paths start at, and caches go by
    classes: tuple[str, ...]
    split_names: tuple[str, ...]
    read: Callable[[str], Reading]  # takes one of the split_names
    task: Task = "detect"
    called: Mapping[str, str] = field(default_factory=dict[str, str])  # splits that other formats call otherwise


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may say beside the data set's own path."""

    images: Path | None = None  # the folder of a COCO file's pictures
    names: tuple[str, ...] | None = None  # the classes in order, where the data set leaves them open
    task: Task | None = None
    faithful: bool = False  # Darknet's own rules where they are accidents
    cache: Path | None = None  # the folder of caches; None keeps nothing
