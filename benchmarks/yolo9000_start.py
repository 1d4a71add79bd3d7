"""How long does yolo9000 take from the start of its process to its first Detections, and how much memory?

    python benchmarks/yolo9000_start.py [--rounds 10]

Without a cache of prepared networks, with an empty one that is filled on the way, and with a filled one; through torch
beside them where it is installed. The full network at 544 x 544 with drawn weights, 2 threads; every start is a fresh
process, in turn, and opens the .cfg, .weights and .tree as `detect` does. Files are in the system's cache.
"""

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from _sides import heading, peak_mib, report, seeded_model, threads_here

TREE = Path(__file__).resolve().parents[2] / "shared" / "golden" / "data" / "9k.tree"


@dataclass
class Start:
    """One side: what a fresh process opens the model with, and what is cleared away before it."""

    name: str
    cfg: Path
    backend: str = "onnxruntime"
    cache: Path | None = None
    clear: bool = False
    times: list[float] = field(default_factory=list[float])
    peak_mib: float = 0.0
    start_s: float = 0.0  # the times are those of the start

    def run(self) -> None:
        if self.clear and self.cache is not None:
            shutil.rmtree(self.cache, ignore_errors=True)
        words = [sys.executable, sys.argv[0], "--open", str(self.cfg), "--backend", self.backend]
        words += ["--cache", str(self.cache)] if self.cache is not None else []
        start = time.perf_counter()
        said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        self.times.append(time.perf_counter() - start)
        self.peak_mib = max(self.peak_mib, float(said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--backend", default="onnxruntime", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make)
    elif options.open:
        open_once(options.open, backend=options.backend, cache=options.cache)
    elif not TREE.is_file():
        print("left out: 9k.tree is not on this machine")
    else:
        compare(options.rounds)


def compare(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="yolov2-") as name:
        folder = Path(name)
        # Elsewhere: a large process takes longer to start another
        subprocess.run([sys.executable, sys.argv[0], "--make", str(folder)], check=True)
        cfg = folder / "yolo9000.cfg"
        sides = [
            Start("no cache", cfg),
            Start("empty cache", cfg, cache=folder / "empty", clear=True),
            Start("cache", cfg, cache=folder / "filled"),
        ]
        if importlib.util.find_spec("torch"):
            sides.append(Start("torch", cfg, "torch"))
        heading(
            "yolo9000: how long from the start of a process to its first Detections?",
            threads=threads_here(), batch=1, size=544, dtype="float32",
        )  # fmt: skip
        for number in range(rounds + 1):
            for side in sides:
                side.run()
                if number == 0:
                    side.times.clear()  # the first is there to fill caches
                    side.peak_mib = 0.0
        report(sides, base="no cache")


def make(folder: Path) -> None:
    """The model's files, its tree where the .cfg names it."""
    from functools import partial

    from yolov2.network.architectures import yolo9000

    seeded_model(folder, partial(yolo9000, tree=TREE.name, map=None), name="yolo9000")
    shutil.copy(TREE, folder)
    (folder / "yolo9000.names").unlink()  # its classes are called as the tree has them


def open_once(cfg: Path, *, backend: str, cache: Path | None) -> None:
    """The first Detections of this process; prints its peak of memory in MiB."""
    import numpy as np

    from yolov2.detect.detector import Detector

    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    with Detector.open(cfg, backend=backend, threads=threads_here(), cache=cache) as detector:
        detector(picture)
    print(peak_mib())


if __name__ == "__main__":
    main()
