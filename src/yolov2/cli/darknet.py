"""`yolov2 darknet`: a line for Darknet, taken as it stands. What it means, the room standin/ knows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options
from yolov2.cli.interrupts import Interrupts
from yolov2.cli.terminal import RED, YELLOW, Messages, paint
from yolov2.errors import printable

if TYPE_CHECKING:
    from pathlib import Path

    from yolov2.standin.voice import Voice

EPILOG = """
\b
Examples:
  yolov2 darknet detector test cfg/voc.data cfg/yolov2-voc.cfg yolov2-voc.weights dog.jpg -thresh .3
  yolov2 darknet detector test cfg/voc.data cfg/yolov2-voc.cfg yolov2-voc.weights < list.txt
  yolov2 darknet detector valid cfg/voc.data cfg/yolov2-voc.cfg yolov2-voc.weights
  yolov2 darknet detector map cfg/voc.data cfg/yolov2-voc.cfg yolov2-voc.weights
  yolov2 darknet detector train cfg/voc.data cfg/yolov2-voc.cfg darknet19_448.conv.23
  yolov2 darknet --like alexeyab detector demo voc.data my.cfg my.weights street.mp4 -out_filename found.mp4
  yolov2 darknet classifier predict cfg/imagenet1k.data darknet19.cfg darknet19.weights dog.jpg
  yolov2 darknet partial cfg/darknet19_448.cfg darknet19_448.weights darknet19_448.conv.23 23

\b
Exit status: 0 done; 1 some inputs failed, each is named; 2 nothing could start; 130 interrupted.
"""


class AsItStands(click.Command):
    """Its own options end at the first word that is none of them; what follows is Darknet's, dashes and all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ours = {name: param for param in self.get_params(ctx) for name in param.opts if name.startswith("-")}
        bare = {name for name, param in ours.items() if getattr(param, "is_flag", 0) or getattr(param, "count", 0)}
        end = 0
        while end < len(args):
            name, has_value, _ = args[end].partition("=")
            if name in ours:
                end += 1 if name in bare or has_value else 2
            elif len(name) > 1 and name[0] == "-" and all(f"-{letter}" in bare for letter in name[1:]):  # as -vv
                end += 1
            else:
                break
        return super().parse_args(ctx, [*args[:end], "--", *args[end:]])


@click.command(
    cls=AsItStands, epilog=EPILOG, options_metavar="[OUR OPTIONS]", context_settings={"help_option_names": ["--help"]}
)
@click.argument("words", metavar="DARKNET'S WORDS...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--like",
    type=click.Choice(["pjreddie", "alexeyab"]),
    help="Whose program the line is for, where they differ. [alexeyab for a flag that it alone has, or pjreddie]",
)
@click.option("--allow-urls", is_flag=True, help="Let the video of a demo come from an address.")
@options.cache
@options.messages
@click.pass_context
def darknet(
    ctx: click.Context, words: tuple[str, ...], like: Any, allow_urls: bool, cache: Path | None, no_cache: bool
) -> int:
    """Do what a line for Darknet says: detector test, valid, demo, train, map, recall and calc_anchors; detect;
    classifier; and its tools for weights.

    The line stands behind our own options, with or without ./darknet before it. Darknet's words go to standard output
    as there, its layer table and our notes to standard error.
    """
    from yolov2.standin.darknet import run

    with options.refusals():
        kept = options.cache_folder(cache, no_cache=no_cache)
        return run(words, _voice(options.messages_of(ctx)), dialect=like, cache=kept, allow_urls=allow_urls)


def _voice(messages: Messages) -> Voice:
    """Standard output and error, and the lines of standard input."""
    from yolov2.standin.voice import Voice

    def ask(text: str) -> None:
        print(text, end="", flush=True)

    def say(text: str) -> None:
        print(text, flush=True)  # a script that reads along must not wait

    def note(text: str) -> None:
        messages.tell(f"{paint('note', YELLOW)}: {printable(text)}")

    def fail(text: str) -> None:
        messages.say(f"{paint('failed', RED)}: {printable(text)}")

    def lines() -> Iterator[str]:
        if sys.stdin is not None:  # closed by whoever started us
            for line in iter(sys.stdin.buffer.readline, b""):
                yield os.fsdecode(line.rstrip(b"\r\n"))

    return Voice(say=say, ask=ask, tell=messages.tell, note=note, fail=fail, lines=lines, interrupts=Interrupts)
