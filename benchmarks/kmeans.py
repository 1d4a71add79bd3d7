"""How long do five anchors of a million boxes take, and what does grouping their shapes cost in mean IoU?

    python benchmarks/kmeans.py [--boxes 1000000] [-k 5] [--starts 10] [--rounds 3] [--whole]

Boxes are made in three ways: around the official anchors as those of photographs are, evenly in size, and evenly in the
logarithm of it. `--whole` runs once without groups, too, which takes minutes, and must end within 0.05 points.
"""

import argparse
import datetime
import os
import platform
import time

import numpy as np

from yolov2.priors import kmeans
from yolov2.priors.kmeans import Clusters, cluster, grouped

OFFICIAL = np.array([[1.3221, 1.73145], [3.19275, 4.00944], [5.05587, 8.09892], [9.47112, 4.84053], [11.2364, 10.0071]])
MOST_LOST = 0.0005


def make_shapes(count: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "photographs":
        return np.minimum(OFFICIAL[rng.integers(0, 5, count)] * np.exp(rng.normal(0, 0.5, (count, 2))), 13)
    sides = rng.uniform(np.log(0.1), np.log(13), (count, 2))
    return np.exp(sides) if kind == "even logarithm" else rng.uniform(0.1, 13, (count, 2))


def timed(shapes: np.ndarray, k: int, starts: int, *, whole: bool) -> tuple[float, Clusters]:
    before = kmeans.grouped
    if whole:
        kmeans.grouped = lambda shapes, most=0: grouped(shapes, most=len(shapes))
    start = time.perf_counter()
    found = cluster(shapes, k, restarts=starts)
    took = time.perf_counter() - start
    kmeans.grouped = before
    return took, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=1_000_000)
    parser.add_argument("-k", type=int, default=5)
    parser.add_argument("--starts", type=int, default=kmeans.RESTARTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="without groups, too")
    options = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{datetime.date.today()}, {machine}, numpy {np.__version__}")
    print(f"{options.boxes:,} boxes, k = {options.k}, {options.starts} starts, {options.rounds} rounds; seconds\n")
    print(f"{'boxes':<16}{'groups':>8}{'median':>9}{'99 %':>8}{'mean IoU':>10}" + "   whole" * options.whole)
    for kind in ("photographs", "even", "even logarithm"):
        shapes = make_shapes(options.boxes, kind)
        timed(shapes[:1000], options.k, options.starts, whole=False)  # the warm-up
        runs = [timed(shapes, options.k, options.starts, whole=False) for _ in range(options.rounds)]
        taken, mean = [took for took, _ in runs], runs[0][1].mean_iou
        line = f"{kind:<16}{len(grouped(shapes)[0]):>8,}{np.median(taken):>9.2f}{np.percentile(taken, 99):>8.2f}"
        line += f"{mean:>10.2%}"
        if options.whole:
            took, found = timed(shapes, options.k, options.starts, whole=True)
            assert abs(found.mean_iou - mean) < MOST_LOST, (kind, found.mean_iou, mean)
            line += f"   {found.mean_iou:.2%} in {took:.1f} s: ratio {took / np.median(taken):.0f}"
        print(line)


if __name__ == "__main__":
    main()
