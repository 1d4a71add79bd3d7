"""`yolov2 compare`: why two programs find different boxes on the same pictures."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE
from yolov2.cli.terminal import BOLD, RED, columns, counted, paint
from yolov2.errors import printable

if TYPE_CHECKING:
    from pathlib import Path

    from yolov2.evaluate.comparison import Comparison, Stage
    from yolov2.records import Failure

DIFFERENT = 1
RUNTIME = ("backend", "device", "precision", "threads")
EPILOG = """
\b
Examples:
  yolov2 compare my.cfg theirs.jsonl photos/             boxes found elsewhere
  yolov2 compare my.cfg arrays/ photos/ --conf 0.1       inputs, layers, raw heads: arrays/NAME.npz
  yolov2 compare my.cfg torch photos/                    another runtime
  yolov2 compare my.cfg resize=stretch,arithmetic=cpu photos/
  yolov2 compare my.cfg other.cfg photos/ --json

\b
Exit status: 0 they agree; 1 they differ, and the last line says why, or a picture failed, which is named; 2 nothing
could start; 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("a", metavar="A", type=options.A_FILE)
@click.argument("b", metavar="B")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=values.Place())
@options.as_json
@options.selection
@options.size
@options.resize
@options.model_files
@options.arithmetic
@options.runtime
@options.messages
@click.pass_context
def compare(ctx: click.Context, a: Path, b: str, pictures: tuple[Path, ...], as_json: bool, **chosen: Any) -> int:
    """Say why two programs find different boxes on the same pictures.

    A is a model. B is another one; or A under another runtime (onnxruntime, torch); or A with changes (KEY=VALUE,...);
    or what another program found: detections.jsonl, COCO results, or a folder with NAME.npz of each picture, which
    holds some of: input, L00, L01 and so on (outputs of layers), raw, boxes with scores and class_ids.
    The options are those of A, and of B where it is a model.
    """
    from yolov2.detect.settings import SettingsOptions
    from yolov2.evaluate.compare import compare as compare_both

    failed: list[str] = []

    def on_failure(failure: Failure) -> None:
        failed.append(failure.source)
        options.messages_of(ctx).say(f"{paint('failed', RED)}: {printable(failure.error)}")

    runtime = {key: chosen.pop(key) for key in RUNTIME}
    settings = {key: chosen.pop(key) for key in SettingsOptions.__annotations__ if key in chosen}
    with options.refusals():
        told: Any = options.given(settings)
        comparison = compare_both(a, b, pictures, files=chosen, runtime=runtime, on_failure=on_failure, **told)
    print(json.dumps(comparison.to_dict()) if as_json else "\n".join(_lines(comparison)))
    return DONE if comparison.agree and not failed else DIFFERENT


def _lines(comparison: Comparison) -> list[str]:
    """The comparison for people: stages, what was tried, and the sentence."""
    names = f"A {printable(comparison.a)}   B {printable(comparison.b)}   {counted(comparison.pictures, 'picture')}"
    table = [(*_title(one), _verdict(one.is_same), one.difference) for one in comparison.stages]
    if comparison.stages[-1].given:  # else the last stage is judged from the pictures, and is the same
        table.append(("end to end", "", _verdict(comparison.outcome.is_same), comparison.end_to_end))
    lines = [names, "", *columns(table, align="<<<<")]
    for stage in comparison.stages:
        if len(stage.trials) > 1:
            lines += ["", f"{stage.name}, tried:", *columns(_rows(stage), align="<<")]
    return [*lines, "", paint(comparison.sentence, BOLD, stream=sys.stdout)]


def _title(stage: Stage) -> tuple[str, str]:
    """What a stage is called, and what it starts from."""
    if stage.name == "boxes" and stage.given == "B's raw heads":
        return "decode, NMS", f"on {stage.given}"
    return stage.name, f"from {stage.given or 'the pictures'}"


def _verdict(is_same: bool) -> str:
    return "same" if is_same else "differs"


def _rows(stage: Stage) -> list[tuple[str, str]]:
    return [
        (
            "  " + (", ".join(f"{key}={_text(value)}" for key, value in trial.changes.items()) or "as it is"),
            trial.agreement.words,
        )
        for trial in stage.trials
    ]


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
