"""Where results go: the names of output files, and the folders and files that are not written over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from yolov2.detect.sources import Source
from yolov2.errors import OutputError
from yolov2.files import REFUSALS


def target_paths(folder: Path, sources: Sequence[Source]) -> dict[str, Path]:
    """By source: the annotated file that goes into `folder`."""
    return {source: folder / name for source, name in output_names(sources).items()}


def output_names(sources: Sequence[Source]) -> dict[str, Path]:
    """By source: the name of the annotated file, relative to the output folder. No two sources get the same.

    JPEG for everything but PNG; a second `a.jpg` becomes `a-2.jpg`.
    """
    names: dict[str, Path] = {}
    taken: set[str] = set()
    for source in sources:
        if source.error or str(source.path) in names:
            continue  # nothing to read; named twice, written once
        wanted = source.relative.with_suffix(_ending(source))
        name, count = wanted, 1
        while str(name).casefold() in taken:  # casefold: file systems of other platforms take A.jpg for a.jpg
            count += 1
            name = wanted.with_stem(f"{wanted.stem}-{count}")
        taken.add(str(name).casefold())
        names[str(source.path)] = name
    return names


def without_outputs(sources: Sequence[Source], folder: Path) -> list[Source]:
    """The sources without those that a folder argument found inside the output folder: left there by an earlier run."""
    home = Path(os.path.realpath(folder))

    def is_output(source: Source) -> bool:
        root = Path(os.path.realpath(source.path.parents[len(source.relative.parts) - 1]))
        path = Path(os.path.realpath(source.path))
        return len(source.relative.parts) > 1 and root in home.parents and home in path.parents

    return [source for source in sources if not is_output(source)]


def make_folder(path: Path) -> None:
    """The folder exists afterwards. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        said = "a file of that name" if isinstance(wrong, FileExistsError) else wrong.strerror or type(wrong).__name__
        unknown = (said, "a folder to write into", "choose another folder with -o")
        found, expected, repair = REFUSALS.get(wrong.errno or 0, unknown)
        raise OutputError.at(str(path), found=found, expected=expected, repair=repair) from None


def _ending(source: Source) -> str:
    if source.kind == "video":
        return ".mp4"
    return ".png" if source.path.suffix.lower() == ".png" else ".jpg"


def refuse_inputs(targets: Iterable[Path], sources: Sequence[Source]) -> None:
    inputs = {os.path.realpath(source.path) for source in sources}
    for target in targets:
        if os.path.realpath(target) in inputs:
            repair = "choose another folder with -o"
            raise OutputError.at(str(target), found="an input of this run", expected="a new file", repair=repair)


def refuse_existing(targets: Sequence[Path]) -> None:
    for target in targets:
        if os.path.lexists(target):
            found, repair = "results of an earlier run", "choose another folder with -o, or overwrite them with --force"
            raise OutputError.at(str(target), found=found, expected="a new file", repair=repair)
