"""What Darknet prints and writes of one picture's boxes: lines, JSON, a label file.

Rows come as program.py gives them: those of one box together, classes in order. "A" is AlexeyAB's program.
"""

from __future__ import annotations

import json
from pathlib import PurePath

import numpy as np

from yolov2.errors import printable
from yolov2.records import Detections
from yolov2.standin.line import Dialect
from yolov2.standin.program import boxes_of

HIDDEN = "dont_show"  # how the name of a class begins that A keeps to itself
JSON_START, JSON_BETWEEN, JSON_END = "[\n", ", \n", "\n]"

# Where A looks for the labels of a picture, and so where -save_labels puts them.
LABEL_FOLDERS = (
    *((f"/images/{split}/", f"/labels/{split}/") for split in ("train2014", "val2014", "train2017", "val2017")),
    ("/JPEGImages/", "/labels/"),
)


def answer_lines(found: Detections, dialect: Dialect, *, with_places: bool = False) -> list[str]:
    """`name: NN%` of every class of every box; with places, as -ext_output has them, in pixels behind it.

    In the order of the list; A's from left to right, the best class of a box first.
    Source: Darknet `draw_detections`; A: `draw_detections_v3`.
    """
    boxes = list(boxes_of(found))
    if dialect == "alexeyab":
        boxes = sorted((_best_first(box) for box in boxes_of(shown(found))), key=lambda box: float(box.xyxy[0, 0]))
    return [_line(row, with_places=with_places) for box in boxes for row in box]


def frame_lines(found: Detections, dialect: Dialect, *, with_places: bool = False) -> list[str]:
    """The same for a frame of a video, where A has one line a box. Source: A: `draw_detections_cv_v3`."""
    if dialect == "pjreddie":
        return answer_lines(found, dialect, with_places=with_places)
    lines: list[str] = []
    for box in boxes_of(shown(found)):
        line = ", ".join(f"{_claim(row)} " for row in box)
        lines.append(line + _place(box) if with_places else line)
    return lines


def shown(found: Detections) -> Detections:
    """The rows whose class A does not keep to itself."""
    return found[np.array([not name.startswith(HIDDEN) for name in found.names], bool)]


def json_frame(found: Detections, *, frame_id: int, picture: str) -> str:
    """A's JSON of one picture, numbers and blanks as there; JSON_START, _BETWEEN and _END make a file of several.

    Names are escaped as JSON wants it, which A leaves out. Source: A: `detection_to_json`.
    """
    rows = shown(found)
    objects = [
        f'  {{"class_id":{class_id}, "name":{_quoted(name)}, "relative_coordinates":{{'
        f'"center_x":{x:f}, "center_y":{y:f}, "width":{width:f}, "height":{height:f}}}, "confidence":{score:f}}}'
        for class_id, name, (x, y, width, height), score in zip(
            rows.class_ids.tolist(), rows.names, _relative(rows), rows.scores.tolist(), strict=True
        )
    ]
    heading = f'{{\n "frame_id":{frame_id}, \n "filename":{_quoted(picture)}, \n "objects": [ \n'
    return heading + ", \n".join(objects) + "\n ] \n}"


def label_text(found: Detections) -> str:
    """A line `class x y w h` a box, of its best class: labels to train with. Source: A: `test_detector`."""
    lines: list[str] = []
    for box in boxes_of(found):
        best = _best_first(box)
        x, y, width, height = _relative(best)[0]
        lines.append(f"{best.class_ids[0]} {x:2.4f} {y:2.4f} {width:2.4f} {height:2.4f}\n")
    return "".join(lines)


def label_path(picture: str) -> str:
    """Where A writes the labels of a picture: beside it, or in labels/ for the folders of VOC and COCO.

    Source: A: `replace_image_to_label`.
    """
    for pictures, labels in LABEL_FOLDERS:
        picture = picture.replace(pictures, labels, 1)
    return str(PurePath(picture).with_suffix(".txt"))


def _best_first(box: Detections) -> Detections:
    best = int(np.argmax(box.scores))
    return box[np.array([best, *(row for row in range(len(box)) if row != best)])]


def _line(row: Detections, *, with_places: bool) -> str:
    return _claim(row) + (_place(row) if with_places else "")


def _claim(row: Detections) -> str:
    return f"{printable(row.names[0])}: {100 * row.scores[0]:.0f}%"


def _place(box: Detections) -> str:
    left, top, right, bottom = box.xyxy[0].tolist()
    sides = (round(side) for side in (left, top, right - left, bottom - top))
    return "\t(left_x: {:4.0f}   top_y: {:4.0f}   width: {:4.0f}   height: {:4.0f})".format(*sides)


def _relative(rows: Detections) -> list[list[float]]:
    """Centre, width and height of every row in parts of the picture."""
    height, width = rows.size
    corners = rows.xyxy.astype(np.float64) / [width, height, width, height]
    return np.column_stack(((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2])).tolist()


def _quoted(text: str) -> str:
    """A JSON string; bytes that are no UTF-8 in the name of a file become a question mark."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)
