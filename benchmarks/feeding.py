"""How many changed pictures a second can a processor feed to a training, and what does each step of one cost?

    python benchmarks/feeding.py [DATA] [--pictures 256] [--side 416] [--sizes 224 320 416] [--rounds 5]

DATA is any data set (default: drawn photographs of 500 x 375). Pictures are decoded once and kept, so decoding stands
by itself. Threads take turns, in one process, OpenCV on one thread each. On a machine with other work the processor
time tells more than the rate.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from _sides import heading, percentile

from yolov2.data.augment import Draw, quickly_changed, spot_of
from yolov2.data.dataset import open_data
from yolov2.data.draws import Augment
from yolov2.pictures import quick_distort
from yolov2.pictures.read import read_picture
from yolov2.samples import Sample, Samples
from yolov2.train.batches import Batches
from yolov2.train.store import PictureStore

BATCH = 32
KINDS = ("darknet", "crop", "free")


def drawn_samples(folder: Path, count: int) -> Samples:
    """JPEG files with as much in them as photographs have, about 60 KB each, and three boxes."""
    rng = np.random.default_rng(0)
    no, boxes = np.zeros(3, np.bool_), np.array([(50, 60, 200, 300), (100, 20, 480, 200), (300, 100, 420, 360)], float)
    samples: list[Sample] = []
    for number in range(count):
        coarse = cv2.resize(rng.integers(0, 256, (24, 32, 3), np.uint8), (500, 375), interpolation=cv2.INTER_CUBIC)
        pixels = np.clip(coarse.astype(int) + rng.normal(0, 6, coarse.shape), 0, 255).astype(np.uint8)
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
        samples.append(Sample(path, (375, 500), boxes, np.arange(3), no, no, np.ones(3), np.arange(3)))
    return Samples.of(samples)


def cost_ms(step: Callable[[], object], calls: int) -> list[float]:
    """Processor milliseconds of each call in this thread; the first two count for nothing."""
    times: list[float] = []
    for _ in range(calls + 2):
        start = time.thread_time()
        step()
        times.append(1000 * (time.thread_time() - start))
    return times[2:]


def steps_of(samples: Samples, store: PictureStore, size: int, calls: int) -> None:
    """What a picture costs, step by step."""
    batches = Batches(samples, store, batch=1, augment=Augment(kind="free"), seed=0)
    sketches = [batches.sketch(number, (size, size)) for number in range(1, 17)]
    inputs = [(store[one.pictures[0][0]], one.changes[0]) for one in sketches]
    turns = iter(range(1 << 30))
    out = np.empty((size, size, 3), np.uint8)

    def chosen() -> tuple[np.ndarray, Draw]:
        pixels, change = inputs[next(turns) % len(inputs)]
        assert isinstance(change, Draw)
        return pixels, change

    def placed() -> None:
        pixels, change = chosen()
        quick_distort.show(pixels, spot_of(change, pixels.shape[:2]), out=out)

    def coloured() -> None:
        _, change = chosen()
        quick_distort.distort(
            out, hue=change.hue, saturation=change.saturation, exposure=change.exposure, out=np.empty_like(out)
        )

    def in_hsv() -> None:  # the usual form, up to 90 levels off, beside it
        cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2HSV_FULL), cv2.COLOR_HSV2RGB_FULL)

    def whole() -> None:
        quickly_changed(*chosen(), out=out)

    steps: dict[str, Callable[[], object]] = {
        "placed": placed,
        "coloured": coloured,
        "two cvtColor": in_hsv,
        "both": whole,
    }
    steps["sketch"] = lambda: batches.sketch(next(turns) + 1, (size, size))
    for name, step in steps.items():
        times = cost_ms(step, calls)
        print(f"  {size:>5}  {name:<14}{median(times):>8.3f}{percentile(times, 99):>8.3f}")


def rate(batches: Batches, size: int, *, workers: int, count: int) -> tuple[float, float]:
    """Pictures a second, and processor milliseconds a picture, of so many batches."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in batches.stream(((number, (size, size)) for number in range(1, count + 1)), workers=workers):
        pass
    pictures = count * batches.batch
    return pictures / (time.perf_counter() - wall), 1000 * (time.process_time() - cpu) / pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--side", type=int, default=416)
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 320, 416])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.data:
            samples = open_data(options.data).training()[0][: options.pictures]
        else:
            samples = drawn_samples(Path(folder), options.pictures)
        heading("How many pictures a second?", pictures=len(samples), side=options.side, batch=BATCH)
        paths = iter(list(samples.pictures) * 2)
        decode = cost_ms(lambda: read_picture(Path(next(paths))), min(60, len(samples)))
        print(f"\n  processor ms a picture{'median':>10}{'99 %':>8}")
        print(f"         decode        {median(decode):>8.3f}{percentile(decode, 99):>8.3f}")
        with PictureStore(samples.pictures, side=options.side) as store:
            for index in range(len(samples)):
                store.size_of(index)  # decodes
            for size in options.sizes:
                steps_of(samples, store, size, 20 * options.rounds)
            print(f"\n  {'size':>5}  {'kind':<10}{'threads':>8}{'a second':>10}{'ms of processor':>17}")
            for size in options.sizes:
                for kind in KINDS:
                    feed = Batches(samples, store, batch=BATCH, augment=Augment(kind=kind), seed=0)
                    runs: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
                    for _ in range(options.rounds):
                        for workers, found in runs.items():
                            found.append(rate(feed, size, workers=workers, count=8))
                    for workers, found in runs.items():
                        best, cpu = max(one for one, _ in found), median(ms for _, ms in found)
                        print(f"  {size:>5}  {kind:<10}{workers:>8}{best:>10,.0f}{cpu:>17.2f}")


if __name__ == "__main__":
    main()
