"""`yolov2 data show`: pictures with their truth drawn on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yolov2.cli import options, values
from yolov2.cli.faults import tell_faults
from yolov2.cli.status import DONE, SOME_FAILED
from yolov2.cli.terminal import RED, Meter, counted, paint
from yolov2.errors import printable

EPILOG = """
\b
Examples:
  yolov2 data show VOC2007@val -o look                  twenty pictures, drawn at random
  yolov2 data show my.data -o look --class dog --sheet  pictures with dogs, and all of them on one sheet
  yolov2 data show my.data@valid -o look --all

\b
A box that is marked difficult, or a crowd, says so: "dog (difficult)".
Exit status: 0 done; 1 some pictures can't be read, each is named; 2 nothing could start; 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("data", type=values.Place())
@click.option(
    "-o", "--out", "out", metavar="DIR", type=values.Place(file_okay=False), required=True, help="Write pictures here."
)
@click.option("--split", metavar="NAME", help="Of this split. [the one after the @, else all]")
@click.option(
    "--number", metavar="N", type=values.Whole(1), default=20, show_default=True, help="How many, drawn at random."
)
@click.option("--all", "everything", is_flag=True, help="All pictures.")
@click.option("--seed", metavar="N", type=values.Whole(0), default=0, show_default=True, help="Draws the pictures.")
@click.option("--class", "of_class", metavar="NAME", help="Only pictures with this class.")
@click.option("--sheet", is_flag=True, help="All of them on one sheet.jpg, too; of more than 200 the first.")
@options.data_form
@click.option("--images", metavar="DIR", type=values.Place(), help="Where the pictures of an export or a .json lie.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@options.messages
@click.pass_context
def show(
    ctx: click.Context,
    data: Path,
    out: Path,
    split: str | None,
    number: int,
    everything: bool,
    seed: int,
    of_class: str | None,
    form: Any,
    images: Path | None,
    **how: Any,
) -> int:
    """Draw the truth of DATA onto its pictures: every box with its class, as JPEG files of the same names.

    DATA is whatever `yolov2 data convert` takes.
    """
    from yolov2.data.dataset import open_data
    from yolov2.data.gathered import read_all, refuse_none
    from yolov2.data.show import chosen
    from yolov2.data.show import show as show_samples

    messages = options.messages_of(ctx)
    dataset = open_data(data, form=form, images=images)
    reading = read_all(dataset, split)
    refuse_none(reading.samples, where=dataset.root)
    gone = [fault for fault in reading.faults if fault.code in ("picture-missing", "picture-unreadable")]
    how_many = None if everything else number
    which = chosen(reading.samples, dataset.classes, number=how_many, seed=seed, of_class=of_class)
    samples = reading.samples.take(which)
    with Meter(len(samples), "picture", "pictures", shown=messages.verbosity >= 0) as meter:
        done = show_samples(samples, dataset.classes, out, on_picture=meter.advance, **how)
    for line in done.failed:
        messages.say(f"{paint('failed', RED)}: {printable(line)}")
    tell_faults(messages, gone, kind="failed")
    messages.tell(f"wrote {counted(len(done.written), 'file')} into {printable(out)}")
    return SOME_FAILED if done.failed or gone else DONE
