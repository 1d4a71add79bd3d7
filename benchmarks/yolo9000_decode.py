"""What share of YOLO9000's forward pass does its decode take? Target: at most 20 %, on crowded pictures too.

    python benchmarks/yolo9000_decode.py [--rounds 30]

The full network at 544 x 544 with drawn weights and its tree of 9,418 nodes, 2 threads, batch 1, float32. Decode is all
of `Detector.decode`: tree softmax of the boxes that pass, the walk down, NMS, paths. Both take turns in one process:
decode is NumPy on one thread, so no second pool of threads spins beside that of the runtime. Drawn weights are sure of
nothing: the head is made as sure as a trained one, and its objectness moved until so many boxes pass.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _sides import WARM_UP, heading, peak_mib, report, seeded_weights, threads_here

from yolov2.detect.detector import Detector
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network import architectures

TREE = Path(__file__).resolve().parents[2] / "shared" / "golden" / "data" / "9k.tree"
CASES = [(40, 0.25), (400, 0.005), (867, 0.005)]  # boxes that pass, confidence; 867 are all that there are
SURE = 4.0  # logits times this: most boxes of a trained head are clearly nothing, and the first steps of a path clear
TARGET = 0.2
SIZE = (480, 640)  # of the picture that the boxes are for


@dataclass
class Step:
    """One side: what is timed, in this process."""

    name: str
    call: Callable[[], Any]
    times: list[float] = field(default_factory=list[float])
    peak_mib: float = 0.0
    start_s: float = 0.0  # opened once for all

    def run(self) -> None:
        start = time.perf_counter()
        self.call()
        self.times.append(time.perf_counter() - start)
        self.peak_mib = peak_mib()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    if not TREE.is_file():
        print("left out: 9k.tree is not on this machine")
        return
    tree, network = WordTree.read(TREE), architectures.yolo9000()
    images = np.random.default_rng(0).random((1, 3, network.input.height, network.input.width), np.float32)
    with Detector(
        network, seeded_weights(network), tree=tree, names=tree.names, threads=threads_here(), max_det=None
    ) as detector:
        raw = detector.raw(images)
        steps = [Step("forward", lambda: detector.raw(images))]
        heading(
            "yolo9000: what share of its forward pass does its decode take?",
            threads=threads_here(), batch=1, size=network.input.width, dtype="float32",
        )  # fmt: skip
        for boxes, conf in CASES:
            case, head = detector.with_settings(conf=conf), moved(raw, detector, boxes=boxes, conf=conf)
            found = len(case.decode(head, sizes=[SIZE])[0])
            step = Step(f"decode {boxes} boxes", lambda case=case, head=head: case.decode(head, sizes=[SIZE]))
            steps.append(step)
            print(f"  {step.name}: above {conf:g}, of which {found} are found")
        for step in steps:
            for _ in range(WARM_UP):
                step.call()
        for _ in range(options.rounds):
            for step in steps:
                step.run()
    report(steps, base="forward")
    for step in steps[1:]:
        share = median(step.times) / median(steps[0].times)
        print(f"  {step.name}: {share:.1%} of forward, target {TARGET:.0%}")


def moved(raw: np.ndarray, detector: Detector, *, boxes: int, conf: float) -> np.ndarray:
    """The raw head, surer of itself, with exactly so many boxes whose objectness lies above `conf`."""
    head, cells = detector.region, raw.copy()
    by_anchor = cells.reshape(head.num_anchors, head.entries, *raw.shape[2:])
    by_anchor[:, head.coords :] *= SURE
    objectness = by_anchor[:, head.coords]
    ordered = np.sort(objectness, axis=None)[::-1]
    border = ordered[boxes - 1 : boxes + 1].mean() if boxes < len(ordered) else ordered[-1] - 1
    objectness += np.log(conf / (1 - conf)) - border
    return cells


if __name__ == "__main__":
    main()
