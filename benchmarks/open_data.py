"""How long does a data set of 100,000 pictures take to open, the first time and again, and finding its near-duplicates?

    python benchmarks/open_data.py [--pictures 100000] [--similar]

Labels and pictures are made in a temporary folder: four small pictures under many names, one to seven boxes each.
"Cold" reads every label (and of Darknet's form every picture's header) with an empty cache of ours; the system's own
is warm either way.
"""

import argparse
import datetime
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from yolov2.data.dataset import open_data
from yolov2.data.similar import near_duplicates

FOLDERS = ("Annotations", "JPEGImages", "ImageSets/Main", "labels")


def make(root: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    for kind in range(4):
        noise = rng.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(noise).resize((320, 240)).save(root / f"{kind}.jpg")
    for i in range(count):
        boxes = rng.uniform(0.1, 0.4, (rng.integers(1, 8), 4))
        corners = np.rint((boxes * (1, 1, 2, 2)) * (320, 240, 320, 240)).astype(int).tolist()
        objects = "".join(
            f"<object>\n<name>cat</name>\n<difficult>0</difficult>\n<bndbox>\n<xmin>{x1}</xmin>\n<ymin>{y1}</ymin>\n"
            f"<xmax>{x2}</xmax>\n<ymax>{y2}</ymax>\n</bndbox>\n</object>\n"
            for x1, y1, x2, y2 in corners
        )
        size = "<size>\n<width>320</width>\n<height>240</height>\n<depth>3</depth>\n</size>\n"
        (root / "Annotations" / f"{i:06d}.xml").write_text(f"<annotation>\n{size}{objects}</annotation>\n")
        lines = "".join(f"7 {' '.join(f'{value:.6f}' for value in box)}\n" for box in (boxes + 0.2).tolist())
        (root / "labels" / f"{i:06d}.txt").write_text(lines)
        os.link(root / f"{i % 4}.jpg", root / "JPEGImages" / f"{i:06d}.jpg")
    names = "".join(f"{i:06d}\n" for i in range(count))
    (root / "ImageSets/Main/train.txt").write_text(names)
    (root / "train.txt").write_text("".join(f"JPEGImages/{i:06d}.jpg\n" for i in range(count)))
    (root / "small.data").write_text("classes=20\ntrain=train.txt\n")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pictures", type=int, default=100_000)
    options.add_argument("--similar", action="store_true", help="also look for near-duplicates, which decodes all")
    given = options.parse_args()
    print(f"{platform.processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {datetime.date.today()}")
    with tempfile.TemporaryDirectory(prefix="yolov2-") as folder:
        root = Path(folder) / "set"
        make(root, given.pictures)
        for form, path in (("VOC", root), ("Darknet", root / "small.data")):
            for state in ("cold", "warm", "warm"):
                start = time.perf_counter()
                reading = open_data(path, cache=Path(folder) / "cache").read("train")
                took = time.perf_counter() - start
                found = f"{len(reading.samples):,} pictures, {len(reading.samples.boxes):,} boxes"
                print(f"{form:8} {state}: {found} in {took:.1f} s")
        if given.similar:
            start = time.perf_counter()
            groups = near_duplicates(reading.samples.pictures, root=root, cache=None)
            print(f"near-duplicates: {len(groups)} groups in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
