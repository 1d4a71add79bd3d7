"""How fast is the bundled model beside other small ones, from a picture in memory to its boxes?

    python benchmarks/small_models.py [MODEL ...] [--rounds 20] [--calls 20]

Each is a process of its own at 2 threads and batch 1, at its own input size; they run in turn. Without MODEL: the
bundled one, and YOLO-LITE where its files are.
"""

import argparse
from pathlib import Path

from _sides import SHARED_LITE, Side, alternate, heading, report, serve, threads_here

BUNDLED = "nano-voc"
PICTURE = Path(__file__).resolve().parents[1] / "examples" / "photos" / "sk-coffee.jpg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(*options.models)
        return
    heading("How fast is the bundled model beside other small ones?", threads=threads_here(), batch=1)
    models = options.models or [str(SHARED_LITE)] * SHARED_LITE.is_file()
    sides = [Side(Path(model).stem, model) for model in dict.fromkeys((BUNDLED, *models))]
    for side in sides:
        print(f"  {side.name}: {side.facts['size']}, {side.facts['billions']:.2f} billion operations")
    alternate(sides, rounds=options.rounds, calls=options.calls)
    report(sides, base=BUNDLED)


def run_side(model: str) -> None:
    import numpy as np

    from yolov2.detect.detector import Detector
    from yolov2.network.summary import summarise

    detector = Detector.open(model, threads=threads_here())
    picture = np.ascontiguousarray(detector.frame(PICTURE).pixels)
    height, width = detector.input_size
    facts = {"size": f"{width} x {height}", "billions": summarise(detector.network).operations / 1e9}
    serve(lambda: detector(picture), facts=facts)


if __name__ == "__main__":
    main()
