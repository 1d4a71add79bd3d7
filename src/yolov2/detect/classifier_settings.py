"""What a classification may be asked for: preprocessing, size and softmax, as one checked record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from yolov2.pictures.crops import PREPROCESSINGS, TRY_SIDE
from yolov2.pictures.read import MAX_PIXELS

Size = tuple[int, int]  # (height, width)


class ClassifierOptions(TypedDict, total=False):
    """The fields of ClassifierSettings as keywords of other functions."""

    preprocess: str
    size: int | Size | None
    softmax: bool | None
    max_pixels: int
    faithful: bool


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """How pictures become probabilities. Raises ValueError for what does not exist."""

    preprocess: str = "predict"  # one of pictures.crops.PREPROCESSINGS: Darknet's commands
    size: int | Size | None = None  # (height, width) of the network input, or one side; None: the network's own
    softmax: bool | None = None  # of a network without: True applies one, None warns, False does not
    max_pixels: int = MAX_PIXELS  # a picture or video whose header claims more is refused unread
    faithful: bool = False  # Darknet's accidents too: EXIF rotation ignored, the tree forgotten where it forgets it

    def __post_init__(self) -> None:
        if self.preprocess not in PREPROCESSINGS:
            expected = f"one of {', '.join(PREPROCESSINGS)}"
            raise ValueError(f"preprocess: found {self.preprocess!r}, expected {expected}")
        if self.preprocess == "try" and self.size not in (None, TRY_SIDE, (TRY_SIDE, TRY_SIDE)):
            raise ValueError(f"size: found {self.size}, expected none: preprocess try always takes {TRY_SIDE}")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels: found {self.max_pixels}, expected a number from 1")
