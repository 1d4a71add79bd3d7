"""`yolov2 bench`: where the time goes, stage by stage and end to end."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE, SOME_FAILED
from yolov2.cli.terminal import BOLD, DIM, RED, Messages, counted, paint
from yolov2.errors import BackendError, PictureError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yolov2.evaluate.bench import Contender, Plan, Row
    from yolov2.records import Failure

EPILOG = """
\b
Examples:
  yolov2 bench -m my.cfg                          each stage, on made pictures
  yolov2 bench photos/ -m my.cfg --batch 4        on your own
  yolov2 bench -m my.cfg --compare --json         every backend that works here, in turn

\b
Times are those of one batch. "end to end" is everything overlapped, as detect runs it; its rate is what counts.
"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=values.Place())
@options.model(options.NANO_VOC)
@click.option("--compare", is_flag=True, help="Every backend that works here, in alternating rounds.")
@click.option(
    "--seconds", metavar="S", type=values.Number(0), default=10.0, show_default=True, help="How long to measure."
)
@options.as_json
@options.size
@options.resize
@options.conf
@options.model_files
@options.arithmetic
@options.batch
@options.runtime
@options.cache
@options.messages
@click.pass_context
def bench(
    ctx: click.Context,
    sources: tuple[Path, ...],
    compare: bool,
    seconds: float,
    as_json: bool,
    batch: int,
    cache: Path | None,
    no_cache: bool,
    **model: Any,
) -> int:
    """Measure where the time goes.

    Each stage alone, then all of them together, on the pictures of SOURCE or on made ones.
    """
    from yolov2.evaluate.bench import Plan, make_pictures, measure

    messages = options.messages_of(ctx)
    with ExitStack() as stack:
        failed: list[Failure] = []
        if sources:
            pictures = _pictures(sources, failed)
            for failure in failed:
                messages.say(f"{paint('failed', RED)}: {printable(failure.error)}")
        else:
            pictures = make_pictures(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="yolov2-"))))
        kept = options.cache_folder(cache, no_cache=no_cache)
        plan = Plan(options.given({**model, "cache": kept}), pictures, batch)
        with options.refusals():
            contenders = _every_backend(plan, messages) if compare else [_here(plan)]
        for contender in contenders:
            stack.enter_context(closing(contender))
        messages.tell(f"measuring for about {seconds:g} s, after warming up")
        rows = measure(contenders, seconds=seconds)
    (_print_json if as_json else _print_table)(rows)
    return SOME_FAILED if failed else DONE


def _pictures(sources: Sequence[Path], failed: list[Failure]) -> tuple[Path, ...]:
    """The pictures that can be read; the others are added to `failed`. Raises PictureError if there are none."""
    from yolov2.detect.sources import expand_sources
    from yolov2.evaluate.bench import readable
    from yolov2.records import Failure

    expanded = expand_sources(sources)
    failed += [Failure(source.name, source.error) for source in expanded if source.error]
    pictures = [source for source in expanded if source.kind == "picture" and source.is_file]
    found = tuple(source.path for source in pictures if not source.error)
    if not found:
        raise PictureError.at(
            "bench", found="no pictures", expected="picture files", repair="name some, or none at all"
        )
    return readable(found, on_failure=failed.append)


def _here(plan: Plan) -> Contender:
    from yolov2.evaluate.bench import Here

    return Here(plan)


def _every_backend(plan: Plan, messages: Messages) -> list[Contender]:
    """A process for every backend; one that can't run the model is named and left out."""
    from yolov2.backends.base import BACKENDS
    from yolov2.evaluate.bench import There

    contenders: list[Contender] = []
    for name in BACKENDS:
        try:
            contenders.append(There(replace(plan, model={**plan.model, "backend": name})))
        except BackendError as refusal:
            messages.tell(f"left out: {printable(str(refusal))}")
    if not contenders:
        repair = "run without --compare to see why each refuses"
        raise BackendError.at("bench", found="no backend that runs this model", expected="at least one", repair=repair)
    return contenders


def _print_json(rows: Sequence[Row]) -> None:
    from yolov2.evaluate.machine import machine, versions

    print(json.dumps({"machine": machine(), "versions": versions(), "rows": [row.to_dict() for row in rows]}))


def _print_table(rows: Sequence[Row]) -> None:
    from yolov2.evaluate.machine import machine, versions

    here, installed = machine(), versions()
    print(f"{here['cpu']}, {counted(here['cores'], 'core')}, load {here['load']}")
    print(", ".join(f"{name} {version}" for name, version in installed.items() if version))
    previous = None
    for row in rows:
        of = (row.backend, row.precision, row.size, row.batch)
        if of != previous:
            previous = of
            title = paint(row.backend, BOLD, stream=sys.stdout)
            print(f"\n{title}  {row.precision}, input {row.size}, batch {row.batch}")
            print(paint(f"  {'':12}  {'p50':>10}  {'p99':>10}  {'pictures a second':>17}", DIM, stream=sys.stdout))
        print(f"  {row.stage:12}  {row.p50_ms:7.2f} ms  {row.p99_ms:7.2f} ms  {row.per_second:17,.1f}")
