"""How does `yolov2.opencv` compare with OpenCV 4 on the same .cfg and .weights? Targets: no slower, half the memory.

    make opencv4                                  once: an environment with OpenCV 4 under build/opencv4
    python benchmarks/opencv4.py [--rounds 15] [--calls 4]

OpenCV 5 has no Darknet importer any more. Both sides do what a script does, `setInput` and `forward`, from the same
blob to region rows, at 2 threads and batch 1: OpenCV with Winograd, its default, and without; ours without a prepared
network and with one in the cache. The rows are compared.
"""

import argparse
import lzma
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from _opencv4_side import OURS
from _sides import MODELS, SHARED_LITE, Side, alternate, heading, models, report, threads_here

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / "build" / "opencv4"
PHOTOGRAPH = ROOT / "examples" / "photos" / "sk-coffee.jpg"
TINY_VOC = SHARED_LITE.parents[1] / "yolov2-tiny-voc-352x288" / "yolov2-tiny-voc-352x288.cfg"
THEIRS = ("opencv 4", "opencv 4, no Winograd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=(*MODELS, "tiny-voc"), help="this one alone")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=4)
    options = parser.parse_args()
    if not any(ENVIRONMENT.glob(".ok-*")):
        print("left out: no environment with OpenCV 4; make it with: make opencv4")
        return
    with tempfile.TemporaryDirectory(prefix="yolov2-") as name:
        for model, cfg in files(Path(name), only=options.model).items():
            compare(model, cfg, Path(name), rounds=options.rounds, calls=options.calls)


def files(folder: Path, *, only: str | None) -> dict[str, Path]:
    """The .cfg files, weights beside them: what the other questions are about, and tiny-voc where it is."""
    found = {} if only == "tiny-voc" else models(folder, only=only)
    if only in (None, "tiny-voc"):
        if TINY_VOC.is_file():
            found["tiny-voc"] = folder / TINY_VOC.name
            shutil.copyfile(TINY_VOC, found["tiny-voc"])
            packed = TINY_VOC.with_suffix(".weights.xz")
            with lzma.open(packed) as source, found["tiny-voc"].with_suffix(".weights").open("wb") as target:
                shutil.copyfileobj(source, target)
        else:
            print("tiny-voc: its files are not on this machine; left out")
    return found


def compare(model: str, cfg: Path, folder: Path, *, rounds: int, calls: int) -> None:
    from yolov2.darknet.cfg import read_cfg

    given = read_cfg(cfg).input
    blob = folder / f"{model}.npy"
    picture = cv2.imread(str(PHOTOGRAPH))
    assert picture is not None
    np.save(blob, cv2.dnn.blobFromImage(picture, 1 / 255, (given.width, given.height), swapRB=True))
    script = Path(__file__).with_name("_opencv4_side.py")
    what = (cfg, cfg.with_suffix(".weights"), blob, threads_here())
    cache = folder / "cache"

    Side(f"{OURS}, filling the cache", *what, cache, script=script).close()  # apart: its memory is not the others'
    sides = [Side(name, *what, python=ENVIRONMENT / "bin" / "python", script=script) for name in THEIRS]
    sides += [Side(OURS, *what, script=script), Side(f"{OURS}, cache", *what, cache, script=script)]
    version = sides[0].facts["version"]
    heading(f"{model}: how does yolov2.opencv compare with OpenCV {version}?", threads=threads_here(), batch=1)
    alternate(sides, rounds=rounds, calls=calls)
    report(sides, base=THEIRS[0])
    report_start(sides)
    report_rows(blob)


def report_start(sides: Sequence[Side]) -> None:
    """Where the time to the first result goes, by the process's own clock."""
    print(f"\n  {'to the first result':30}{'import':>10}{'load':>10}{'first':>10}{'sum':>10}")
    for side in sides:
        parts = [side.facts[f"{part}_s"] for part in ("import", "load", "first")]
        print(f"  {side.name:30}" + "".join(f"{seconds:9.2f}s" for seconds in (*parts, sum(parts))))


def report_rows(blob: Path) -> None:
    """How far the rows of both sides are apart: box and objectness, scores, and how often just one side has a score."""
    ours = np.load(f"{blob}.{OURS}.npy")
    for name in THEIRS:
        theirs = np.load(f"{blob}.{name}.npy")
        scored = (ours[:, 5:] > 0) & (theirs[:, 5:] > 0)
        largest = np.abs(ours - theirs)[:, :5].max()
        of_scores = np.abs(ours - theirs)[:, 5:][scored].max(initial=0)
        alone = int(((ours[:, 5:] > 0) != (theirs[:, 5:] > 0)).sum())
        print(f"  rows of {name}: boxes and objectness at most {largest:.1e} from ours, scores {of_scores:.1e}", end="")
        print(f" ({scored.sum()} on both sides, {alone} on one)")


if __name__ == "__main__":
    main()
