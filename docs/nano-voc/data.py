"""The data that the bundled model learns from: sets with the classes of VOC and others, put together as one VOC folder.

    python docs/nano-voc/data.py OUT --train VOC2007@train more-voc coco/instances_train.json --val VOC2007@val

Whatever they are called there, the sets behind --train become the split "train" and those behind --val "val"; "all"
has both. Of their boxes those of VOC's 20 classes are kept, by any of their names; pictures without one stay, as
background. docs/nano-voc.md has the trainings that follow.
"""

import argparse
from pathlib import Path

from yolov2.data.convert import convert
from yolov2.data.dataset import DataSet, open_data
from yolov2.data.gathered import read_all
from yolov2.data.opened import Opened
from yolov2.zoo.registry import VOC_NAMES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", metavar="DATA", nargs="+", type=Path, required=True)
    parser.add_argument("--val", metavar="DATA", nargs="+", type=Path, required=True)
    options = parser.parse_args()
    sets = [
        as_split(place, split)
        for split, places in (("train", options.train), ("val", options.val), ("all", options.train + options.val))
        for place in places
    ]
    done = convert(sets, options.out, to="voc", classes=VOC_NAMES)
    print(f"{done.out}: {done.boxes:,} boxes in {done.pictures:,} pictures; {dict(done.splits)}")


def as_split(place: Path, split: str) -> DataSet:
    """A data set, or what stands after its @, as the one split of that name."""
    one = open_data(place)
    return DataSet(Opened(one.kind, one.root, one.classes, (split,), lambda _: read_all(one)))


if __name__ == "__main__":
    main()
