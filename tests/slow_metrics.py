"""The metrics once more, slow and obvious, and sets of detections and truths to try both on."""

import numpy as np
from hypothesis import strategies as st

from yolov2.evaluate.matching import Results, Truths

CLASSES = 3


def results_of(rows):
    """Rows of (image_id, class_id, score, x1, y1, x2, y2)."""
    table = np.array(rows, np.float64).reshape(-1, 7)
    return Results(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3:])


def truths_of(rows):
    """Rows of (image_id, class_id, x1, y1, x2, y2) and, perhaps, (difficult, crowd)."""
    table = np.array([(*row, 0, 0)[:8] for row in rows], np.float64).reshape(-1, 8)
    ids, boxes, flags = table[:, :2].astype(np.int64), table[:, 2:6], table[:, 6:].astype(np.bool_)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return Truths(ids[:, 0], ids[:, 1], boxes, flags[:, 0], flags[:, 1], areas)


_side = st.integers(1, 6)
_box = st.tuples(st.integers(0, 8), st.integers(0, 8), _side, _side).map(
    lambda xywh: (xywh[0], xywh[1], xywh[0] + xywh[2], xywh[1] + xywh[3])
)
_where = st.tuples(st.integers(0, 2), st.integers(0, CLASSES - 1))


@st.composite
def detection_sets(draw, *, crowds=False):
    """(Results, Truths) with few pictures, classes, places and scores, so that ties and near misses are common."""
    crowd = st.booleans() if crowds else st.just(False)
    truths = draw(st.lists(st.tuples(_where, _box, st.booleans(), crowd), max_size=10))
    boxes = st.sampled_from([row[1] for row in truths]) | _box if truths else _box
    found = draw(st.lists(st.tuples(_where, st.integers(1, 4), boxes), max_size=16))
    return (
        results_of([(*where, score / 4, *box) for where, score, box in found]),
        truths_of([(*where, *box, difficult, crowd) for where, box, difficult, crowd in truths]),
    )


def random_set(*, pictures, truths, found, classes=20, seed=0, crowds=False):
    """(Results, Truths) as a fair detector would have them: most boxes near a truth, many besides."""
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(0, 300, (truths, 2)), np.exp(rng.uniform(2, 5.5, (truths, 2)))
    boxes = np.concatenate((corner, corner + side), axis=1)
    images, labels = rng.integers(0, pictures, truths), rng.integers(0, classes, truths)
    there = Truths(
        images,
        labels,
        boxes,
        rng.random(truths) < 0.15,
        rng.random(truths) < (0.1 if crowds else 0),
        side.prod(axis=1) * rng.uniform(0.4, 1, truths),
    )
    of = rng.integers(0, truths, found)
    near = boxes[of] + rng.normal(0, 0.12, (found, 4)) * np.tile(side[of], 2)
    near = np.concatenate((np.minimum(near[:, :2], near[:, 2:] - 1), near[:, 2:]), axis=1)
    label = np.where(rng.random(found) < 0.8, labels[of], rng.integers(0, classes, found))
    picture = np.where(rng.random(found) < 0.8, images[of], rng.integers(0, pictures, found))
    return Results(picture, label, rng.random(found).round(3), near), there


def devkit(results, truths, classes, *, iou=0.5, year=2007):
    """The AP of each class by the public rule of the VOC development kit, NaN without objects, and their mean.

    Every class by itself: detections by falling confidence; each with the object of its picture that it overlaps
    most, in pixels with both ends counted; the first on an object is right, any other wrong; difficult ones do not
    count. Then 11 points, or from 2010 on the area.
    """
    per_class = []
    for class_id in range(classes):
        objects = {}
        wanted = 0
        for row in range(len(truths)):
            if truths.class_ids[row] == class_id:
                hard = bool(truths.difficult[row] or truths.crowd[row])
                objects.setdefault(int(truths.image_ids[row]), []).append([truths.xyxy[row].tolist(), hard, False])
                wanted += not hard
        ranked = sorted(
            (row for row in range(len(results)) if results.class_ids[row] == class_id),
            key=lambda row: -results.scores[row],
        )
        right = []
        for row in ranked:
            best, most = None, -1.0
            for candidate in objects.get(int(results.image_ids[row]), []):
                overlap = inclusive_iou(results.xyxy[row].tolist(), candidate[0])
                if overlap > most:
                    best, most = candidate, overlap
            if best is None or most < iou:
                right.append(False)
            elif best[1]:
                continue
            else:
                right.append(not best[2])
                best[2] = True
        per_class.append(_devkit_ap(right, wanted, year) if wanted else float("nan"))
    known = [ap for ap in per_class if ap == ap]
    return per_class, sum(known) / len(known) if known else float("nan")


def inclusive_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def _devkit_ap(right, wanted, year):
    precision = [sum(right[: n + 1]) / (n + 1) for n in range(len(right))]
    recall = [sum(right[: n + 1]) / wanted for n in range(len(right))]
    if year < 2010:
        levels = [tenth / 10 for tenth in range(11)]
        return (
            sum(max((p for p, r in zip(precision, recall, strict=True) if r >= level), default=0) for level in levels)
            / 11
        )
    area, before = 0.0, 0.0
    for n, reached in enumerate(recall):
        area += (reached - before) * max(precision[n:])
        before = reached
    return area
