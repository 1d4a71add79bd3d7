"""The common options, each spelled once. What the words after them become is the business of values.py."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from yolov2.cli.terminal import Messages
from yolov2.cli.values import (
    Number,
    Place,
    Whole,
    confidence,
    depth,
    rectangle,
    seconds,
    sides_hw,
    size_hw,
    tile_hw,
    words,
)
from yolov2.errors import Yolov2Error

if TYPE_CHECKING:
    from pathlib import Path

    from yolov2.detect.detector import Detector
    from yolov2.pictures.clip import Clip

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[F], F]

MOST_THREADS = 1024  # as in backends.base, which a command line need not load

log = logging.getLogger(__name__)


def all_of(*options: Option[Any]) -> Option[Any]:
    """Several options as one decorator, in the order of the help."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# --- messages: taken before and after the command's name --------------------------------------------------------------


def _louder(ctx: click.Context, param: click.Parameter, value: int) -> None:
    _adjust(ctx, value)


def _quieter(ctx: click.Context, param: click.Parameter, value: int) -> None:
    _adjust(ctx, -value)


def _adjust(ctx: click.Context, by: int) -> None:
    heard = messages_of(ctx)
    heard.verbosity += by
    heard.adjust()


def _debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        messages_of(ctx).debug = True
        _adjust(ctx, 2)


def messages_of(ctx: click.Context) -> Messages:
    """The voice of this run."""
    return ctx.find_root().ensure_object(Messages)


messages = all_of(
    click.option("-v", "--verbose", count=True, expose_value=False, callback=_louder, help="Say more; -vv still more."),
    click.option(
        "-q", "--quiet", count=True, expose_value=False, callback=_quieter, help="Say nothing but what failed."
    ),
    click.option("--debug", is_flag=True, expose_value=False, callback=_debug, help="Show tracebacks."),
)

# --- the model and how it is run --------------------------------------------------------------------------------------

A_FILE = Place()

NANO_VOC = "nano-voc, which comes along"


def model(default: str = "") -> Option[Any]:
    """The option --model; `default` says what is taken without it."""
    return click.option(
        "-m", "--model", metavar="MODEL", type=A_FILE,
        help="A .cfg (its .weights beside it), a .weights (its .cfg beside it), a folder of these, a .safetensors, "
        f"or a name of `yolov2 models list`.{default and f' [{default}]'}",
    )  # fmt: skip


model_files = all_of(
    click.option(
        "--weights", metavar="FILE", type=A_FILE, help="The weights, where they lie elsewhere. Without -m: MODEL."
    ),
    click.option(
        "--names", metavar="FILE", type=A_FILE, help="Class names, one a line. [a fitting .names beside the .cfg]"
    ),
    click.option("--data", metavar="FILE", type=A_FILE, help="A Darknet .data file, which says where the names are."),
    click.option("--tree", metavar="FILE", type=A_FILE, help="The WordTree. [the one that the .cfg names]"),
    click.option("--map", metavar="FILE", type=A_FILE, help="Answer with these nodes of the tree as classes."),
)
arithmetic = click.option(
    "--arithmetic", type=click.Choice(["gpu", "cpu"]),
    help="Whose batch norm: that of Darknet's GPU program or of its CPU program. [what a checkpoint says, or gpu]",
)  # fmt: skip
partial = click.option(
    "--partial", metavar="N", type=Whole(1),
    help="The weights are those of the first N layers alone, as in darknet19_448.conv.23; the rest gets start values.",
)  # fmt: skip
size = click.option(
    "--size", "--imgsz", "size", metavar="416|WxH", type=size_hw, help="Input size of the network. [its own]"
)
batch = click.option("--batch", metavar="N", type=Whole(1), default=1, show_default=True, help="Pictures a pass.")
runtime = all_of(
    click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda:0 or mps."),
    click.option(
        "--backend", type=click.Choice(["auto", "onnxruntime", "torch"]), default="auto", show_default=True,
        help="What runs the network.",
    ),
    click.option(
        "--precision", type=click.Choice(["fp32", "fp16", "bf16", "int8"]), default="fp32", show_default=True,
        help="Number format of the network.",
    ),
    click.option(
        "--threads", metavar="N", type=Whole(1, MOST_THREADS), help="Processor threads it takes. [all cores]"
    ),
)  # fmt: skip

cache = all_of(
    click.option(
        "--cache", metavar="DIR", type=Place(file_okay=False),
        help="Keep prepared networks here: the next start takes a fraction of time and memory. "
        "At most 2 GiB: what was not used for longest goes first. [yolov2/graphs in the platform's cache folder]",
    ),
    click.option("--no-cache", is_flag=True, help="Keep and use no prepared network."),
)  # fmt: skip

# --- what is kept -----------------------------------------------------------------------------------------------------

conf = click.option(
    "--conf", metavar="NUMBER", type=confidence,
    help="A score must lie above it; by class as person=0.4,dog=0.2, the others at 0.25. "
    "[what a checkpoint says, or 0.25]",
)  # fmt: skip
suppression = all_of(
    click.option(
        "--iou", metavar="NUMBER", type=Number(0, 1), default=0.45, show_default=True,
        help="Boxes of one class that overlap more are one object.",
    ),
    click.option(
        "--nms", type=click.Choice(["class", "objectness", "agnostic", "none"]), default="class", show_default=True,
        help="How overlapping boxes are thinned out: each class by its own score, all classes in the order of "
        "objectness, any class against any other, or not at all.",
    ),
    click.option("--classes", metavar="NAMES", type=words, help="Only these, as person,dog. [all]"),
)  # fmt: skip
walk = all_of(
    click.option(
        "--tree-threshold", metavar="NUMBER", type=Number(0, 1), default=0.5, show_default=True,
        help="Walk down a WordTree while it is this sure.",
    ),
    click.option("--depth", metavar="N|leaf", type=depth, help="How deep at most; leaf: to the end, however unsure."),
)  # fmt: skip
selection = all_of(
    conf,
    suppression,
    click.option(
        "--max-det", metavar="N", type=Whole(1), default=300, show_default=True,
        help="Keep the best N of a picture.",
    ),
    walk,
)  # fmt: skip
resize = click.option(
    "--resize", type=click.Choice(["letterbox", "stretch"]),
    help="Fit the picture into the input with grey borders, or distort it. [what a checkpoint says, or letterbox]",
)  # fmt: skip
parts = all_of(
    click.option(
        "--roi", metavar="X1,Y1,X2,Y2", type=rectangle,
        help="Look only at this part of every picture; in pixels, or in shares of it as 0,0.5,1,1.",
    ),
    click.option(
        "--tile", metavar="416|WxH", type=tile_hw,
        help="Look at larger pictures in overlapping tiles of this size, too, and put together what a seam cuts.",
    ),
    click.option(
        "--min-size", metavar="N|WxH", type=sides_hw, help="Leave out boxes that are narrower or lower, in pixels."
    ),
    click.option("--max-size", metavar="N|WxH", type=sides_hw, help="Leave out boxes that are wider or higher."),
)  # fmt: skip
clip = all_of(
    click.option(
        "--start", "start_s", metavar="TIME", type=seconds,
        help="Read videos from here on: seconds, or [hh:]mm:ss; of a live source from when watching began.",
    ),
    click.option("--end", "end_s", metavar="TIME", type=seconds, help="Read videos until here."),
    click.option(
        "--stride", metavar="N", type=Whole(1), default=1, show_default=True, help="Read every Nth frame of videos."
    ),
    click.option("--allow-urls", is_flag=True, help="Open addresses, too: rtsp, rtsps, http, https."),
)  # fmt: skip
max_pixels = click.option(
    "--max-pixels", metavar="N", type=Whole(1),
    help="Refuse a picture or video whose header claims more. [50,000,000]",
)  # fmt: skip
data_form = click.option(
    "--from", "form", help="The format of DATA, where its content does not tell.",
    type=click.Choice(["voc", "coco", "darknet", "ultralytics", "folders", "list", "cvat", "labelme", "label-studio"]),
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")


# --- from options to objects ------------------------------------------------------------------------------------------


def open_detector(*, model: Path | None, cache: Path | None, no_cache: bool, batch: int, **chosen: Any) -> Detector:
    """The detector that these options describe. Raises Yolov2Error."""
    from yolov2.detect.detector import Detector

    with refusals():
        tell_memory(model, cache=not no_cache, batch=batch, **chosen)
        return Detector.open(model, cache=cache_folder(cache, no_cache=no_cache), **given(chosen))


def clip_of(*, start_s: float | None, end_s: float | None, stride: int) -> Clip:
    """The part of videos that these options describe. Raises Yolov2Error."""
    from yolov2.pictures.clip import Clip

    with refusals():
        return Clip(start_s or 0.0, end_s, stride)


def tell_memory(
    model: Path | None, *, cache: bool, batch: int, size: tuple[int, int] | None, backend: str, **chosen: Any
) -> None:
    """With -v, say before a model is loaded how much memory it will take. Raises Yolov2Error."""
    if not log.isEnabledFor(logging.INFO):
        return
    from yolov2.backends.memory import memory_of
    from yolov2.detect.model_files import find_model
    from yolov2.detect.models import load_network

    files = {name: chosen[name] for name in ("weights", "names", "data", "tree", "map")}
    network = load_network(find_model(model, **files))
    network = network.at_size(*size) if size else network
    log.info("memory: %s", memory_of(network, backend, cache=cache, batch=batch).words)


def cache_folder(cache: Path | None, *, no_cache: bool) -> Path | None:
    """Where prepared networks are kept, by --cache and --no-cache; None: nowhere."""
    return None if no_cache else cache or default_cache()


def default_cache() -> Path:
    """Where prepared networks are kept unless told otherwise."""
    from platformdirs import user_cache_path

    return user_cache_path("yolov2") / "graphs"


def given(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen; an option without a value leaves the choice to the model."""
    return {name: value for name, value in chosen.items() if value is not None}


@contextmanager
def refusals() -> Generator[None]:
    """A value that fits its option but not the model (a size, the name of a class) is the user's to correct."""
    try:
        yield
    except ValueError as wrong:
        raise Yolov2Error(OPTION.sub(_option, str(wrong), count=1)) from wrong


OPTION = re.compile(
    r"^(conf|iou|nms|max_det|classes|resize|size|roi|tile|min_size|max_size|tree_threshold|depth|max_pixels"
    r"|preprocess|thresholds|start_s|end_s|stride): "
)


def _option(named: re.Match[str]) -> str:
    """`max_det: ` -> `--max-det: `: a setting as the command line spells it."""
    name = "conf" if named[1] == "thresholds" else named[1]  # as a checkpoint calls them
    return f"--{name.removesuffix('_s').replace('_', '-')}: "


def is_given(ctx: click.Context, name: str) -> bool:
    """Whether an option was typed, rather than left at its default."""
    return ctx.get_parameter_source(name) not in (None, click.core.ParameterSource.DEFAULT)


def tell_useless(ctx: click.Context, detector: Detector) -> None:
    """Warn of options that were given and have no effect on this model."""
    if detector.tree is not None and detector.map is None:
        return
    why = "the model has no tree" if detector.tree is None else "with --map no tree is walked down"
    for name in ("tree_threshold", "depth"):
        if is_given(ctx, name):
            log.warning("--%s has no effect: %s", name.replace("_", "-"), why)
