"""`yolov2 data stats`: a data set in figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE
from yolov2.cli.terminal import BOLD, DIM, bar, columns, counted, paint
from yolov2.errors import printable

if TYPE_CHECKING:
    from yolov2.data.stats import Stats

CLASSES_SHOWN = 40
GAP = 4
NARROW = 20  # of the bars of two histograms side by side
AREAS = {"small": "under 32 x 32", "medium": "under 96 x 96", "large": "and above"}  # COCO's

EPILOG = """
\b
Examples:
  yolov2 data stats VOC2007                      all splits, each picture once
  yolov2 data stats my.data@valid --size 608     sizes of boxes on an input of 608 x 608
  yolov2 data stats my.json --json

\b
Labels that can't be read do not count; `yolov2 data check` tells of them.
"""


@click.command(epilog=EPILOG)
@click.argument("data", type=values.Place())
@click.option("--split", metavar="NAME", help="Of this split. [the one after the @, else all]")
@click.option(
    "--size",
    metavar="416|WxH",
    type=values.size_hw,
    default="416",
    show_default=True,
    help="Input size of the network that sizes of boxes are told for.",
)
@options.data_form
@click.option("--images", metavar="DIR", type=values.Place(), help="Where the pictures of an export or a .json lie.")
@click.option("--all-classes", is_flag=True, help=f"A row for each class, not only for the {CLASSES_SHOWN} largest.")
@options.as_json
@options.messages
def stats(
    data: Path,
    split: str | None,
    size: tuple[int, int],
    form: Any,
    images: Path | None,
    all_classes: bool,
    as_json: bool,
) -> int:
    """Count DATA: classes, boxes a picture, sizes and shapes of boxes and pictures.

    DATA is whatever `yolov2 data convert` takes.
    """
    from yolov2.data.dataset import open_data
    from yolov2.data.gathered import read_all
    from yolov2.data.stats import measure

    dataset = open_data(data, form=form, images=images)
    reading = read_all(dataset, split)
    found = measure(reading.samples, dataset.classes, task=dataset.task, input_hw=size)
    odd = sum(fault.is_error for fault in reading.faults)
    if as_json:
        print(json.dumps({"data": str(data), "kind": dataset.kind} | found.to_dict() | {"unreadable": odd}))
    else:
        most = len(found.classes) if all_classes else CLASSES_SHOWN
        print("\n".join(_lines(found, str(data), odd, most=most)))
    return DONE


def _lines(found: Stats, data: str, odd: int, *, most: int) -> list[str]:
    """What a person sees."""
    title = paint(printable(data), BOLD, stream=sys.stdout)
    parts = [counted(found.pictures, "picture")]
    if found.task == "detect":
        flags = [f"{n:,} {word}" for word, n in (("difficult", found.difficult), ("crowd", found.crowd)) if n]
        parts.append(counted(found.boxes, "box", "boxes") + (f" ({', '.join(flags)})" if flags else ""))
    parts.append(counted(len(found.classes), "class", "classes"))
    lines = [f"{title}  {', '.join(parts)}"]
    if found.unknown:
        lines.append(f"{found.unknown:,} of a class that the data set does not have")
    if odd:
        lines.append(f"{counted(odd, 'label')} can't be read or understood; `yolov2 data check` lists them")
    lines += ["", *_classes(found, most=most), ""]
    if found.task == "detect":
        lines += [*_per_picture(found), "", *_shapes(found), ""]
        lines += [*_sides(found), ""] if found.sides else []
    return [*lines, *_picture_sizes(found)] if found.size_count else lines[:-1]


def _classes(found: Stats, *, most: int) -> list[str]:
    """A row a class, those with the most boxes or pictures first."""
    has_boxes = found.task == "detect"
    order = sorted(found.classes, key=lambda one: (-one.boxes, -one.pictures))
    shown = {"boxes": has_boxes, "pictures": True, "difficult": found.difficult > 0, "crowd": found.crowd > 0}
    keys = [key for key, is_shown in shown.items() if is_shown]
    largest = max((getattr(one, keys[0]) for one in order), default=0)
    rows = [
        [
            printable(one.name, longest=30),
            *(f"{getattr(one, key):,}" for key in keys),
            bar(getattr(one, keys[0]), largest),
        ]
        for one in order[:most]
    ]
    lines = _headed(columns([["class", *keys, ""], *rows], align=f"<{'>' * len(keys)}<"))
    if len(order) > most:
        rest = sum(getattr(one, keys[0]) for one in order[most:])
        told = f"and {counted(len(order) - most, 'class', 'classes')} more with {rest:,} {keys[0]}: --all-classes"
        lines.append(paint(told, DIM, stream=sys.stdout))
    return lines


def _per_picture(found: Stats) -> list[str]:
    mean, median = f"{found.per_picture_mean:.1f}", f"{found.per_picture_median:g}"
    told = f"mean {mean}, median {median}, most {found.per_picture_most:,}"
    return [*_headed(_histogram("boxes a picture", "pictures", found.per_picture)), told]


def _shapes(found: Stats) -> list[str]:
    """Two histograms side by side."""
    areas = [(f"{name}, {AREAS[name]}", count) for name, count in found.areas]
    left = _histogram("area in pixels", "boxes", areas, width=NARROW)
    right = _histogram("width / height", "boxes", found.ratios, width=NARROW)
    wide = max(map(len, left)) + GAP
    return _headed([f"{a:{wide}}{b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")])


def _sides(found: Stats) -> list[str]:
    height, width = found.input_hw
    head = ["share of the boxes", *(f"{quantile:.0%}" for quantile, _ in found.sides)]
    row = [f"are at most so large at {width} x {height}", *(f"{side:.1f}" for _, side in found.sides)]
    told = "root of width x height in pixels, pictures fitted with their proportions"
    return [*_headed(columns([head, row], align="<" + ">" * len(found.sides))), paint(told, DIM, stream=sys.stdout)]


def _picture_sizes(found: Stats) -> list[str]:
    rows = [
        [f"{width:,} x {height:,}", f"{count:,}", bar(count, found.pictures)]
        for width, height, count in found.picture_sizes
    ]
    lines = _headed(columns([["size of pictures", "pictures", ""], *rows], align="<><"))
    if found.size_count > len(rows):
        smallest, largest = (f"{width:,} x {height:,}" for width, height in (found.smallest, found.largest))
        lines.append(f"{counted(found.size_count, 'size')}, from {smallest} to {largest}")
    return lines


def _histogram(title: str, noun: str, bins: Sequence[tuple[str, int]], *, width: int = 40) -> list[str]:
    most = max((count for _, count in bins), default=0)
    rows = [[name, f"{count:,}", bar(count, most, width=width)] for name, count in bins]
    return columns([[title, noun, ""], *rows], align="<><")


def _headed(lines: Sequence[str]) -> list[str]:
    return [paint(lines[0], DIM, stream=sys.stdout), *lines[1:]]
