"""What share of the pure model's rate does `detect` reach over a folder? Target: 90 % for yolov2-voc at 416.

    python benchmarks/folder_end_to_end.py [--pictures 500] [--rounds 10] [--size 640x480]

Three sides at 2 threads, batch 1: the forward pass alone; from files to Detections as `detect` runs them; and with
annotated pictures and JSON Lines written, too. Every round takes its share of the pictures.
"""

import argparse
import itertools
import shutil
import tempfile
from pathlib import Path

from _sides import MODELS, Side, alternate, heading, models, report, serve, threads_here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--model", choices=MODELS, help="this one alone")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--size", default="640x480", help="width x height of the pictures")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("cfg", nargs="?", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("folder", nargs="?", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    share = max(1, options.pictures // options.rounds)
    if options.side:
        run_side(options.side, options.cfg, options.folder, share)
        return

    from yolov2.evaluate.bench import make_pictures

    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="yolov2-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        make_pictures(folder / "in", count=min(options.pictures, 50), size=(height, width))
        for model, cfg in models(folder, only=options.model).items():
            heading(
                f"{model}: what share of the pure model's rate does detect reach over a folder?",
                threads=threads_here(), batch=1, pictures=share * options.rounds, size=options.size,
            )  # fmt: skip
            arguments = (cfg, folder, "--pictures", options.pictures, "--rounds", options.rounds)
            sides = [Side(side, *arguments) for side in ("forward alone", "detect", "detect and write")]
            alternate(sides, rounds=options.rounds, calls=1)
            report(sides, base="forward alone", pictures=share)
            pure = sum(sides[0].times)
            for side in sides[1:]:
                print(f"  {side.name}: {pure / sum(side.times):.1%} of the pure model's rate")


def run_side(name: str, cfg: Path, folder: Path, share: int) -> None:
    from yolov2.detect.detector import Detector
    from yolov2.detect.pipeline import run
    from yolov2.detect.sources import Source
    from yolov2.detect.writers import Writers, open_writers
    from yolov2.pictures.read import read_picture

    detector = Detector.open(cfg, threads=threads_here())
    paths = list(itertools.islice(itertools.cycle(sorted((folder / "in").iterdir())), share))
    # A name of its own for each: no two pictures of a round write the same file
    sources = [Source(path, "picture", Path(f"{number}.jpg")) for number, path in enumerate(paths)]
    out = folder / "out"

    def forward() -> None:
        for _ in range(share):
            detector.raw(images)

    def detect() -> None:
        writers = open_writers(out, sources, force=True) if name == "detect and write" else Writers()
        with writers:
            for result in run(detector, sources):
                writers.write(result)

    images = detector.prepare(read_picture(paths[0]))[None]
    serve(forward if name == "forward alone" else detect)
    shutil.rmtree(out, ignore_errors=True)


if __name__ == "__main__":
    main()
