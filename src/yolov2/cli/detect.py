"""`yolov2 detect`: find objects in pictures, folders and video."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options
from yolov2.cli.interrupts import Interrupts
from yolov2.cli.status import DONE, INTERRUPTED, SOME_FAILED
from yolov2.cli.terminal import RED, Messages, Meter, paint, printable
from yolov2.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Generator

    from yolov2.cli.findings import Screen, Tally
    from yolov2.detect.writers import Result, Writers

FAITHFUL = (
    "What Darknet did, accidents too: every detection is kept (--max-det has no effect), EXIF rotation is ignored, "
    "and a WordTree is walked down its way."
)
EPILOG = """
\b
Examples:
  yolov2 detect street.jpg -m my.cfg                  a table on screen
  yolov2 detect photos/ video.mp4 -m my.cfg -o out    annotated files, out/detections.jsonl
  yolov2 detect 'photos/*.png' -m my.cfg --json       a line of JSON a picture
  yolov2 detect photos/ -m my.cfg --conf person=0.4,dog=0.2 --classes person,dog
  yolov2 detect photos/ -m my.cfg --names my.names -o out --csv --no-pictures

\b
Exit status: 0 done; 1 some inputs failed, each is named; 2 nothing could start; 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.model
@click.option("-o", "--out", metavar="DIR", type=click.Path(path_type=Path), help="Write results into this folder.")
@options.as_json
@click.option("--csv", "as_csv", is_flag=True, help="With -o: detections.csv, too.")
@click.option("--no-pictures", is_flag=True, help="With -o: no annotated pictures and video.")
@click.option("--force", is_flag=True, help="With -o: overwrite results of an earlier run.")
@click.option("--strict", is_flag=True, help="Stop at the first input that fails.")
@options.selection
@options.size
@options.resize
@click.option("--faithful", is_flag=True, help=FAITHFUL)
@options.max_pixels
@options.model_files
@options.partial
@options.arithmetic
@options.batch
@options.runtime
@options.cache
@options.messages
@click.pass_context
def detect(
    ctx: click.Context,
    sources: tuple[Path, ...],
    out: Path | None,
    batch: int,
    as_json: bool,
    as_csv: bool,
    no_pictures: bool,
    force: bool,
    strict: bool,
    **model: Any,
) -> int:
    """Find objects in pictures, folders and video.

    SOURCE is a picture or a video file, a folder, or a quoted pattern. What is found is shown as a table; with -o DIR
    it is also written: annotated pictures and video, and detections.jsonl.
    """
    if out is None and (as_csv or no_pictures or force):
        raise click.UsageError("--csv, --no-pictures and --force say what to write into a folder: give -o DIR.", ctx)
    from yolov2.cli.findings import JsonScreen, Leavable, Table, Tally
    from yolov2.detect.pipeline import run
    from yolov2.detect.sources import expand_sources
    from yolov2.detect.writers import Writers, open_writers, without_outputs

    messages = options.messages_of(ctx)
    inputs = expand_sources(sources)
    if out is not None:
        inputs = without_outputs(inputs, out)
    with options.open_detector(**model) as detector:
        files = Writers()
        if out is not None:
            files = open_writers(out, inputs, annotated=not no_pictures, as_csv=as_csv, force=force)
        screen = JsonScreen() if as_json else Table(detector.names)
        if out is not None:
            screen = Leavable(screen)
        results = run(detector, inputs, batch=batch)
        return follow(results, files, screen, Tally(inputs, out), messages, strict=strict)


def follow(
    results: Generator[Result], files: Writers, screen: Screen, tally: Tally, messages: Messages, *, strict: bool
) -> int:
    """Write, show and count results as they come, and say at the end how it went. The exit status."""
    from yolov2.records import Failure

    meter = Meter(tally.total, tally.unit, shown=messages.verbosity >= 0)
    with Interrupts(lambda: messages.say("finishing what is in work; Ctrl-C once more stops at once")) as interrupts:
        try:
            with meter, files, closing(results):
                for result in results:
                    files.write(result)
                    screen.show(result)
                    tally.add(result)
                    meter.advance()
                    if isinstance(result, Failure):
                        messages.say(f"{paint('failed', RED)}: {printable(result.error)}")
                    if interrupts.requested or (strict and tally.failed):
                        break
                screen.end()
        except OutputError as refusal:  # in mid-run, such as a full disk: something did start
            messages.say(f"{paint('yolov2', RED)}: {printable(str(refusal))}")
            return SOME_FAILED
    for line in tally.lines(meter.elapsed_s):
        messages.tell(line)
    if interrupts.requested:
        messages.say("yolov2: interrupted; what was finished is kept")
        return INTERRUPTED
    return SOME_FAILED if tally.failed else DONE
