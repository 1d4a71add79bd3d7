"""`yolov2 explain`: what in a picture one detection depends on, as heat over the picture."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE, SOME_FAILED
from yolov2.cli.terminal import RED, Meter, paint
from yolov2.errors import OutputError, PictureError, Yolov2Error, printable

if TYPE_CHECKING:
    from yolov2.evaluate.explain import Explanation

MOST_CELLS = 256  # as in evaluate.saliency, which a command line need not load
EPILOG = """
\b
Examples:
  yolov2 explain dog.jpg -m my.cfg                           the best detection; writes explain.png
  yolov2 explain dog.jpg -m my.cfg --detection 2 -o second.png
  yolov2 explain dog.jpg -m my.cfg --class dog --masks 4000  a smoother map, four times as long
  yolov2 explain far.jpg -m my.cfg --class bird --grid 32    for a small object

\b
Exit status: 0 done; 1 the picture can't be read or no such detection was found; 2 nothing could start;
130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("picture", type=values.Place())
@options.model(options.NANO_VOC)
@click.option(
    "--detection", metavar="N", type=values.Whole(1), default=1, show_default=True, help="Explain the N-th best."
)
@click.option("--class", "class_name", metavar="NAME", help="Of the detections of this class. [of all]")
@click.option(
    "-o", "--out", metavar="FILE", type=values.Place(), default="explain.png", show_default=True,
    help="Write the picture here: .png or .jpg. A file of that name is replaced.",
)  # fmt: skip
@options.as_json
@click.option(
    "--masks", metavar="N", type=values.Whole(1), default=1000, show_default=True,
    help="How often the picture is shown with other parts hidden. More make a smoother map.",
)  # fmt: skip
@click.option(
    "--grid", metavar="N", type=values.Whole(1, MOST_CELLS), default=16, show_default=True,
    help="Cells along the longer side that are hidden or shown. More suit smaller objects, and need more masks.",
)  # fmt: skip
@click.option("--seed", metavar="N", type=values.Whole(0), default=0, show_default=True, help="Draws the masks.")
@options.selection
@options.size
@options.resize
@options.max_pixels
@options.model_files
@options.partial
@options.arithmetic
@click.option("--batch", metavar="N", type=values.Whole(1), default=8, show_default=True, help="Masks a pass.")
@options.runtime
@options.cache
@options.messages
@click.pass_context
def explain(
    ctx: click.Context,
    picture: Path,
    detection: int,
    class_name: str | None,
    out: Path,
    as_json: bool,
    masks: int,
    grid: int,
    seed: int,
    batch: int,
    **model: Any,
) -> int:
    """Show what in PICTURE one detection depends on.

    The picture goes through the network many times, each time with other parts of it hidden. Where hiding costs the
    detection most, the result glows brightest (D-RISE saliency). The result is the picture under its heat, with the
    box and its label.
    """
    from yolov2.evaluate.explain import check_output
    from yolov2.evaluate.explain import explain as explain_one
    from yolov2.evaluate.saliency import Masks

    check_output(out)
    if os.path.realpath(out) == os.path.realpath(picture):
        repair = "choose another name with -o"
        raise OutputError.at(printable(out), found="the picture itself", expected="a new file", repair=repair)
    messages = options.messages_of(ctx)
    with options.open_detector(batch=batch, **model) as detector:
        options.tell_useless(ctx, detector)
        try:
            with Meter(masks, "mask", "masks", shown=messages.verbosity >= 0) as meter:
                found = explain_one(
                    detector, picture, detection=detection, class_name=class_name,
                    masks=Masks(masks, grid, seed), batch=batch, on_mask=meter.advance,
                )  # fmt: skip
        except PictureError as refusal:
            messages.say(f"{paint('failed', RED)}: {printable(refusal)}")
            return SOME_FAILED
        except ValueError as wrong:  # a name that is no class of this model
            raise Yolov2Error(str(wrong).replace("class: ", "--class: ", 1)) from wrong
    found.write(out)
    print(json.dumps(_json(found, out)) if as_json else _line(found, out))
    return DONE


def _json(found: Explanation, out: Path) -> dict[str, Any]:
    said = found.to_dict()
    chosen = {key: said[key] for key in ("source", "label", "score", "box", "masks", "peak")}
    return chosen | {"output": str(out)}


def _line(found: Explanation, out: Path) -> str:
    """`explain.png: dog 62%, which depends most on what is at x 152, y 364`."""
    x, y = found.peak
    claim = f"{printable(found.target.names[0])} {100 * found.target.scores[0]:.0f}%"
    return f"{printable(out)}: {claim}, which depends most on what is at x {x}, y {y}"
