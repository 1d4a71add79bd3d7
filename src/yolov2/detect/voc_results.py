"""Results as PASCAL VOC's devkit and Darknet's `detector valid` have them: a file a class; and ImageNet's lines."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath

from yolov2.detect.outputs import make_folder
from yolov2.detect.result_names import class_names
from yolov2.detect.written import Written
from yolov2.files import refusal
from yolov2.records import Detections, Failure

PREFIX = "comp4_det_test_"  # the competition "detection, trained on any data"; also Darknet's default
MOST_EMPTY_FILES = 1000  # of a model with more classes only those that were found get a file
HELD = 100_000  # lines in memory, of all classes together


class VocResults:
    """A file a class in `folder`, of all classes at `close`: none has its name before all are whole.

    Lines wait in a folder of drafts, a file a class, and no more than one of them is open at a time.
    written: the list of such files, from which those of an earlier run are removed at `close`. Raises OutputError.
    """

    def __init__(self, folder: Path, *, prefix: str = PREFIX, written: Written | None = None) -> None:
        self._folder, self._prefix, self._written = folder, prefix, written
        self._drafts = folder / f".voc-{secrets.token_hex(8)}.part"
        make_folder(self._drafts)
        self._labels: tuple[str, ...] = ()
        self._names: list[str] = []  # of the files, by class id
        self._lines: dict[int, list[str]] = {}  # by class id
        self._held = 0

    def write(self, result: Detections | Failure) -> None:
        if isinstance(result, Failure):
            return
        if result.labels is not self._labels:
            self._labels, self._names = result.labels, voc_file_names(result.labels, prefix=self._prefix)
        image_id = voc_id(result.source, result.frame_index)
        rows = zip(result.class_ids.tolist(), result.scores.tolist(), result.xyxy.tolist(), strict=True)
        for class_id, score, xyxy in rows:
            self._lines.setdefault(class_id, []).append(voc_line(image_id, score, xyxy, result.size))
        self._held += len(result)
        if self._held >= HELD:
            self._flush()

    def close(self) -> None:
        if len(self._labels) <= MOST_EMPTY_FILES:
            for class_id in range(len(self._labels)):
                self._lines.setdefault(class_id, [])
        self._flush()
        try:
            self._publish(sorted(draft.name for draft in self._drafts.iterdir()))
        finally:
            self.abort()  # the drafts that are left

    def abort(self) -> None:
        shutil.rmtree(self._drafts, ignore_errors=True)

    def _publish(self, names: Sequence[str]) -> None:
        """Give the drafts their names; what could keep one from its own is looked at before the first has it."""
        for name in names:
            if (self._folder / name).is_dir():
                raise refusal(self._folder / name, IsADirectoryError(errno.EISDIR, ""))
        if self._written is not None:
            self._written.add(*names)
        for name in names:
            try:
                os.replace(self._drafts / name, self._folder / name)
            except OSError as wrong:
                raise refusal(self._folder / name, wrong) from None
        if self._written is not None:
            self._written.clear(keep=names)

    def _flush(self) -> None:
        """Append what waits to the drafts."""
        for class_id, lines in self._lines.items():
            known = class_id < len(self._names)
            name = self._names[class_id] if known else voc_file_names([str(class_id)], prefix=self._prefix)[0]
            try:
                with open(self._drafts / name, "ab") as file:
                    file.write("".join(lines).encode("utf-8", "surrogateescape"))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as wrong:
                self.abort()
                raise refusal(self._folder / name, wrong) from None
        self._lines.clear()
        self._held = 0


def voc_id(source: str, frame_index: int | None = None) -> str:
    """A picture's id: the name of its file, cut at the first dot; a frame of a video is called `clip_000012`.

    Source: Darknet `basecfg`.
    """
    name = PurePath(source).name.partition(".")[0]
    return name if frame_index is None else f"{name}_{frame_index:06d}"


def voc_file_names(labels: Sequence[str], *, prefix: str = PREFIX) -> list[str]:
    """By class id: the name of its file. A label is made safe as part of a name; no two get the same."""
    return [f"{prefix}{name}.txt" for name in class_names(labels)]


def voc_line(image_id: str, score: float, xyxy: Sequence[float], size: tuple[int, int]) -> str:
    """`id score xmin ymin xmax ymax`, in pixels counted from 1 and inside the picture; size is (height, width).

    Source: Darknet `print_detector_detections`.
    """
    height, width = size
    x1, y1, x2, y2 = (side + 1 for side in xyxy)  # Darknet: print_detector_detections counts pixels from 1
    return f"{image_id} {score:f} {max(x1, 1):f} {max(y1, 1):f} {min(x2, width):f} {min(y2, height):f}\n"


def imagenet_line(number: int, class_id: int, score: float, xyxy: Sequence[float], size: tuple[int, int]) -> str:
    """`number class score xmin ymin xmax ymax` of picture `number`, from 1; classes from 1, pixels from 0.

    Source: Darknet `print_imagenet_detections`.
    """
    height, width = size
    x1, y1, x2, y2 = xyxy
    return f"{number} {class_id + 1} {score:f} {max(x1, 0):f} {max(y1, 0):f} {min(x2, width):f} {min(y2, height):f}\n"
