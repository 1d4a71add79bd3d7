"""Opens a model and runs it twice in a process of its own; says which peak of memory that took, in bytes.

The words: .cfg, backend, cache or -.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

from yolov2.detect.detector import Detector


def peak() -> int:
    """Of this process alone: `ru_maxrss` counts what its parent had when it was made."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    cfg, backend, cache = sys.argv[1:]
    warnings.simplefilter("ignore")  # classes without names
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    with Detector.open(cfg, backend=backend, threads=2, cache=None if cache == "-" else Path(cache)) as detector:
        for _ in range(2):
            detector(picture)
    print(peak())
