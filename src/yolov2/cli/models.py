"""`yolov2 models`: which models are known by name, where they lie, and their download."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from yolov2.cli import options, values
from yolov2.cli.status import DONE, SOME_FAILED
from yolov2.cli.terminal import DIM, RED, Messages, Meter, columns, counted, paint
from yolov2.errors import ModelError, Yolov2Error, printable

if TYPE_CHECKING:
    from pathlib import Path

    from yolov2.zoo.registry import ModelEntry

MB = 1_000_000
EPILOG = """
\b
Examples:
  yolov2 models list
  yolov2 models pull yolov2-tiny              goes on where an earlier run stopped
  yolov2 models pull yolov2 --from https://example.org/weights
  yolov2 models path yolov2-tiny              for scripts
  yolov2 detect street.jpg -m yolov2-tiny

\b
Exit status: 0 done; 1 some were not pulled or have a wrong length, each is named; 2 nothing could start;
130 interrupted.
"""

cache = click.option(
    "--cache", metavar="DIR", type=values.Place(file_okay=False),
    help="The folder of pulled files. [the platform's cache folder]",
)  # fmt: skip


@click.group(epilog=EPILOG)
@options.messages
def models() -> None:
    """List and download models that are known by name.

    Nothing else here downloads anything.
    """


@models.command("list")
@options.as_json
@cache
@options.messages
def list_models(as_json: bool, cache: Path | None) -> int:
    """List the models known by name, and which of them lie on this machine."""
    from yolov2.zoo.registry import ENTRIES, default_cache

    folder = default_cache() if cache is None else cache
    rows = [_row(entry, folder) for entry in ENTRIES]
    if as_json:
        print(json.dumps(rows, indent=2))
        return DONE
    table = [
        (row["name"], f"{row['bytes'][0] / MB:.0f} MB", _state(entry, row, folder), row["about"])
        for entry, row in zip(ENTRIES, rows, strict=True)
    ]
    print("\n".join(columns(table, align="<><<")))
    print(paint(f"in {printable(str(folder))}", DIM))
    return DONE


@models.command
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--from", "mirror", metavar="ADDRESS", help="A web folder that has the files under the same names.")
@cache
@options.messages
@click.pass_context
def pull(ctx: click.Context, names: tuple[str, ...], mirror: str | None, cache: Path | None) -> int:
    """Download models, or go on with what was begun.

    Every file is checked against its network. A file that was put into the cache folder by hand is as good.
    """
    messages = options.messages_of(ctx)
    failed = False
    for entry in [_entry(name) for name in dict.fromkeys(names)]:
        try:
            _pull(entry, mirror, cache, messages)
        except Yolov2Error as refusal:
            failed = True
            messages.say(f"{paint('failed', RED)}: {printable(f'{entry.name}: {refusal}')}")
    return SOME_FAILED if failed else DONE


@models.command
@click.argument("name", metavar="[NAME]", required=False)
@cache
@options.messages
@click.pass_context
def path(ctx: click.Context, name: str | None, cache: Path | None) -> int:
    """Print where the weights of a model lie; without NAME, the cache folder."""
    from yolov2.zoo import registry as zoo

    if name is None:
        print(zoo.default_cache() if cache is None else cache)
        return DONE
    entry = _entry(name)
    weights = zoo.files(entry, cache=cache).weights
    if weights is None:
        raise zoo.not_pulled(entry, cache=cache)
    wrong = _wrong_length(entry, weights.parent)
    if wrong is not None:
        expected = f"{' or '.join(f'{length:,}' for length in zoo.lengths(entry.build()))} bytes"
        repair = f"remove it and run: yolov2 models pull {entry.name}"
        refusal = ModelError.at(str(weights), found=f"{wrong:,} bytes", expected=expected, repair=repair)
        options.messages_of(ctx).say(f"{paint('failed', RED)}: {printable(str(refusal))}")
        return SOME_FAILED
    print(weights)
    return DONE


def _pull(entry: ModelEntry, mirror: str | None, cache: Path | None, messages: Messages) -> None:
    from yolov2.zoo import registry as zoo

    with _Bar(messages) as bar:
        found = zoo.pull(entry, cache=cache, mirror=mirror, on_progress=bar.show)
    messages.tell(f"{entry.name}: {printable(str(found.weights))}")


class _Bar:
    """One meter a file, in MB that still have to come, so that its rate is that of this run."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._file: str | None = None
        self._meter: Meter | None = None
        self._start = 0  # bytes that were here before

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._meter is not None:
            self._meter.__exit__(None, None, None)
        self._meter = None

    def show(self, file: str, done: int, total: int | None) -> None:
        if file != self._file:
            self._begin(file, done, total)
        assert self._meter is not None
        while (self._meter.done + 1) * MB <= done - self._start:
            self._meter.advance()

    def _begin(self, file: str, done: int, total: int | None) -> None:
        self.__exit__()
        length = "" if total is None or total < MB else f" of {total / MB:.0f} MB"
        self._messages.tell(f"downloading {file}{length}{f', {done / MB:.0f} MB are here' if done >= MB else ''}")
        self._file, self._start = file, done
        left = None if total is None else (total - done) // MB
        self._meter = Meter(left, "MB", "MB", shown=self._messages.verbosity >= 0).__enter__()


def _entry(name: str) -> ModelEntry:
    """The model of that name. Raises ModelError."""
    from yolov2.zoo.registry import ZOO, locate

    entry = locate(name)
    if entry is None:
        expected = f"one of {', '.join(ZOO)}"
        raise ModelError.at("models", found=printable(name), expected=expected, repair="correct the name")
    return entry


def _row(entry: ModelEntry, cache: Path) -> dict[str, Any]:
    """What is known of a model and of its files."""
    from yolov2.checkpoint.file import read_network
    from yolov2.zoo.registry import lengths

    bundled = entry.bundled
    network = entry.build() if bundled is None else read_network(bundled)
    return {
        "name": entry.name,
        "about": entry.about,
        "input": [network.input.channels, network.input.height, network.input.width],
        "bytes": list(lengths(network)) if bundled is None else [bundled.stat().st_size],
        "url": entry.address(entry.weights_file) if bundled is None else None,
        "path": str(bundled or cache / entry.weights_file),
        "missing": [file for file in entry.file_names if not (cache / file).is_file()],
        "wrong_length": _wrong_length(entry, cache),
    }


def _wrong_length(entry: ModelEntry, cache: Path) -> int | None:
    """The bytes of the weights that lie here, if its network can't have so many. Of a bundled one its seal tells."""
    from yolov2.zoo.registry import lengths

    if entry.bundled is not None:
        return None
    path = cache / entry.weights_file
    if not path.is_file() or path.stat().st_size in lengths(entry.build()):
        return None
    return path.stat().st_size


def _state(entry: ModelEntry, row: dict[str, Any], cache: Path) -> str:
    """How much of a model lies on this machine."""
    if row["wrong_length"] is not None:
        return f"wrong length ({counted(row['wrong_length'], 'byte')})"
    if not row["missing"]:
        return "here"
    part = cache / f"{entry.weights_file}.part"
    if part.is_file():
        return f"{100 * part.stat().st_size // row['bytes'][0]} % here"
    there = entry.weights_file not in row["missing"]
    return f"without {', '.join(row['missing'])}" if there else "not here"
