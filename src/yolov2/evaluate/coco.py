"""COCO's twelve numbers, counted by faster-coco-eval, which is a copy of COCO's own script in C++; its one home."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolov2.errors import BackendError
from yolov2.evaluate.matching import Numbers, Results, Truths


@dataclass(frozen=True, slots=True)
class CocoScore:
    """Average precision and recall as COCO lists them; NaN where there is nothing to find."""

    ap: float  # the mean over IoU 0.50, 0.55, ..., 0.95, over classes, at 101 recalls
    ap50: float
    ap75: float
    ap_small: float  # area below 32 x 32
    ap_medium: float
    ap_large: float  # above 96 x 96
    ar1: float  # the highest recall with one box a picture and class, over IoU and classes
    ar10: float
    ar100: float
    ar_small: float  # with 100 boxes
    ar_medium: float
    ar_large: float
    per_class: tuple[float, ...]  # ap of each

    def to_dict(self, names: tuple[str, ...]) -> dict[str, Any]:
        """The JSON shape: the numbers by name, `per_class` by the name of the class; null where there is none."""
        numbers = {key: _number(value) for key, value in asdict(self).items() if key != "per_class"}
        return numbers | {"per_class": {n: _number(ap) for n, ap in zip(names, self.per_class, strict=True)}}


def coco(results: Results, truths: Truths, *, classes: int) -> CocoScore:
    """COCO's numbers; boxes between the edges of pixels, difficult ones are as any other: COCO has none.

    Raises BackendError without faster-coco-eval.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as missing:
        raise BackendError.at(
            "COCO's numbers", found="no package", expected="faster-coco-eval", repair="pip install 'yolov2[eval]'"
        ) from missing
    results = results[(results.class_ids >= 0) & (results.class_ids < classes)]
    truths = truths[(truths.class_ids >= 0) & (truths.class_ids < classes)]
    pictures = np.unique(np.append(results.image_ids, truths.image_ids))
    if not len(pictures):
        return CocoScore(*[float("nan")] * 12, per_class=(float("nan"),) * classes)
    labelled: Any = COCO(_truth_file(truths, pictures, classes))
    found: Any = labelled.loadRes(_result_file(results, pictures))
    run: Any = COCOeval_faster(labelled, found, "bbox", print_function=_quiet)
    run.evaluate()
    run.accumulate()
    run.summarize()
    return CocoScore(*map(_or_nan, run.stats[:12]), per_class=_per_class(run.eval["precision"]))


def _truth_file(truths: Truths, pictures: Any, classes: int) -> dict[str, Any]:
    """What instances_*.json would hold; pictures and classes by their place, from 1."""
    rows = zip(
        (np.searchsorted(pictures, truths.image_ids) + 1).tolist(),
        (truths.class_ids + 1).tolist(),
        _xywh(truths.xyxy).tolist(),
        truths.areas.tolist(),
        truths.crowd.astype(int).tolist(),
        strict=True,
    )
    keys = ("image_id", "category_id", "bbox", "area", "iscrowd")
    return {
        "images": [{"id": number} for number in range(1, len(pictures) + 1)],
        "categories": [{"id": number, "name": str(number)} for number in range(1, classes + 1)],
        "annotations": [{"id": at, **dict(zip(keys, row, strict=True))} for at, row in enumerate(rows, 1)],
    }


def _result_file(results: Results, pictures: Any) -> list[dict[str, Any]]:
    rows = zip(
        (np.searchsorted(pictures, results.image_ids) + 1).tolist(),
        (results.class_ids + 1).tolist(),
        _xywh(results.xyxy).tolist(),
        results.scores.tolist(),
        strict=True,
    )
    return [dict(zip(("image_id", "category_id", "bbox", "score"), row, strict=True)) for row in rows]


def _xywh(xyxy: Numbers) -> Numbers:
    return np.concatenate((xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]), axis=1)


def _per_class(precision: Any) -> tuple[float, ...]:
    """AP of each class from (IoU, recall, class, area, boxes), at any area and the most boxes. -1: nothing there."""
    of_classes = np.asarray(precision)[:, :, :, 0, -1]
    return tuple(float(of_classes[:, :, at].mean()) if of_classes[0, 0, at] > -1 else float("nan")
                 for at in range(of_classes.shape[2]))  # fmt: skip


def _or_nan(value: float) -> float:
    return float("nan") if value < 0 else float(value)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _quiet(*words: object) -> None:
    """The library tells its progress; here nobody asked."""
