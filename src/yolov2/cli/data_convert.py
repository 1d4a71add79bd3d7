"""`yolov2 data convert`: labels and pictures from one format into another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.faults import tell_faults
from yolov2.cli.status import DONE, SOME_FAILED
from yolov2.cli.terminal import Meter, counted
from yolov2.errors import printable

if TYPE_CHECKING:
    from yolov2.data.convert import Converted

TARGETS = ("voc", "coco", "darknet", "ultralytics", "folders")

EPILOG = """
\b
Examples:
  yolov2 data convert VOC2007 voc-darknet --to darknet          every split
  yolov2 data convert train.json val.json out --to voc          two files become two splits
  yolov2 data convert VOC2007 out --to coco --split train,val --pictures link
  yolov2 data convert VOC2007 train.json out --to voc --classes person,dog,tv      one data set of these classes
  yolov2 data convert annotations.xml out --to darknet          from CVAT
  yolov2 data convert labelled/ out --to voc                    from LabelMe
  yolov2 data convert project-1.json out --to coco --images photos/     from Label Studio

\b
The folder OUT appears whole or not at all. What a format has no place for is said, with counts; docs/data.md lists it.
Exit status: 0 done; 1 done, but labels that can't be read were left out; 2 nothing written; 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("data", metavar="DATA...", nargs=-1, required=True, type=values.Place())
@click.argument("out", type=values.Place())
@click.option("--to", type=click.Choice(TARGETS), required=True, help="The format to write.")
@options.data_form
@click.option("--split", "splits", metavar="NAMES", type=values.words, help="These splits, as train,val. [all]")
@click.option(
    "--classes",
    metavar="NAMES",
    type=values.words,
    help="These classes alone, in this order, as person,dog,tv, also where DATA spells them otherwise. [all]",
)
@click.option("--images", metavar="DIR", type=values.Place(), help="Where the pictures of an export or a .json lie.")
@click.option("--names", metavar="FILE", type=values.Place(), help="The classes in order, a line each. [those of DATA]")
@click.option(
    "--pictures",
    type=click.Choice(["copy", "link", "none"]),
    default="copy",
    show_default=True,
    help="Copy pictures, link to where they are, or write labels alone.",
)
@click.option("--force", is_flag=True, help="Write into a folder that has files; those of the same names are replaced.")
@options.as_json
@options.messages
@click.pass_context
def convert(
    ctx: click.Context,
    data: tuple[Path, ...],
    out: Path,
    form: Any,
    splits: tuple[str, ...] | None,
    classes: tuple[str, ...] | None,
    images: Path | None,
    names: Path | None,
    as_json: bool,
    **how: Any,
) -> int:
    """Convert data sets without loss: DATA, of any format, into the folder OUT.

    DATA is a VOC folder, a COCO .json, a Darknet .data, an Ultralytics data.yaml, a folder of class folders, a list of
    classes, or an export of CVAT (.xml), LabelMe (a folder of .json) or Label Studio (.json); @SPLIT behind it
    chooses one. Several become one data set: classes and splits of the same name are joined.
    """
    from yolov2.darknet.lists import read_names
    from yolov2.data.convert import convert as convert_data
    from yolov2.data.dataset import open_data

    if how["to"] == "folders" and how["pictures"] == "none":
        raise click.UsageError("--to folders is made of pictures: --pictures none would write nothing.", ctx)
    own = None if names is None else read_names(names)
    sets = [open_data(one, images=images, names=own, form=form) for one in data]
    shown = options.messages_of(ctx).verbosity >= 0 and how["pictures"] != "none"
    with Meter(None, "picture", "pictures", shown=shown) as meter:
        done = convert_data(sets, out, splits=splits or (), classes=classes or (), on_picture=meter.advance, **how)
    print(json.dumps(done.to_dict()) if as_json else "\n".join(_lines(done)))
    errors = [fault for fault in done.faults if fault.is_error]
    tell_faults(options.messages_of(ctx), errors, kind="warning")
    return SOME_FAILED if errors else DONE


def _lines(done: Converted) -> list[str]:
    """What a person sees."""
    boxes = "" if done.to == "folders" else f", {counted(done.boxes, 'box', 'boxes')}"
    classes = counted(done.classes, "class", "classes")
    splits = ", ".join(f"{printable(name)} {count:,}" for name, count in done.splits)
    lines = [
        f"wrote {printable(done.out)} ({done.to}): {counted(done.pictures, 'picture')}{boxes}, {classes}",
        f"splits: {splits}",
        *(f"note: {note}" for note in done.notes),
    ]
    return [*lines, f"open it as {', '.join(printable(path) for path in done.data)}"]
