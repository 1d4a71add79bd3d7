"""What is odd about the pictures themselves, and about their names: all are decoded, folders are listed."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from yolov2.data.box_checks import Places
from yolov2.data.entry import flaw_of
from yolov2.data.opened import Kind
from yolov2.data.pictures import is_picture
from yolov2.errors import PictureError, printable
from yolov2.pictures.verify import Verdict
from yolov2.samples import Fault, Samples

MISSING = ("picture-missing", "label-missing")
NO_FILE = "no file "  # how the readers' faults begin that say so


def check_pictures(samples: Samples, verdicts: Sequence[Verdict], kind: Kind) -> list[Fault]:
    """What decoding every picture of `samples` showed."""
    places = Places(samples, kind)
    faults: list[Fault] = []
    for i, (picture, verdict) in enumerate(zip(samples.pictures, verdicts, strict=True)):
        if verdict.refusal:
            flaw = flaw_of(PictureError(verdict.refusal), "picture-broken")
            faults.append(Fault(flaw.code, picture, *flaw[2:]))
            continue
        if verdict.complaint:
            found, expected = f"data that the decoder complains of ({printable(verdict.complaint)})", "whole data"
            repair = "look at it; copy it again, or save it anew"
            faults.append(Fault("picture-damaged", picture, found, expected, repair, is_error=False))
        if verdict.is_turned:
            found, expected = "an EXIF block that turns it", "pixels that are upright themselves"
            repair = "boxes count on the upright picture here; Darknet sees it lying: save it upright"
            faults.append(Fault("picture-turned", picture, found, expected, repair, is_error=False))
        height, width = samples.sizes[i].tolist()
        if height and kind in ("voc", "coco") and (height, width) != (verdict.height, verdict.width):
            faults.append(_wrong_size(places.of_picture(i), (height, width), verdict))
    return faults


def _wrong_size(where: str, size: tuple[int, int], verdict: Verdict) -> Fault:
    found, expected = (
        f"{size[1]} x {size[0]} (width x height)",
        f"{verdict.width} x {verdict.height}, as the picture has",
    )
    is_lying = verdict.is_turned and size == (verdict.width, verdict.height)
    repair = "correct it, and see whether the boxes fit" + (": they are of the picture as it lies" if is_lying else "")
    return Fault("size-wrong", where, found, expected, repair, is_error=False)


def check_names(faults: Sequence[Fault], samples: Samples) -> tuple[list[Fault], dict[str, str]]:
    """The same faults, but where a missing file is there under another name, this; and those names by the missing ones.

    Further, the names in the pictures' folders that are one name where case does not count.
    """
    told: list[Fault] = []
    renamed: dict[str, str] = {}
    known: dict[str, Mapping[str, str]] = {}
    for fault in faults:
        path = fault.found.removeprefix(NO_FILE)
        other = _other_name(path, known) if fault.code in MISSING and path != fault.found else None
        if other is None:
            told.append(fault)
        else:
            renamed[path] = other
            repair = f"write {printable(Path(other).name)}, or rename the file: Linux tells them apart"
            told.append(
                Fault("name-case", fault.where, fault.found, f"the file's own name, {other}", repair, is_error=True)
            )
    return told + _twins(sorted({os.path.dirname(picture) for picture in samples.pictures})), renamed


def _other_name(path: str, known: dict[str, Mapping[str, str]]) -> str | None:
    """A file beside `path` with its name in another case, or a picture with another ending; None without one."""
    folder, name = os.path.split(path)
    same = listing(folder, known).get(name.casefold())
    if same is not None:
        return os.path.join(folder, same)
    if not is_picture(name):
        return None
    stem = os.path.splitext(name)[0].casefold()
    near = (other for ending in ENDINGS if (other := listing(folder, known).get(stem + ending)) is not None)
    return next((os.path.join(folder, other) for other in near), None)


ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def listing(folder: str, known: dict[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The names in a folder by themselves without case; nothing where it can't be listed. Each is listed once."""
    if folder not in known:
        try:
            known[folder] = {name.casefold(): name for name in sorted(os.listdir(folder or "."))}
        except OSError:
            known[folder] = {}
    return known[folder]


def _twins(folders: Sequence[str]) -> list[Fault]:
    faults: list[Fault] = []
    for folder in folders:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        first: dict[str, str] = {}
        for name in names:
            before = first.setdefault(name.casefold(), name)
            if before != name:
                found, expected = f"{printable(before)} beside it", "names that differ in more than case"
                repair = "rename one: Windows and macOS take them for one file"
                faults.append(Fault("name-twins", os.path.join(folder, name), found, expected, repair, is_error=False))
    return faults
