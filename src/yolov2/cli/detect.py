"""`yolov2 detect`: find objects in pictures, folders and video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values

if TYPE_CHECKING:
    from pathlib import Path

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
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=values.Place())
@options.model
@click.option("-o", "--out", metavar="DIR", type=values.Place(), help="Write results into this folder.")
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

    SOURCE is a picture or a video file, a folder with all that lies below it, or a quoted pattern. Files that an
    earlier run wrote are passed over when they are found below a folder. What is found is shown as a table; with
    -o DIR it is also written: annotated pictures and video, and detections.jsonl.
    """
    if out is None and (as_csv or no_pictures or force):
        raise click.UsageError("--csv, --no-pictures and --force say what to write into a folder: give -o DIR.", ctx)
    if model["faithful"] and options.is_given(ctx, "max_det"):
        raise click.UsageError("--max-det has no effect with --faithful, which keeps every detection.", ctx)
    from yolov2.cli.findings import JsonScreen, Leavable, NoFiles, Table, Tally, follow
    from yolov2.detect.outputs import target_paths, without_outputs
    from yolov2.detect.pipeline import run
    from yolov2.detect.sources import expand_sources
    from yolov2.detect.writers import open_writers

    messages = options.messages_of(ctx)
    inputs = expand_sources(sources)
    if out is not None:
        inputs = without_outputs(inputs, out)
    with options.open_detector(batch=batch, **model) as detector:
        options.tell_useless(ctx, detector)
        files = NoFiles()
        if out is not None:
            files = open_writers(out, inputs, annotated=not no_pictures, as_csv=as_csv, force=force)
        targets = target_paths(out, inputs) if out is not None and not no_pictures else {}
        screen = JsonScreen(targets) if as_json else Table(detector.names)
        if out is not None:
            screen = Leavable(screen)
        results = run(detector, inputs, batch=batch)
        return follow(
            results, files, screen, Tally(inputs, out, limit=detector.settings.limit), messages, strict=strict
        )
