"""A detector that says what it is told of each picture, and a VOC folder on which its scores are known by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from small_sets import voc_object, voc_xml, write_voc
from yolov2.detect.settings import Settings
from yolov2.records import Detections, Frame

Row = tuple[str, float, tuple[float, float, float, float]]  # class, score, box between the edges of pixels

HARD = "<difficult>1</difficult>\n"
# Corners as VOC writes them, pixels from 1, both ends included; the pictures are 60 wide and 40 high.
OBJECTS = {
    "a": [voc_object("fox", (11, 6, 30, 25)), voc_object("cat", (41, 11, 60, 40))],
    "b": [voc_object("fox", (1, 1, 20, 20)), voc_object("fox", (31, 11, 50, 30), extra=HARD)],
    "c": [voc_object("cat", (6, 6, 35, 35))],
    "d": [],
}
SPLITS = {"val": ["a", "b", "c", "d"], "train": ["a"]}
# Foxes: 0.9 is right (a), 0.8 is a second one on it, 0.7 on the difficult one does not count, 0.6 is right (b).
# Precision at recall 1/2 is 1, at recall 1 it is 2/3: AP12 = 1/2 + 1/2 * 2/3, AP07 = (6 + 5 * 2/3) / 11.
# Cats: 0.95 in the empty picture d is wrong, 0.5 is right (a), that of c is missed: AP12 = 1/2 * 1/2, AP07 = 6/11 / 2.
SAID: dict[str, list[Row]] = {
    "a": [("fox", 0.9, (9, 4, 29, 24)), ("fox", 0.8, (9, 4, 29, 23)), ("cat", 0.5, (39, 9, 59, 39))],
    "b": [("fox", 0.7, (29, 9, 49, 29)), ("fox", 0.6, (-1, -1, 19, 19)), ("fox", 0.001, (40, 20, 50, 30))],
    "c": [],
    "d": [("cat", 0.95, (10, 10, 40, 30))],
}
AP07 = {"cat": 6 / 11 / 2, "fox": (6 + 5 * 2 / 3) / 11}
AP12 = {"cat": 1 / 4, "fox": 1 / 2 + 1 / 3}


class ScriptedDetector:
    """What an evaluation asks of a Detector; `said` by the stem of the picture."""

    channels = 3

    def __init__(
        self, said: Mapping[str, Sequence[Row]] = SAID, names: tuple[str, ...] = ("cat", "fox"), classes: int = 0
    ) -> None:
        self.settings = replace(Settings(), conf=0.005, max_det=None)
        self.names, self.num_classes = names, classes or len(names)
        self._said, self._ids = said, {name: index for index, name in enumerate(names)}
        self.batches: list[int] = []

    def prepare(self, frame: Frame) -> NDArray[np.float32]:
        return np.zeros((3, 2, 2), np.float32)

    def raw(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(len(images))
        return images

    def decode(self, raw: NDArray[np.float32], *, frames: Sequence[Frame]) -> list[Detections]:
        return [self._found(frame) for frame in frames]

    def _found(self, frame: Frame) -> Detections:
        rows = self._said.get(Path(frame.source).stem, [])
        ids = [self._ids[name] if self._ids else int(name) for name, _, _ in rows]
        scores = np.array([score for _, score, _ in rows], np.float32)
        boxes = np.array([box for _, _, box in rows], np.float32).reshape(-1, 4)
        return Detections(
            boxes, scores, np.array(ids, np.int64), scores, frame.size, self.names, source=frame.source, frame=frame
        )


def pets(root: Path) -> Path:
    """The VOC folder `pets` with four pictures, of cats and foxes."""
    return write_voc(root / "pets", {stem: voc_xml(*rows) for stem, rows in OBJECTS.items()}, SPLITS)
