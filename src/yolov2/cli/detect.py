"""`yolov2 detect`: find objects in pictures, folders and video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.detect.formats import FORMATS, parse_formats

if TYPE_CHECKING:
    from pathlib import Path

FAITHFUL = (
    "What Darknet did, accidents too: every detection is kept (--max-det has no effect), EXIF rotation is ignored, "
    "and a WordTree is walked down its way."
)
WRITE = f"With -o: further formats, too, of {', '.join(FORMATS)}; several as csv,coco."
EPILOG = """
\b
Examples:
  yolov2 detect street.jpg                            a table on screen
  yolov2 detect photos/ video.mp4 -m my.cfg -o out    annotated files, out/detections.jsonl
  yolov2 detect 'photos/*.png' -m my.cfg --json       a line of JSON a picture
  yolov2 detect photos/ -m my.cfg --conf person=0.4,dog=0.2 --classes person,dog
  yolov2 detect photos/ -m my.cfg --names my.names -o out --write csv,coco --no-pictures

\b
Exit status: 0 done; 1 some inputs failed, each is named; 2 nothing could start; 130 interrupted.
"""


def _formats(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """`("csv,coco", "voc")` -> ("csv", "coco", "voc")."""
    try:
        return parse_formats(",".join(texts)) if texts else ()
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), ctx, param) from None


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="SOURCE...", nargs=-1, type=values.Named())
@click.option("--source", "more", metavar="SOURCE", multiple=True, type=values.Named(), help="The same as SOURCE.")
@options.model(options.NANO_VOC)
@click.option("-o", "--out", metavar="DIR", type=values.Place(), help="Write results into this folder.")
@options.as_json
@click.option("--write", metavar="NAMES", multiple=True, callback=_formats, help=WRITE)
@click.option("--no-pictures", is_flag=True, help="With -o: no annotated pictures and video.")
@click.option("--force", is_flag=True, help="With -o: overwrite results of an earlier run.")
@click.option("--strict", is_flag=True, help="Stop at the first input that fails.")
@options.selection
@options.parts
@options.clip
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
    sources: tuple[str, ...],
    more: tuple[str, ...],
    out: Path | None,
    batch: int,
    start_s: float | None,
    end_s: float | None,
    stride: int,
    allow_urls: bool,
    as_json: bool,
    write: tuple[str, ...],
    no_pictures: bool,
    force: bool,
    strict: bool,
    **model: Any,
) -> int:
    """Find objects in pictures, folders and video.

    SOURCE is a picture or a video file, a folder with all that lies below it, a quoted pattern, a .txt list with a
    name a line, - (a picture or such a list on standard input), the number of a camera, or with --allow-urls the
    address of a video. Files that an earlier run wrote are passed over when they are found below a folder. What is
    found is shown as a table; with -o DIR it is also written: annotated pictures and video, and detections.jsonl.
    `yolov2 predict` is the same command.
    """
    if not sources and not more:
        raise click.UsageError("Missing SOURCE: name a picture, a folder, a video or a quoted pattern.", ctx)
    if out is None and (write or no_pictures or force):
        raise click.UsageError("--write, --no-pictures and --force say what to write into a folder: give -o DIR.", ctx)
    if model["faithful"] and options.is_given(ctx, "max_det"):
        raise click.UsageError("--max-det has no effect with --faithful, which keeps every detection.", ctx)
    from threading import Event

    from yolov2.cli.findings import JsonScreen, Leavable, NoFiles, Table, Tally, follow
    from yolov2.detect.outputs import target_paths, without_outputs
    from yolov2.detect.pipeline import run
    from yolov2.detect.sources import expand_sources
    from yolov2.detect.writers import open_writers

    messages = options.messages_of(ctx)
    clip = options.clip_of(start_s=start_s, end_s=end_s, stride=stride)
    inputs = expand_sources((*sources, *more), allow_urls=allow_urls)
    if out is not None:
        inputs = without_outputs(inputs, out)
    with options.open_detector(batch=batch, **model) as detector:
        options.tell_useless(ctx, detector)
        files = NoFiles()
        if out is not None:
            files = open_writers(out, inputs, annotated=not no_pictures, formats=write, force=force)
        targets = target_paths(out, inputs) if out is not None and not no_pictures else {}
        screen = JsonScreen(targets) if as_json else Table(detector.names)
        if out is not None:
            screen = Leavable(screen)
        tally = Tally(inputs, out, limit=detector.settings.limit, clip=clip)
        stop = Event()
        results = run(detector, inputs, batch=batch, clip=clip, stop=stop)
        return follow(results, files, screen, tally, messages, strict=strict, stop=stop)
