"""Detections as other people's shapes: COCO results, Supervision, pandas, Arrow. Files are the business of detect/.

Each foreign library is loaded when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from yolov2.coco_classes import CATEGORY_IDS, DARKNET_SPELLING, NAMES
from yolov2.errors import OutputError
from yolov2.records import Detections

if TYPE_CHECKING:
    import pandas
    import supervision

TABLES = "pip install 'yolov2[tables]'"


def coco_entries(
    found: Detections, *, image_id: int | str | None = None, category_ids: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """COCO results: a mapping a detection, of image_id, category_id, bbox [x, y, width, height] and score.

    Boxes are clamped to the picture, and one that lies beyond its right or lower edge has a side below 0. Without
    `image_id` it is that of `coco_image_id`; without `category_ids`, one a class, those of `coco_category_ids`, or
    else class id + 1.
    Source: Darknet `print_cocos`.
    """
    if image_id is None:
        image_id = coco_image_id(found.source, found.frame_index)
    if category_ids is None:
        category_ids = coco_category_ids(found.labels)
    height, width = found.size
    entries: list[dict[str, Any]] = []
    rows = zip(found.class_ids.tolist(), found.xyxy.tolist(), found.scores.tolist(), strict=True)
    class_id: int
    for class_id, (x1, y1, x2, y2), score in rows:
        category = class_id + 1 if category_ids is None else category_ids[class_id]
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)  # Darknet: print_cocos, no more
        bbox = [x1, y1, x2 - x1, y2 - y1]
        entries.append({"image_id": image_id, "category_id": category, "bbox": bbox, "score": score})
    return entries


def coco_image_id(source: str, frame_index: int | None = None) -> int | str:
    """The image_id of a picture: the number after the last `_` of its name, or the name where there is none.

    A name that is a number is one; a frame of a video is called `clip_000012`.
    Source: Darknet `get_coco_image_id`, which takes what is no number for 0.
    """
    stem = PurePath(source).stem
    if frame_index is not None:
        return f"{stem}_{frame_index:06d}"
    last = stem.rpartition("_")[2]
    return int(last) if re.fullmatch(r"\d{1,18}", last, re.ASCII) else stem


def coco_category_ids(labels: Sequence[str]) -> tuple[int, ...] | None:
    """COCO's own ids, 1 to 90 with gaps, by class id where these are COCO's 80 classes in any spelling; else None."""
    if len(labels) != len(NAMES):
        return None
    is_coco = all(label in (name, DARKNET_SPELLING.get(name)) for label, name in zip(labels, NAMES, strict=True))
    return CATEGORY_IDS if is_coco else None


def to_supervision(found: Detections) -> supervision.Detections:
    """What Supervision's annotators, trackers and zones take; labels are in `data["class_name"]`.

    Raises OutputError where Supervision is not installed.
    """
    try:
        import supervision
    except ImportError as missing:
        raise _missing("to_supervision", "supervision", "pip install supervision") from missing
    return supervision.Detections(
        xyxy=found.xyxy.copy(),  # copies: ours are read-only
        confidence=found.scores.copy(),
        class_id=found.class_ids.copy(),
        data={"class_name": np.array(found.names, dtype=np.str_)},
    )


def to_pandas(found: Detections) -> pandas.DataFrame:
    """A table with a row a detection: source, frame, width, height, label, class_id, score, objectness, x1, y1, x2, y2.

    A tree model adds `path`, a list of (label, probability) from a root down. Frame is <NA> for a picture.
    Raises OutputError where pandas is not installed.
    """
    try:
        import pandas
    except ImportError as missing:
        raise _missing("to_pandas", "pandas", TABLES) from missing
    columns = _columns(found)
    columns["frame"] = pandas.array(columns["frame"], dtype="Int64")
    if found.paths:
        columns["path"] = [[(node["label"], node["probability"]) for node in path] for path in columns["path"]]
    return pandas.DataFrame(columns)


def to_arrow(found: Detections) -> Any:
    """The same table as a pyarrow.Table, where a path is a list of structs (label, probability).

    Raises OutputError where pyarrow is not installed.
    """
    try:
        import pyarrow
    except ImportError as missing:
        raise _missing("to_arrow", "pyarrow", TABLES) from missing
    arrow: Any = pyarrow  # it comes without types
    return arrow.table(_columns(found), schema=arrow_schema(has_paths=bool(found.paths)))


def arrow_schema(*, has_paths: bool) -> Any:
    """The columns of `to_arrow` with their types, as a pyarrow.Schema."""
    import pyarrow

    arrow: Any = pyarrow
    text, whole, real = arrow.string(), arrow.int64(), arrow.float32()
    types: dict[str, Any] = {"source": text, "frame": whole, "width": arrow.int32(), "height": arrow.int32()}
    types |= {"label": text, "class_id": whole, "score": real, "objectness": real}
    types |= dict.fromkeys(("x1", "y1", "x2", "y2"), real)
    if has_paths:
        types["path"] = arrow.list_(arrow.struct({"label": text, "probability": real}))
    nullable = ("frame",)
    return arrow.schema([arrow.field(name, kind, nullable=name in nullable) for name, kind in types.items()])


def _columns(found: Detections) -> dict[str, Any]:
    """The table's columns by name, of one length, without what no text in UTF-8 can hold."""
    count = len(found)
    height, width = found.size
    columns: dict[str, Any] = {
        "source": [_as_utf8(found.source)] * count,
        "frame": [found.frame_index] * count,
        "width": np.full(count, width, np.int32),
        "height": np.full(count, height, np.int32),
        "label": [_as_utf8(name) for name in found.names],
        "class_id": found.class_ids,
        "score": found.scores,
        "objectness": found.objectness,
    }
    columns |= {name: found.xyxy[:, side] for side, name in enumerate(("x1", "y1", "x2", "y2"))}
    if found.paths:
        columns["path"] = [
            [{"label": _as_utf8(name), "probability": share} for name, share in path] for path in found.paths
        ]
    return columns


def _as_utf8(text: str) -> str:
    """Stray bytes of a file name become replacement characters: columns of text hold valid UTF-8 alone."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _missing(method: str, package: str, repair: str) -> OutputError:
    return OutputError.at(f"Detections.{method}", found="no package", expected=package, repair=repair)
