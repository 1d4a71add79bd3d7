import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_sets import write_picture
from yolov2.data.dataset import open_data
from yolov2.data.labelme_json import parse_document


def shape(label: object = "cat", points=((1, 2), (30.5, 39)), kind="rectangle", **more):
    return {"label": label, "points": [list(point) for point in points], "shape_type": kind, "flags": {}} | more


def document(*shapes, **more):
    return {
        "version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg", "imageData": None,
        "imageHeight": 40, "imageWidth": 60,
    } | more  # fmt: skip


def write_labelme(root, name="a", *, picture=True, **more):
    path = root / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(*more.pop("shapes", [shape()]), imagePath=f"{path.stem}.jpg") | more))
    if picture:
        write_picture(path.with_suffix(".jpg"), seed=len(name))
    return path


def open_(path, cache=None, **how):
    return open_data(path, cache=cache, **how)


def parsed(*shapes, **more):
    return parse_document(json.dumps(document(*shapes, **more)).encode())


def test_a_folder_of_labelme_files_is_known_by_its_content(tmp_path):
    write_labelme(tmp_path, "a", shapes=[shape("dog"), shape()])
    write_labelme(tmp_path, "b", shapes=[])
    data = open_(tmp_path)
    samples = data.split()
    assert (data.kind, data.classes, data.split_names, samples.ids) == ("labelme", ("cat", "dog"), ("all",), ("a", "b"))
    assert (samples.boxes.tolist(), samples.class_ids.tolist()) == ([[1, 2, 30.5, 39]] * 2, [1, 0])
    assert samples.sizes.tolist() == [[40, 60]] * 2


def test_one_file_is_a_data_set_too(tmp_path):
    path = write_labelme(tmp_path)
    assert (open_(path).kind, len(open_(path).split())) == ("labelme", 1)


def test_folders_called_train_and_val_are_splits(tmp_path):
    write_labelme(tmp_path, "train/a")
    write_labelme(tmp_path, "val/b")
    assert open_(tmp_path).split_names == ("train", "val")
    assert open_(f"{tmp_path}@val").split().ids == ("b",)


@pytest.mark.parametrize(
    ("points", "kind", "expected"),
    [
        (((30, 39), (1, 2)), "rectangle", (1, 2, 30, 39)),
        (((5, 6), (20, 8), (12, 30)), "polygon", (5, 6, 20, 30)),
        (((20, 20), (23, 24)), "circle", (15, 15, 25, 25)),
        (((1, 2), (9, 8)), "mask", (1, 2, 9, 8)),
    ],
)
def test_shapes_become_the_boxes_around_them(points, kind, expected):
    assert parsed(shape(points=points, kind=kind)).numbers == expected


def test_shapes_without_an_area_are_left_out_and_counted():
    entry = parsed(shape(points=((1, 1),), kind="point"), shape(kind="line"), shape(kind="linestrip"), shape())
    assert (entry.lines, [flaw.found for flaw in entry.flaws]) == ((3,), ["1 line, 1 linestrip, 1 point"])


def test_flags_called_difficult_and_crowd_count():
    entry = parsed(shape(flags={"difficult": True}), shape(flags={"crowd": True}), shape(difficult=True), shape())
    assert entry.flags == (1, 2, 1, 0)


@pytest.mark.parametrize(
    "broken",
    [{"label": "cat"}, shape(points=((1, 2, 3), (4, 5, 6))), shape(points=((1, "2"), (4, 5))), shape(label=7), "cat"],
)
def test_a_broken_shape_is_told_by_its_path(broken):
    entry = parsed(shape(), broken)
    assert (entry.lines, [(flaw.place, flaw.found) for flaw in entry.flaws]) == (
        (0,),
        [("shapes[1]", "a shape without a label or points")],
    )


@given(st.binary(max_size=200))
def test_any_bytes_give_an_entry(data):
    assert parse_document(data).classes == ()


def test_a_number_without_end_is_no_coordinate():
    data = json.dumps(document(shape())).replace("30.5", "1e999").encode()
    assert (parse_document(data).classes, parse_document(data).flaws[0].code) == ((), "json-value")


def test_windows_paths_lead_to_pictures(tmp_path):
    write_picture(tmp_path / "photos/a.jpg")
    write_labelme(tmp_path / "labels", picture=False, imagePath="..\\photos\\a.jpg")
    assert open_(tmp_path / "labels").split().pictures == (f"{tmp_path}/photos/a.jpg",)


def test_a_picture_that_is_missing_is_taken_out_of_the_file(tmp_path):
    data = write_picture(tmp_path / "elsewhere.jpg").read_bytes()
    path = write_labelme(tmp_path / "l", picture=False, imageData=base64.b64encode(data).decode())
    reading = open_(path.parent, cache=tmp_path / "cache").read()
    assert reading.samples.pictures[0].endswith("/a.jpg")
    assert Path(reading.samples.pictures[0]).read_bytes() == data
    assert [fault.message for fault in reading.faults] == [
        (
            f"{path}: found no file {tmp_path}/l/a.jpg, expected a picture beside its labels; "
            "add it; the copy inside the file is taken"
        )
    ]


def test_the_picture_inside_is_not_looked_at_where_there_is_another(tmp_path):
    path = write_labelme(tmp_path / "l", imageData="no base64 at all")
    assert open_(path.parent, cache=tmp_path / "cache").read().faults == ()


@pytest.mark.parametrize("inside", [None, "it is no base64"])
def test_a_picture_that_is_nowhere_is_told(tmp_path, inside):
    path = write_labelme(tmp_path / "l", picture=False, imageData=inside)
    reading = open_(path.parent, cache=tmp_path / "cache").read()
    assert (len(reading.samples), [fault.code for fault in reading.faults]) == (0, ["picture-missing"])


def test_what_is_no_labelme_file_is_told_and_the_others_are_read(tmp_path):
    write_labelme(tmp_path, "a")
    (tmp_path / "b.json").write_text("{\n}")
    (tmp_path / "c.json").write_text("{\n")
    reading = open_(tmp_path).read()
    assert reading.samples.ids == ("a",)
    assert [fault.message for fault in reading.faults] == [
        (
            f"{tmp_path}/b.json: found no list of shapes, expected a LabelMe file: an object with shapes; "
            "give LabelMe files, or remove it; its picture is left out"
        ),
        (
            f"{tmp_path}/c.json:2: found JSON that does not parse (Expecting property name enclosed in double quotes), "
            "expected a LabelMe file: an object with shapes; give LabelMe files, or remove it; its picture is left out"
        ),
    ]


def test_without_a_size_the_pictures_own_is_taken(tmp_path):
    write_labelme(tmp_path, imageHeight=None)
    np.testing.assert_array_equal(open_(tmp_path).split().sizes, [[40, 60]])
