"""The doctor: an opened data set, and what is to be trained on it -> all that is wrong or odd, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from yolov2.data.box_checks import View, check_boxes
from yolov2.data.catalogue import rank
from yolov2.data.columns import join
from yolov2.data.dataset import DataSet
from yolov2.data.model_checks import (
    Fit,
    check_anchors,
    check_classes,
    check_counts,
    check_head,
    check_names,
    check_priors,
    check_unknown,
)
from yolov2.data.picture_checks import NO_FILE, check_pictures
from yolov2.data.picture_checks import check_names as check_file_names
from yolov2.data.similar import near_duplicates
from yolov2.data.split_checks import atoms, check_shared, check_similar, check_strays, homes, leaks
from yolov2.data.summary import Summary, summarise
from yolov2.data.verified import OnPicture, verdicts_of
from yolov2.errors import LabelError, printable
from yolov2.samples import Fault, Reading, Samples

FOUND_IN_LABELS = ("voc",)  # the formats whose classes are what the labels name
BY_NUMBER = ("darknet", "ultralytics")


@dataclass(frozen=True, eq=False, slots=True)
class Facts:
    """What a repair has to know beside the faults."""

    dataset: DataSet
    parts: Mapping[str, Samples]  # by split, as read
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])  # missing files -> what they are called
    regained: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )  # their pictures, by split
    spellings: Mapping[str, str] = field(default_factory=dict[str, str])  # classes -> what they should be called
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])  # (height, width), decoded
    broken: frozenset[str] = frozenset()  # pictures that don't decode
    lying: frozenset[str] = frozenset()  # pictures that their EXIF block turns
    leaks: Mapping[str, set[str]] = field(default_factory=dict[str, set[str]])  # by split: what an earlier one shows


@dataclass(frozen=True, eq=False, slots=True)
class Findings:
    """What the doctor found: the worst first."""

    faults: tuple[Fault, ...]
    summary: Summary
    facts: Facts = field(repr=False)

    @property
    def errors(self) -> tuple[Fault, ...]:
        """What training would stop at."""
        return tuple(fault for fault in self.faults if fault.is_error)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What training would pass over, by a rule."""
        return tuple(fault for fault in self.faults if not fault.is_error)

    def by_code(self, *, errors: bool) -> list[tuple[str, list[Fault]]]:
        """The errors, or the warnings, of each code."""
        chosen = self.errors if errors else self.warnings
        return [(code, list(many)) for code, many in groupby(chosen, key=lambda fault: fault.code)]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape: errors, warnings, summary."""
        return {
            "errors": [_plain(fault) for fault in self.errors],
            "warnings": [_plain(fault) for fault in self.warnings],
            "summary": self.summary.to_dict(),
        }


def examine(
    dataset: DataSet,
    view: View,
    *,
    data: str,
    fit: Fit | None = None,
    given: Sequence[Fault] = (),
    against: Mapping[str, Samples] | None = None,
    pictures: bool = True,
    names_given: bool = False,
    on_picture: OnPicture = lambda total: None,
) -> Findings:
    """All that is wrong or odd.

    view, fit: the network it is for. given: faults that were found before. against: further splits, in which no
    picture may be that this data set has. pictures: decode every one, and look for those that show the same.
    on_picture: called after each decoded picture with their number.
    """
    readings, faults = _read(dataset)
    parts = {name: reading.samples for name, reading in readings.items()}
    everything = join(list(readings.values())) if readings else Reading(Samples.of([]))
    samples, root = everything.samples, str(dataset.root)
    told, renamed = check_file_names(everything.faults, samples)
    told, spelled = check_unknown(told, dataset.classes)
    faults += [*given, *told]
    class_faults, spellings = _check_model(dataset, samples, parts, view, fit, names_given=names_given, root=root)
    faults += class_faults
    spellings = spelled | spellings
    faults += check_boxes(samples, dataset.kind, dataset.classes, view, root=root)
    if dataset.chosen is None:
        faults += check_strays(dataset, samples, faults, renamed.values())
    summary = summarise(
        samples, parts, dataset.classes, view, data=data, kind=dataset.kind, task=dataset.task, decoded=pictures
    )
    if summary.grid is not None and (fit is not None or view.source == "--anchors"):
        where = fit.place("anchors") if fit is not None else view.source
        unit = check_anchors(view, where=where)
        faults += unit or check_priors(summary.grid, summary.shapes, view, where=where)
    order = atoms(parts)
    home = homes(parts, order)
    faults += check_shared(home)
    regained = {name: _regained(reading.faults, renamed) for name, reading in readings.items()}
    facts = Facts(dataset, parts, renamed, regained, spellings, leaks=leaks([], samples.pictures, home, order))
    if pictures:
        more, facts = _check_contents(dataset, samples, facts, against or {}, order, on_picture)
        faults += more
    return Findings(_sorted(faults), summary, facts)


def _read(dataset: DataSet) -> tuple[dict[str, Reading], list[Fault]]:
    """Each split, and a fault for each that can't be read."""
    readings: dict[str, Reading] = {}
    faults: list[Fault] = []
    for name in dataset.split_names if dataset.chosen is None else dataset.names_of(None):
        try:
            readings[name] = dataset.read(name)
        except LabelError as refusal:
            faults.append(_fault_of(refusal, "split-unreadable"))
    return readings, faults


def _regained(faults: Sequence[Fault], renamed: Mapping[str, str]) -> tuple[str, ...]:
    """The pictures that these faults miss, and that are there under another name."""
    missing = [fault.found.removeprefix(NO_FILE) for fault in faults if fault.code == "picture-missing"]
    return tuple(renamed[path] for path in missing if path in renamed)


def _fault_of(refusal: LabelError, code: str) -> Fault:
    where, _, said = str(refusal).partition(": found ")
    found, _, said = said.partition(", expected ")
    expected, _, repair = said.rpartition("; ")
    return Fault(code, where, found, expected, repair, is_error=True)


def _check_model(
    dataset: DataSet,
    samples: Samples,
    parts: Mapping[str, Samples],
    view: View,
    fit: Fit | None,
    *,
    names_given: bool,
    root: str,
) -> tuple[list[Fault], dict[str, str]]:
    classes = dataset.classes
    counts = _counts(samples, classes)
    faults, spellings = check_classes(
        counts,
        fit,
        root=root,
        is_found=dataset.kind in FOUND_IN_LABELS and not names_given,
        by_number=dataset.kind in BY_NUMBER,
    )
    faults += check_names(classes, root=root)
    trained = _counts(parts["train"], classes) if "train" in parts and len(atoms(parts)) > 1 else None
    faults += check_counts(counts, trained, root=root)
    if fit is not None and dataset.task == "detect":
        known = {spellings.get(name, name) for name in classes} <= set(fit.names)
        faults += check_head(classes, fit, is_known=known)
    return faults, spellings


def _counts(samples: Samples, classes: Sequence[str]) -> dict[str, int]:
    """How many boxes, or pictures, each class has."""
    numbers = np.concatenate((samples.class_ids, samples.labels))
    known = np.bincount(numbers[numbers >= 0], minlength=len(classes)).tolist()
    counts = dict.fromkeys(classes, 0)
    for name, count in zip(classes, known, strict=True):
        counts[name] += count
    return counts


def _check_contents(
    dataset: DataSet,
    samples: Samples,
    facts: Facts,
    against: Mapping[str, Samples],
    order: list[str],
    on_picture: OnPicture,
) -> tuple[list[Fault], Facts]:
    """What decoding all pictures shows."""
    verdicts = verdicts_of(samples.pictures, root=dataset.root, cache=dataset.cache, on_picture=on_picture)
    faults = check_pictures(samples, verdicts, dataset.kind)
    is_whole = [not verdict.refusal and not verdict.complaint for verdict in verdicts]
    pictures = [one for one, whole in zip(samples.pictures, is_whole, strict=True) if whole]
    parts = {**facts.parts, **against}
    order = [*order, *against]
    home = homes(parts, order)
    pictures = list(dict.fromkeys([*pictures, *(one for part in against.values() for one in part.pictures)]))
    groups = near_duplicates(pictures, root=dataset.root, cache=dataset.cache)
    faults += check_similar(groups, pictures, home, order)
    sizes = {
        picture: (verdict.height, verdict.width)
        for picture, verdict in zip(samples.pictures, verdicts, strict=True)
        if not verdict.refusal
    }
    lying = frozenset(one for one, verdict in zip(samples.pictures, verdicts, strict=True) if verdict.is_turned)
    broken = frozenset(samples.pictures) - frozenset(sizes)
    found = leaks(groups, pictures, home, order)
    return faults, replace(facts, sizes=sizes, broken=broken, lying=lying, leaks=found)


def _sorted(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Errors first, then as the catalogue has them; each once."""
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: (not fault.is_error, rank(fault.code))))


def _plain(fault: Fault) -> dict[str, str]:
    message = f"found {fault.found}, expected {fault.expected}"
    return {"code": fault.code, "where": printable(fault.where), "message": printable(message), "repair": fault.repair}
