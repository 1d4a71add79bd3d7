"""What a run leaves for other programs to score: COCO results, and a comp4 file a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolov2.detect.coco_results import coco_line
from yolov2.detect.formats import FORMATS
from yolov2.detect.voc_results import voc_file_names, voc_line
from yolov2.files import write_whole

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation

BLOCK = 10_000  # lines in memory


def write_results(folder: Path, run: Evaluation) -> None:
    """coco_results.json and comp4_det_test_CLASS.txt, each whole or not at all. Raises OutputError.

    Ids of pictures and categories are those of the data set, so its own labels go with the files.
    """
    with write_whole(folder / FORMATS["coco"]) as file:
        for text in _coco_text(run):
            file.write(text.encode("utf-8", "surrogateescape"))
    voc_ids = run.truth.voc_ids
    sizes: list[list[int]] = run.sizes.tolist()
    for class_id, name in enumerate(voc_file_names(run.names)):
        with write_whole(folder / name) as file:
            rows = run.results[run.results.class_ids == class_id]
            images: list[int] = rows.image_ids.tolist()
            for image, score, box in zip(images, rows.scores.tolist(), rows.xyxy.tolist(), strict=True):
                height, width = sizes[image]
                line = voc_line(voc_ids[image], score, box, (height, width))
                file.write(line.encode("utf-8", "surrogateescape"))


def _coco_text(run: Evaluation) -> Iterator[str]:
    """A JSON list with an entry a line."""
    image_ids = run.truth.image_ids
    categories = np.array(run.truth.category_ids)[run.classes.of_data >= 0].tolist()
    results = run.results
    bboxes = np.concatenate((results.xyxy[:, :2], results.xyxy[:, 2:] - results.xyxy[:, :2]), axis=1)
    yield "[\n"
    for start in range(0, len(results), BLOCK):
        end = min(start + BLOCK, len(results))
        part = slice(start, end)
        rows = zip(
            results.image_ids[part].tolist(), results.class_ids[part].tolist(), results.scores[part].tolist(),
            bboxes[part].tolist(), strict=True,
        )  # fmt: skip
        lines = [
            coco_line({"image_id": image_ids[image], "category_id": categories[k], "bbox": bbox, "score": score})
            for image, k, score, bbox in rows
        ]
        yield ",\n".join(lines) + (",\n" if end < len(results) else "\n")
    yield "]\n"
