import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_sets import coco_document
from yolov2.data.coco_json import CocoEntry, parse_document
from yolov2.data.entry import CROWD, DIFFICULT

BOX = {"id": 1, "image_id": 7, "category_id": 5, "bbox": [10, 5, 20, 30], "area": 321, "iscrowd": 0}
PICTURE = {"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}


def parse(**changes):
    return parse_document(json.dumps(coco_document(**changes)).encode())


def told(entry):
    return [
        (flaw.code, f"{flaw.place}: found {flaw.found}, expected {flaw.expected}; {flaw.repair}")
        for flaw in entry.flaws
    ]


def test_a_document_is_read_whole():
    assert parse() == CocoEntry(
        ((2, "cat"), (5, "dog")), ((7, "a.jpg", 40, 60),), (0,), (5,), (10, 5, 20, 30), (321,), (0,), (0,), ()
    )


def test_crowd_and_difficult_are_flags():
    assert parse(annotations=[BOX | {"iscrowd": 1}, BOX | {"id": 2, "difficult": 1}]).flags == (CROWD, DIFFICULT)


@pytest.mark.parametrize("change", [{"height": 0}, {"width": -1}, {"height": True}, {"width": 60.5}, {"height": None}])
def test_a_size_counts_only_where_it_is_one(change):
    entry = parse(images=[PICTURE | change])
    assert (entry.pictures, entry.flaws) == (((7, "a.jpg", 0, 0),), ())


def test_a_box_without_area_has_that_of_its_sides():
    assert parse(annotations=[{key: value for key, value in BOX.items() if key != "area"}]).areas == (600,)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"bbox": [1, 2, 3]}, "json-value", "annotations[0].bbox: found [1, 2, 3], expected four numbers: x, y, width, height; correct or remove it"),
        ({"bbox": None}, "json-value", "annotations[0].bbox: found nothing, expected four numbers: x, y, width, height; correct or remove it"),
        ({"bbox": [1, 2, 3, True]}, "json-value", "annotations[0].bbox: found [1, 2, 3, true], expected four numbers: x, y, width, height; correct or remove it"),
        ({"bbox": [1, 2, float("nan"), 4]}, "not-finite", "annotations[0].bbox: found [1, 2, NaN, 4], expected four numbers: x, y, width, height; correct or remove it"),
        ({"bbox": [1, 2, 1e12, 4]}, "not-finite", "annotations[0].bbox: found [1, 2, 1000000000000.0, 4], expected four numbers: x, y, width, height; correct or remove it"),
        ({"image_id": 8}, "image-unknown", "annotations[0].image_id: found 8, expected the id of an image; correct or remove it"),
        ({"category_id": 3}, "class-unknown", "annotations[0].category_id: found the category 3, expected one of the 2 of the file; add the category, or correct it"),
        ({"category_id": "5"}, "json-value", 'annotations[0].category_id: found "5", expected a whole number; correct it'),
        ({"area": -1}, "json-value", "annotations[0].area: found -1, expected a number from 0; correct or remove it"),
        ({"area": float("inf")}, "not-finite", "annotations[0].area: found Infinity, expected a number from 0; correct or remove it"),
        ({"area": 10**400}, "json-value", f"annotations[0].area: found {'1' + '0' * 56}..., expected a number from 0; correct or remove it"),
        ({"iscrowd": 2}, "flag", "annotations[0].iscrowd: found 2, expected 0 or 1; correct it; taken as 0"),
        ({"iscrowd": None}, "flag-missing", "annotations[0].iscrowd: found nothing, expected 0 or 1; taken as 0; write it"),
        ({"score": float("nan")}, "not-finite", "annotations[0].score: found NaN, expected a number that JSON has; write a number or null"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_annotation_is_told_by_its_json_path(change, code, message):
    entry = parse(annotations=[BOX | change, BOX | {"id": 2}])
    assert told(entry) == [(code, message)]
    assert entry.indices[-1] == 1  # the next is read


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"images": [PICTURE, PICTURE]}, "duplicate-id", "images[1].id: found the id 7 a second time, expected an id of its own; remove one of the two"),
        ({"categories": [{"id": 5, "name": "a"}, {"id": 5, "name": "b"}]}, "duplicate-id", "categories[1].id: found the id 5 a second time, expected an id of its own; give each category its own"),
        ({"annotations": [BOX, BOX]}, "duplicate-id", "annotations[1].id: found the id 1 a second time, expected an id of its own; give each annotation its own"),
        ({"annotations": {}}, "json-value", "annotations: found an object, expected a list of objects; give a file of instances"),
        ({"annotations": None}, "json-value", "annotations: found nothing, expected a list of objects; give a file of instances"),
        ({"annotations": [BOX, 5]}, "json-value", "annotations[1]: found 5, expected an object; correct it"),
        ({"images": [PICTURE, {"id": 8}]}, "json-value", "images[1].file_name: found nothing, expected the name of a picture; correct it"),
        ({"images": [PICTURE, {"id": 8.5, "file_name": "b"}]}, "json-value", "images[1].id: found 8.5, expected a whole number or a text; correct it"),
        ({"categories": [{"id": 5, "name": 3}, {"id": 5, "name": "dog"}]}, "json-value", "categories[0].name: found 3, expected a text; correct it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_document_is_told_by_its_json_path(changes, code, message):
    assert told(parse(**changes)) == [(code, message)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [\n1,]}', "2: found JSON that does not parse (Expecting value)"),
        ("", "1: found JSON that does not parse (Expecting value)"),
        ("[1]", ": found a list around everything"),
        ("null", ": found null around everything"),
        ("[" * 100_000, ": found JSON that is nested a thousand deep"),
    ],
)  # fmt: skip
def test_what_is_no_coco_file_is_one_flaw(text, message):
    entry = parse_document(text.encode())
    assert [f"{flaw.place}: found {flaw.found}" for flaw in entry.flaws] == [message]
    assert (entry.flaws[0].code, entry.flaws[0].is_error) == ("json-broken", True)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "bbox", "image_id", "name"]), inner)
    ),
    max_leaves=12,
)
LISTS = st.sampled_from(["images", "annotations", "categories"])


@given(st.binary(max_size=100))
def test_any_bytes_are_an_entry(data):
    assert parse_document(data).flaws


@given(st.dictionaries(LISTS, st.lists(JSON, max_size=4) | JSON))
def test_any_document_gives_as_many_numbers_as_its_boxes_need(document):
    entry = parse_document(json.dumps(document).encode())
    assert len(entry.numbers) == 4 * len(entry.owners) == 4 * len(entry.indices)


@given(st.dictionaries(st.sampled_from(sorted(BOX)), JSON))
def test_any_value_in_an_annotation_is_taken_or_told(change):
    entry = parse(annotations=[BOX | change])
    assert len(entry.indices) + len(entry.flaws) >= 1
