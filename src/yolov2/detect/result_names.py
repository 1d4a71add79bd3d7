"""Names of files that come many to a run: one a picture, a frame, a class or a box. No two things share one."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from itertools import repeat
from pathlib import Path

from yolov2.detect.outputs import output_names
from yolov2.detect.sources import Source
from yolov2.records import Detections

UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')  # in a name, somewhere; a slash everywhere
FRAME = re.compile(r"(.+)_\d{6,}", re.DOTALL)
LONGEST = 100  # bytes of a name that a class gives; file systems take 255, with what stands around it


def result_stems(sources: Sequence[Source]) -> dict[str, Path]:
    """By source: the name of its results below the output folder, without an ending. No two sources get the same."""
    names = output_names(sources)
    wanted = [str(name.with_suffix("")) for name in names.values()]
    # clip_000012.jpg beside clip.mp4, perhaps a frame of it: the frames of the video are then called clip-2_000012
    like_frames = {match[1].casefold() for stem in wanted if (match := FRAME.fullmatch(stem))}
    videos = [like_frames if name.suffix == ".mp4" else frozenset[str]() for name in names.values()]
    stems = unique(wanted, avoid=videos)
    return {source: Path(stem) for source, stem in zip(names, stems, strict=True)}


def stem_of(found: Detections, stems: dict[str, Path]) -> Path:
    """The name of this picture's results; a frame of a video has its number behind it, as in `clip_000012`."""
    stem = stems[found.source]
    return stem if found.frame_index is None else stem.with_name(f"{stem.name}_{found.frame_index:06d}")


def class_names(labels: Sequence[str]) -> list[str]:
    """By class id: the label as a name of a file or folder."""
    return unique([safe_name(label) for label in labels])


def safe_name(label: str) -> str:
    """The label as a name that every file system takes, the same where it is one already."""
    name = UNSAFE.sub("_", label).strip(". ")
    while len(name.encode("utf-8", "surrogateescape")) > LONGEST:
        name = name[:-1].rstrip(". ")
    return name or "_"


def unique(names: Sequence[str], *, avoid: Sequence[Set[str]] = ()) -> list[str]:
    """The names, where a second `a`, or an `A`, becomes `a-2`. `avoid`: for every name further ones that are taken."""
    given: list[str] = []
    taken: set[str] = set()
    for wanted, others in zip(names, avoid or repeat(frozenset[str]()), strict=False):
        name, count = wanted, 1
        while name.casefold() in taken or name.casefold() in others:  # casefold: elsewhere A.jpg and a.jpg are one file
            count += 1
            name = f"{wanted}-{count}"
        taken.add(name.casefold())
        given.append(name)
    return given
