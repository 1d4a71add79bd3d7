"""YOLO labels: a text file a picture, as Darknet trains on. They have no score: a threshold chooses what is a label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolov2.detect.outputs import make_folder
from yolov2.detect.result_names import stem_of
from yolov2.detect.work import Work
from yolov2.detect.written import LIST, Written
from yolov2.files import write_whole
from yolov2.records import Detections, Failure


class YoloLabels:
    """A file a picture, or a frame, below `folder`; an empty one where nothing was found. Raises OutputError.

    The labels of an earlier run, and no other files, are removed first.
    """

    def __init__(self, folder: Path, stems: dict[str, Path]) -> None:
        self._folder, self._stems = folder, stems  # names by source
        self._written = Written(folder / LIST)
        self._written.clear()
        self._work = Work(1)  # beside the network: a small file takes as long as its disk

    def write(self, result: Detections | Failure) -> None:
        if isinstance(result, Detections):
            self._work.submit(self._write, f"{stem_of(result, self._stems)}.txt", yolo_text(result))

    def close(self) -> None:
        self._work.finish()

    def abort(self) -> None:
        self._work.drop()

    def _write(self, name: str, text: str) -> None:
        target = self._folder / name
        make_folder(target.parent)
        self._written.add(name)
        with write_whole(target) as file:
            file.write(text.encode())


def yolo_text(found: Detections) -> str:
    """A line a detection, best first; what lies beside the picture has none."""
    rows = zip(found.class_ids.tolist(), found.clipped().xyxy.tolist(), strict=True)
    return "".join(yolo_line(k, box, found.size) for k, box in rows if box[0] < box[2] and box[1] < box[3])


def yolo_line(class_id: int, xyxy: Sequence[float], size: tuple[int, int]) -> str:
    """`class cx cy width height`, relative to the picture and cut at its edges. Source: Darknet `read_boxes`."""
    height, width = size
    x1, x2 = (min(max(x, 0), width) / width for x in (xyxy[0], xyxy[2]))
    y1, y2 = (min(max(y, 0), height) / height for y in (xyxy[1], xyxy[3]))
    return f"{class_id} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}\n"
