"""A folder of many files that appears whole or not at all; files.py does the same for one file."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from yolov2.errors import OutputError, printable
from yolov2.files import refusal


@contextmanager
def write_whole_folder(path: Path, *, force: bool = False) -> Generator[Path]:
    """An empty folder to write into, which becomes `path` once the block has ended well.

    A folder that is there must be empty; with `force` files of the same names are replaced in it and others stay.
    Whatever ends the run, nothing half done is left. The disk is not waited for, which write_whole does at each file:
    a hundred thousand of them would take an hour, so after a power cut the folder is to be written anew.
    Raises OutputError.
    """
    refuse_existing(path, force=force)
    target = Path(os.path.realpath(path))
    draft = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        draft.mkdir(parents=True)
    except OSError as wrong:
        raise refusal(path, wrong) from None
    try:
        yield draft
        if target.exists():
            _move_into(draft, target)
        else:
            draft.rename(target)
    except OSError as wrong:
        inside = None if wrong.filename is None else Path(os.fsdecode(wrong.filename))
        is_ours = inside is None or inside.is_relative_to(draft) or inside.is_relative_to(target)
        if not is_ours:
            raise
        shown = path if inside is None or not inside.is_relative_to(draft) else path / inside.relative_to(draft)
        raise refusal(shown, wrong) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise OutputError for a file in place of the folder and, without `force`, for a folder that is not empty."""
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise OutputError.at(printable(path), found="a file", expected="a new folder", repair="choose another name")
    try:
        is_empty = not any(path.iterdir())
    except OSError as wrong:
        raise refusal(path, wrong) from None
    if not (force or is_empty):
        repair = "choose another one, or write into it with --force: files of the same names are replaced, others stay"
        raise OutputError.at(printable(path), found="a folder with files", expected="a new one", repair=repair)


def _move_into(draft: Path, target: Path) -> None:
    for here, folders, names in os.walk(draft):
        inside = target / Path(here).relative_to(draft)
        inside.mkdir(exist_ok=True)
        folders.sort()
        for name in sorted(names):
            os.replace(os.path.join(here, name), inside / name)
