"""Gathered -> Darknet's and Ultralytics' layout: labels/, a list for each split, and what names the lists.

Pictures are placed by convert.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.boxes import cxcywh_from_xyxy
from yolov2.data.gathered import Gathered, check_names
from yolov2.data.numbers import both_flags, odd_areas, plural, share
from yolov2.data.set_aside import LABELS
from yolov2.data.write_voc import data_root

PICTURES = "images"
DARKNET_ROLES = ("train", "valid")
ULTRALYTICS_ROLES = ("train", "val", "test")


def write_darknet(folder: Path, data: Gathered, *, name: str) -> list[str]:
    """Write labels, lists, NAME.names and NAME.data; a line for what has no place in them comes out.

    A .data file has a train and a valid; each further split has a .data file of its own. Darknet is to be run in the
    folder, where the lists start. Raises LabelError.
    """
    notes = _write_labels(folder, data, prefix="")
    (folder / f"{name}.names").write_text("".join(f"{one}\n" for one in data.classes), "utf-8")
    has_difficult = bool((data.samples.difficult & ~data.samples.crowd).any())
    for more, roles in arranged(list(data.splits), DARKNET_ROLES):
        lines = [f"classes = {len(data.classes)}", *(f"{role} = {split}.txt" for role, split in roles.items())]
        lines.append(f"names = {name}.names")
        measured = roles.get("valid")
        if has_difficult and measured:  # AlexeyAB's `map` leaves these out of its count
            lines.append(f"difficult = {measured}-difficult.txt")
            texts = [f"difficult/{PICTURES}/{data.names[i]}\n" for i in data.splits[measured].tolist()]
            (folder / f"{measured}-difficult.txt").write_text("".join(texts), "utf-8")
        (folder / f"{name}{more}.data").write_text("\n".join([*lines, "backup = .", ""]), "utf-8")
    return notes


def write_ultralytics(folder: Path, data: Gathered) -> list[str]:
    """Write labels, lists and data.yaml; a line for what has no place in them comes out. Raises LabelError.

    Each split that is neither train, val nor test has a data-SPLIT.yaml of its own.
    """
    notes = _write_labels(folder, data, prefix="./")  # by the dot Ultralytics knows a path that starts at the list
    for more, roles in arranged(list(data.splits), ULTRALYTICS_ROLES):
        lines = [f"{role}: {_quoted(f'{split}.txt')}" for role, split in roles.items()]
        lines += ["names:", *(f"  {i}: {_quoted(one)}" for i, one in enumerate(data.classes)), ""]
        (folder / f"data{more}.yaml").write_text("\n".join(lines), "utf-8")
    return notes


def arranged(splits: Sequence[str], roles: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """The files that name the splits: what each has behind its name, and by role the split.

    The first file has all roles that a split's name begins with; every other split has a file of its own, as the one
    to train on or to measure on.
    """
    main: dict[str, str] = {}
    for role in roles:
        stem = role.removesuffix("id")
        fits = [split for split in splits if split.lower().startswith(stem)]
        if fits:
            main[role] = role if role in fits else stem if stem in fits else fits[0]
    files = [("", main)] if main else []
    for split in splits:
        if split not in main.values():
            role = roles[1] if split.lower().startswith(("val", "test")) else roles[0]
            files.append((f"-{split}" if files else "", {role: split}))
    return files


def _write_labels(folder: Path, data: Gathered, *, prefix: str) -> list[str]:
    check_names(data.classes, where=data_root(data))
    samples = data.samples
    is_aside = {"difficult": samples.difficult & ~samples.crowd, "crowd": samples.crowd}
    kinds = {"": ~(samples.difficult | samples.crowd)} | {kind: rows for kind, rows in is_aside.items() if rows.any()}
    for kind, rows in kinds.items():
        home = folder / kind / LABELS
        home.mkdir(parents=True)
        _write_lines(home, data, rows)
    for split, chosen in data.splits.items():
        lines = "".join(f"{prefix}{PICTURES}/{data.names[i]}\n" for i in chosen.tolist())
        (folder / f"{split}.txt").write_text(lines, "utf-8")
    return [*_aside(is_aside), *both_flags(samples), *odd_areas(samples)]


def _aside(rows_of: dict[str, NDArray[np.bool_]]) -> list[str]:
    nouns = {"difficult": ("difficult box", "difficult boxes"), "crowd": ("crowd", "crowds")}
    counts = {kind: int(rows.sum()) for kind, rows in rows_of.items()}
    told = "where no program takes them for objects"
    return [f"{plural(n, *nouns[kind])} put into {kind}/{LABELS}, {told}" for kind, n in counts.items() if n]


def _write_lines(home: Path, data: Gathered, rows: NDArray[np.bool_]) -> None:
    """A label file for each picture with its boxes of the mask (R,), empty where there is none."""
    samples = data.samples
    scale = data.sizes[:, [1, 0, 1, 0]][samples.rows]
    numbers = cxcywh_from_xyxy(samples.boxes) / np.maximum(scale, 1)
    lines = [
        f"{class_id} {' '.join(map(share, row))}\n" if is_meant else ""
        for class_id, row, is_meant in zip(samples.class_ids.tolist(), numbers.tolist(), rows.tolist(), strict=True)
    ]
    starts: list[int] = samples.starts.tolist()
    for stem, start, end in zip(data.stems, starts[:-1], starts[1:], strict=True):
        (home / f"{stem}.txt").write_text("".join(lines[start:end]), "utf-8")


def _quoted(text: str) -> str:
    """Double quotes of YAML, which for names in one line are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
