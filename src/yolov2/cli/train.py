"""`yolov2 train`: from a data set, or a few cut-outs, to a model."""

from __future__ import annotations

import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import click

from yolov2.cli import options, values
from yolov2.cli.interrupts import Interrupts
from yolov2.cli.status import DONE, INTERRUPTED, SOME_FAILED
from yolov2.cli.terminal import Messages, counted, duration
from yolov2.errors import TrainingError, printable

TOLD_EVERY_S = 5.0

EPILOG = """
\b
Examples:
  yolov2 train my.data                                     everything chosen from data and machine, and told
  yolov2 train VOC2007@train -m my.safetensors -o run      from what a model has learned
  yolov2 train data.yaml --recipe voc-paper --set batch=32 a recipe, with one value of it changed
  yolov2 train my.data -o run --resume                     go on where it was stopped or killed
  yolov2 train my.data --overfit 8                         can these pictures and labels be learned at all?
  yolov2 train flowers/ --size 128                         a classifier, of a folder of class folders
  yolov2 train --one-shot cutouts/ --backgrounds rooms/    a detector, from one picture of each object
  torchrun --nproc-per-node 2 -m yolov2 train my.data      two processes, one training

\b
Recipes: voc-paper, voc-darknet, modern, finetune, classify-224, classify-448, or a .toml file.
Exit status: 0 done; 1 not learned by heart (--overfit); 2 refused; 130 stopped, and saved.
"""


def _pairs(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """`("batch=8",)` -> {"batch": "8"}."""
    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise click.BadParameter(f"found {name!r}, expected NAME=VALUE, as in batch=32", ctx, param)
    return {name.strip(): value.strip() for name, _, value in pairs}


@click.command(epilog=EPILOG)
@click.argument("data", required=False, type=values.Place())
@click.option("--one-shot", metavar="DIR", type=values.Place(), help="In place of DATA: cut-outs, made into pictures.")
@click.option("--backgrounds", metavar="DIR", type=values.Place(), help="Pictures for --one-shot. [made up]")
@options.model("the layers of nano-voc, or of darknet19, as yet without learning")
@click.option("--weights", metavar="FILE", type=values.Place(), help="Start from these; without -m: MODEL.")
@click.option(
    "--recipe",
    metavar="NAME|FILE",
    help="How. [finetune or classify-448 from a trained model, else modern or classify-224]",
)
@click.option("--set", "changes", metavar="NAME=VALUE", multiple=True, callback=_pairs, help="A value of the recipe.")
@click.option("-o", "--out", metavar="DIR", type=values.Place(), help="Where to. [runs/train]")
@click.option("--resume", is_flag=True, help="Go on with the run in DIR, exactly where it was.")
@click.option("--epochs", metavar="N", type=values.Number(0, min_open=True), help="Passes over the data.")
@click.option("--batch", metavar="N", type=values.Whole(1), help="Pictures an update.")
@click.option("--size", "--imgsz", "size", metavar="N", type=values.Whole(32), help="Largest side of the input.")
@click.option(
    "--patience", metavar="N", type=values.Whole(0), help="End after so many validations without a better one."
)
@click.option("--freeze", metavar="N", type=values.Whole(0), help="Keep the weights of the first N layers.")
@click.option("--difficult", type=click.Choice(["train", "ignore", "drop"]), help="Boxes marked difficult or crowd.")
@click.option("--overfit", metavar="N", type=values.Whole(1), help="Self-test: learn N pictures by heart.")
@click.option("--images", metavar="DIR", type=values.Place(), help="Where the pictures of a COCO .json lie.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda or mps.")
@click.option(
    "--threads", metavar="N", type=values.Whole(1, options.MOST_THREADS), help="Processor threads. [all cores]"
)
@options.as_json
@options.messages
@click.pass_context
def train(
    ctx: click.Context,
    data: Path | None,
    changes: dict[str, str],
    as_json: bool,
    overfit: int | None,
    **chosen: Any,
) -> int:
    """Train a detector on pictures with boxes, or a classifier on pictures with a class each.

    DATA is a VOC folder, a COCO .json, a Darknet .data or a data.yaml, with @SPLIT for one of its splits; for a
    classifier a folder of class folders or a list. The number of classes, the filters and the anchors follow from it.
    """
    try:
        from yolov2.train.recipe import Recipe
        from yolov2.verbs import exams
        from yolov2.verbs import train as verb
    except ModuleNotFoundError as missing:
        repair = "pip install 'yolov2[train]'"
        raise TrainingError.at(
            "train", found="no package", expected=missing.name or "torch", repair=repair
        ) from missing
    messages = options.messages_of(ctx)
    short = {name: chosen.pop(name) for name in ("epochs", "batch", "patience", "freeze", "difficult")}
    Recipe.check_kinds(changes)  # before the data are read
    asked: dict[str, Any] = {name: value for name, value in short.items() if value is not None} | changes
    rank = int(os.environ.get("RANK", "0"))  # torchrun sets it
    if rank:
        warnings.simplefilter("ignore")
    with Interrupts() as interrupts:
        run = verb.train(
            data,
            **options.given(chosen),
            overfit=overfit,
            **asked,
            watcher=Progress(messages),
            tell=messages.tell,
            is_stopped=lambda: interrupts.requested,
        )
    scored = "not scored" if run.score is None else f"best {run.measure} {100 * run.score:.1f} %"
    if not rank:
        messages.tell(f"{counted(run.updates, 'update')}, {scored}; {printable(run.best)}")
    if as_json and not rank:
        fields = {
            "best": str(run.best),
            "last": str(run.last),
            "score": run.score,
            "measure": run.measure,
            "updates": run.updates,
        }
        print(json.dumps(fields | {"ended": run.ended}))
    if run.ended == "stopped":
        if not rank:
            messages.say("yolov2: stopped and saved; the same line with --resume goes on")
        return INTERRUPTED
    if overfit is not None:
        return DONE if run.score is not None and run.score > exams.LEARNED else SOME_FAILED
    return DONE


class Progress:
    """Losses, rate and time left in a line every few seconds; scores as they come."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._updates = self._first = 0
        self._start = self._told = time.monotonic()

    def began(self, *, updates: int, done: int) -> None:
        if done:
            self._messages.tell(f"goes on behind update {done:,} of {updates:,}")
        self._updates, self._first = updates, done
        self._start = self._told = time.monotonic()

    def updated(self, update: int, losses: dict[str, float], *, rate: float, side: int, waited_s: float) -> None:
        now = time.monotonic()
        if now - self._told < TOLD_EVERY_S and update < self._updates:
            return
        self._told = now
        spent = now - self._start
        left = (self._updates - update) * spent / max(1, update - self._first)
        terms = " ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in losses.items())
        waiting = 100 * waited_s / max(spent, 1e-9)
        self._messages.tell(
            f"update {update:,} of {self._updates:,}: loss {sum(losses.values()):.4g} ({terms}); {side} pixels, "
            f"rate {rate:.3g}; {duration(left)} left, {waiting:.0f} % waiting for data"
        )

    def validated(self, update: int, score: float, *, is_best: bool) -> None:
        best = ", the best so far" if is_best else ""
        self._messages.tell(f"update {update:,}: scored {100 * score:.1f} % on the validation pictures{best}")
