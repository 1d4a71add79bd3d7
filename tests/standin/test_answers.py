"""Lines, JSON and label files, letter by letter."""

import json
from dataclasses import replace

import numpy as np
import pytest

from yolov2.records import Detections
from yolov2.standin.answers import (
    JSON_BETWEEN,
    JSON_END,
    JSON_START,
    answer_lines,
    frame_lines,
    json_frame,
    label_path,
    label_text,
)


def found() -> Detections:
    """Two boxes in a picture of 200 x 100: the right one is a dog or a cat, the left one a bird."""
    return Detections(
        xyxy=np.array([[100, 20, 180.4, 60.6], [100, 20, 180.4, 60.6], [-10, 0, 20, 50]], np.float32),
        scores=np.array([0.624, 0.876, 0.345], np.float32),
        class_ids=np.array([0, 1, 2], np.int64),
        objectness=np.array([0.9, 0.9, 0.5], np.float32),
        size=(100, 200),
        labels=("cat", "dog", "bird"),
    )


def test_pjreddies_lines_stand_in_the_order_of_the_list():
    assert answer_lines(found(), "pjreddie") == ["cat: 62%", "dog: 88%", "bird: 34%"]


def test_alexeyabs_go_from_left_to_right_and_the_best_class_comes_first():
    assert answer_lines(found(), "alexeyab") == ["bird: 34%", "dog: 88%", "cat: 62%"]


def test_places_are_whole_pixels_behind_a_tab():
    assert answer_lines(found(), "alexeyab", with_places=True) == [
        "bird: 34%\t(left_x:  -10   top_y:    0   width:   30   height:   50)",
        "dog: 88%\t(left_x:  100   top_y:   20   width:   80   height:   41)",
        "cat: 62%\t(left_x:  100   top_y:   20   width:   80   height:   41)",
    ]


def test_a_frame_of_alexeyabs_has_one_line_a_box():
    assert frame_lines(found(), "alexeyab") == ["cat: 62% , dog: 88% ", "bird: 34% "]
    assert frame_lines(found(), "alexeyab", with_places=True)[1] == (
        "bird: 34% \t(left_x:  -10   top_y:    0   width:   30   height:   50)"
    )
    assert frame_lines(found(), "pjreddie") == ["cat: 62%", "dog: 88%", "bird: 34%"]


def test_alexeyabs_keeps_some_classes_to_itself():
    hidden = replace(found(), labels=("cat", "dont_show this", "bird"))
    assert answer_lines(hidden, "alexeyab") == ["bird: 34%", "cat: 62%"]
    assert answer_lines(hidden, "pjreddie") == ["cat: 62%", "dont_show this: 88%", "bird: 34%"]
    assert "dont_show" not in json_frame(hidden, frame_id=1, picture="a")


def test_a_name_can_not_move_the_cursor():
    assert answer_lines(replace(found(), labels=("\x1b[2J", "dog", "bird")), "pjreddie")[0] == "\\x1b[2J: 62%"


def test_json_has_alexeyabs_blanks_and_digits():
    assert json_frame(found()[1:], frame_id=3, picture="a b.jpg") == (
        '{\n "frame_id":3, \n "filename":"a b.jpg", \n "objects": [ \n'
        '  {"class_id":1, "name":"dog", "relative_coordinates":{"center_x":0.701000, "center_y":0.403000, '
        '"width":0.402000, "height":0.406000}, "confidence":0.876000}, \n'
        '  {"class_id":2, "name":"bird", "relative_coordinates":{"center_x":0.025000, "center_y":0.250000, '
        '"width":0.150000, "height":0.500000}, "confidence":0.345000}\n ] \n}'
    )


def test_a_file_of_several_frames_is_json_whatever_the_names():
    odd = replace(found(), labels=('"a"', "\\", "né"))
    text = (
        JSON_START + JSON_BETWEEN.join(json_frame(odd[:k], frame_id=k, picture='\\"\udcff') for k in (0, 3)) + JSON_END
    )
    assert '"name":"né"' in text  # as the names file has it
    none, all_three = json.loads(text)
    assert none == {"frame_id": 0, "filename": '\\"?', "objects": []}
    assert [entry["name"] for entry in all_three["objects"]] == ['"a"', "\\", "né"]


def test_a_label_file_has_the_best_class_of_every_box():
    assert label_text(found()) == "1 0.7010 0.4030 0.4020 0.4060\n2 0.0250 0.2500 0.1500 0.5000\n"


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("a.jpg", "a.txt"),
        ("x/my.images/a.b.png", "x/my.images/a.b.txt"),
        ("coco/images/train2017/1.jpg", "coco/labels/train2017/1.txt"),
        ("VOC2007/JPEGImages/1.jpg", "VOC2007/labels/1.txt"),
        ("no_ending", "no_ending.txt"),
    ],
)
def test_labels_lie_where_training_looks_for_them(picture, labels):
    assert label_path(picture) == labels
