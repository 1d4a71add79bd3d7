"""The common options, each spelled once; and what their words become."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from yolov2.cli.terminal import Messages
from yolov2.errors import Yolov2Error

if TYPE_CHECKING:
    from yolov2.detect.detector import Detector

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[F], F]


def size_hw(text: str) -> tuple[int, int]:
    """`416` or `WxH` -> (height, width)."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        raise click.BadParameter(f"found {text!r}, expected one side as 416, or width x height as 608x352")
    return int(sides[-1]), int(sides[0])


def confidence(text: str) -> float | dict[str, float]:
    """`0.4` -> 0.4; `person=0.4,dog=0.2` -> {"person": 0.4, "dog": 0.2}."""
    if "=" not in text:
        return _share(text)
    by_class: dict[str, float] = {}
    for pair in text.split(","):
        name, equals, number = pair.rpartition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"found {pair!r}, expected CLASS=NUMBER, as in person=0.4,dog=0.2")
        by_class[name.strip()] = _share(number)
    return by_class


def words(text: str) -> tuple[str, ...]:
    """`person,dog` -> ("person", "dog")."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise click.BadParameter("found no name, expected class names as in person,dog")
    return found


def depth(text: str) -> int | str:
    """`3` -> 3; `leaf` stays."""
    if text != "leaf" and not text.isdecimal():
        raise click.BadParameter(f"found {text!r}, expected a whole number from 0, or leaf")
    return text if text == "leaf" else int(text)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise click.BadParameter(f"found {text!r}, expected a number from 0 to 1, or CLASS=NUMBER,...")
    return number


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

A_FILE = click.Path(path_type=Path)

model = click.option(
    "-m", "--model", metavar="MODEL", type=A_FILE,
    help="A .cfg (its .weights beside it), a .weights (its .cfg beside it), a folder of these, a .safetensors, "
    "or a name of `yolov2 models list`.",
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
    "--partial", metavar="N", type=click.IntRange(1),
    help="The weights are those of the first N layers alone, as in darknet19_448.conv.23; the rest gets start values.",
)  # fmt: skip
size = click.option("--size", metavar="416|WxH", type=size_hw, help="Input size of the network. [its own]")
batch = click.option(
    "--batch", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Pictures a pass."
)
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
    click.option("--threads", metavar="N", type=click.IntRange(1), help="Processor threads it takes. [all cores]"),
)  # fmt: skip

cache = all_of(
    click.option(
        "--cache", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
        help="Keep prepared networks here: the next start takes a fraction of time and memory. [the platform's place]",
    ),
    click.option("--no-cache", is_flag=True, help="Keep and use no prepared network."),
)  # fmt: skip

# --- what is kept -----------------------------------------------------------------------------------------------------

conf = click.option(
    "--conf", metavar="NUMBER", type=confidence,
    help="A score must lie above it; by class as person=0.4,dog=0.2, the others at 0.25. "
    "[what a checkpoint says, or 0.25]",
)  # fmt: skip
selection = all_of(
    conf,
    click.option(
        "--iou", metavar="NUMBER", type=click.FloatRange(0, 1), default=0.45, show_default=True,
        help="Boxes of one class that overlap more are one object.",
    ),
    click.option(
        "--nms", type=click.Choice(["class", "objectness", "agnostic", "none"]), default="class", show_default=True,
        help="How overlapping boxes are thinned out: each class by its own score, all classes in the order of "
        "objectness, any class against any other, or not at all.",
    ),
    click.option("--classes", metavar="NAMES", type=words, help="Only these, as person,dog. [all]"),
    click.option(
        "--max-det", metavar="N", type=click.IntRange(1), default=300, show_default=True,
        help="Keep the best N of a picture.",
    ),
    click.option(
        "--tree-threshold", metavar="NUMBER", type=click.FloatRange(0, 1), default=0.5, show_default=True,
        help="Walk down a WordTree while it is this sure.",
    ),
    click.option("--depth", metavar="N|leaf", type=depth, help="How deep at most; leaf: to the end, however unsure."),
)  # fmt: skip
resize = click.option(
    "--resize", type=click.Choice(["letterbox", "stretch"]),
    help="Fit the picture into the input with grey borders, or distort it. [what a checkpoint says, or letterbox]",
)  # fmt: skip
max_pixels = click.option(
    "--max-pixels", metavar="N", type=click.IntRange(1),
    help="Refuse a picture or video whose header claims more. [50,000,000]",
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")


# --- from options to objects ------------------------------------------------------------------------------------------


def open_detector(*, model: Path | None, cache: Path | None, no_cache: bool, **chosen: Any) -> Detector:
    """The detector that these options describe. Raises Yolov2Error."""
    from yolov2.detect.detector import Detector

    with refusals():
        return Detector.open(model, cache=None if no_cache else cache or default_cache(), **given(chosen))


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
        raise Yolov2Error(str(wrong)) from wrong
