"""How does `region.select`, all classes at once, compare with `cv2.dnn.NMSBoxes` and a plain loop, class by class?

    python benchmarks/nms.py [--rounds 30] [--torch]

All sides get the same candidates of one picture and must give the same rows. They take turns, in one process. Boxes are
spread evenly (nearly all stay) or crowded around 12 objects as a detector's are (most fall).
"""

import argparse
import datetime
import os
import platform
import time
from collections.abc import Callable

import array_api_compat
import cv2
import numpy as np

from yolov2.region.decode import Candidates
from yolov2.region.select import select

SIZES = [  # boxes, classes, rows above the threshold: those of a 13 x 13 and a 19 x 19 grid with 5 anchors
    (30, 20, 30),
    (30, 20, 600),
    (845, 20, 168),
    (845, 20, 1685),
    (845, 80, 3363),
    (1805, 80, 1432),
    (1805, 80, 7190),
    (1805, 20, 17975),
]
IOU = 0.45
Rows = set[tuple[int, int]]  # candidate, class


def make_candidates(boxes: int, classes: int, rows: int, *, crowded: bool) -> tuple[Candidates, float]:
    """Candidates, and the threshold that so many rows of them pass."""
    rng = np.random.default_rng(boxes + classes + rows)
    xywh = np.concatenate((rng.random((boxes, 2)), 0.02 + 0.4 * rng.random((boxes, 2))), axis=1)
    if crowded:
        xywh = xywh[rng.integers(0, 12, boxes)] * rng.normal(1, 0.08, (boxes, 4))
    scores = rng.random((boxes, classes), np.float32)
    conf = float(np.sort(scores, axis=None)[-rows - 1]) if rows < scores.size else 0.0
    pictures, objectness = np.zeros(boxes, np.int64), np.ones(boxes, np.float32)
    return Candidates(pictures, xywh.astype(np.float32), objectness, scores), conf


def ours(found: Candidates, conf: float) -> Rows:
    selection = select(found, conf=conf, iou=IOU)
    return set(zip(selection.candidates.tolist(), selection.class_ids.tolist(), strict=True))


def by_cv2(found: Candidates, conf: float) -> Rows:
    xywh = np.concatenate((found.boxes[:, :2] - found.boxes[:, 2:] / 2, found.boxes[:, 2:]), axis=1)
    kept: Rows = set()
    for class_id in range(found.class_probs.shape[1]):
        scores = found.objectness * found.class_probs[:, class_id]
        rows = np.flatnonzero(scores > conf)
        if len(rows):
            chosen = cv2.dnn.NMSBoxes(xywh[rows], scores[rows], conf, IOU)  # pyright: ignore[reportArgumentType] arrays do
            kept.update((int(row), class_id) for row in rows[np.asarray(chosen)])
    return kept


def by_plain_greedy(found: Candidates, conf: float) -> Rows:
    half = found.boxes[:, 2:] / 2
    low, high = found.boxes[:, :2] - half, found.boxes[:, :2] + half
    area = found.boxes[:, 2] * found.boxes[:, 3]
    kept: Rows = set()
    for class_id in range(found.class_probs.shape[1]):
        scores = found.objectness * found.class_probs[:, class_id]
        rows = np.flatnonzero(scores > conf)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        while len(rows):
            best, rows = rows[0], rows[1:]
            kept.add((int(best), class_id))
            sides = np.clip(np.minimum(high[best], high[rows]) - np.maximum(low[best], low[rows]), 0, None)
            overlap = sides[:, 0] * sides[:, 1]
            rows = rows[~(overlap / (area[best] + area[rows] - overlap) > IOU)]
    return kept


def in_torch(found: Candidates) -> Candidates:
    import torch

    return Candidates(*(torch.asarray(getattr(found, name)) for name in Candidates.__slots__))


def times_ms(sides: dict[str, Callable[[], Rows]], rounds: int) -> dict[str, np.ndarray]:
    """Milliseconds of every side in every round, each side once a round."""
    expected = sides["plain"]()
    for name, side in sides.items():
        assert side() == expected, name  # also the warm-up
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            taken[name].append(1000 * (time.perf_counter() - start))
    return {name: np.array(values) for name, values in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--torch", action="store_true", help="the same on torch tensors too")
    options = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    versions = f"numpy {np.__version__}, opencv {cv2.__version__}, array-api-compat {array_api_compat.__version__}"
    print(f"{datetime.date.today()}, {machine}, {versions}")
    print(f"float32, batch 1, IoU {IOU}, {options.rounds} rounds; median / 99th percentile in ms; ratio: cv2 / ours\n")
    names = ["ours", "cv2", "plain"] + ["torch"] * options.torch
    heading = "".join(f"{name:>18}" for name in names)
    print(f"{'boxes x classes (rows)':<24}{'boxes':<9}{'stay':>6}{'ratio':>7}{heading}")
    for boxes, classes, rows in SIZES:
        for crowded in (False, True):
            found, conf = make_candidates(boxes, classes, rows, crowded=crowded)
            sides: dict[str, Callable[[], Rows]] = {
                "ours": lambda found=found, conf=conf: ours(found, conf),
                "cv2": lambda found=found, conf=conf: by_cv2(found, conf),
                "plain": lambda found=found, conf=conf: by_plain_greedy(found, conf),
            }
            if options.torch:
                tensors = in_torch(found)
                sides["torch"] = lambda found=tensors, conf=conf: ours(found, conf)
            taken = times_ms(sides, options.rounds)
            ratio = np.median(taken["cv2"]) / np.median(taken["ours"])
            cells = [f"{np.median(taken[name]):.2f} / {np.percentile(taken[name], 99):.2f}" for name in names]
            size = f"{boxes} x {classes} ({rows:,})"
            print(
                f"{size:<24}{'crowded' if crowded else 'spread':<9}{len(sides['ours']()):>6}{ratio:>7.2f}"
                + "".join(f"{cell:>18}" for cell in cells)
            )


if __name__ == "__main__":
    main()
