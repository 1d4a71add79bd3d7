"""What is inside the boxes, a picture each, in a folder a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.detect.annotated import frame_of, write_picture
from yolov2.detect.outputs import make_folder
from yolov2.detect.result_names import class_names, safe_name, stem_of
from yolov2.detect.work import DRAWING_THREADS, Work
from yolov2.detect.written import LIST, Written
from yolov2.records import Detections, Failure


class Crops:
    """`folder/LABEL/NAME-N.jpg`, where N counts the detections of a picture from 1, best first. Raises OutputError.

    Boxes are cut at the edges of the picture; one without area there has no file. PNG for a PNG, else JPEG.
    The crops of an earlier run, and no other files, are removed first.
    """

    def __init__(self, folder: Path, stems: dict[str, Path]) -> None:
        self._folder, self._stems = folder, stems  # names by source
        self._written = Written(folder / LIST)
        self._written.clear()
        self._work = Work(DRAWING_THREADS)
        self._labels: tuple[str, ...] = ()
        self._names: list[str] = []  # of the folders, by class id

    def write(self, result: Detections | Failure) -> None:
        if isinstance(result, Detections):
            if result.labels is not self._labels:
                self._labels, self._names = result.labels, class_names(result.labels)
            self._work.submit(self._cut, result, self._names, stem_of(result, self._stems))

    def close(self) -> None:
        self._work.finish()

    def abort(self) -> None:
        self._work.drop()

    def _cut(self, found: Detections, names: list[str], stem: Path) -> None:
        ending = ".png" if found.source.lower().endswith(".png") else ".jpg"
        for row, pixels in crops(found):
            class_id = int(found.class_ids[row])
            label = names[class_id] if class_id < len(names) else safe_name(str(class_id))
            name = Path(label, f"{stem}-{row + 1}{ending}")
            target = self._folder / name
            make_folder(self._folder)
            self._written.add(name)
            write_picture(pixels, target, source=found.source, what=f"as {target.name}")


def crops(found: Detections) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(row, pixels (h, w, 3) RGB) of every box with an area inside the picture."""
    pixels = frame_of(found).rgb
    for row, (left, top, right, bottom) in enumerate(np.rint(found.clipped().xyxy).astype(int).tolist()):
        if left < right and top < bottom:
            yield row, np.ascontiguousarray(pixels[top:bottom, left:right])
