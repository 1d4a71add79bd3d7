"""Gathered -> a VOC folder: Annotations, ImageSets/Main, classes.names. Pictures are placed by convert.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from yolov2.data.gathered import Gathered, check_names, without_rows
from yolov2.data.numbers import DIGITS, both_flags, odd_areas, pixels, plural
from yolov2.data.voc import NAMES
from yolov2.samples import Sample

PICTURES = "JPEGImages"
ANNOTATION = """\
<annotation>
\t<filename>{name}</filename>
\t<size>
\t\t<width>{width}</width>
\t\t<height>{height}</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
{objects}</annotation>
"""
OBJECT = """\
\t<object>
\t\t<name>{name}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>{difficult}</difficult>
{crowd}\t\t<bndbox>
\t\t\t<xmin>{xmin}</xmin>
\t\t\t<ymin>{ymin}</ymin>
\t\t\t<xmax>{xmax}</xmax>
\t\t\t<ymax>{ymax}</ymax>
\t\t</bndbox>
\t</object>
"""
CROWD = "\t\t<iscrowd>1</iscrowd>\n"


def write_voc(folder: Path, data: Gathered) -> list[str]:
    """Write the labels; a line for each kind of thing that VOC has no place for comes out.

    Corners count pixels from 1 and include both ends, with decimals where a box does not end at a whole pixel.
    A crowd is difficult to every reader of VOC, and has an <iscrowd> that ours knows. Raises LabelError.
    """
    check_names(data.classes, where=data_root(data))
    thin = is_thin(data.samples.boxes)
    samples = without_rows(data.samples, thin)
    (folder / "Annotations").mkdir()
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    stems = data.stems
    for sample, stem, name in zip(samples, stems, data.names, strict=True):
        (folder / "Annotations" / f"{stem}.xml").write_text(annotation(sample, name, data.classes), "utf-8")
    for split, chosen in data.splits.items():
        lines = "".join(f"{stems[i]}\n" for i in chosen.tolist())
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(lines, "utf-8")
    (folder / NAMES).write_text("".join(f"{name}\n" for name in data.classes), "utf-8")
    return [*_lost(int(thin.sum())), *both_flags(samples), *odd_areas(samples)]


def annotation(sample: Sample, name: str, classes: tuple[str, ...]) -> str:
    """The text of one annotation."""
    height, width = sample.size
    rows: Iterable[tuple[list[float], int, bool, bool]] = zip(
        sample.boxes.tolist(), sample.class_ids.tolist(), sample.difficult.tolist(), sample.crowd.tolist(), strict=True
    )
    objects = "".join(
        OBJECT.format(
            name=escape(classes[class_id]),
            difficult=int(is_difficult or is_crowd),
            crowd=CROWD if is_crowd else "",
            xmin=pixels(box[0] + 1),
            ymin=pixels(box[1] + 1),
            xmax=pixels(box[2]),
            ymax=pixels(box[3]),
        )
        for box, class_id, is_difficult, is_crowd in rows
    )
    return ANNOTATION.format(name=escape(name), width=width, height=height, objects=objects)


def is_thin(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(R,) boxes of at most a pixel across: their VOC corners would meet or change places."""
    corners = np.round(boxes + np.array((1, 1, 0, 0)), DIGITS)
    return np.any(corners[:, :2] >= corners[:, 2:], axis=1)


def data_root(data: Gathered) -> Path:
    """What a message names the data by: the file that its first labels stand in."""
    return Path(data.samples.annotations[0] if len(data.samples) else ".")


def _lost(thin: int) -> list[str]:
    told = f"{plural(thin, 'box', 'boxes')} of at most a pixel across left out: VOC's corners can't say them"
    return [told] if thin else []
