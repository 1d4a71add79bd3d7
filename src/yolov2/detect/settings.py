"""What a detection may be asked for: thresholds, suppression, size and resize rule, as one checked record."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.read import MAX_PIXELS
from yolov2.region.select import Nms

Resize = Literal["letterbox", "stretch"]
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the picture
T = TypeVar("T", bound=float)

DEFAULT_CONF = 0.25


class SettingsOptions(TypedDict, total=False):
    """The fields of Settings as keywords of other functions."""

    conf: float | Mapping[str, float]
    iou: float
    nms: Nms
    max_det: int | None
    classes: Sequence[str] | None
    resize: Resize
    size: int | tuple[int, int] | None
    roi: Sequence[float] | None
    tile: int | tuple[int, int] | None
    min_size: float | tuple[float, float] | None
    max_size: float | tuple[float, float] | None
    tree_threshold: float
    depth: int | Literal["leaf"] | None
    max_pixels: int
    faithful: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """How raw heads become detections. Raises ValueError for values out of range."""

    conf: float | Mapping[str, float] = DEFAULT_CONF  # a score must lie above it; or by class name, the others at 0.25
    iou: float = 0.45  # boxes of one class that overlap more than this are one object
    nms: Nms = "class"
    max_det: int | None = 300  # the best so many of a picture; None: all
    classes: Sequence[str] | None = None  # only these; None: all
    resize: Resize = "letterbox"
    size: int | tuple[int, int] | None = (
        None  # (height, width) of the network input, or one side; None: the network's own
    )
    roi: Sequence[float] | None = (
        None  # left, top, right, bottom in pixels, or in shares of the picture if none is over 1
    )
    tile: int | tuple[int, int] | None = None  # (height, width) of the pieces that larger pictures are cut into
    min_size: float | tuple[float, float] | None = (
        None  # (height, width) in pixels; a box below it in either is left out
    )
    max_size: float | tuple[float, float] | None = None  # the same for a box above it
    tree_threshold: float = 0.5  # P(node) down to which a WordTree is walked
    depth: int | Literal["leaf"] | None = None  # how deep at most, a root being 0; "leaf": to the end, however unsure
    max_pixels: int = MAX_PIXELS  # a picture or video whose header claims more is refused unread
    faithful: bool = False  # Darknet's accidents too: no limit, EXIF rotation ignored, its walk down a tree

    def __post_init__(self) -> None:
        values = self.conf.values() if isinstance(self.conf, Mapping) else (self.conf,)
        shares = (*(("conf", value) for value in values), ("iou", self.iou), ("tree_threshold", self.tree_threshold))
        for name, value in shares:
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: found {value}, expected a number from 0 to 1")
        if self.nms not in get_args(Nms):
            raise ValueError(f"nms: found {self.nms!r}, expected one of {', '.join(get_args(Nms))}")
        if self.nms == "objectness" and self.tile is not None:
            raise ValueError("nms: found objectness together with tile, expected class, agnostic or none")
        if self.resize not in get_args(Resize):
            raise ValueError(f"resize: found {self.resize!r}, expected letterbox or stretch")
        if self.depth not in (None, "leaf") and (type(self.depth) is not int or self.depth < 0):
            raise ValueError(f"depth: found {self.depth!r}, expected a number from 0, or 'leaf'")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels: found {self.max_pixels}, expected a number from 1")
        if self.max_det is not None and self.max_det < 1:
            raise ValueError(f"max_det: found {self.max_det}, expected a number from 1, or None")
        if self.roi is not None and (expected := _fault_of(self.roi)):
            raise ValueError(f"roi: found {_shown(self.roi)}, expected {expected}")
        for name, value in (("tile", self.tile), ("min_size", self.min_size), ("max_size", self.max_size)):
            if value is not None and not min(both(value)) > 0:
                raise ValueError(f"{name}: found {value}, expected numbers above 0")

    def area(self, size: tuple[int, int]) -> Rectangle:
        """What is looked at of a picture of this (height, width). Raises ValueError if `roi` lies beside it."""
        height, width = size
        if self.roi is None:
            return 0, 0, width, height
        scale = (width, height, width, height) if max(self.roi) <= 1 else (1, 1, 1, 1)
        sides = (round(side * by) for side, by in zip(self.roi, scale, strict=True))
        left, top, right, bottom = (
            min(max(side, 0), most) for side, most in zip(sides, (width, height) * 2, strict=True)
        )
        if left >= right or top >= bottom:
            found = f"{_shown(self.roi)}, which has no pixel of a picture of {width} x {height}"
            raise ValueError(f"roi: found {found}; give one that lies in the picture, or shares of it as 0,0.5,1,1")
        return left, top, right, bottom

    @property
    def limit(self) -> int | None:
        """How many detections of a picture are kept at most."""
        return None if self.faithful else self.max_det

    def thresholds(self, labels: Sequence[str], num_classes: int) -> NDArray[np.float32]:
        """(C,) what the score of each class must exceed; infinity for a class nobody asked for.

        Raises ValueError for the name of a class that the model does not have.
        """
        by_class = dict(self.conf) if isinstance(self.conf, Mapping) else {}
        default = DEFAULT_CONF if isinstance(self.conf, Mapping) else self.conf
        wanted = np.full(num_classes, default if self.classes is None else math.inf, np.float32)
        for name in self.classes or ():
            wanted[_ids(name, labels, num_classes, option="classes")] = default
        for name, value in by_class.items():
            ids = _ids(name, labels, num_classes, option="conf")
            wanted[ids] = np.where(np.isinf(wanted[ids]), wanted[ids], np.float32(value))
        return wanted


def _fault_of(roi: Sequence[float]) -> str:
    """What was expected in place of these sides, or nothing."""
    if any(side < 0 for side in roi):
        return "numbers from 0"
    if len(roi) != 4 or not (roi[0] < roi[2] < math.inf and roi[1] < roi[3] < math.inf):
        return "left, top, right, bottom, with left below right and top below bottom"
    has_share = min(roi[2:]) <= 1 or any(0 < side < 1 for side in roi)
    if max(roi) > 1 and has_share:
        return "four pixels as 100,50,400,300, or four shares of the picture as 0,0.5,1,1"
    return ""


def _shown(roi: Sequence[float]) -> str:
    return ",".join(f"{side:g}" for side in roi)


def both(size: T | tuple[T, T]) -> tuple[T, T]:
    """(height, width) of a size that may be one number for both."""
    return size if isinstance(size, tuple) else (size, size)


def check_options(names: Iterable[str], *, known: Iterable[str]) -> None:
    """Raises TypeError for a keyword that no model takes, with the closest that one does."""
    known = {*known, *SettingsOptions.__annotations__} - {"settings"}  # which catches all of these
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            instead = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
            raise TypeError(f"found the option {name!r}, which there is not; {instead}")


def _ids(name: str, labels: Sequence[str], num_classes: int, *, option: str) -> list[int]:
    """Every class of that name: names may come twice. A number names a class, too, unless a class is called so."""
    ids = [index for index, label in enumerate(labels) if label == name]
    if not ids and name.isdecimal() and int(name) < num_classes:
        ids = [int(name)]
    if not ids:
        near = difflib.get_close_matches(name, labels, n=1)
        repair = f"; did you mean {near[0]!r}?" if near else ""
        known = _few(labels) or f"0 to {num_classes - 1}"
        raise ValueError(f"{option}: found {name!r}, expected a class of the model: {known}{repair}")
    return ids


def _few(labels: Sequence[str], most: int = 25) -> str:
    return ", ".join(labels[:most]) + (", ..." if len(labels) > most else "")
