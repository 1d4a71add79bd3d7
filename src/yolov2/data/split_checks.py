"""What is odd about splits as a whole: pictures in two of them, pictures that show the same, files that fit nothing."""

import os
from collections.abc import Iterable, Mapping, Sequence

from yolov2.data.dataset import FOR_TRAINING, DataSet
from yolov2.data.pictures import is_picture
from yolov2.data.voc import ALL
from yolov2.errors import printable
from yolov2.samples import Fault, Samples

NO_LABELS = frozenset(
    {"classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "list.txt", "readme.txt"}
)  # beside labels


def atoms(parts: Mapping[str, Samples]) -> list[str]:
    """The splits that are not several others put together, as trainval is; those to train on first."""
    sets = {name: frozenset(part.pictures) for name, part in parts.items()}

    def is_sum(name: str) -> bool:
        inside = [other for other in sets if other != name and sets[other] < sets[name]]
        return bool(inside) and frozenset[str]().union(*(sets[other] for other in inside)) == sets[name]

    names = [name for name in parts if not is_sum(name)]
    return sorted(names, key=lambda name: name not in FOR_TRAINING)


def homes(parts: Mapping[str, Samples], names: Sequence[str]) -> dict[str, list[str]]:
    """The splits that each picture is in."""
    found: dict[str, list[str]] = {}
    for name in names:
        for picture in parts[name].pictures:
            found.setdefault(picture, []).append(name)
    return found


def check_shared(home: Mapping[str, Sequence[str]]) -> list[Fault]:
    """Pictures that two splits list."""
    return [
        Fault(
            "split-shared",
            picture,
            f"a picture of {' and of '.join(map(printable, names))}",
            "a picture of one split",
            f"take it out of {printable(names[-1])}",
            is_error=False,
        )
        for picture, names in home.items()
        if len(names) > 1
    ]


def check_similar(
    groups: Sequence[Sequence[int]], pictures: Sequence[str], home: Mapping[str, Sequence[str]], order: Sequence[str]
) -> list[Fault]:
    """Pictures that show the same; groups: indices into pictures."""
    faults: list[Fault] = []
    for group in groups:
        members = sorted((pictures[i] for i in group), key=lambda one: order.index(home[one][0]) if one in home else 0)
        first, *others = members
        for other in others:
            mine, its = home.get(other, ["?"])[0], home.get(first, ["?"])[0]
            found, repair = f"what {first} shows", "keep one of the two"
            if mine == its:
                expected = "other pictures"
                faults.append(Fault("picture-duplicate", other, found, expected, repair, is_error=False))
            else:
                found, expected = f"{found}, a picture of {printable(its)}", f"pictures that only {printable(mine)} has"
                repair = f"take it out of {printable(mine)}"
                faults.append(Fault("split-duplicate", other, found, expected, repair, is_error=False))
    return faults


def leaks(
    groups: Sequence[Sequence[int]], pictures: Sequence[str], home: Mapping[str, Sequence[str]], order: Sequence[str]
) -> dict[str, set[str]]:
    """Which pictures each split would have to do without, so that none has what one before it in `order` shows."""
    found: dict[str, set[str]] = {name: set() for name in order}
    seen = [
        *([pictures[i] for i in group] for group in groups),
        *([one] for one, names in home.items() if len(names) > 1),
    ]
    for members in seen:
        ranks = [order.index(name) for one in members for name in home.get(one, ())]
        for one in members:
            for name in home.get(one, ()):
                if order.index(name) > min(ranks):
                    found[name].add(one)
    return found


def check_strays(dataset: DataSet, samples: Samples, faults: Sequence[Fault], regained: Iterable[str]) -> list[Fault]:
    """Label files of no picture, and pictures that no split lists; samples: those of all splits.

    Files that a fault tells of, and those regained from a wrong name, are no strays.
    """
    named = {fault.where.partition(":")[0] for fault in faults} | set(regained)
    named |= {fault.found.removeprefix("no file ") for fault in faults}
    if dataset.kind == "voc":
        return _voc_strays(dataset, samples, named)
    if dataset.kind in ("darknet", "ultralytics") and dataset.task == "detect":
        return _labelled_strays(samples, named)
    return []


def _voc_strays(dataset: DataSet, samples: Samples, named: set[str]) -> list[Fault]:
    folder, pictures = dataset.root / "Annotations", dataset.root / "JPEGImages"
    there = {_stem(name) for name in os.listdir(pictures) if is_picture(name)}
    known = set(samples.annotations) | named
    files = sorted(str(folder / name) for name in os.listdir(folder) if name.lower().endswith(".xml"))
    unknown = [file for file in files if file not in known]
    orphans = [file for file in unknown if _stem(file) not in there]
    if dataset.split_names == (ALL,):
        return list(map(_orphan, orphans))
    listed = {_stem(one) for one in (*samples.pictures, *named)}
    alone = sorted(
        str(pictures / name) for name in os.listdir(pictures) if is_picture(name) and _stem(name) not in listed
    )
    return [*map(_orphan, orphans), *_unlisted(alone)]


def _labelled_strays(samples: Samples, named: set[str]) -> list[Fault]:
    known = set(samples.annotations) | named
    folders: dict[str, set[str]] = {}  # of labels -> of their pictures
    for label, picture in zip(samples.annotations, samples.pictures, strict=True):
        folders.setdefault(os.path.dirname(label), set()).add(os.path.dirname(picture))
    listed = set(samples.pictures)
    orphans: list[str] = []
    alone: set[str] = set()
    for folder, homes_ in sorted(folders.items()):
        pictures = [os.path.join(home, name) for home in homes_ for name in _names(home) if is_picture(name)]
        stems = {_stem(one) for one in pictures}
        texts = [name for name in _names(folder) if name.endswith(".txt") and name.lower() not in NO_LABELS]
        files = [os.path.join(folder, name) for name in texts if _stem(name) not in stems]
        orphans += [file for file in files if file not in known]
        alone |= {one for one in pictures if one not in listed and one not in named}
    return [*map(_orphan, orphans), *_unlisted(sorted(alone))]


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder or "."))
    except OSError:
        return []


def _orphan(file: str) -> Fault:
    repair = "remove it, add the picture, or rename it"
    return Fault("label-orphan", file, "labels", "a picture of that name", repair, is_error=False)


def _unlisted(pictures: Sequence[str]) -> list[Fault]:
    """One fault for all of them: a list may be short on purpose."""
    if not pictures:
        return []
    first = printable(os.path.basename(pictures[0]))
    found = f"{len(pictures):,} picture{'s' * (len(pictures) > 1)} that no split lists, as {first}"
    where, repair = os.path.dirname(pictures[0]) or ".", "add what was forgotten to a list"
    return [Fault("picture-unlisted", where, found, "each in a split", repair, is_error=False)]
