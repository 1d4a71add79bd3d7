"""`yolov2 classify`: what each picture shows as a whole."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

PREPROCESSINGS = (
    "predict",
    "valid",
    "validcrop",
    "valid10",
    "validfull",
    "validmulti",
    "try",
)  # pictures.crops has them
PREPROCESS = (
    "How a picture becomes the network's input, by the name of Darknet's command: predict (whole, on grey), valid (the "
    "square in the middle), validcrop (distorted), valid10 (mean of ten crops), validfull (shorter side as the "
    "network's), validmulti (mean of four sizes, mirrored too), try (the middle 224, normalised). "
    "[as a checkpoint's resize rule says, or predict]"
)
FAITHFUL = (
    "What Darknet did, accidents too: EXIF rotation is ignored, and validcrop and validmulti forget the WordTree where "
    "it does."
)
EPILOG = """
\b
Examples:
  yolov2 classify dog.jpg -m darknet19.cfg                      the five likeliest classes
  yolov2 classify photos/ -m darknet19.cfg --top 1 --json       a line of JSON a picture
  yolov2 classify dog.jpg -m darknet19_448.cfg --preprocess valid10
  yolov2 classify dog.jpg -m darknet9000.cfg --tree 9k.tree --leaves imagenet.labels.list

\b
Exit status: 0 done; 1 some inputs failed, each is named; 2 nothing could start; 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=values.Named())
@options.model()
@click.option("--top", metavar="N", type=values.Whole(1), default=5, show_default=True, help="Show the best N classes.")
@click.option(
    "--preprocess", type=click.Choice(PREPROCESSINGS), metavar="NAME",
    help=PREPROCESS,
)  # fmt: skip
@click.option("--softmax", is_flag=True, help="Probabilities from a network that does not end in [softmax].")
@click.option(
    "--leaves", metavar="FILE", type=options.A_FILE, help="Nodes of the WordTree that may be answers. [its leaves]"
)
@options.as_json
@click.option("--strict", is_flag=True, help="Stop at the first input that fails.")
@options.clip
@options.size
@options.max_pixels
@click.option("--faithful", is_flag=True, help=FAITHFUL)
@options.model_files
@options.partial
@options.arithmetic
@options.batch
@options.runtime
@options.cache
@options.messages
@click.pass_context
def classify(
    ctx: click.Context,
    sources: tuple[str, ...],
    top: int,
    as_json: bool,
    strict: bool,
    batch: int,
    start_s: float | None,
    end_s: float | None,
    stride: int,
    allow_urls: bool,
    model: Path | None,
    softmax: bool,
    cache: Path | None,
    no_cache: bool,
    **chosen: Any,
) -> int:
    """Name what pictures show as a whole.

    SOURCE is a picture or a video file, a folder with all that lies below it, a quoted pattern, a .txt list with a
    name a line, - (a picture or such a list on standard input), the number of a camera, or with --allow-urls the
    address of a video. MODEL is a classifier, such as darknet19.cfg.
    """
    if model is None and chosen["weights"] is None:
        raise click.UsageError("No classifier named: give -m MODEL, such as -m darknet19.cfg.", ctx)
    from threading import Event

    from yolov2.cli.findings import NoFiles, follow
    from yolov2.cli.labels import Count, Labels, LabelsAsJson
    from yolov2.detect.classifier import ANY_SIZE, Classifier
    from yolov2.detect.pipeline import run
    from yolov2.detect.sources import expand_sources
    from yolov2.network.layers import Softmax

    clip = options.clip_of(start_s=start_s, end_s=end_s, stride=stride)
    inputs = expand_sources(sources, allow_urls=allow_urls)
    with options.refusals():
        kept = options.cache_folder(cache, no_cache=no_cache)
        if chosen["preprocess"] not in ANY_SIZE:  # there, pictures decide how much
            options.tell_memory(model, cache=kept is not None, batch=batch, **chosen)
        classifier = Classifier.open(model, softmax=softmax or None, cache=kept, **options.given(chosen))
    with classifier:
        if softmax and isinstance(classifier.network.head, Softmax):
            log.warning("--softmax has no effect: the network ends in [softmax]")
        stop = Event()
        results = run(classifier, inputs, batch=batch, clip=clip, stop=stop)
        screen = LabelsAsJson(top) if as_json else Labels(top)
        tally, messages = Count(inputs, clip=clip), options.messages_of(ctx)
        return follow(results, NoFiles(), screen, tally, messages, strict=strict, stop=stop)
