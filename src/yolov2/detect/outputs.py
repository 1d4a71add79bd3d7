"""Where results go: the names of output files, and the folders and files that are not written over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from yolov2.detect.sources import Source
from yolov2.errors import OutputError
from yolov2.files import REFUSALS
from yolov2.pictures.streams import CAMERA
from yolov2.pictures.video import VIDEO_SUFFIXES

LONGEST_STREAM = 100  # characters of the name that an address gives


def target_paths(folder: Path, sources: Sequence[Source]) -> dict[str, Path]:
    """By source: the annotated file that goes into `folder`."""
    return {source: folder / name for source, name in output_names(sources).items()}


def output_names(sources: Sequence[Source]) -> dict[str, Path]:
    """By source: the name of the annotated file, relative to the output folder. No two sources get the same.

    JPEG for every picture but PNG; a second `a.jpg` becomes `a-2.jpg`. Of a camera or an address: `camera-0.mp4`.
    """
    names: dict[str, Path] = {}
    taken: set[str] = set()
    for source in sources:
        if source.error or source.name in names:
            continue  # nothing to read; named twice, written once
        wanted = _wanted(source)
        name, count = wanted, 1
        while str(name).casefold() in taken:  # casefold: file systems of other platforms take A.jpg for a.jpg
            count += 1
            name = wanted.with_stem(f"{wanted.stem}-{count}")
        taken.add(str(name).casefold())
        names[source.name] = name
    return names


def without_outputs(sources: Sequence[Source], folder: Path) -> list[Source]:
    """The sources without those that a folder argument found inside the output folder: left there by an earlier run."""
    home = Path(os.path.realpath(folder))

    def is_output(source: Source) -> bool:
        root = Path(os.path.realpath(source.path.parents[len(source.relative.parts) - 1]))
        path = Path(os.path.realpath(source.path))
        return len(source.relative.parts) > 1 and root in home.parents and home in path.parents

    return [source for source in sources if not (source.is_file and is_output(source))]


def make_folder(path: Path) -> None:
    """The folder exists afterwards. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        said = "a file of that name" if isinstance(wrong, FileExistsError) else wrong.strerror or type(wrong).__name__
        unknown = (said, "a folder to write into", "choose another folder with -o")
        found, expected, repair = REFUSALS.get(wrong.errno or 0, unknown)
        raise OutputError.at(str(path), found=found, expected=expected, repair=repair) from None


def _wanted(source: Source) -> Path:
    """The name of the annotated file before anybody else has it."""
    if source.kind in ("camera", "stream"):
        return Path(f"{_stream_name(source.name)}.mp4")
    ending = ".mp4" if source.kind == "video" else ".png" if source.relative.suffix.lower() == ".png" else ".jpg"
    return source.relative.with_suffix(ending)


def _stream_name(name: str) -> str:
    """`camera 0` -> camera-0; `rtsp://host:554/garden?x=1` -> rtsp-host-554-garden."""
    if device := CAMERA.fullmatch(name):
        return f"camera-{device[1]}"
    bare = name.partition("?")[0]
    stem, suffix = os.path.splitext(bare)
    words = re.findall(r"[A-Za-z0-9._]+", stem if suffix.lower() in VIDEO_SUFFIXES else bare)
    return "-".join(words)[:LONGEST_STREAM].strip(".-") or "stream"


def refuse_inputs(targets: Iterable[Path], sources: Sequence[Source]) -> None:
    inputs = {os.path.realpath(source.path) for source in sources if source.is_file}
    for target in targets:
        if os.path.realpath(target) in inputs:
            repair = "choose another folder with -o"
            raise OutputError.at(str(target), found="an input of this run", expected="a new file", repair=repair)


def refuse_existing(targets: Sequence[Path]) -> None:
    for target in targets:
        if os.path.lexists(target):
            found, repair = "results of an earlier run", "choose another folder with -o, or overwrite them with --force"
            raise OutputError.at(str(target), found=found, expected="a new file", repair=repair)
