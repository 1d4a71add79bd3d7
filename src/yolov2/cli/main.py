"""Dispatch and exit status. Knows the commands by name; each loads its file when it is asked for."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from yolov2 import __version__
from yolov2.cli import options
from yolov2.cli.status import DONE, INTERRUPTED, NO_READER, REFUSED, SOME_FAILED
from yolov2.cli.terminal import Messages, discard_stdout
from yolov2.errors import Yolov2Error, printable

COMMANDS = {
    "anchors": "yolov2.cli.anchors",
    "bench": "yolov2.cli.bench",
    "classify": "yolov2.cli.classify",
    "compare": "yolov2.cli.compare",
    "convert": "yolov2.cli.convert",
    "darknet": "yolov2.cli.darknet",
    "data": "yolov2.cli.data",
    "detect": "yolov2.cli.detect",
    "eval": "yolov2.cli.eval",
    "explain": "yolov2.cli.explain",
    "info": "yolov2.cli.info",
    "models": "yolov2.cli.models",
    "train": "yolov2.cli.train",
}


ALIASES = {"predict": "detect", "val": "eval"}  # what other programs call a command -> its name here

OTHER_NAMES = {  # of options elsewhere -> what they are called here
    "-nms": "--iou",
    "-thresh": "--conf",
    "--confidence": "--conf",
    "--confidence-threshold": "--conf",
    "--conf-thres": "--conf",
    "--thresh": "--conf",
    "--threshold": "--conf",
    "--csv": "--write csv",
    "--save-crop": "--write crops",
    "--save-crops": "--write crops",
    "--save-csv": "--write csv",
    "--save-json": "--write coco",
    "--save-txt": "--write yolo",
    "--save_crop": "--write crops",
    "--save_json": "--write coco",
    "--save_txt": "--write yolo",
}


class NoReader(Exception):
    """Whoever read our output has left."""


class Commands(click.Group):
    """The commands, each from its file. `yolov2 COMMAND` imports that one, `yolov2 --help` all: they are light."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return getattr(import_module(COMMANDS[cmd_name]), cmd_name)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _reader_wanted():  # for --help and --version, which are answered here
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> int | None:
        with _reader_wanted():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = ALIASES.get(args[0], args[0])
        args = [name, *args[1:]]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command {printable(name)!r}. {_instead(name)}", ctx)
        return super().resolve_command(ctx, args)


@contextmanager
def _reader_wanted() -> Generator[None]:
    """Under its own name click would end the process at a broken pipe, as if inputs had failed."""
    try:
        yield
    except BrokenPipeError:
        raise NoReader from None


def _instead(name: str) -> str:
    """What somebody who typed this for a command may have meant."""
    if Path(name).exists():
        return f"To find objects in it, run: yolov2 detect {printable(name)}"
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(COMMANDS)}."


EPILOG = """
\b
Examples:
  yolov2 detect street.jpg -o out
  yolov2 detect photos/ video.mp4 -m my.cfg --json
  yolov2 info my.cfg
  yolov2 bench -m my.cfg
"""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="yolov2", message="%(prog)s %(version)s")
@options.messages
def root() -> None:
    """YOLOv2 and YOLO9000: Darknet's v2 family with the original program's numbers."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and leave the process with its status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for the rest of the process
    messages = Messages()
    with messages.attached():
        status = _run(arguments, messages)
    raise SystemExit(status)


def _run(arguments: Sequence[str] | None, messages: Messages) -> int:
    """The exit status of a command line: 0 done, 1 some inputs failed, 2 refused, 130 interrupted."""
    try:
        status = root.main(arguments, prog_name="yolov2", standalone_mode=False, obj=messages)
        sys.stdout.flush()  # here a full disk or a closed pipe can still be told
        return status or DONE
    except click.exceptions.NoArgsIsHelpError as wrong:
        wrong.show()
        return REFUSED
    except click.ClickException as wrong:
        if isinstance(wrong, click.NoSuchOption) and (theirs := _other_name(wrong.option_name, arguments)):
            wrong = click.UsageError(f"No such option {theirs!r}. Did you mean {OTHER_NAMES[theirs]!r}?", wrong.ctx)
        _show_traceback(messages)
        wrong.show()
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        _show_traceback(messages)
        messages.say("yolov2: interrupted")
        return INTERRUPTED
    except (NoReader, BrokenPipeError):
        discard_stdout()
        return NO_READER
    except (Yolov2Error, OSError, MemoryError) as refusal:
        messages.refuse(refusal)
        if isinstance(refusal, OSError) and not refusal.filename:  # our own output: what was to be done is done
            discard_stdout()
            return SOME_FAILED
        return REFUSED


def _other_name(option: str, arguments: Sequence[str] | None) -> str:
    """The name elsewhere of one of our options, as it was typed, or nothing. Of -thresh click reports -t alone."""
    if len(option) > len("-t"):
        return option if option in OTHER_NAMES else ""
    words = sys.argv[1:] if arguments is None else arguments
    return next((word for word in words if word.startswith(option) and word in OTHER_NAMES), "")


def _show_traceback(messages: Messages) -> None:
    if messages.debug:
        traceback.print_exc()
