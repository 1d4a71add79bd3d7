import json

import numpy as np
import pytest

from small_sets import coco_document, write_coco, write_picture
from yolov2.data.coco import open_coco, split_name
from yolov2.data.opened import Options
from yolov2.errors import LabelError

BOX = coco_document()["annotations"][0]


def messages(reading):
    return [(fault.code, fault.is_error, fault.message) for fault in reading.faults]


def test_holes_between_category_ids_are_closed_in_the_order_of_the_ids(tmp_path):
    boxes = [BOX, BOX | {"id": 2, "category_id": 2, "iscrowd": 1, "bbox": [0, 0, 5.5, 4]}]
    opened = open_coco(write_coco(tmp_path, coco_document(annotations=boxes)), Options())
    assert (opened.split_names, opened.classes) == (("val",), ("cat", "dog"))
    reading = opened.read("val")
    (one,) = reading.samples
    assert reading.faults == ()
    assert (one.id, one.size, one.picture) == ("7", (40, 60), tmp_path / "images/val/a.jpg")
    assert one.boxes.tolist() == [[10, 5, 30, 35], [0, 0, 5.5, 4]]
    assert (one.class_ids.tolist(), one.crowd.tolist()) == ([1, 0], [False, True])
    assert (one.areas.tolist(), one.lines.tolist()) == ([321, 321], [0, 1])


def test_boxes_in_any_order_come_to_their_pictures(tmp_path):
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 60, "height": 40} for i in (3, 1, 2)]
    boxes = [BOX | {"id": n, "image_id": i, "bbox": [n, 0, 9, 9]} for n, i in enumerate((2, 3, 2, 3))]
    many = (
        open_coco(write_coco(tmp_path, coco_document(images=images, annotations=boxes)), Options()).read("val").samples
    )
    assert [(one.id, one.boxes[:, 0].tolist(), one.lines.tolist()) for one in many] == [
        ("3", [1, 3], [1, 3]), ("1", [], []), ("2", [0, 2], [0, 2])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "split"),
    [("instances_val2017.json", "val2017"), ("train.json", "train"), ("person_keypoints_x.json", "x"), ("instances_.json", "instances_")],
)  # fmt: skip
def test_the_split_is_in_the_files_name(tmp_path, name, split):
    assert split_name(tmp_path / name) == split


@pytest.mark.parametrize(
    "folder", ["images/val", "images/val2017", "val2017", "val", "images", ".", "annotations/images"]
)
def test_the_pictures_are_found_where_people_put_them(tmp_path, folder):
    path = write_coco(tmp_path, coco_document())
    (tmp_path / "images/val/a.jpg").unlink()
    picture = write_picture(tmp_path / folder / "a.jpg")
    assert open_coco(path, Options()).read("val").samples.pictures == (str(picture),)


def test_pictures_that_are_nowhere_are_refused_with_the_places(tmp_path):
    path = write_coco(tmp_path, coco_document())
    (tmp_path / "images/val/a.jpg").unlink()
    with pytest.raises(LabelError) as refusal:
        open_coco(path, Options(images=tmp_path / "photos"))
    assert (
        str(refusal.value)
        == f"{path}: found none of its first pictures (a.jpg, ...) in {tmp_path}/photos, expected the pictures beside it; name their folder with --images"
    )


def test_one_missing_picture_is_left_out_with_its_boxes(tmp_path):
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 60, "height": 40} for i in (7, 1)]
    boxes = [BOX, BOX | {"id": 2, "image_id": 1, "bbox": [1, 2, 3, 4]}]
    path = write_coco(tmp_path, coco_document(images=images, annotations=boxes))
    (tmp_path / "images/val/7.jpg").unlink()
    reading = open_coco(path, Options()).read("val")
    assert [(one.id, one.boxes.tolist()) for one in reading.samples] == [("1", [[1, 2, 4, 6]])]
    assert messages(reading) == [
        (
            "picture-missing",
            True,
            f"{path}:7.jpg: found no file {tmp_path}/images/val/7.jpg, expected a picture; correct the name, add the picture, or remove the entry; it is left out",
        )
    ]


def test_a_size_that_is_not_stated_is_that_of_the_picture(tmp_path):
    path = write_coco(tmp_path, coco_document(images=[{"id": 7, "file_name": "a.jpg"}]))
    reading = open_coco(path, Options()).read("val")
    assert reading.samples[0].size == (40, 60)
    assert messages(reading) == [
        (
            "size-missing",
            False,
            f"{path}:a.jpg: found no size, expected width and height; add them; the picture's own size is taken",
        )
    ]


def test_an_unknown_category_is_told_once_and_its_box_kept(tmp_path):
    path = write_coco(tmp_path, coco_document(annotations=[BOX | {"category_id": 3}]))
    reading = open_coco(path, Options()).read("val")
    assert reading.samples.class_ids.tolist() == [-1]
    assert [fault.code for fault in reading.faults] == ["class-unknown"]


def test_a_box_without_width_is_told_by_its_json_path(tmp_path):
    path = write_coco(tmp_path, coco_document(annotations=[BOX | {"bbox": [1, 2, -3, 4]}]))
    reading = open_coco(path, Options()).read("val")
    assert len(reading.samples.boxes) == 0
    assert messages(reading) == [
        (
            "box-inverted",
            True,
            f"{path}:annotations[0].bbox: found bbox = 1 2 -3 4, expected width > 0 and height > 0; correct or remove it; it is left out",
        )
    ]


def test_what_is_no_json_is_refused_at_its_line(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"images":\n[}')
    with pytest.raises(LabelError) as refusal:
        open_coco(path, Options())
    assert (
        str(refusal.value)
        == f"{path}:2: found JSON that does not parse (Expecting value), expected a COCO file: an object with images, annotations and categories; correct the line"
    )


@pytest.mark.parametrize(("split", "pictures", "boxes", "crowds"), [("train", 209, 1899, 18), ("val", 156, 1404, 16)])
def test_coco_small_is_read_whole_also_from_the_cache(shared, tmp_path, split, pictures, boxes, crowds):
    path = shared / "data/coco-small/annotations" / f"instances_{split}.json"
    document = json.loads(path.read_text())
    for _ in range(2):
        opened = open_coco(path, Options(cache=tmp_path))
        reading = opened.read(split)
        many = reading.samples
        assert (len(many), len(many.boxes), int(many.crowd.sum()), reading.faults) == (pictures, boxes, crowds, ())
        assert (len(opened.classes), opened.classes[0], opened.classes[79]) == (80, "person", "toothbrush")
        rows = [document["annotations"][line] for line in many.lines.tolist()]
        np.testing.assert_array_equal(many.boxes[:, :2], [row["bbox"][:2] for row in rows])
        assert [many.ids[i] for i in many.rows.tolist()] == [str(row["image_id"]) for row in rows]
        assert many.areas.tolist() == [row["area"] for row in rows]
