"""Random data sets for conversion: pictures on disk, and samples that any format of boxes could have come from."""

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from small_sets import write_picture
from yolov2.samples import Sample, Samples

CLASSES = ("cat", "traffic light", "dog & <dog>", "été")
SIZES = ((40, 60), (33, 7), (100, 100))


def picture_files(folder: Path, count: int) -> list[tuple[Path, tuple[int, int]]]:
    """`count` pictures of three sizes."""
    many = [(folder / f"img {number}.png", SIZES[number % 3]) for number in range(count)]
    return [(write_picture(path, size=size, seed=number), size) for number, (path, size) in enumerate(many)]


@st.composite
def samples_of(draw: st.DrawFn, files: list[tuple[Path, tuple[int, int]]], *, whole: bool = False) -> Samples:
    """Samples over these pictures; boxes of more than a pixel, at any place, at whole pixels with `whole`."""
    unit = st.integers(0, 4096) if whole else st.floats(0, 4096, allow_nan=False)
    many: list[Sample] = []
    for number, (path, (height, width)) in enumerate(files):
        count = draw(st.integers(0, 4))
        shares = np.array(draw(st.lists(st.tuples(unit, unit, unit, unit), min_size=count, max_size=count)), float)
        corners = np.sort(shares.reshape(-1, 2, 2) / 4096, axis=1) * (width - 2, height - 2)
        corners = np.rint(corners) if whole else corners
        corners[:, 1] += 2  # more than a pixel across
        boxes = corners.reshape(-1, 4)
        flags = draw(st.lists(st.sampled_from(((0, 0), (1, 0), (0, 1))), min_size=count, max_size=count))
        ids = draw(st.lists(st.integers(0, len(CLASSES) - 1), min_size=count, max_size=count))
        difficult, crowd = np.array(flags, bool).reshape(-1, 2).T
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        columns = (boxes, np.array(ids, np.int64), difficult, crowd, areas, np.arange(count, dtype=np.int64))
        many.append(Sample(path, (height, width), *columns, id=path.stem, annotation=f"{number}"))
    return Samples.of(many)
