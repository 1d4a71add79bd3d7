import json

import pytest

from small_sets import coco_document, voc_object, voc_xml, write_coco, write_darknet, write_picture, write_voc
from yolov2.data.dataset import open_data
from yolov2.errors import LabelError

CAT = voc_xml(voc_object("cat", (1, 2, 30, 40)))
BAD = voc_xml(voc_object("cat", (30, 2, 1, 40)), voc_object("cat", (9, 9, 2, 3)))


@pytest.fixture
def voc(tmp_path):
    return write_voc(
        tmp_path / "voc",
        {"a": CAT, "b": CAT, "c": CAT},
        {"train": ["a", "b"], "val": ["c"], "trainval": ["a", "b", "c"]},
    )


def open_(data, **how):
    return open_data(data, cache=None, **how)


def test_each_form_of_data_is_known_by_its_path(tmp_path, voc):
    write_picture(tmp_path / "folders/cat/1.jpg")
    (tmp_path / "list.txt").write_text("folders/cat/1.jpg cat\n")
    (tmp_path / "data.yaml").write_text("train: folders\nnames: [cat]\n")
    paths = [voc, write_coco(tmp_path / "coco", coco_document()), write_darknet(tmp_path / "darknet", {"a": ""}),
             tmp_path / "data.yaml", tmp_path / "folders", tmp_path / "list.txt"]  # fmt: skip
    assert [open_(path).kind for path in paths] == ["voc", "coco", "darknet", "ultralytics", "folders", "list"]


def test_what_stands_behind_the_at_is_the_split(voc):
    assert [open_(f"{voc}@{split}").split().ids for split in ("val", "train", "val+train")] == [
        ("c",),
        ("a", "b"),
        ("c", "a", "b"),
    ]


def test_a_path_with_an_at_that_is_there_is_a_path(tmp_path, voc):
    moved = voc.rename(tmp_path / "voc@home")
    assert (open_(moved).chosen, open_(f"{moved}@val").split().ids) == (None, ("c",))


def test_a_split_that_is_not_there_is_refused_with_those_that_are(voc):
    with pytest.raises(LabelError) as refusal:
        open_(f"{voc}@test")
    assert str(refusal.value) == f"{voc}: found the split test, expected one of train, trainval, val; correct it"


def test_no_split_named_is_refused_where_there_are_several(voc):
    with pytest.raises(LabelError) as refusal:
        open_(voc).read()
    assert (
        str(refusal.value)
        == f"{voc}: found no split named, expected one of train, trainval, val; add @train to its path"
    )


FORMS = "a VOC folder, a COCO .json, a Darknet .data, a data.yaml, a folder of class folders, or a list of classes"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", f"found no such file or folder, expected {FORMS}; check the path"),
        ("x.zip", f"found a file ending in .zip, expected {FORMS}; give one of these"),
    ],
)
def test_what_is_no_data_is_refused(tmp_path, name, message):
    (tmp_path / "x.zip").write_text("")
    with pytest.raises(LabelError) as refusal:
        open_(tmp_path / name)
    assert str(refusal.value) == f"{tmp_path}/{name}: {message}"


def test_reading_tells_all_and_a_split_refuses_the_first_error(tmp_path):
    voc = write_voc(tmp_path, {"a": BAD}, {})
    assert len(open_(voc).read().faults) == 2
    with pytest.raises(LabelError) as refusal:
        open_(voc).split()
    assert str(refusal.value) == (
        f"{voc}/Annotations/a.xml:6: found xmin ymin xmax ymax = 30 2 1 40, expected xmin < xmax and ymin < ymax; "
        "correct or remove it; it is left out; 1 more; `yolov2 data check` lists all"
    )


def test_odd_labels_are_told_once_and_stop_nothing(tmp_path, caplog):
    voc = write_voc(tmp_path, {"a": voc_xml(voc_object("cat", (5, 5, 5, 5)))}, {})
    assert len(open_(voc).split()) == 1
    fault = "found xmin ymin xmax ymax = 5 5 5 5, expected xmin < xmax and ymin < ymax; correct or remove it; it is left out"
    assert caplog.messages == [
        f"{voc}: 1 odd label, the first {voc}/Annotations/a.xml:6: {fault}; `yolov2 data check` lists all"
    ]


def test_evaluation_takes_the_chosen_split_else_val_else_the_only_one(voc, tmp_path):
    assert [open_(data).evaluation()[0] for data in (f"{voc}@train", voc)] == ["train", "val"]
    coco = write_coco(tmp_path / "coco", coco_document(), name="x.json")
    assert open_(coco, images=tmp_path / "coco/images/val").evaluation()[0] == "x"


def test_training_takes_train_and_val(voc):
    assert [part.ids for part in open_(voc).training()] == [("a", "b"), ("c",)]


def test_training_on_pictures_of_val_holds_some_out_instead(voc):
    train, held = open_(f"{voc}@trainval").training()
    assert (len(held), sorted(train.ids + held.ids)) == (1, ["a", "b", "c"])


def test_names_and_images_reach_the_reader(tmp_path):
    path = write_coco(tmp_path, coco_document())
    opened = open_(path, names=["Katze", "Hund"], images=tmp_path / "images/val")
    assert (opened.classes, opened.split().class_ids.tolist()) == (("Katze", "Hund"), [1])


def test_the_cache_of_a_data_set_is_where_it_is_asked_for(voc, tmp_path):
    opened = open_data(voc, cache=tmp_path / "cache")
    opened.split("val")
    assert [path.name[:4] for path in (tmp_path / "cache").iterdir()] == ["voc-"]
    assert json.loads((next((tmp_path / "cache").iterdir())).read_bytes().partition(b"\n")[2]) == []  # changed just now


def test_a_folder_of_images_and_labels_is_what_its_one_file_says(tmp_path):
    write_darknet(tmp_path / "d", {"a": ""})
    write_coco(tmp_path / "c", coco_document())
    for stem in ("train", "valid"):
        write_picture(tmp_path / f"u/{stem}/images/a.jpg")
        (tmp_path / f"u/{stem}/labels").mkdir()
    (tmp_path / "u/data.yaml").write_text("train: train/images\nval: valid/images\nnames: [cat]\n")
    assert [open_(tmp_path / name).kind for name in "dcu"] == ["darknet", "coco", "ultralytics"]
    assert open_(f"{tmp_path}/u@train").split().ids == ("a",)


def test_a_folder_of_images_and_labels_alone_is_no_folder_of_classes(tmp_path):
    data = write_darknet(tmp_path, {"a": ""})
    (tmp_path / "more.data").write_text(data.read_text())
    with pytest.raises(LabelError) as refusal:
        open_(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path}: found images and labels, and 2 files that name them, expected the file that names them; "
        "give more.data, say"
    )
    for path in tmp_path.glob("*.data"):
        path.unlink()
    with pytest.raises(LabelError) as refusal:
        open_(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path}: found images and labels, expected the file that names them; give X.data, data.yaml or X.json"
    )
    assert open_(tmp_path, form="folders").classes == ("images", "labels")
