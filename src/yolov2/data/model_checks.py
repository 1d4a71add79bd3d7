"""Whether a data set and a model fit: classes by name and number, anchors by their unit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yolov2.data.box_checks import Grid, View
from yolov2.data.spelling import renames, slips, twins
from yolov2.errors import printable
from yolov2.priors.kmeans import cluster, count_different
from yolov2.samples import Fault

UNKNOWN_CLASS = re.compile('the class "(.*)"')  # how the readers tell of one
NAMES_SHOWN = 12
TOO_LARGE = 2  # times the grid: priors of VOC reach 1.3 times, those in pixels 30 times
POOR = 0.05  # of mean IoU: a retrained network gains little from less
STARTS = 3  # of k-means: to tell poor priors, not to find the best


@dataclass(frozen=True, slots=True)
class Fit:
    """What a data set is to be trained or evaluated with."""

    where: str  # the .cfg, or what else the model is called
    classes: int | None  # None where its classes are the nodes of a tree, among which a data set finds its own
    names: tuple[str, ...]  # () where they are not known
    anchors: int
    coords: int
    places: Mapping[str, str]  # of classes, anchors and filters: `my.cfg:250`

    def place(self, key: str) -> str:
        return self.places.get(key, self.where)


def check_classes(
    counts: Mapping[str, int], fit: Fit | None, *, root: str, is_found: bool, by_number: bool
) -> tuple[list[Fault], dict[str, str]]:
    """What is odd about the names of the classes, and what each should be called instead.

    counts: boxes of each class, in the order of the classes; is_found: the names come from the labels, where a slip of
    a letter makes a class; by_number: labels give the number of a class.
    """
    changes = twins(dict(counts)) | (slips(dict(counts)) if is_found else {})
    faults = [
        _spelling(
            root, f'"{printable(name)}" ({counts[name]:,}) beside "{printable(other)}" ({counts[other]:,})', other
        )
        for name, other in changes.items()
    ]
    if fit is None or not fit.names:
        return faults, changes
    missing = renames([name for name in counts if name not in changes], fit.names)
    faults += [
        _spelling(root, f'"{printable(name)}", which {printable(fit.where)} calls "{printable(other)}"', other)
        for name, other in missing.items()
    ]
    changes = {name: missing.get(other, other) for name, other in changes.items()} | missing
    new = [name for name in counts if changes.get(name, name) not in fit.names]
    if new:
        found, expected = f"{_count(new)} that it does not have: {_list(new)}", f"classes of {printable(fit.where)}"
        repair = "train it on them, or correct the names"
        faults.append(Fault("class-unlearned", root, found, expected, repair, is_error=False))
    order = [changes.get(name, name) for name in counts]
    if by_number and not new and len(order) == len(fit.names) and order != list(fit.names):
        at = next(i for i, (mine, its) in enumerate(zip(order, fit.names, strict=True)) if mine != its)
        found, expected = (
            f'class {at} "{printable(order[at])}"',
            f'"{printable(fit.names[at])}", as {printable(fit.where)}',
        )
        repair = "put the names in one order: Darknet goes by the numbers"
        faults.append(Fault("class-order", root, found, expected, repair, is_error=False))
    return faults, changes


def check_counts(counts: Mapping[str, int], trained: Mapping[str, int] | None, *, root: str) -> list[Fault]:
    """Classes without a box; trained: boxes of each class in the split to train on."""
    faults: list[Fault] = []
    empty = [name for name, count in counts.items() if not count]
    if empty and any(counts.values()):
        found, repair = f"{_count(empty)} without a box: {_list(empty)}", "label some, or leave the class out"
        faults.append(Fault("class-without-boxes", root, found, "boxes of each class", repair, is_error=False))
    unseen = [] if trained is None else [name for name, count in counts.items() if count and not trained.get(name)]
    if unseen:
        found, repair = f"{_count(unseen)} without a box in train: {_list(unseen)}", "move some pictures to train"
        faults.append(Fault("class-not-in-train", root, found, "boxes of each to train on", repair, is_error=False))
    return faults


def check_names(classes: Sequence[str], *, root: str) -> list[Fault]:
    """Names that stand twice in the list of classes."""
    first: dict[str, int] = {}
    faults: list[Fault] = []
    for i, name in enumerate(classes):
        before = first.setdefault(name, i)
        if before != i:
            found, expected = f'"{printable(name)}" as class {before} and as class {i}', "a name for one class"
            faults.append(Fault("class-twice", root, found, expected, "correct the names", is_error=False))
    return faults


def check_unknown(faults: Sequence[Fault], classes: Sequence[str]) -> tuple[list[Fault], dict[str, str]]:
    """The same faults, but where an unknown class is a known one in another spelling, this; and what to call them."""
    told: list[Fault] = []
    changes: dict[str, str] = {}
    for fault in faults:
        named = UNKNOWN_CLASS.fullmatch(fault.found) if fault.code == "class-unknown" else None
        right = renames([named[1]], classes).get(named[1]) if named else None
        if named and right is not None:
            changes[named[1]] = right
            told.append(replace(fault, code="class-spelling", repair=f'write "{printable(right)}"'))
        else:
            told.append(fault)
    return told, changes


def check_head(classes: Sequence[str], fit: Fit, *, is_known: bool) -> list[Fault]:
    """A head with another number of classes; is_known: all classes of the data set are among the model's."""
    count = len(classes)
    if fit.classes in (None, count) or (is_known and fit.names):
        return []
    filters = fit.anchors * (fit.coords + 1 + count)
    expected = f"{count}, one for each class of the data set"
    repair = f"write classes={count}, and filters={filters} = {fit.anchors} * ({fit.coords + 1} + {count}) before it"
    return [Fault("cfg-classes", fit.place("classes"), f"classes={fit.classes}", expected, repair, is_error=True)]


def check_anchors(view: View, *, where: str) -> list[Fault]:
    """Anchors that can't be cells."""
    rows, columns = view.grid
    largest = view.anchors[np.argmax(view.anchors.max(axis=1))].tolist()
    expected = f"sizes in cells, of which the grid has {columns} x {rows}"
    found = f"an anchor of {largest[0]:g} x {largest[1]:g}"
    if largest[0] > TOO_LARGE * columns or largest[1] > TOO_LARGE * rows:
        repair = f"they look like pixels: divide them by 32, or run: yolov2 anchors DATA -k {len(view.anchors)}"
        return [Fault("anchors-unit", where, found, expected, repair, is_error=True)]
    if len(view.anchors) > 1 and max(largest) <= 1:
        repair = f"they look like parts of the picture: multiply them by {columns}, or run: yolov2 anchors DATA"
        return [Fault("anchors-unit", where, f"{found} as the largest", expected, repair, is_error=True)]
    return []


def check_priors(grid: Grid, shapes: NDArray[np.float64], view: View, *, where: str) -> list[Fault]:
    """Priors that fit the boxes much worse than others would; shapes: (N, 2) of the boxes."""
    count = len(view.anchors)
    if count_different(shapes) <= count:
        return []
    best = cluster(shapes, count, restarts=STARTS).mean_iou
    if grid.mean_iou >= best - POOR:
        return []
    found, expected = f"a mean IoU of {grid.mean_iou:.1%} with the boxes", f"{best:.1%}, which {count} others reach"
    repair = f"find better ones: yolov2 anchors DATA -k {len(view.anchors)}"
    return [Fault("priors-poor", where, found, expected, repair, is_error=False)]


def _spelling(root: str, found: str, right: str) -> Fault:
    return Fault(
        "class-spelling", root, found, "one spelling of a class", f'write "{printable(right)}"', is_error=False
    )


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} class{'es' * (len(names) > 1)}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:NAMES_SHOWN])) + (", ..." if len(names) > NAMES_SHOWN else "")
