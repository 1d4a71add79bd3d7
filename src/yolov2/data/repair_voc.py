"""A VOC folder, repaired: lists without what is gone, annotations mended, everything else as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from yolov2.data.copying import Draft
from yolov2.data.lists import read_list
from yolov2.data.pictures import is_picture
from yolov2.data.repair_plan import Plan, header_size
from yolov2.data.voc_xml_repair import repair_annotation

FOLDERS = ("Annotations", "JPEGImages", "ImageSets")


def repair_voc(plan: Plan, draft: Draft) -> str:
    """Write the copy; what it is opened by, within the folder."""
    root = plan.dataset.root
    names = _right_stems(plan)
    used = _write_lists(plan, draft, names)
    by_stem: dict[str, tuple[str, str, tuple[int, int] | None]] = {
        Path(annotation).stem: (picture, annotation, size) for picture, annotation, size in plan.annotated()
    }
    for wrong, right in plan.renamed.items():
        stem = names.get(Path(wrong).stem, Path(wrong).stem)
        picture = right if is_picture(right) else next(map(str, sorted((root / "JPEGImages").glob(f"{stem}.*"))), "")
        by_stem.setdefault(stem, (picture, str(root / "Annotations" / f"{stem}.xml"), header_size(picture)))
    for stem, (picture, annotation, size) in by_stem.items():
        if used is None or stem in used:
            is_known = picture in plan.sizes or picture in plan.renamed.values()
            _write_one(plan, draft, stem, picture, annotation, size if is_known else None)
    _keep_rest(plan, draft)
    return ""


def _right_stems(plan: Plan) -> Mapping[str, str]:
    """The stems of annotations that lists name wrongly, with the right ones."""
    pairs = [(Path(wrong), Path(right)) for wrong, right in plan.renamed.items()]
    return {wrong.stem: right.stem for wrong, right in pairs if wrong.suffix.lower() == ".xml"}


def _write_lists(plan: Plan, draft: Draft, names: Mapping[str, str]) -> set[str] | None:
    """Write the lists; the stems that are in any, None where there is no list."""
    folder = plan.dataset.root / "ImageSets" / "Main"
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    stems = {
        split: {part.ids[i] for i, one in enumerate(part.pictures) if one in set(plan.kept[split])}
        for split, part in plan.parts.items()
    }
    every = set[str]().union(*stems.values())
    more = set(names.values()) | {Path(wrong).stem for wrong in plan.renamed if is_picture(wrong)}
    used: set[str] = set()
    for file in files:
        split = file.stem if file.stem in stems else file.stem.rpartition("_")[2]
        allowed = stems.get(split, every) | more
        lines = [line.text for line in read_list(file)]
        kept: dict[str, str] = {}
        for text in lines:
            stem = text if text in allowed or text in names else text.rpartition(" ")[0].strip() or text
            right = names.get(stem, stem)
            if right in allowed:
                kept.setdefault(right, right + text[len(stem) :])
        used |= set(kept)
        name = f"ImageSets/Main/{file.name}"
        if list(kept.values()) == lines:
            draft.keep(file, name)
        else:
            draft.write(name, "".join(f"{text}\n" for text in kept.values()).encode(errors="surrogateescape"))
    return used if files else None


def _write_one(
    plan: Plan, draft: Draft, stem: str, picture: str, annotation: str, size: tuple[int, int] | None
) -> None:
    data = Path(annotation).read_bytes()
    mended, changes = repair_annotation(data, size, plan.spellings)
    name = f"Annotations/{os.path.basename(annotation)}"
    if changes:
        draft.write(name, mended)
        plan.note(annotation, changes)
    else:
        draft.keep(annotation, name)
    draft.keep(picture, f"JPEGImages/{stem}{os.path.splitext(picture)[1]}")


def _keep_rest(plan: Plan, draft: Draft) -> None:
    """All that the doctor does not look into: other folders, and pictures that no list has."""
    root = plan.dataset.root
    known = {picture for part in plan.parts.values() for picture in part.pictures} | set(plan.renamed.values())
    broken = {file for file, change in plan.log if change.code in ("xml-broken", "label-unreadable")}
    for path in sorted((root / "JPEGImages").iterdir()):
        label = root / "Annotations" / f"{path.stem}.xml"
        if str(path) not in known and label.is_file() and not any(one.startswith(str(label)) for one in broken):
            draft.keep(path, f"JPEGImages/{path.name}")
            draft.keep(label, f"Annotations/{label.name}")
    for path in sorted(root.iterdir()):
        if path.name not in FOLDERS:
            draft.keep(path, path.name)
    sets = root / "ImageSets"
    for path in sorted(sets.iterdir()) if sets.is_dir() else ():
        if path.name != "Main":
            draft.keep(path, f"ImageSets/{path.name}")
