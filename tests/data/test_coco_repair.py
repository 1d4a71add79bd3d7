import copy

import pytest

from small_sets import coco_document
from yolov2.data.coco_repair import repair_document

NOTE = {"id": 1, "image_id": 7, "category_id": 5, "bbox": [10, 5, 20, 30], "area": 321, "iscrowd": 0}
PICTURES = {"7": "a.jpg"}
SIZES = {"a.jpg": (40, 60)}


def repaired(*notes, spellings=None, **changes):
    """The repaired document, and what was done: code and place."""
    document = coco_document(annotations=[NOTE, *notes], **changes)
    before = copy.deepcopy(document)
    mended, done = repair_document(document, PICTURES, SIZES, spellings or {})
    assert repr(document) == repr(before)
    return mended, [(change.code, change.place) for change in done]


def test_what_is_right_stays():
    other = NOTE | {"id": 2, "bbox": [1, 1, 5, 5], "segmentation": [[1, 2, 3]]}
    assert repaired(other) == (coco_document(annotations=[NOTE, other]), [])


@pytest.mark.parametrize(
    ("box", "left", "code"),
    [
        ([50, 5, 30, 30], [50, 5, 10, 30], "box-outside"),
        ([30, 5, -10, 30], [20, 5, 10, 30], "box-inverted"),
        ([30, 5, 0, 30], None, "box-empty"),
        ([70, 5, 10, 30], None, "box-far"),
        ([10, 5, 20, float("nan")], None, "not-finite"),
        ([10, 5, 20], None, "not-finite"),
        ("10 5 20 30", None, "json-value"),
        ([10, 5, 20, 30], None, "box-identical"),
    ],
)
def test_a_box_is_turned_cut_or_left_out(box, left, code):
    mended, done = repaired(NOTE | {"id": 2, "bbox": box})
    assert done == [(code, "annotations[1].bbox")]
    assert [one["bbox"] for one in mended["annotations"][1:]] == ([left] if left else [])


def test_an_area_that_was_the_boxs_own_goes_with_it_and_that_of_an_outline_stays():
    cut = NOTE | {"bbox": [50, 5, 30, 30]}
    mended, _ = repaired(cut | {"id": 2, "area": 900}, cut | {"id": 3, "category_id": 2, "area": 500})
    assert [one["area"] for one in mended["annotations"]] == [321, 300, 500]


def test_flags_ids_and_areas_that_can_not_be_are_written_anew():
    mended, done = repaired(
        {**NOTE, "bbox": [1, 1, 4, 4], "iscrowd": 3, "area": -2},
        {key: value for key, value in NOTE.items() if key != "iscrowd"} | {"id": 9, "bbox": [2, 2, 4, 4]},
    )
    assert [(one["id"], one["iscrowd"], one["area"]) for one in mended["annotations"][1:]] == [(2, 0, 16), (9, 0, 321)]
    assert sorted(done) == [
        ("duplicate-id", "annotations[1].id"),
        ("flag", "annotations[1].iscrowd"),
        ("flag-missing", "annotations[2].iscrowd"),
        ("json-value", "annotations[1].area"),
    ]


def test_a_picture_that_is_left_out_takes_its_boxes_with_it_and_a_box_of_none_goes():
    images = [{"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}, {"id": 8, "file_name": "b.jpg"}]
    mended, done = repaired(NOTE | {"id": 2, "image_id": 8}, NOTE | {"id": 3, "image_id": 9}, images=images)
    assert ([one["id"] for one in mended["images"]], len(mended["annotations"])) == ([7], 1)
    assert done == [("image-unknown", "annotations[2]")]


def test_a_wrong_size_is_corrected_and_a_class_gets_its_right_name():
    images = [{"id": 7, "file_name": "a.jpg", "width": 40, "height": 60}]
    mended, done = repaired(images=images, spellings={"dog": "Dog"})
    assert (mended["images"][0]["width"], mended["images"][0]["height"]) == (60, 40)
    assert [one["name"] for one in mended["categories"]] == ["Dog", "cat"]
    assert done == [("size-wrong", "images[0]"), ("class-spelling", "categories[0]")]
