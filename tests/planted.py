"""A copy of BCCD with faults in it, each in a picture of its own: what the doctor must find, and where."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

CLEAN = frozenset(  # what is really wrong with BCCD: two boxes of no size, one smear in train and in val
    {
        ("box-empty", "Annotations/BloodImage_00338.xml:158"),
        ("box-empty", "Annotations/BloodImage_00343.xml:50"),
        ("box-small", "."),
        ("split-duplicate", "JPEGImages/BloodImage_00037.jpg"),
    }
)


class Planted(NamedTuple):
    code: str
    where: str  # below the folder; "." is the data set as a whole


class Bccd:
    """A copy of the folder, of which files are changed; pictures of train are used up one after the other."""

    def __init__(self, source: Path, root: Path) -> None:
        shutil.copytree(source, root)
        self.root = root
        self.unused = self.listed("train")

    def listed(self, split: str) -> list[str]:
        return (self.root / f"ImageSets/Main/{split}.txt").read_text().split()

    def take(self) -> str:
        """The stem of a picture that has no fault so far, and at least two boxes."""
        return next(stem for stem in iter(lambda: self.unused.pop(0), "") if self.xml(stem).count("<object>") > 1)

    def picture(self, stem: str) -> Path:
        return self.root / f"JPEGImages/{stem}.jpg"

    def annotation(self, stem: str) -> Path:
        return self.root / f"Annotations/{stem}.xml"

    def xml(self, stem: str) -> str:
        return self.annotation(stem).read_text()

    def edit(self, stem: str, change: Callable[[str], str]) -> None:
        before = self.xml(stem)
        after = change(before)
        assert after != before
        self.annotation(stem).write_text(after)

    def relist(self, split: str, change: Callable[[list[str]], list[str]]) -> None:
        file = self.root / f"ImageSets/Main/{split}.txt"
        file.write_text("".join(f"{line}\n" for line in change(self.listed(split))))

    def line(self, stem: str, number: int = 0) -> str:
        """Where the nth object of a picture begins."""
        at = [found.start() for found in re.finditer("<object>", self.xml(stem))][number]
        return f"Annotations/{stem}.xml:{self.xml(stem).count(chr(10), 0, at) + 1}"

    def corner(self, stem: str, **texts: str) -> str:
        """Other corners for the first object."""
        for name, text in texts.items():
            self.edit(stem, lambda xml, n=name, t=text: re.sub(f"<{n}>.*?</{n}>", f"<{n}>{t}</{n}>", xml, count=1))
        return self.line(stem)

    def add_object(self, stem: str, name: str, corners: tuple[int, ...]) -> str:
        """One more object at the end; where it begins."""
        keys = ("xmin", "ymin", "xmax", "ymax")
        box = "".join(f"<{key}>{value}</{key}>" for key, value in zip(keys, corners, strict=True))
        text = f"<object><name>{name}</name><difficult>0</difficult><bndbox>{box}</bndbox></object>\n"
        self.edit(stem, lambda xml: xml.replace("</annotation>", f"{text}</annotation>"))
        return self.line(stem, -1)

    def add_picture(self, stem: str, picture: Image.Image, split: str, *, quality: int = 80) -> str:
        """A new picture with one box, in a split and in trainval if that is its sum."""
        picture.save(self.picture(stem), quality=quality)
        size = f"<size><width>{picture.width}</width><height>{picture.height}</height></size>"
        self.annotation(stem).write_text(f"<annotation>{size}\n</annotation>")
        self.add_object(stem, "WBC", (20, 20, 120, 120))
        for name in (split, "trainval") if split in ("train", "val") else (split,):
            self.relist(name, lambda lines: [*lines, stem])
        return f"JPEGImages/{stem}.jpg"


def corners_of(xml: str) -> tuple[int, ...]:
    """Those of the first object."""
    return tuple(int(re.findall(f"<{key}>(.*?)</{key}>", xml)[0]) for key in ("xmin", "ymin", "xmax", "ymax"))


def name_of(xml: str) -> str:
    return re.findall("<name>(.*?)</name>", xml)[0]


def plant(copy: Bccd) -> list[Planted]:
    """Put one fault of each kind into the copy; what was put where."""
    planted: list[Planted] = []
    for faults in (_plant_in_pictures, _plant_in_annotations, _plant_in_boxes, _plant_in_splits, _plant_in_names):
        planted += [Planted(code, where) for code, where in faults(copy)]
    return planted


def _plant_in_pictures(copy: Bccd) -> list[tuple[str, str]]:
    gone, cut, text, scratched, size, silent, turned = (copy.take() for _ in range(7))
    copy.picture(gone).unlink()
    copy.picture(cut).write_bytes(copy.picture(cut).read_bytes()[:9000])
    copy.picture(text).write_text("this is no picture")
    data = bytearray(copy.picture(scratched).read_bytes())
    for at in range(6000, 7000, 50):
        data[at] ^= 0x55
    copy.picture(scratched).write_bytes(data)
    copy.edit(size, lambda xml: xml.replace("<width>640</width>", "<width>800</width>"))
    copy.edit(silent, lambda xml: re.sub(r"\s*<size>.*?</size>", "", xml, flags=re.DOTALL))
    picture = Image.open(copy.picture(turned)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(copy.picture(turned), exif=exif)
    return [
        ("picture-missing", f"Annotations/{gone}.xml"),
        ("picture-broken", f"JPEGImages/{cut}.jpg"),
        ("picture-broken", f"JPEGImages/{text}.jpg"),
        ("picture-damaged", f"JPEGImages/{scratched}.jpg"),
        ("size-wrong", f"Annotations/{size}.xml"),
        ("size-missing", f"Annotations/{silent}.xml"),
        ("picture-turned", f"JPEGImages/{turned}.jpg"),
    ]


def _plant_in_annotations(copy: Bccd) -> list[tuple[str, str]]:
    broken, latin, flag, bare, word, nan = (copy.take() for _ in range(6))
    copy.edit(broken, lambda xml: xml.replace("</annotation>", ""))
    copy.edit(latin, lambda xml: xml.replace("<annotation>", "<annotation><owner>Jörg</owner>", 1))
    copy.annotation(latin).write_bytes(copy.xml(latin).encode("latin-1"))
    copy.edit(flag, lambda xml: xml.replace("<difficult>0</difficult>", "<difficult>2</difficult>", 1))
    copy.edit(bare, lambda xml: re.sub(r"<xmax>\d+</xmax>", "", xml, count=1))
    return [
        ("xml-broken", f"Annotations/{broken}.xml:{copy.xml(broken).count(chr(10)) + 1}"),
        ("encoding", f"Annotations/{latin}.xml:1"),
        ("flag", copy.line(flag)),
        ("xml-object", copy.line(bare)),
        ("label-number", copy.corner(word, xmin="left")),
        ("not-finite", copy.corner(nan, ymax="nan")),
    ]


def _plant_in_boxes(copy: Bccd) -> list[tuple[str, str]]:
    inverted, far, outside, twice, other, thin, many, cell = (copy.take() for _ in range(8))
    x1, _, x2, _ = corners_of(copy.xml(inverted))
    first = corners_of(copy.xml(other))
    put = [
        ("box-inverted", copy.corner(inverted, xmin=f"{x2}", xmax=f"{x1}")),
        ("box-far", copy.corner(far, xmin="700", xmax="790")),
        ("box-outside", copy.corner(outside, xmin="600", xmax="655")),
        ("box-identical", copy.add_object(twice, name_of(copy.xml(twice)), corners_of(copy.xml(twice)))),
        ("box-two-classes", copy.add_object(other, "WBC" if name_of(copy.xml(other)) != "WBC" else "RBC", first)),
        ("box-sliver", copy.add_object(thin, "RBC", (100, 200, 500, 215))),
        ("box-tiny", "."),
    ]
    copy.add_object(copy.take(), "Platelets", (300, 300, 304, 303))
    for number in range(31):
        copy.add_object(many, "RBC", (1 + 20 * number, 30, 18 + 20 * number, 200))
    put.append(("boxes-over-30", f"Annotations/{many}.xml"))
    copy.edit(cell, lambda xml: re.sub(r"<object>.*</object>", "", xml, flags=re.DOTALL))
    for number in range(6):
        copy.add_object(cell, "RBC", (250 - number, 250 - number, 300 + number, 300 + number))
    return [*put, ("cell-crowded", copy.line(cell))]


def _plant_in_splits(copy: Bccd) -> list[tuple[str, str]]:
    coded, half, mirrored, again, both, lost, late = (copy.take() for _ in range(7))
    pictures = [Image.open(copy.picture(stem)).convert("RGB") for stem in (coded, half, mirrored, again)]
    copy.relist("val", lambda lines: [*lines, both])
    for split in ("train", "trainval"):
        copy.relist(split, lambda lines: [line for line in lines if line != lost])
    copy.relist("train", lambda lines: [*lines, late])
    where = f"ImageSets/Main/train.txt:{len(copy.listed('train'))}"
    small = pictures[1].resize((320, 240))
    return [
        ("split-shared", f"JPEGImages/{both}.jpg"),
        ("picture-unlisted", "JPEGImages"),
        ("listed-twice", where),
        ("split-duplicate", copy.add_picture("coded", pictures[0], "val", quality=40)),
        ("split-duplicate", copy.add_picture("half", small, "test")),
        (
            "split-duplicate",
            copy.add_picture("mirrored", pictures[2].transpose(Image.Transpose.FLIP_LEFT_RIGHT), "val"),
        ),
        ("picture-duplicate", copy.add_picture("zz-again", pictures[3], "train", quality=60)),
    ]


def _plant_in_names(copy: Bccd) -> list[tuple[str, str]]:
    low, slip, cased = (copy.take() for _ in range(3))
    copy.add_object(low, "platelets", (100, 100, 190, 190))
    copy.add_object(slip, "RCB", (200, 100, 290, 190))
    for split in ("train", "trainval"):
        copy.relist(split, lambda lines: [line.lower() if line == cased else line for line in lines])
    number = copy.listed("train").index(cased.lower()) + 1
    beside = copy.listed("trainval").index(cased.lower()) + 1
    copy.relist("test", lambda lines: [*lines, "nothing"])
    shutil.copyfile(copy.annotation(low), copy.annotation("orphan"))
    noise = np.random.default_rng(1).integers(0, 255, (6, 8, 3), np.uint8)
    picture = Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC)
    copy.add_picture("twin", picture, "train")
    picture.save(copy.picture("TWIN"))
    return [
        ("class-spelling", "."),
        ("name-case", f"ImageSets/Main/train.txt:{number}"),
        ("name-case", f"ImageSets/Main/trainval.txt:{beside}"),
        ("label-missing", f"ImageSets/Main/test.txt:{len(copy.listed('test'))}"),
        ("label-orphan", "Annotations/orphan.xml"),
        ("name-twins", "JPEGImages/twin.jpg"),
    ]
