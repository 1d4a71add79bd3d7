import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.data.label_paths import darknet_label_path, label_path, label_paths


@pytest.mark.parametrize(
    ("picture", "ours", "darknets"),
    [
        ("data/images/a.jpg", "data/labels/a.txt", "data/labels/a.txt"),
        ("VOC2007/JPEGImages/000005.jpg", "VOC2007/labels/000005.txt", "VOC2007/labels/000005.txt"),
        ("images/set/images/a.png", "images/set/labels/a.txt", "labels/set/images/a.txt"),
        ("myimages/a.jpg", "myimages/a.txt", "mylabels/a.txt"),
        ("x/images/train2017/a.JPG", "x/labels/train2017/a.txt", "x/labels/train2017/a.txt"),
        ("raw/images/drawn.jpg", "raw/labels/drawn.txt", "labels/labels/drawn.txt"),
        ("images/a.jpg.jpg", "labels/a.jpg.txt", "labels/a.txt.jpg"),
        ("images/a.webp", "labels/a.txt", "labels/a.webp"),
        ("images.jpg", "images.txt", "labels.txt"),
    ],
)
def test_the_label_file_of_a_picture_by_both_rules(picture, ours, darknets):
    assert (label_path(picture), darknet_label_path(picture)) == (ours, darknets)


@given(st.text(alphabet="aimgesJPEGrw/.", max_size=40).map(lambda name: f"{name}x.jpg"))
def test_only_one_folder_and_the_ending_change(picture):
    before, after = picture.split("/"), label_path(picture).split("/")
    changed = [i for i in range(len(before) - 1) if before[i] != after[i]]
    assert [after[i] for i in changed] in ([], ["labels"])
    assert after[-1] == before[-1].removesuffix(".jpg") + ".txt"


def test_a_folder_where_the_rules_differ_is_told_once():
    listed = ["myimages/a.jpg", "myimages/b.jpg", "images/c.jpg"]
    paths, faults = label_paths(listed, places=["l:1", "l:2", "l:3"], faithful=False)
    assert paths == ["myimages/a.txt", "myimages/b.txt", "labels/c.txt"]
    assert [fault.message for fault in faults] == [
        "l:1: found labels at myimages/a.txt, at mylabels/a.txt by Darknet's rule, expected one place by both rules; rename the folders or the picture"
    ]
    assert not faults[0].is_error


def test_faithful_takes_darknets_rule_and_tells_of_ours():
    paths, faults = label_paths(["myimages/a.jpg"], places=["l:1"], faithful=True)
    assert paths == ["mylabels/a.txt"]
    assert faults[0].found == "labels at mylabels/a.txt, at myimages/a.txt by our rule"
