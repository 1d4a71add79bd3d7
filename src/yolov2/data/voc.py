"""A VOC folder: Annotations, JPEGImages, ImageSets/Main -> splits of Samples."""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from yolov2.darknet.lists import read_names
from yolov2.data.columns import Wording, Written, as_faults, assemble, class_ids_of
from yolov2.data.entries import read_entries
from yolov2.data.entry import Entry, is_unreadable
from yolov2.data.lists import Line, read_list, without_twins
from yolov2.data.opened import Opened, Options
from yolov2.data.pictures import is_picture, missing_picture, own_sizes, sizes_from_headers
from yolov2.errors import LabelError, printable
from yolov2.samples import Fault, Reading

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
ALL = "all"  # the split of a folder without lists
NAMES = "classes.names"  # beside Annotations: the classes in their order, where somebody wrote them down
WORDING = Wording("xmin ymin xmax ymax", "xmin < xmax and ymin < ymax")


def is_voc(folder: Path) -> bool:
    """Whether a folder is one of VOC's form."""
    return (folder / "Annotations").is_dir() and (folder / "JPEGImages").is_dir()


def open_voc(root: Path, options: Options) -> Opened:
    """The data set in a VOC folder; its splits are the lists in ImageSets/Main, or "all" where there is none.

    The classes are those of classes.names where it is there, else VOC's twenty in their order if no object has another
    name, else the names found, sorted.
    Raises LabelError.
    """
    reader = _Reader(root, options)
    return Opened("voc", root, reader.classes, reader.split_names, reader.read)


class _Reader:
    """One VOC folder, looked through once."""

    def __init__(self, root: Path, options: Options) -> None:
        self.root, self.cache = root, options.cache
        self.annotations = {
            os.path.splitext(name)[0]: os.path.join(root, "Annotations", name)
            for name in _names(root / "Annotations")
            if name.lower().endswith(".xml") and not name.startswith(".")
        }
        self.pictures = {
            os.path.splitext(name)[0]: os.path.join(root, "JPEGImages", name)
            for name in _names(root / "JPEGImages")
            if is_picture(name)
        }
        stems = list(self.annotations)
        files = list(self.annotations.values())
        read = read_entries(files, kind="voc", root=root, cache=self.cache)
        self.entries = {stem: entry for stem, entry in zip(stems, read, strict=True) if entry is not None}
        listed = read_names(root / NAMES) if (root / NAMES).is_file() else None
        self.classes = options.names or listed or _classes_of(self.entries.values())
        self.split_names = _split_names(root / "ImageSets" / "Main", self.classes) or (ALL,)

    def read(self, split: str) -> Reading:
        """The pictures that one split lists."""
        listed = self._listed(split)
        keep, faults = without_twins([stem for stem, _ in listed], [place for _, place in listed])
        stems: list[str] = []
        for stem, place in (listed[i] for i in keep):
            wrong = self._why_not(stem, place)
            faults += wrong
            if not wrong:
                stems.append(stem)
        stems, sizes, more = self._sizes(stems)
        return self._assemble(stems, sizes, faults + more)

    def _listed(self, split: str) -> list[tuple[str, str]]:
        """The stems of a split, each with where it is listed."""
        file = self.root / "ImageSets" / "Main" / f"{split}.txt"
        if split == ALL and not file.is_file():
            return [(stem, path) for stem, path in sorted(self.annotations.items())]
        lines = read_list(file, expected="a list of pictures, a name a line")
        return [(self._stem(line), f"{file}:{line.number}") for line in lines]

    def _stem(self, line: Line) -> str:
        """What a line names: all of it, or what stands before the 1, 0 or -1 of a list for one class."""
        if line.text in self.annotations or line.text in self.pictures:
            return line.text
        name, _, mark = line.text.rpartition(" ")
        return name.strip() if mark in ("1", "0", "-1") and name.strip() else line.text

    def _why_not(self, stem: str, place: str) -> list[Fault]:
        """Why a picture is left out; nothing where it is not."""
        if stem not in self.entries:
            found = f"no file {self.root / 'Annotations' / stem}.xml"
            repair = "add it, or remove the entry; the picture is left out"
            return [Fault("label-missing", place, found, "an annotation for each picture", repair, is_error=True)]
        if is_unreadable(self.entries[stem]):
            return as_faults(self.entries[stem].flaws, self.annotations[stem])
        if stem in self.pictures:
            return []
        named = self.root / "JPEGImages" / Path(self.entries[stem].picture).name
        if self.entries[stem].picture and named.is_file():
            self.pictures[stem] = str(named)
            return []
        return [missing_picture(f"{self.root / 'JPEGImages' / stem}.jpg", self.annotations[stem])]

    def _sizes(self, stems: Sequence[str]) -> tuple[list[str], list[tuple[int, int]], list[Fault]]:
        """The stems whose pictures have a size, that size, and the faults; where no <size> is said, by the header."""
        silent = [stem for stem in stems if self.entries[stem].size is None]
        pictures, places = [self.pictures[s] for s in silent], [self.annotations[s] for s in silent]
        read, faults = sizes_from_headers(pictures, places=places, root=self.root, cache=self.cache)
        found: dict[str, tuple[int, int]] = {}
        for stem, (height, width) in zip(silent, read.tolist(), strict=True):
            if height:
                found[stem] = (height, width)
                where, expected = self.annotations[stem], "<size> with width and height"
                repair = f"write <width>{width}</width> and <height>{height}</height>; the picture's own size is taken"
                faults.append(Fault("size-missing", where, "no size", expected, repair, is_error=False))
        kept = [stem for stem in stems if self.entries[stem].size is not None or stem in found]
        return kept, [self.entries[stem].size or found[stem] for stem in kept], faults

    def _assemble(self, stems: Sequence[str], sizes: Sequence[tuple[int, int]], faults: list[Fault]) -> Reading:
        entries = [self.entries[stem] for stem in stems]
        for stem, entry in zip(stems, entries, strict=True):
            faults += as_faults(entry.flaws, self.annotations[stem])
        numbers = np.fromiter(chain.from_iterable(entry.numbers for entry in entries), np.float64).reshape(-1, 4)
        classes = [name for entry in entries for name in entry.classes]
        index = {name: i for i, name in reversed(list(enumerate(self.classes)))}
        written = Written(
            tuple(self.pictures[stem] for stem in stems),
            tuple(stems),
            tuple(self.annotations[stem] for stem in stems),
            np.array(sizes, np.int64).reshape(-1, 2),
            np.fromiter((len(entry.classes) for entry in entries), np.int64, len(entries)),
            numbers=numbers,
            boxes=numbers - (1, 1, 0, 0),  # from pixels counted from 1, both ends included, to edges counted from 0
            extents=numbers[:, 2:] - numbers[:, :2],
            classes=classes,
            class_ids=class_ids_of(classes, index),
            flags=np.fromiter(chain.from_iterable(entry.flags for entry in entries), np.int64),
            lines=np.fromiter(chain.from_iterable(entry.lines for entry in entries), np.int64),
        )
        own = partial(own_sizes, root=self.root, cache=self.cache)
        return assemble(written, WORDING, known=len(self.classes), faults=faults, own_sizes=own)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as wrong:
        found = f"a folder that can't be listed ({wrong.strerror})"
        repair = "check its permissions"
        raise LabelError.at(printable(folder), found=found, expected="a readable one", repair=repair) from None


def _classes_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    found = {name for entry in entries for name in entry.classes if name}
    return VOC_CLASSES if found <= set(VOC_CLASSES) else tuple(sorted(found))


def _split_names(folder: Path, classes: Sequence[str]) -> tuple[str, ...]:
    """The lists of a folder without those for one class each, such as dog_train."""
    if not folder.is_dir():
        return ()
    stems = sorted(path.stem for path in folder.glob("*.txt") if not path.name.startswith("."))
    of_a_class = {f"{name}_{stem}" for name in (*classes, *VOC_CLASSES) for stem in stems}
    return tuple(stem for stem in stems if stem not in of_a_class)
