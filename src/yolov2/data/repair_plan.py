"""What a repaired copy will hold: which pictures stay in which split, with what size, under which names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolov2.data.box_repair import Change
from yolov2.data.dataset import DataSet
from yolov2.data.doctor import Findings
from yolov2.data.folders import labels_inside
from yolov2.data.split_checks import atoms
from yolov2.errors import PictureError
from yolov2.pictures.read import picture_size
from yolov2.samples import Samples

LEFT_OUT = (  # faults for which a picture, a line of a list or a file is not in the copy
    *("picture-missing", "picture-unreadable", "picture-broken", "label-unreadable", "xml-broken"),
    *("listed-twice", "label-orphan"),
)

OF_FOLDERS = ("voc", "folders", "labelme")  # formats that a folder is opened as


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A repair before it is written."""

    data: Path  # what the data set was opened by
    dataset: DataSet
    parts: Mapping[str, Samples]
    kept: Mapping[str, tuple[str, ...]]  # by split, the pictures that stay in it
    sizes: Mapping[str, tuple[int, int]]  # (height, width) to state; not of a picture whose labels may count it lying
    spellings: Mapping[str, str]
    renamed: Mapping[str, str]  # missing files -> what they are called
    regained: Mapping[str, tuple[str, ...]]  # by split, pictures that it lists by a wrong name
    log: list[tuple[str, Change]] = field(default_factory=list[tuple[str, Change]])

    @property
    def pictures(self) -> frozenset[str]:
        """Those that stay in any split."""
        return frozenset(picture for pictures in self.kept.values() for picture in pictures)

    def annotated(self) -> Iterator[tuple[str, str, tuple[int, int]]]:
        """Picture, label file and size of each picture that stays, once: the decoded size, else the stated one."""
        seen: set[str] = set()
        stay = self.pictures
        for part in self.parts.values():
            for i, picture in enumerate(part.pictures):
                if picture in stay and picture not in seen:
                    seen.add(picture)
                    height, width = part.sizes[i].tolist()
                    yield picture, part.annotations[i], self.sizes.get(picture, (height, width))

    def note(self, file: str, changes: list[Change]) -> None:
        """Remember what was done to a file."""
        self.log.extend((file, change) for change in changes)


def header_size(picture: str) -> tuple[int, int] | None:
    """(height, width) of a picture that was not looked at so far; None where it has none."""
    try:
        return picture_size(Path(picture))
    except PictureError:
        return None


def plan_of(found: Findings) -> Plan:
    """What stays where. What an earlier split shows is left out of a later one; a sum of splits follows its parts."""
    facts = found.facts
    order = atoms(facts.parts)
    gone = {split: facts.broken | facts.leaks.get(split, set()) for split in facts.parts}
    kept = {split: tuple(one for one in facts.parts[split].pictures if one not in gone[split]) for split in order}
    stay = frozenset(one for pictures in kept.values() for one in pictures)
    leaked = frozenset(one for pictures in facts.leaks.values() for one in pictures)
    for split, part in facts.parts.items():
        if split not in kept:
            kept[split] = tuple(
                one for one in part.pictures if one not in facts.broken and (one in stay or one not in leaked)
            )
    sizes = {picture: size for picture, size in facts.sizes.items() if picture not in facts.lying}
    data = Path(found.summary.data)
    if facts.dataset.kind not in OF_FOLDERS and data.is_dir():  # a folder with one file that names what is in it
        data = labels_inside(data) or data
    plan = Plan(
        data,
        facts.dataset,
        facts.parts,
        kept,
        sizes,
        facts.spellings,
        facts.renamed,
        facts.regained,
    )
    for split, pictures in facts.leaks.items():
        for picture in sorted(pictures):
            code = "split-shared" if picture in stay else "split-duplicate"
            plan.note(picture, [Change(code, "", f"left it out of {split}")])
    for fault in found.faults:
        if fault.code in LEFT_OUT or (fault.code == "label-missing" and fault.is_error):
            plan.note(fault.where, [Change(fault.code, "", "left it out")])
        if fault.code == "name-case":
            plan.note(fault.where, [Change(fault.code, "", f"named it as it is: {os.path.basename(fault.expected)}")])
    return plan
