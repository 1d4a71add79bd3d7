"""A COCO file and its pictures, repaired: annotations/NAME.json and images/SPLIT below one folder."""

import json
import os
from pathlib import Path
from typing import Any

from yolov2.data.coco_json import is_object
from yolov2.data.coco_repair import repair_document
from yolov2.data.copying import Draft
from yolov2.data.repair_plan import Plan


def repair_coco(plan: Plan, draft: Draft) -> str:
    """Write the copy; what it is opened by, within the folder."""
    document: dict[str, Any] = json.loads(plan.data.read_bytes())
    split, samples = next(iter(plan.parts.items()))
    stay = frozenset(plan.kept[split])
    pictures = {key: one for key, one in zip(samples.ids, samples.pictures, strict=True) if one in stay}
    regained = plan.regained.get(split, ())
    images: list[Any] = []
    for one in document["images"]:
        images.append(one)
        name: Any = one.get("file_name") if is_object(one) else None
        right = next((path for path in regained if isinstance(name, str) and _same(path, name)), None)
        if right is not None and str(one["id"]) not in pictures:
            pictures[str(one["id"])] = right
            images[-1] = one | {"file_name": os.path.join(os.path.dirname(name), os.path.basename(right))}
    mended, changes = repair_document(document | {"images": images}, pictures, plan.sizes, plan.spellings)
    for one in mended["images"]:
        one["file_name"] = _inside(one["file_name"])
        draft.keep(pictures[str(one["id"])], f"images/{split}/{one['file_name']}")
    name = f"annotations/{plan.data.name}"
    draft.write(name, json.dumps(mended, ensure_ascii=False).encode(errors="surrogatepass"))
    plan.note(str(plan.data), changes)
    return name


def _same(path: str, name: str) -> bool:
    """Whether a picture is the one that a wrong name means: case and ending do not count."""
    return Path(path).stem.casefold() == Path(name).stem.casefold()


def _inside(name: str) -> str:
    """The name below the copy's folder, also where it led out of the original's."""
    plain = os.path.normpath(name)
    return os.path.basename(plain) if plain.startswith("..") or os.path.isabs(plain) else plain
