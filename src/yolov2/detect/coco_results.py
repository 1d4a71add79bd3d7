"""COCO results as a file, in the spelling of Darknet's `detector valid`. What is in them is that of converters.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolov2.converters import coco_entries
from yolov2.detect.text_writers import TextFile
from yolov2.records import Detections, Failure


class CocoResults:
    """coco_results.json: one list with an entry a detection; an input that failed has none. Raises OutputError."""

    def __init__(self, path: Path) -> None:
        self._is_first = True
        self._file = TextFile(path, self._text_of, heading="[\n", ending="\n]\n")

    def write(self, result: Detections | Failure) -> None:
        self._file.write(result)

    def close(self) -> None:
        self._file.close()

    def abort(self) -> None:
        self._file.abort()

    def _text_of(self, result: Detections | Failure) -> str:
        lines = [] if isinstance(result, Failure) else [coco_line(entry) for entry in coco_entries(result)]
        if not lines:
            return ""
        start = "" if self._is_first else ",\n"
        self._is_first = False
        return start + ",\n".join(lines)


def coco_line(entry: Mapping[str, Any]) -> str:
    """One entry of COCO results, without the comma behind it. Source: Darknet `print_cocos`."""
    x, y, width, height = entry["bbox"]
    return (
        f'{{"image_id":{json.dumps(entry["image_id"])}, "category_id":{entry["category_id"]}, '
        f'"bbox":[{x:f}, {y:f}, {width:f}, {height:f}], "score":{entry["score"]:f}}}'
    )
