"""--fix: a repaired copy of a data set, and a list of all that was done. The original is only read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from yolov2.data.catalogue import rank
from yolov2.data.copying import Draft, drafted
from yolov2.data.doctor import Findings
from yolov2.data.repair_coco import repair_coco
from yolov2.data.repair_folders import repair_folders, repair_list
from yolov2.data.repair_labelled import repair_darknet, repair_ultralytics
from yolov2.data.repair_plan import Plan, plan_of
from yolov2.data.repair_voc import repair_voc
from yolov2.errors import LabelError, printable

LOG = "repairs.jsonl"
REPAIRERS: dict[str, Callable[[Plan, Draft], str]] = {
    "voc": repair_voc,
    "coco": repair_coco,
    "darknet": repair_darknet,
    "ultralytics": repair_ultralytics,
    "folders": repair_folders,
    "list": repair_list,
}


@dataclass(frozen=True, slots=True)
class Repairs:
    """What a repair did."""

    data: Path  # what the copy is opened by
    log: Path  # a line of JSON for each repair: code, where, done
    counts: Mapping[str, int]  # repairs by code, the worst first
    left: Mapping[str, int]  # faults that stay as they are, by code


def repair(found: Findings, folder: str | Path, *, copy: bool = False) -> Repairs:
    """Write a repaired copy of the data set that the findings are of into a new folder; it appears whole or not at all.

    Files that need no repair are relative links; copy: copies. Raises OutputError for a folder that has files, and
    LabelError for a single split: the copy is of a whole data set.
    """
    folder = Path(folder)
    dataset = found.facts.dataset
    if dataset.chosen is not None:
        said = f"the split {printable(dataset.chosen)} alone"
        repair = "leave out the @ and what follows"
        raise LabelError.at(
            printable(found.summary.data), found=said, expected="a whole data set to repair", repair=repair
        )
    plan = plan_of(found)
    with drafted(folder, copy=copy) as draft:
        name = REPAIRERS[dataset.kind](plan, draft)
        rows = [{"code": one.code, "where": _where(file, one.place), "done": one.done} for file, one in plan.log]
        rows.sort(key=lambda row: rank(row["code"]))
        draft.write(LOG, "".join(json.dumps(row) + "\n" for row in rows).encode())
    done = Counter(row["code"] for row in rows)
    gone = _gone(plan)
    stay = (fault for fault in found.faults if gone.isdisjoint((fault.where, fault.where.rpartition(":")[0])))
    left = Counter(fault.code for fault in stay if fault.code not in done)
    return Repairs(folder / name if name else folder, folder / LOG, _ranked(done), _ranked(left))


def _gone(plan: Plan) -> frozenset[str]:
    """The pictures that are left out, with their label files: what is wrong with these is no longer there."""
    kept, gone, stay = set[str](), set[str](), plan.pictures
    for part in plan.parts.values():
        for picture, annotation in zip(part.pictures, part.annotations, strict=True):
            (kept if picture in stay else gone).update((picture, annotation))
    return frozenset(gone - kept)


def _where(file: str, place: str) -> str:
    return f"{printable(file)}:{place}" if place else printable(file)


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return {code: counts[code] for code in sorted(counts, key=rank)}
