"""Gathered -> COCO files, one a split, in annotations/. Pictures are placed by convert.py."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolov2.converters import coco_category_ids
from yolov2.data.gathered import Gathered
from yolov2.data.numbers import DIGITS
from yolov2.samples import Sample

PICTURES = "images"
WHOLE = re.compile(r"[0-9]{1,15}")


def write_coco(folder: Path, data: Gathered) -> list[str]:
    """Write the labels; everything that a Sample holds has a place in them.

    Difficult boxes have "difficult" and, for the programs that know that one, "ignore". Pictures that are called by
    numbers have these as ids; COCO's own classes have COCO's ids, any others 1, 2, 3, ...
    """
    (folder / "annotations").mkdir()
    category_ids = coco_category_ids(data.classes) or tuple(range(1, len(data.classes) + 1))
    categories = [
        {"id": number, "name": name, "supercategory": ""}
        for number, name in zip(category_ids, data.classes, strict=True)
    ]
    ids = image_ids(data.samples.ids, data.stems)
    for split, chosen in data.splits.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        indices: list[int] = chosen.tolist()
        for i in indices:
            sample = data.samples[i]
            height, width = sample.size
            images.append({"id": ids[i], "file_name": data.names[i], "width": width, "height": height})
            annotations += annotations_of(sample, ids[i], category_ids, first=len(annotations) + 1)
        document = {"images": images, "annotations": annotations, "categories": categories}
        path = folder / "annotations" / f"instances_{split}.json"
        path.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), "utf-8")
    return []


def annotations_of(sample: Sample, image_id: int, category_ids: Sequence[int], *, first: int) -> list[dict[str, Any]]:
    """The annotations of one picture, numbered from `first`."""
    columns = (sample.boxes, sample.class_ids, sample.areas, sample.crowd, sample.difficult)
    return [
        {
            "id": number,
            "image_id": image_id,
            "category_id": category_ids[class_id],
            "bbox": [_number(value) for value in (x1, y1, x2 - x1, y2 - y1)],
            "area": _number(area),
            "iscrowd": int(is_crowd),
        }
        | ({"difficult": 1, "ignore": 1} if is_difficult else {})
        for number, ((x1, y1, x2, y2), class_id, area, is_crowd, is_difficult) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True), start=first
        )
    ]


def image_ids(ids: Sequence[str], stems: Sequence[str]) -> list[int]:
    """A number for each picture: that of its id or of its name where all are numbers, else 1, 2, 3, ..."""
    for texts in (ids, stems):
        numbers = [int(text) for text in texts if WHOLE.fullmatch(text)]
        if len(set(numbers)) == len(texts):
            return numbers
    return list(range(1, len(ids) + 1))


def _number(value: float) -> int | float:
    rounded = round(value, DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded
