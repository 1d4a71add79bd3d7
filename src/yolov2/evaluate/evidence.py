"""What another program left of its run on the same pictures: inputs, layers, raw heads, boxes. Files -> Evidence."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolov2.detect.models import Model
from yolov2.errors import FormatError
from yolov2.network.shapes import Shape

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]

COCO_GAPS = frozenset((12, 26, 29, 30, 45, 66, 68, 69, 71, 83))  # ids of 1 to 90 that no category of COCO has
COCO_IDS = [number for number in range(1, 91) if number not in COCO_GAPS]
Row = tuple[Sequence[float], float, int]  # four numbers, score, class
LARGEST_ARRAYS = 2**32  # bytes of a .npz, unpacked
KEYS = "input, L00, L01, ..., raw, or boxes with scores and class_ids"


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """Boxes of one picture as they were written, in whatever format that is."""

    numbers: Numbers  # (N, 4)
    scores: Numbers  # (N,)
    class_ids: NDArray[np.int64]  # (N,)


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """What there is of one picture."""

    image: Floats | None = None  # (3, H, W), the network's input
    layers: Mapping[int, Floats] = field(default_factory=dict[int, Floats])  # (C, H, W) outputs by index
    raw: Floats | None = None  # (A * (coords + 1 + C), rows, columns)
    boxes: Boxes | None = None


def is_evidence(path: Path) -> bool:
    """Whether a path is one of files that `read_evidence` reads, rather than a model."""
    return path.suffix.lower() in (".json", ".jsonl", ".npz") or (path.is_dir() and any(path.glob("*.npz")))


def read_evidence(path: Path, pictures: Sequence[Path], model: Model) -> tuple[list[Evidence | None], str]:
    """What a file has of each picture, and the format of its boxes, xyxy or xywh.

    path: detections.jsonl (lines as of `yolov2 detect`), COCO results (a JSON list), or arrays: a .npz of one picture
    or a folder with NAME.npz for each NAME.jpg, with the keys `input` (3, H, W), `L07` and so on (outputs of layers),
    `raw`, and `boxes` (N, 4) with `scores` and `class_ids`. A leading axis of 1 is taken off.
    Raises FormatError.
    """
    if path.is_dir():
        files = [path / f"{picture.stem}.npz" for picture in pictures]
        return [_read_arrays(file, model) if file.is_file() else None for file in files], "xyxy"
    if path.suffix.lower() == ".npz":
        if len(pictures) != 1:
            repair = "give one picture, or a folder with a .npz of each"
            raise FormatError.at(
                str(path), found=f"arrays of one for {len(pictures)} pictures", expected="one picture", repair=repair
            )
        return [_read_arrays(path, model)], "xyxy"
    text = _text(path)
    if text.lstrip().startswith("["):
        return _read_coco(path, text, pictures, model), "xywh"
    return _read_lines(path, text, pictures, model), "xyxy"


def boxes_of(rows: Iterable[Row]) -> Boxes:
    """Boxes from rows of four numbers, score and class."""
    numbers, scores, class_ids = zip(*rows, strict=True) if (rows := list(rows)) else ((), (), ())
    return Boxes(
        np.array(numbers, np.float64).reshape(-1, 4), np.array(scores, np.float64), np.array(class_ids, np.int64)
    )


def _read_lines(path: Path, text: str, pictures: Sequence[Path], model: Model) -> list[Evidence | None]:
    """Detections in JSON Lines, found by the name of their picture."""
    found: dict[str, Evidence] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            record: Any = json.loads(line)
            if "error" not in record:
                rows = [(row["box"], row["score"], _class_id(row, model.names)) for row in record["detections"]]
                found[Path(record["source"]).name] = Evidence(boxes=boxes_of(rows))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as wrong:
            expected = "a line of `yolov2 detect --json`: source, detections with box, score, class_id or label"
            raise _unusable(where, wrong, expected) from None
    return [found.get(picture.name) for picture in pictures]


def _class_id(row: Mapping[str, Any], names: Sequence[str]) -> int:
    if "class_id" in row:
        return int(row["class_id"])
    label = str(row["label"])
    if label not in names:
        raise ValueError(f"the label {label!r}, which is no class of the model")
    return list(names).index(label)


def _read_coco(path: Path, text: str, pictures: Sequence[Path], model: Model) -> list[Evidence | None]:
    """COCO results. A picture is found by its name, or by the last number in it; one without rows has no boxes.

    Categories are COCO's own for a model of 80 classes, else counted from 1, or from 0 if the file has a 0.
    """
    try:
        rows = [(row["image_id"], (row["bbox"], row["score"], int(row["category_id"]))) for row in json.loads(text)]
        first = min((row[2] for _, row in rows), default=1)
        names = model.names or (model.network.region.classes if model.network.region else 0) * ("",)
        ids = {coco: index for index, coco in enumerate(COCO_IDS)} if len(names) == 80 and first else {}
        by_picture: dict[str, list[Row]] = {}
        for image, (box, score, category) in rows:
            row = box, score, ids[category] if ids else category - min(first, 1)
            by_picture.setdefault(str(image), []).append(row)
        keys = [next((key for key in _keys(picture) if key in by_picture), "") for picture in pictures]
        found = [by_picture.get(key, list[Row]()) for key in keys]
        result: list[Evidence | None] = [Evidence(boxes=boxes_of(rows)) for rows in found]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as wrong:
        expected = "COCO results: a list of image_id, category_id, bbox [x, y, width, height], score"
        raise _unusable(str(path), wrong, expected) from None
    return result if any(found) else [None] * len(pictures)


def _keys(picture: Path) -> tuple[str, ...]:
    """What a picture may be called in COCO results."""
    numbers = re.findall(r"\d+", picture.stem)
    return (picture.name, picture.stem, *(str(int(number)) for number in numbers[-1:]))


def _read_arrays(path: Path, model: Model) -> Evidence:
    network = model.network
    shapes = {"input": network.input, "raw": network.raw_shape}
    shapes |= {f"L{index:02d}": shape for index, shape in enumerate(network.shapes[: network.raw_index + 1])}
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > LARGEST_ARRAYS:
            raise FormatError.at(
                str(path), found=f"{size:,} bytes", expected=f"at most {LARGEST_ARRAYS:,}", repair="save fewer arrays"
            )
        with np.load(path, allow_pickle=False) as arrays:
            known = {
                key: np.asarray(arrays[key], np.float64 if key == "boxes" else None)
                for key in arrays.files
                if key in shapes or key in ("boxes", "scores", "class_ids")
            }
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
        raise _unusable(str(path), wrong, f"a NumPy .npz with {KEYS}") from None
    if not known:
        raise FormatError.at(
            str(path), found="none of these arrays", expected=KEYS, repair="save the arrays under these names"
        )
    taken = {key: _shaped(path, key, known[key], shape) for key, shape in shapes.items() if key in known}
    return Evidence(
        image=taken.get("input"),
        layers={int(key[1:]): array for key, array in taken.items() if key[0] == "L"},
        raw=taken.get("raw"),
        boxes=_boxes(path, known) if "boxes" in known else None,
    )


def _shaped(path: Path, key: str, array: NDArray[Any], shape: Shape) -> Floats:
    wanted = shape.channels, shape.height, shape.width
    if array.shape not in (wanted, (1, *wanted)) or array.dtype.kind not in "fiu":
        found = f"{key} as {array.dtype} {array.shape}"
        repair = "save it so; for another input size give --size"
        raise FormatError.at(str(path), found=found, expected=f"numbers {wanted}, as the model has it", repair=repair)
    return array.reshape(wanted).astype(np.float32)


def _boxes(path: Path, known: Mapping[str, NDArray[Any]]) -> Boxes:
    try:
        numbers = known["boxes"].reshape(-1, 4)
        scores, class_ids = (known[key].reshape(len(numbers)) for key in ("scores", "class_ids"))
        return Boxes(numbers, scores.astype(np.float64), class_ids.astype(np.int64))
    except (KeyError, ValueError) as wrong:
        raise _unusable(str(path), wrong, "boxes (N, 4) with scores (N,) and class_ids (N,)") from None


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():  # opening a FIFO would wait for a writer
        expected = "detections as JSON Lines or COCO results"
        raise FormatError.at(str(path), found="a special file", expected=expected, repair="check the path")
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as wrong:
        raise _unusable(str(path), wrong, "detections as JSON Lines or COCO results") from None


def _unusable(where: str, wrong: Exception, expected: str) -> FormatError:
    repair = "check the path" if isinstance(wrong, OSError) else "correct or write it anew"
    return FormatError.at(where, found=_found(wrong), expected=expected, repair=repair)


def _found(wrong: Exception) -> str:
    """What a low error says, in our words."""
    if isinstance(wrong, FileNotFoundError):
        return "no such file"
    if isinstance(wrong, OSError):
        return f"a file that can't be read ({wrong.strerror or type(wrong).__name__})"
    if isinstance(wrong, json.JSONDecodeError):
        where = f"line {wrong.lineno}, column {wrong.colno}" if wrong.lineno > 1 else f"column {wrong.colno}"
        return f"no JSON at {where}"
    if isinstance(wrong, UnicodeDecodeError):
        return f"no UTF-8 at byte {wrong.start:,}"
    if isinstance(wrong, KeyError):
        return f"no key {wrong}"
    if isinstance(wrong, zipfile.BadZipFile | EOFError):
        return "another kind of file, or a part of one"
    if isinstance(wrong, TypeError | AttributeError):
        return "a value of another kind"
    return str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
