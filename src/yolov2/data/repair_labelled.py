"""A Darknet .data or Ultralytics data.yaml, repaired: a list for each split, pictures and label files beside them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from yolov2.data.box_repair import Change
from yolov2.data.copying import Draft
from yolov2.data.label_paths import FOLDERS, label_path
from yolov2.data.label_txt_repair import repair_lines
from yolov2.data.repair_plan import Plan, header_size

OPTION = re.compile(r"^\s*(\w+)\s*=")
KEY = re.compile(r"^([A-Za-z_]\w*)\s*:")


def repair_darknet(plan: Plan, draft: Draft) -> str:
    """Write the copy; what it is opened by, within the folder."""
    lists = _write_lists(plan, draft, prefix="")
    text = plan.data.read_bytes().decode(errors="surrogateescape")
    lines = text.splitlines()
    names = next((line.partition("=")[2].strip() for line in lines if _option(line) == "names"), "")
    puts = {split: f"{split}={name}" for split, name in lists.items()}
    if names:
        own = os.path.basename(names)
        draft.write(own, "".join(f"{name}\n" for name in _names(plan)).encode())
        puts["names"] = f"names={own}"
    new = [puts.get(_option(line), line) for line in lines]
    draft.write(plan.data.name, "".join(f"{line}\n" for line in new).encode(errors="surrogateescape"))
    return plan.data.name


def repair_ultralytics(plan: Plan, draft: Draft) -> str:
    """Write the copy; what it is opened by, within the folder."""
    lists = _write_lists(plan, draft, prefix="./")  # Ultralytics starts such paths at the list's own folder
    puts = {"path": "path: ."} | {split: f"{split}: {name}" for split, name in lists.items()}
    if any(name in plan.spellings for name in plan.dataset.classes):
        puts["names"] = "names:\n" + "\n".join(f"  {i}: {json.dumps(name)}" for i, name in enumerate(_names(plan)))
    lines: list[str] = []
    is_replaced = False
    for line in plan.data.read_bytes().decode(errors="surrogateescape").splitlines():
        key = KEY.match(line)
        if key is not None:
            is_replaced = key[1] in puts
            lines += [puts.pop(key[1])] if is_replaced else []
        elif line[:1] not in (" ", "\t", "-", "#", "", "]", "}"):
            is_replaced = False
        if not is_replaced:
            lines.append(line)
    lines += [put for key, put in puts.items() if key != "path"]
    draft.write(plan.data.name, "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
    return plan.data.name


def relative_names(pictures: Sequence[str], root: Path) -> dict[str, str]:
    """What each picture is called in the copy: as it lies below the data set's folder, else below what all have."""
    if not pictures:
        return {}
    places = {picture: os.path.abspath(picture) for picture in pictures}
    base = os.path.abspath(root)
    if any(not place.startswith(base + os.sep) for place in places.values()):
        base = os.path.commonpath([os.path.dirname(place) for place in places.values()])
        parts = base.split(os.sep)
        inside = [i for i, part in enumerate(parts) if part in FOLDERS]
        base = os.sep.join(parts[: inside[-1]] if inside else parts) or os.sep  # images/ is to be seen in the copy
    return {picture: os.path.relpath(place, base) for picture, place in places.items()}


def _write_lists(plan: Plan, draft: Draft, *, prefix: str) -> Mapping[str, str]:
    """Write lists, labels and pictures; the list of each split."""
    regained = dict.fromkeys(one for pictures in plan.regained.values() for one in pictures)
    labelled = [*plan.annotated(), *((one, label_path(one), header_size(one)) for one in regained)]
    names = relative_names([picture for picture, _, _ in labelled], plan.dataset.root)
    for picture, label, size in labelled:
        _write_one(plan, draft, picture, plan.renamed.get(label, label), size, names[picture])
    lists: dict[str, str] = {}
    for split, pictures in plan.kept.items():
        lists[split] = f"{split}.txt"
        listed = dict.fromkeys((*pictures, *plan.regained.get(split, ())))
        text = "".join(f"{prefix}{names[one]}\n" for one in listed)
        draft.write(lists[split], text.encode(errors="surrogateescape"))
    return lists


def _write_one(plan: Plan, draft: Draft, picture: str, label: str, size: tuple[int, int] | None, name: str) -> None:
    draft.keep(picture, name)
    target = label_path(name)
    if not os.path.isfile(label):
        draft.write(target, b"")
        plan.note(picture, [Change("label-missing", "", "wrote an empty label file")])
        return
    if size is None:
        draft.keep(label, target)
        return
    data, changes = repair_lines(Path(label).read_bytes(), size, polygons=plan.dataset.kind == "ultralytics")
    if changes:
        draft.write(target, data)
        plan.note(label, changes)
    else:
        draft.keep(label, target)


def _names(plan: Plan) -> list[str]:
    """The classes by their right names; lists that go by number keep their order and their twins."""
    return [plan.spellings.get(name, name) for name in plan.dataset.classes]


def _option(line: str) -> str:
    found = OPTION.match(line)
    return found[1] if found else ""
