"""Small data sets on disk, for the readers' tests: pictures of noise, and labels in each format."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Object = tuple[str, tuple[float, float, float, float]]  # class, corners or centre and size


def write_picture(path: Path, *, size: tuple[int, int] = (40, 60), seed: int = 0) -> Path:
    """A picture of smooth noise, (height, width), that no other seed's looks like."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.BICUBIC).save(path)
    return path


def voc_object(name: str, corners: tuple[float, ...], *, extra: str = "") -> str:
    """One <object>, of which each element has a line of its own: the corners begin at its fourth."""
    box = "".join(
        f"<{key}>{value:g}</{key}>\n" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return f"<object>\n<name>{name}</name>\n<bndbox>\n{box}</bndbox>\n{extra}</object>\n"


def voc_xml(*objects: str, size: tuple[int, int] | None = (40, 60)) -> str:
    """An annotation whose first object stands in line 6, or in line 2 where no size is said."""
    said = f"<size>\n<width>{size[1]}</width>\n<height>{size[0]}</height>\n</size>\n" if size else ""
    return f"<annotation>\n{said}{''.join(objects)}</annotation>\n"


def write_voc(root: Path, annotations: Mapping[str, str], splits: Mapping[str, Sequence[str]]) -> Path:
    """A VOC folder with a picture for each annotation."""
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for seed, (stem, text) in enumerate(annotations.items()):
        (root / "Annotations" / f"{stem}.xml").write_text(text)
        write_picture(root / "JPEGImages" / f"{stem}.jpg", seed=seed)
    for split, stems in splits.items():
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems))
    return root


def coco_document(**changes: Any) -> dict[str, Any]:
    """One picture, two categories with a hole between their ids, one box."""
    document: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}],
        "categories": [{"id": 5, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 5, "bbox": [10, 5, 20, 30], "area": 321, "iscrowd": 0}],
    }
    return document | changes


def write_coco(root: Path, document: Mapping[str, Any], *, name: str = "instances_val.json") -> Path:
    """A COCO file in annotations/, and its pictures in images/val/."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    path = root / "annotations" / name
    path.write_text(json.dumps(document))
    for seed, image in enumerate(document["images"]):
        write_picture(root / "images" / "val" / image["file_name"], seed=seed)
    return path


def write_darknet(root: Path, labels: Mapping[str, str | None], *, split: str = "train") -> Path:
    """A .data file with one list of pictures in images/, and what is given as their label files; two classes."""
    (root / "labels").mkdir(parents=True, exist_ok=True)
    for seed, (stem, text) in enumerate(labels.items()):
        write_picture(root / "images" / f"{stem}.jpg", seed=seed)
        if text is not None:
            (root / "labels" / f"{stem}.txt").write_text(text)
    (root / f"{split}.txt").write_text("".join(f"images/{stem}.jpg\n" for stem in labels))
    (root / "small.names").write_text("cat\ndog\n")
    (root / "small.data").write_text(f"classes=2\n{split}={split}.txt\nnames=small.names\n")
    return root / "small.data"
