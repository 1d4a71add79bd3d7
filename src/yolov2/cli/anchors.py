"""`yolov2 anchors`: box priors for a data set, ready to paste into a .cfg."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE
from yolov2.cli.terminal import BOLD, DIM, Meter, columns, counted, paint
from yolov2.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yolov2.evaluate.anchors import Anchors, Compared

MOST_ANCHORS = 100
HOW = {
    "iou": "k-means under 1 - IoU",
    "euclid": "k-means under Euclidean distance",
    "alexeyab": "k-means by AlexeyAB's rule",
}
LEFT_OUT = {"difficult": "marked difficult", "crowd": "of a crowd", "empty": "without an area"}

EPILOG = """
\b
Examples:
  yolov2 anchors VOC2007@trainval                       five, for an input of 416 x 416
  yolov2 anchors my.data -k 9 --size 608 --plot a.png   nine, with a picture of boxes and anchors
  yolov2 anchors VOC2007@trainval --compare             the paper's Table 1 on these boxes

\b
With another number of anchors the [convolutional] before [region] needs filters = num * (5 + classes).
Weights belong to the anchors that they were trained with: new ones need new training.
"""


@click.command(epilog=EPILOG)
@click.argument("data", type=values.Place())
@click.option(
    "-k", metavar="N", type=values.Whole(1, MOST_ANCHORS), default=5, show_default=True, help="How many anchors."
)
@click.option(
    "--size",
    metavar="416|WxH",
    type=values.size_hw,
    default="416",
    show_default=True,
    help="Input size of the network that they are for.",
)
@click.option(
    "--resize",
    type=click.Choice(["letterbox", "stretch"]),
    help="How pictures are fitted into the input: with their own proportions, or distorted. "
    "[letterbox; stretch with --method alexeyab]",
)
@click.option(
    "--method",
    type=click.Choice(list(HOW)),
    default="iou",
    show_default=True,
    help="1 - IoU as in the paper, plain Euclidean distance, or AlexeyAB's calc_anchors.",
)
@click.option("--difficult", is_flag=True, help="Count objects that are marked difficult, too.")
@click.option("--images", metavar="DIR", type=values.Place(), help="Where the pictures of a COCO .json lie.")
@click.option("--seed", metavar="N", type=values.Whole(0), default=0, show_default=True, help="Draws the starts.")
@click.option("--curve", is_flag=True, help="The mean IoU for 1 to 15 anchors, too.")
@click.option("--compare", is_flag=True, help="The paper's Table 1 on these boxes, too.")
@click.option("--plot", metavar="FILE", type=values.Place(), help="Draw curve, boxes and anchors: .png, .svg or .pdf.")
@options.as_json
@options.messages
@click.pass_context
def anchors(
    ctx: click.Context,
    data: Path,
    k: int,
    size: tuple[int, int],
    difficult: bool,
    images: Path | None,
    curve: bool,
    compare: bool,
    plot: Path | None,
    as_json: bool,
    seed: int,
    **how: Any,
) -> int:
    """Find box priors that fit the boxes of DATA.

    DATA is a VOC folder, a COCO .json, a Darknet .data or an Ultralytics data.yaml, with @SPLIT behind it for another
    split than the one to train on.
    """
    from yolov2.evaluate.anchors import CURVE, boxes_of, find_anchors, paper_table, training_samples
    from yolov2.evaluate.plots import check_plot, plot_anchors

    if plot is not None:
        check_plot(plot)
    boxes = boxes_of(training_samples(data, images=images), difficult=difficult, where=str(data))
    curve = curve or plot is not None
    shown = curve and options.messages_of(ctx).verbosity >= 0
    with Meter(len(CURVE), "number of anchors", "numbers of anchors", shown=shown) as meter:
        found = find_anchors(boxes, k, size=size, seed=seed, curve=curve, on_step=meter.advance, where=str(data), **how)
    table = paper_table(boxes, seed=seed, resize=found.resize) if compare else []
    if as_json:
        print(json.dumps(_json(found, table)))
    else:
        print("\n".join(_lines(found, table, str(data))))
    if plot is not None:
        plot_anchors(found, plot)
    return DONE


def _json(found: Anchors, table: Sequence[Compared]) -> dict[str, Any]:
    rows = [{"name": row.name, "k": row.k, "mean_iou": row.mean_iou, "paper": row.paper} for row in table]
    return found.to_dict() | ({"compared": rows} if table else {})


def _lines(found: Anchors, table: Sequence[Compared], data: str) -> list[str]:
    """What a person sees."""
    height, width = found.size
    boxes, k = found.boxes, len(found.cells)
    out = ", ".join(f"{count:,} {LEFT_OUT[why]}" for why, count in boxes.left_out.items())
    fit = "keep their proportions" if found.resize == "letterbox" else "are stretched"
    title = paint(printable(data), BOLD, stream=sys.stdout)
    lines = [
        f"{title}  {counted(len(boxes.wh), 'box', 'boxes')} in {counted(boxes.pictures, 'picture')}"
        + (f"; left out: {out}" if out else ""),
        f"{HOW[found.method]}, seed {found.seed}; pictures {fit} on an input of {width} x {height}",
        "",
        paint(f"  {'cells':>15}  {'pixels':>11}", DIM, stream=sys.stdout),
    ]
    for (w, h), (w_px, h_px) in zip(found.cells.tolist(), found.pixels.tolist(), strict=True):
        lines.append(f"  {w:6.2f} x {h:6.2f}  {w_px:4.0f} x {h_px:4.0f}")
    lines += ["", f"mean IoU  {found.mean_iou:.1%}", "", *_curve(found), *_compared(table)]
    hint = f"for [region] of the .cfg; the [convolutional] before it needs filters = {k} * (5 + classes):"
    return [*lines, paint(hint, DIM, stream=sys.stdout), found.cfg_line, f"num={k}"]


def _curve(found: Anchors) -> list[str]:
    if not found.curve:
        return []
    lowest = min(mean for _, mean in found.curve)
    rows = [[str(k), f"{mean:.1%}", "#" * round(60 * (mean - lowest) + 1)] for k, mean in found.curve]
    lines = columns([["k", "mean IoU", ""], *rows], align=">><")
    return [paint(lines[0], DIM, stream=sys.stdout), *lines[1:], ""]


def _compared(table: Sequence[Compared]) -> list[str]:
    if not table:
        return []
    rows = [[row.name, str(row.k), f"{row.mean_iou:.1%}", f"{row.paper:.1%}"] for row in table]
    lines = columns([["priors", "k", "mean IoU", "paper, VOC 2007"], *rows], align="<>>>")
    return [paint(lines[0], DIM, stream=sys.stdout), *lines[1:], ""]
