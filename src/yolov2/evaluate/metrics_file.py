"""metrics.json: the numbers of an Evaluation for programs, written, read back, and set beside those of another run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from yolov2 import __version__
from yolov2.errors import FormatError, printable
from yolov2.evaluate.curves import Threshold
from yolov2.files import write_whole

if TYPE_CHECKING:
    from yolov2.evaluate.evaluation import Evaluation

NAME = "metrics.json"
FORMAT, FORMAT_VERSION = "yolov2 metrics", 1
LARGEST = 64 * 2**20  # bytes
BACKGROUND = "background"

RULES = {
    "voc07": "IoU 0.5 by inclusive pixels, 11 points; difficult objects count neither way",
    "voc12": "IoU 0.5 by inclusive pixels, the whole area; difficult objects count neither way",
    "coco": "IoU 0.50 to 0.95, 101 points, 100 boxes a picture; crowds left out, difficult objects not",
    "recall": "objects overlapped by more than 0.5, whatever the class; difficult ones left out",
}
TOTALS = {  # what two runs are compared by
    "VOC 2007 mAP": ("voc07", "map"),
    "VOC 2012 mAP": ("voc12", "map"),
    "COCO AP": ("coco", "ap"),
    "COCO AP50": ("coco", "ap50"),
    "COCO AP75": ("coco", "ap75"),
    "recall": ("recall", "recall"),
}
PER_CLASS = ("voc07", "voc12", "coco")


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a metrics.json says. Its numbers are from 0 to 1; None: nothing to find."""

    path: Path
    said: Mapping[str, Any]

    def total(self, name: str) -> float | None:
        """One of TOTALS."""
        group, key = TOTALS[name]
        return self.said[group].get(key)

    def of_class(self, name: str, group: str) -> float | None:
        """The AP of a class by one of PER_CLASS; None also where the run did not count it."""
        return self.said[group]["per_class"].get(name)


@dataclass(frozen=True, slots=True)
class Change:
    """One number before and now."""

    name: str
    before: float | None
    now: float | None

    @property
    def by(self) -> float | None:
        """How much more it is now."""
        return None if self.before is None or self.now is None else self.now - self.before


@dataclass(frozen=True, slots=True)
class Changes:
    """This run beside an earlier one."""

    before: Metrics
    totals: tuple[Change, ...]
    per_class: Mapping[str, tuple[Change, ...]]  # by PER_CLASS: a change a class
    notes: tuple[str, ...]  # why the two are not quite comparable

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        groups = {group: {one.name: one.by for one in rows} for group, rows in self.per_class.items()}
        return {
            "with": str(self.before.path),
            "totals": {one.name: {"before": one.before, "now": one.now, "by": one.by} for one in self.totals},
            "per_class": groups,
            "notes": list(self.notes),
        }


def metrics_of(run: Evaluation) -> dict[str, Any]:
    """The JSON shape of all numbers of a run."""
    names = run.names
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "model": None if run.model is None else dict(run.model),
        "data": {"name": run.truth.data, "kind": run.truth.kind, "split": run.truth.split},
        "pictures": len(run.truth.samples),
        "failed": [{"source": one.source, "error": one.error} for one in run.failures],
        "objects": dict(zip(names, run.voc07.truths.tolist(), strict=True)),
        "difficult": int(run.truths.difficult.sum()),
        "crowd": int(run.truths.crowd.sum()),
        "detections": len(run.results),
        "voc07": run.voc07.to_dict(names),
        "voc12": run.voc12.to_dict(names),
        "coco": run.coco.to_dict(names),
        "recall": {
            "recall": run.recall.recall,
            "mean_iou": run.recall.mean_iou,
            "boxes_per_picture": run.recall.proposals,
        },
        "thresholds": dict(zip(names, map(_threshold, run.thresholds), strict=True)),
        "confusion": {"classes": [*names, BACKGROUND], "table": run.confusion.tolist()},
        "calibration": _calibration(run),
        "classes": {
            "renamed": dict(run.classes.renamed),
            "only_in_data": list(run.classes.only_data),
            "only_in_model": list(run.classes.only_model),
        },
        "settings": dict(run.settings),
        "rules": RULES,
    }


def write_metrics(path: str | Path, run: Evaluation) -> None:
    """Write metrics.json, whole or not at all. Raises OutputError."""
    with write_whole(path) as file:
        file.write(json.dumps(metrics_of(run), indent=1, ensure_ascii=False).encode("utf-8", "surrogateescape"))
        file.write(b"\n")


def read_metrics(path: str | Path) -> Metrics:
    """The metrics of an earlier run, from metrics.json or its folder. Raises FormatError for anything else."""
    path = Path(path)
    path = path / NAME if path.is_dir() else path
    where = printable(path)
    try:
        with path.open("rb") as file:
            said: Any = json.loads(file.read(LARGEST))
    except OSError as wrong:
        found, repair = f"a file that can't be read ({wrong.strerror})", "name the folder or the metrics.json of a run"
        raise FormatError.at(where, found=found, expected="metrics of `yolov2 eval`", repair=repair) from None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or cast("dict[str, Any]", said).get("format") != FORMAT:
        raise _no_metrics(where, "another file")
    known = cast("dict[str, Any]", said)
    version = known.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        repair = "install a newer yolov2"
        raise FormatError.at(
            where, found=f"format version {version}", expected=f"at most {FORMAT_VERSION}", repair=repair
        )
    _check_numbers(where, known)
    return Metrics(path, known)


def compare_runs(run: Evaluation, before: Metrics) -> Changes:
    """The numbers of a run beside those of an earlier one, over the classes of this one."""
    now = Metrics(Path(), metrics_of(run))
    totals = tuple(Change(name, before.total(name), now.total(name)) for name in TOTALS)
    per_class = {
        group: tuple(Change(name, before.of_class(name, group), now.of_class(name, group)) for name in run.names)
        for group in PER_CLASS
    }
    return Changes(before, totals, per_class, tuple(_differences(now.said, before.said)))


def _differences(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """In what two runs differ beside the model, in words."""
    notes = [f"{what} {then} then, {this} now" for what, then, this in _other_data(now, before) if then != this]
    if now["pictures"] != before["pictures"]:
        notes.append(f"{before['pictures']:,} pictures then, {now['pictures']:,} now")
    elif now["objects"] != before["objects"]:
        notes.append("other classes or other objects than then")
    settings, earlier = now["settings"], before["settings"]
    if "detections" in settings or "detections" in earlier:
        return [*notes, "how the detections of a file were made is not known"]
    for key in sorted({*settings, *earlier} - {"batch"}):
        if settings.get(key) != earlier.get(key):
            notes.append(f"{key} {earlier.get(key)} then, {settings.get(key)} now")
    then, this = _input_of(before), _input_of(now)
    if then and this and then != this:
        notes.append(f"input {then} then, {this} now")
    return notes


def _other_data(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What the data and their split were called, then and now; nothing where the file does not say it."""
    (name, split), (earlier, other) = (_data_of(said.get("data")) for said in (now, before))
    return [("data", earlier, name), ("split", other, split)] if earlier else []


def _data_of(said: Any) -> tuple[str, str]:
    """The place of the data without its @split, and the split, printable."""
    known = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    split = str(known.get("split", ""))
    place = str(known.get("name", "")).removesuffix(f"@{split}")
    return (printable(os.path.normpath(place)) if place else ""), printable(split)


def _input_of(said: Mapping[str, Any]) -> str:
    """The input of the model in words; empty where it is not said."""
    model = said.get("model")
    known = cast("dict[str, Any]", model) if isinstance(model, dict) else {}
    width, height = known.get("width"), known.get("height")
    return f"{width} x {height}" if type(width) is int and type(height) is int else ""


def _check_numbers(where: str, said: Mapping[str, Any]) -> None:
    """Raise FormatError unless what a comparison looks at is there."""
    try:
        for group, key in TOTALS.values():
            _check_number(said[group].get(key))
        for group in PER_CLASS:
            for value in said[group]["per_class"].values():
                _check_number(value)
        is_sound = type(said["pictures"]) is int and isinstance(said["objects"], dict)
        is_sound = is_sound and isinstance(said["settings"], dict)
    except (KeyError, TypeError, AttributeError, ValueError):
        is_sound = False
    if not is_sound:
        raise _no_metrics(where, "metrics that were changed")


def _check_number(value: Any) -> None:
    if value is not None and not (type(value) in (int, float) and 0 <= value <= 1):
        raise ValueError(value)


def _no_metrics(where: str, found: str) -> FormatError:
    return FormatError.at(
        where, found=found, expected="metrics of `yolov2 eval`", repair="name the folder or the metrics.json of a run"
    )


def _threshold(one: Threshold | None) -> dict[str, float] | None:
    if one is None:
        return None
    return {"conf": one.conf, "f1": one.f1, "precision": one.precision, "recall": one.recall}


def _calibration(run: Evaluation) -> dict[str, Any]:
    of = run.calibration
    rows = zip(of.edges[:-1].tolist(), of.edges[1:].tolist(), of.counts.tolist(), of.mean_scores.tolist(),
               of.precision.tolist(), strict=True)  # fmt: skip
    bins = [
        {"from": low, "to": high, "count": count, "mean_score": _number(mean), "precision": _number(precision)}
        for low, high, count, mean, precision in rows
    ]
    return {"error": _number(of.error), "bins": bins}


def _number(value: float) -> float | None:
    return None if value != value else value
