"""How does `yolov2` compare with OpenCV 4 on the same .cfg and .weights? Targets: no slower, half the memory.

    python benchmarks/opencv4.py --make           once: an environment with OpenCV 4 under build/opencv4
    python benchmarks/opencv4.py [--rounds 15] [--calls 4]

OpenCV 5 has no Darknet importer any more. Forward passes at 2 threads, batch 1; OpenCV with Winograd, its default, and
without. Both sides get the same images, and their raw heads are compared.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from _sides import MODELS, Side, alternate, heading, models, report, serve, threads_here

ENVIRONMENT = Path(__file__).resolve().parents[1] / "build" / "opencv4"
PYTHON = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin") / "python"
OPENCV = ("opencv 4", "opencv 4, no Winograd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", action="store_true", help="make the environment with OpenCV 4")
    parser.add_argument("--model", choices=MODELS, help="this one alone")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("cfg", nargs="?", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("images", nargs="?", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side, options.cfg, options.images)
        return
    if options.make:
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "-qq", "opencv-python-headless>=4.10,<5"], check=True)
    if not PYTHON.exists():
        print("left out: no environment with OpenCV 4; make it with: python benchmarks/opencv4.py --make")
        return
    compare(options.model, rounds=options.rounds, calls=options.calls)


def compare(only: str | None, *, rounds: int, calls: int) -> None:
    import numpy as np

    from yolov2.darknet.cfg import read_cfg

    script = Path(__file__).with_name("_opencv4_side.py")
    with tempfile.TemporaryDirectory(prefix="yolov2-") as name:
        for model, cfg in models(Path(name), only=only).items():
            given = read_cfg(cfg).input
            images = Path(name) / f"{model}.npy"
            np.save(images, np.random.default_rng(0).random((1, 3, given.height, given.width), np.float32))
            theirs = (cfg, cfg.with_suffix(".weights"), images, threads_here())
            Side("cache filler", cfg, images).close()  # apart: memory and start of the others are shown
            sides = [Side(side, *theirs, python=PYTHON, script=script) for side in OPENCV]
            sides += [Side(side, cfg, images) for side in ("yolov2", "yolov2, cache")]
            version = sides[0].facts["version"]
            heading(f"{model}: how does yolov2 compare with OpenCV {version}?", threads=threads_here(), batch=1)
            alternate(sides, rounds=rounds, calls=calls)
            report(sides, base=OPENCV[0])
            ours = np.load(f"{images}.yolov2.npy")
            for side in OPENCV:
                raw = np.load(f"{images}.{side}.npy").reshape(ours.shape)
                largest = np.abs(raw - ours).max()
                print(f"  raw head of {side}: at most {largest:.1e} from ours (deviation {ours.std():.2f})")


def run_side(name: str, cfg: Path, images: Path) -> None:
    import numpy as np

    from yolov2.detect.detector import Detector

    cache = images.parent / "cache" if "cache" in name else None
    detector = Detector.open(cfg, threads=threads_here(), cache=cache)
    batch = np.load(images)
    np.save(f"{images}.{name}.npy", detector.raw(batch))
    serve(lambda: detector.raw(batch))


if __name__ == "__main__":
    main()
