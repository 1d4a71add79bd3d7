"""A small data set of noise pictures with boxes, in memory and on disk, for the tests of batches."""

import numpy as np

from small_sets import write_picture
from yolov2.samples import UNKNOWN, Sample, Samples


def sample(picture, size, boxes=(), classes=(), *, difficult=(), crowd=(), label=None):
    count = len(boxes)

    def flags(which):
        return np.isin(np.arange(count), which)

    return Sample(
        picture,
        size,
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(classes, np.int64),
        flags(difficult),
        flags(crowd),
        np.ones(count),
        np.arange(count),
        label=label,
    )


def write_samples(folder, *, count=7):
    """Pictures of different sizes, each with two boxes, but for the last, which is background."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(count):
        height, width = rng.integers(30, 80, 2).tolist()
        path = write_picture(folder / f"{number}.png", size=(height, width), seed=number)
        boxes = [(2, 3, width / 2, height - 4), (width / 3, 1, width - 1, height / 2)] if number < count - 1 else []
        samples.append(sample(path, (height, width), boxes, [number % 3, UNKNOWN + 1][: len(boxes)]))
    return Samples.of(samples)
