"""A COCO document, repaired: annotations that can't be are left out, the others lie inside their picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yolov2.data.box_repair import Boxes, Change
from yolov2.data.coco_json import is_box, is_object

SAME_AREA = 0.01  # of a box's own area: an "area" so near to it is not that of a segmentation


def repair_document(
    document: dict[str, Any],
    pictures: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
    spellings: Mapping[str, str],
) -> tuple[dict[str, Any], list[Change]]:
    """The document with the images that are in `pictures` alone, what they have repaired, and what was done.

    pictures: by the image's id as text, the picture; sizes: (height, width) of each picture, as decoded.
    """
    changes: list[Change] = []
    images = [_image(one, i, pictures, sizes, changes) for i, one in enumerate(document["images"])]
    first = {one["id"]: one for one in reversed([one for one in images if one is not None])}
    boxes = {
        key: Boxes(sizes.get(pictures[str(key)], (int(one["height"]), int(one["width"])))) for key, one in first.items()
    }
    everything: set[object] = {one.get("id") for one in document["images"] if is_object(one)}
    categories = [_category(one, i, spellings, changes) for i, one in enumerate(document["categories"])]
    known = {one.get("id"): one.get("name") for one in categories if is_object(one)}
    annotations: list[dict[str, Any]] = []
    ids: set[object] = set()
    for i, one in enumerate(document["annotations"]):
        place = f"annotations[{i}]"
        owner = one.get("image_id") if is_object(one) else None
        if not is_object(one) or not isinstance(owner, int | str) or owner not in everything:
            changes.append(Change("image-unknown" if is_object(one) else "json-value", place, "left it out"))
        elif owner in boxes:  # the annotations of a picture that is left out go with it
            mended = _annotation(one, place, boxes[owner], known)
            if mended is not None:
                annotations.append(_with_id(mended, place, ids, changes))
    changes += [change for one in boxes.values() for change in one.changes]
    kept = [one for key, one in first.items() if key in boxes]
    return document | {"images": kept, "categories": categories, "annotations": annotations}, changes


def _image(
    one: Any, index: int, pictures: Mapping[str, str], sizes: Mapping[str, tuple[int, int]], changes: list[Change]
) -> dict[str, Any] | None:
    picture = pictures.get(str(one.get("id"))) if is_object(one) else None
    if not is_object(one) or picture is None:
        return None
    size = sizes.get(picture)
    stated = one.get("height"), one.get("width")
    if size is None or stated == size:
        return one
    code = "size-missing" if None in stated else "size-wrong"
    changes.append(Change(code, f"images[{index}]", f"wrote the picture's own size, {size[1]} x {size[0]}"))
    return one | {"height": size[0], "width": size[1]}


def _category(one: Any, index: int, spellings: Mapping[str, str], changes: list[Change]) -> Any:
    name = one.get("name") if is_object(one) else None
    right = spellings.get(name, name) if isinstance(name, str) else name
    if right == name:
        return one
    changes.append(Change("class-spelling", f"categories[{index}]", f'called it "{right}" in place of "{name}"'))
    return one | {"name": right}


def _annotation(one: dict[str, Any], place: str, boxes: Boxes, known: Mapping[Any, Any]) -> dict[str, Any] | None:
    """The annotation with a box that can be; None where there is none."""
    box, category = one.get("bbox"), one.get("category_id")
    if not is_box(box):
        numbers = isinstance(box, list) and all(isinstance(value, float | int) for value in box)  # pyright: ignore
        boxes.drop("not-finite" if numbers else "json-value", f"{place}.bbox")
        return None
    if type(category) is not int:
        boxes.drop("json-value", f"{place}.category_id")
        return None
    x, y, w, h = box
    crowd = one.get("iscrowd")
    before = len(boxes.changes)
    mended = boxes.mend(
        (min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)),
        kind=(known.get(category), crowd == 1),
        place=f"{place}.bbox",
        was_inverted=w < 0 or h < 0,
        is_empty=w == 0 or h == 0,
    )
    if mended is None:
        return None
    if len(boxes.changes) > before:
        one = one | _sizes(one, mended, w * h)
    if crowd not in (0, 1):
        boxes.changes.append(Change("flag-missing" if crowd is None else "flag", f"{place}.iscrowd", "wrote 0"))
        one = one | {"iscrowd": 0}
    return _with_area(one, place, boxes)


def _sizes(one: dict[str, Any], box: tuple[float, float, float, float], area: float) -> dict[str, Any]:
    """The bbox as COCO has it, and the area where it was that of the box."""
    x1, y1, x2, y2 = box
    changed: dict[str, Any] = {"bbox": [x1, y1, x2 - x1, y2 - y1]}
    said = one.get("area")
    if isinstance(said, float | int) and abs(said - area) <= SAME_AREA * abs(area):
        changed["area"] = (x2 - x1) * (y2 - y1)
    return changed


def _with_area(one: dict[str, Any], place: str, boxes: Boxes) -> dict[str, Any]:
    said = one.get("area")
    if said is None or (type(said) in (int, float) and 0 <= said < 1e18):
        return one
    is_number = (isinstance(said, float) and said != said) or said in (float("inf"), float("-inf"))
    boxes.changes.append(Change("not-finite" if is_number else "json-value", f"{place}.area", "wrote that of its box"))
    return one | {"area": one["bbox"][2] * one["bbox"][3]}


def _with_id(one: dict[str, Any], place: str, ids: set[object], changes: list[Change]) -> dict[str, Any]:
    """The annotation with an id that none before it has."""
    number = one.get("id")
    if number is None or not isinstance(number, int | str):
        return one
    if number in ids:
        number = 1 + max((used for used in ids if isinstance(used, int)), default=0)
        changes.append(Change("duplicate-id", f"{place}.id", f"gave it {number}"))
        one = one | {"id": number}
    ids.add(number)
    return one
