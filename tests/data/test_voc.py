import numpy as np
import pytest

from small_sets import voc_object, voc_xml, write_voc
from yolov2.data.opened import Options
from yolov2.data.voc import VOC_CLASSES, is_voc, open_voc
from yolov2.errors import LabelError

CAT = voc_object("cat", (1, 2, 30, 40))
ZEBRA = voc_object("zebra", (11, 12, 20, 30))


def messages(reading):
    return [(fault.code, fault.is_error, fault.message) for fault in reading.faults]


def test_corners_become_edges_and_every_split_is_a_list(tmp_path):
    texts = {"a": voc_xml(CAT, voc_object("dog", (3, 4, 5, 6), extra="<difficult>1</difficult>\n")), "b": voc_xml()}
    opened = open_voc(write_voc(tmp_path, texts, {"train": ["b", "a"], "val": ["b"]}), Options())
    assert (opened.split_names, opened.classes, opened.task) == (("train", "val"), VOC_CLASSES, "detect")
    b, a = opened.read("train").samples
    assert (len(b), b.id, b.size) == (0, "b", (40, 60))
    assert a.boxes.tolist() == [[0, 1, 30, 40], [2, 3, 5, 6]]
    assert (a.class_ids.tolist(), a.difficult.tolist(), a.crowd.tolist()) == ([7, 11], [False, True], [False, False])
    assert (a.areas.tolist(), a.lines.tolist()) == ([30 * 39, 9], [6, 15])
    assert (a.picture, a.annotation) == (tmp_path / "JPEGImages/a.jpg", str(tmp_path / "Annotations/a.xml"))


def test_the_iou_of_edges_is_that_of_the_development_kit(tmp_path):
    pair = voc_xml(voc_object("cat", (11, 11, 20, 20)), voc_object("cat", (16, 11, 25, 20)))
    a, b = open_voc(write_voc(tmp_path, {"a": pair}, {}), Options()).read("all").samples[0].boxes
    inclusive = 5 * 10 / (100 + 100 - 50)  # (min - max + 1) a side, as the kit counts
    overlap = np.prod(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    assert overlap / (200 - overlap) == inclusive


def test_other_names_than_vocs_are_the_classes_sorted_also_those_outside_the_split(tmp_path):
    texts = {"a": voc_xml(CAT), "b": voc_xml(ZEBRA)}
    opened = open_voc(write_voc(tmp_path, texts, {"train": ["a"]}), Options())
    assert opened.classes == ("cat", "zebra")
    assert opened.read("train").samples.class_ids.tolist() == [0]


def test_a_class_that_the_given_names_lack_is_told_and_its_box_kept(tmp_path):
    opened = open_voc(write_voc(tmp_path, {"a": voc_xml(CAT, ZEBRA)}, {}), Options(names=("zebra",)))
    reading = opened.read("all")
    assert reading.samples.class_ids.tolist() == [-1, 0]
    assert messages(reading) == [
        (
            "class-unknown",
            True,
            f'{tmp_path}/Annotations/a.xml:6: found the class "cat", expected one of the 1 classes; correct it, or add it to the names',
        )
    ]


def test_lists_for_one_class_are_no_splits_but_can_be_read(tmp_path):
    root = write_voc(tmp_path, {"a": voc_xml(CAT), "b": voc_xml()}, {"val": ["a", "b"], "cat_val": ["a  1", "b -1"]})
    opened = open_voc(root, Options())
    assert (opened.split_names, opened.read("cat_val").samples.ids) == (("val",), ("a", "b"))


@pytest.mark.parametrize(
    ("corners", "code", "is_error", "said"),
    [
        ((30, 2, 10, 20), "box-inverted", True, "30 2 10 20, expected xmin < xmax and ymin < ymax; correct or remove it; it is left out"),
        ((5, 5, 5, 5), "box-empty", False, "5 5 5 5, expected xmin < xmax and ymin < ymax; correct or remove it; it is left out"),
        ((61, 1, 70, 9), "box-far", True, "61 1 70 9, expected a box inside the picture of 60 x 40; correct or remove it; it is left out"),
        ((0, 1, 70, 9), "box-outside", False, "0 1 70 9, expected a box inside the picture of 60 x 40; correct it; it is taken as it is"),
    ],
)  # fmt: skip
def test_a_box_that_cannot_be_is_told_at_its_line(tmp_path, corners, code, is_error, said):
    root = write_voc(tmp_path, {"a": voc_xml(voc_object("dog", corners), CAT)}, {})
    reading = open_voc(root, Options()).read("all")
    assert messages(reading) == [
        (code, is_error, f"{tmp_path}/Annotations/a.xml:6: found xmin ymin xmax ymax = {said}")
    ]
    assert reading.samples.class_ids.tolist() == ([11, 7] if code == "box-outside" else [7])


def test_a_picture_that_is_not_there_is_left_out(tmp_path):
    root = write_voc(tmp_path, {"a": voc_xml(CAT), "b": voc_xml()}, {})
    (root / "JPEGImages/a.jpg").unlink()
    reading = open_voc(root, Options()).read("all")
    assert reading.samples.ids == ("b",)
    assert messages(reading) == [
        (
            "picture-missing",
            True,
            f"{root}/Annotations/a.xml: found no file {root}/JPEGImages/a.jpg, expected a picture; correct the name, add the picture, or remove the entry; it is left out",
        )
    ]


def test_a_picture_of_another_name_is_found_by_what_its_annotation_says(tmp_path):
    root = write_voc(
        tmp_path, {"a": voc_xml(CAT).replace("<annotation>", "<annotation><filename>q.jpg</filename>")}, {}
    )
    (root / "JPEGImages/a.jpg").rename(root / "JPEGImages/q.jpg")
    assert open_voc(root, Options()).read("all").samples.pictures == (str(root / "JPEGImages/q.jpg"),)


def test_a_listed_picture_without_annotation_is_left_out(tmp_path):
    root = write_voc(tmp_path, {"a": voc_xml(CAT)}, {"train": ["a", "z", "a"]})
    reading = open_voc(root, Options()).read("train")
    main = root / "ImageSets/Main/train.txt"
    assert reading.samples.ids == ("a",)
    assert messages(reading) == [
        (
            "listed-twice",
            False,
            f"{main}:3: found a a second time, expected each picture once; remove the line; it counts once",
        ),
        (
            "label-missing",
            True,
            f"{main}:2: found no file {root}/Annotations/z.xml, expected an annotation for each picture; add it, or remove the entry; the picture is left out",
        ),
    ]


def test_the_size_of_an_annotation_without_one_is_that_of_the_picture(tmp_path):
    root = write_voc(tmp_path, {"a": voc_xml(CAT, size=None)}, {})
    reading = open_voc(root, Options()).read("all")
    assert reading.samples[0].size == (40, 60)
    assert messages(reading) == [
        (
            "size-missing",
            False,
            f"{root}/Annotations/a.xml: found no size, expected <size> with width and height; write <width>60</width> and <height>40</height>; the picture's own size is taken",
        )
    ]


def test_a_broken_annotation_is_told_once_and_its_picture_left_out(tmp_path):
    root = write_voc(tmp_path, {"a": "<annotation>", "b": voc_xml(CAT)}, {})
    reading = open_voc(root, Options()).read("all")
    assert (reading.samples.ids, [fault.code for fault in reading.faults]) == (("b",), ["xml-broken"])


def test_a_split_that_is_not_there_is_refused(tmp_path):
    opened = open_voc(write_voc(tmp_path, {"a": voc_xml(CAT)}, {"val": ["a"]}), Options())
    with pytest.raises(LabelError) as refusal:
        opened.read("test")
    assert (
        str(refusal.value)
        == f"{tmp_path}/ImageSets/Main/test.txt: found no such file, expected a list of pictures, a name a line; check the path"
    )


def test_a_voc_folder_has_annotations_and_pictures(tmp_path):
    assert not is_voc(tmp_path)
    assert is_voc(write_voc(tmp_path, {}, {}))


def test_voc2007_is_read_whole(unpacked, tmp_path):
    root = unpacked("data/voc2007") / "VOC2007"
    opened = open_voc(root, Options(cache=tmp_path))
    first, again = opened.read("trainval"), open_voc(root, Options(cache=tmp_path)).read("trainval")
    assert (opened.split_names, opened.classes) == (("train", "trainval", "val"), VOC_CLASSES)
    for reading in (first, again):
        many = reading.samples
        assert (len(many), len(many.boxes), int(many.difficult.sum()), reading.faults) == (4008, 12537, 2461, ())
        assert np.bincount(many.class_ids).tolist() == [
            263, 334, 509, 320, 539, 210, 1337, 300, 1092, 309, 246, 421, 332, 308, 4341, 501, 280, 339, 258, 298
        ]  # fmt: skip
    chair = first.samples[first.samples.ids.index("000005")]
    assert (chair.size, chair.boxes[0].tolist()) == ((240, 320), [168, 134, 207, 217])


def test_the_two_bad_boxes_of_bccd_are_told_and_nothing_else(shared):
    root = shared / "data" / "bccd"
    opened = open_voc(root, Options())
    reading = opened.read("trainval")
    assert opened.classes == ("Platelets", "RBC", "WBC")
    assert sorted(messages(reading)) == [
        (
            "box-empty",
            False,
            f"{root}/Annotations/{name}.xml:{line}: found xmin ymin xmax ymax = {box}, expected xmin < xmax and ymin < ymax; correct or remove it; it is left out",
        )
        for name, line, box in (
            ("BloodImage_00338", 158, "504 337 504 337"),
            ("BloodImage_00343", 50, "181 329 181 329"),
        )
    ]
