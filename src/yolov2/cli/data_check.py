"""`yolov2 data check`: what is wrong with a data set, by file and line, and its numbers."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.data_findings import lines_of, repair_lines
from yolov2.cli.status import DONE, REFUSED
from yolov2.cli.terminal import Meter

if TYPE_CHECKING:
    from yolov2.data.doctor import Findings

EPILOG = """
\b
Examples:
  yolov2 data check VOC2007                       every bad label, the pictures decoded, the numbers
  yolov2 data check my.data -m my.cfg             and whether names, filters and anchors fit my.cfg
  yolov2 data check train.json --against val.json   and whether both show the same pictures
  yolov2 data check my.data --fix repaired        a repaired copy, and a list of what was done

\b
Exit status: 2 if there is an error: training would stop there, or learn what nobody knows; 0 otherwise.
"""


def _pairs(text: str) -> list[tuple[float, float]]:
    """`1.3,1.7,3.2,4.0` -> pairs of width and height."""
    try:
        numbers = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = []
    if not numbers or len(numbers) % 2 or not all(0 < number < math.inf for number in numbers):
        raise click.BadParameter(f"found {text!r}, expected widths and heights in cells, as in 1.3,1.7,3.2,4.0")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@click.command(epilog=EPILOG)
@click.argument("data", type=values.Place())
@click.option(
    "-m", "--model", metavar="MODEL", type=values.Place(), help="What it is to be trained on; a .cfg is enough."
)
@click.option(
    "--size", metavar="416|WxH", type=values.size_hw, help="Input size of the network. [that of the model, or 416]"
)
@click.option(
    "--anchors",
    metavar="W,H,W,H,...",
    type=_pairs,
    help="Priors in cells. [those of the model, or of yolov2-voc]",
)
@click.option("--names", metavar="FILE", type=values.Place(), help="The classes, one a line. [what the data set says]")
@click.option("--images", metavar="DIR", type=values.Place(), help="Where the pictures of a COCO .json lie.")
@click.option(
    "--against",
    metavar="DATA",
    type=values.Place(),
    multiple=True,
    help="Another data set that must not show the same pictures. May be given several times.",
)
@click.option("--no-pictures", is_flag=True, help="Look at the labels alone: decode no picture, compare none.")
@click.option(
    "--fix", metavar="DIR", type=values.Place(), help="Write a repaired copy into this new folder; DATA stays as it is."
)
@click.option("--copy", is_flag=True, help="With --fix, copy what needs no repair, too, in place of links.")
@click.option("-o", "--out", metavar="DIR", type=values.Place(), help="Draw sizes, shapes and classes as boxes.png.")
@click.option(
    "--limit", metavar="N", type=values.Whole(1), default=5, show_default=True, help="Show so many lines of a kind."
)
@click.option("--no-cache", is_flag=True, help="Read and decode everything anew, and keep nothing.")
@options.as_json
@options.messages
@click.pass_context
def check(
    ctx: click.Context,
    data: Path,
    fix: Path | None,
    copy: bool,
    out: Path | None,
    limit: int,
    as_json: bool,
    no_pictures: bool,
    no_cache: bool,
    **chosen: Any,
) -> int:
    """Find every bad label and picture of DATA, by file and line, and sum it up.

    Errors are what training would stop at; warnings are what is passed over by a rule, or costs accuracy.
    """
    from yolov2.evaluate.check import check as examine
    from yolov2.evaluate.data_plots import check_plots, plot_data

    if copy and fix is None:
        raise click.UsageError("--copy goes with --fix.", ctx)
    if out is not None:
        check_plots()
    if fix is not None:
        from yolov2.data.copying import check_target

        check_target(fix)
    cache = None if no_cache else "default"
    with _Progress(shown=options.messages_of(ctx).verbosity >= 0) as progress:
        found = examine(data, pictures=not no_pictures, cache=cache, on_picture=progress.step, **chosen)
    if out is not None:
        options.messages_of(ctx).tell(f"{plot_data(found.summary, out)}")
    if as_json:
        print(json.dumps(found.to_dict()))
    else:
        print("\n".join(lines_of(found, limit=limit)))
    if fix is not None:
        _fix(ctx, found, fix, copy=copy)
    return REFUSED if found.errors else DONE


class _Progress:
    """A meter that begins with the first picture, when their number is known."""

    def __init__(self, *, shown: bool) -> None:
        self._shown, self._meter, self._stack = shown, None, ExitStack()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def step(self, total: int) -> None:
        if self._meter is None:
            self._meter = self._stack.enter_context(Meter(total, "picture", "pictures", shown=self._shown))
        self._meter.advance()


def _fix(ctx: click.Context, found: Findings, folder: Path, *, copy: bool) -> None:
    """Write the repaired copy, and say what was done and what is left."""
    from yolov2.data.repair import repair

    done = repair(found, folder, copy=copy)
    say = options.messages_of(ctx).tell
    for line in repair_lines(done):
        say(line)
