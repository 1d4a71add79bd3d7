"""Pictures with a class each, repaired: class folders or a list without what does not decode."""

import os

from yolov2.data.copying import Draft
from yolov2.data.repair_labelled import relative_names
from yolov2.data.repair_plan import Plan
from yolov2.samples import UNKNOWN


def repair_folders(plan: Plan, draft: Draft) -> str:
    """Write the copy; what it is opened by, within the folder."""
    for picture in sorted(plan.pictures):
        draft.keep(picture, os.path.relpath(picture, plan.dataset.root))
    return ""


def repair_list(plan: Plan, draft: Draft) -> str:
    """Write the copy; what it is opened by, within the folder. Classes stand in it by name."""
    split, samples = next(iter(plan.parts.items()))
    stay = frozenset(plan.kept[split])
    names = relative_names([one for one in samples.pictures if one in stay], plan.dataset.root)
    lines: list[str] = []
    for picture, label in zip(samples.pictures, samples.labels, strict=True):
        if picture in stay and label != UNKNOWN:
            written = plan.dataset.classes[int(label)]
            draft.keep(picture, names[picture])
            lines.append(f"{names[picture]} {plan.spellings.get(written, written)}\n")
    draft.write(plan.data.name, "".join(lines).encode(errors="surrogateescape"))
    return plan.data.name
