"""`yolov2 data`: the tools for data sets. Knows its commands by name; each loads its file when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

from yolov2.cli import options

COMMANDS = {
    "check": "yolov2.cli.data_check:check",
    "convert": "yolov2.cli.data_convert:convert",
    "show": "yolov2.cli.data_show:show",
    "stats": "yolov2.cli.data_stats:stats",
}


class Tools(click.Group):
    """The commands of `yolov2 data`, each from its file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name)


EPILOG = """
\b
Examples:
  yolov2 data check my.data                      every bad label by file and line
  yolov2 data check VOC2007 --fix repaired       a repaired copy, and what was done
  yolov2 data convert VOC2007 out --to coco      another format, without loss
  yolov2 data show my.data -o look               pictures with their boxes drawn
  yolov2 data stats my.data                      counts, sizes and shapes
"""


@click.group(cls=Tools, epilog=EPILOG)
@options.messages
def data() -> None:
    """Check data sets, and what else is done with them before training.

    DATA is a VOC folder, a COCO .json, a Darknet .data, an Ultralytics data.yaml, a folder of class folders or a list
    of classes, with @SPLIT behind it for one split, as in VOC2007@val.
    """
