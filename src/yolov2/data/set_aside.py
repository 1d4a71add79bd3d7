"""Boxes that are not to be trained on, beside Darknet's and Ultralytics' labels: difficult ones, and crowds.

Their label lines know no flags. So such boxes stand in label files of their own: those of photos/labels/1.txt in
photos/difficult/labels/1.txt and photos/crowd/labels/1.txt, where no other program takes them for objects.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yolov2.data.entry import CROWD, DIFFICULT
from yolov2.samples import COLUMNS, Samples

LABELS = "labels"
FOLDERS = {"difficult": DIFFICULT, "crowd": CROWD}  # name -> the flag of the boxes in it


def aside_paths(labels: Sequence[str], name: str) -> list[str] | None:
    """The label files of that name beside these; None where no folder of it is there."""
    paths = [_aside(label, name) for label in labels]
    return paths if any(map(os.path.isdir, {os.path.dirname(path) for path in paths})) else None


def _aside(label: str, name: str) -> str:
    """`x/labels/train/1.txt` -> `x/difficult/labels/train/1.txt`, and for `x/1.txt` `x/difficult/labels/1.txt`."""
    before, found, after = f"/{label}".rpartition(f"/{LABELS}/")
    if not found:
        before, _, after = f"/{label}".rpartition("/")
    return f"{before}/{name}/{LABELS}/{after}"[1:]


def put_together(parts: Sequence[Samples]) -> Samples:
    """The pictures of the first part, each with its boxes of all parts, one part after the other.

    Parts have the same pictures in the same order. `lines` are lines in the part's own label files.
    """
    first = parts[0]
    owners: NDArray[np.int64] = np.concatenate([part.rows for part in parts])
    order = np.argsort(owners, kind="stable")
    starts = np.zeros(len(first) + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=len(first)), out=starts[1:])
    columns = {name: np.concatenate([getattr(part, name) for part in parts])[order] for name in COLUMNS}
    return replace(first, starts=starts, **columns)
