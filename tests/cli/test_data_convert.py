"""`yolov2 data convert`: what a person sees, what a program reads, and what is refused."""

import json
from pathlib import Path

import pytest

from small_sets import coco_document, voc_object, voc_xml, write_coco, write_darknet, write_picture, write_voc

DIFFICULT = "<difficult>1</difficult>\n"


@pytest.fixture
def voc(here):
    text = voc_xml(voc_object("cat", (1, 2, 30, 40)), voc_object("dog", (5, 5, 30, 30), extra=DIFFICULT))
    write_voc(here / "VOC", {"a": text, "b": text}, {"train": ["a"], "val": ["b"]})
    return here


def test_a_person_reads_what_was_written_what_is_lost_and_how_to_open_it(yolov2, voc):
    said = yolov2("data", "convert", "VOC", "out", "--to", "darknet")
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "wrote out (darknet): 2 pictures, 4 boxes, 20 classes\n"
        "splits: train 1, val 1\n"
        "note: 2 difficult boxes put into difficult/labels, where no program takes them for objects\n"
        "open it as out/out.data\n"
    )


def test_json_says_the_same(yolov2, voc):
    said = yolov2("data", "convert", "VOC", "out", "--to", "coco", "--split", "val", "--json")
    assert json.loads(said.out) == {
        "out": "out", "to": "coco", "data": ["out/annotations/instances_val.json"], "classes": 20, "pictures": 1,
        "boxes": 2, "splits": {"val": 1}, "notes": [], "faults": [],
    }  # fmt: skip


def test_two_files_become_two_splits(yolov2, here):
    for split in ("train", "val"):
        document = coco_document()
        document["images"][0]["file_name"] = f"{split}.jpg"
        write_coco(here / "coco", document, name=f"{split}.json")
    files = ("coco/annotations/train.json", "coco/annotations/val.json")
    said = yolov2("data", "convert", *files, "out", "--to", "voc", "--images", "coco/images/val")
    assert said.out.splitlines()[:2] == ["wrote out (voc): 2 pictures, 2 boxes, 2 classes", "splits: train 1, val 1"]
    assert Path("out/ImageSets/Main/val.txt").read_text() == "val\n"


def test_broken_labels_are_named_and_end_in_status_1(yolov2, here):
    write_darknet(here / "d", {"a": "0 .5 .5 .5 .5\n" + 5 * "9 .5 .5 .5 .5\n"})
    said = yolov2("data", "convert", "d/small.data", "out", "--to", "voc")
    told = 'found the class "9", expected one of the 2 classes; correct it, or add it to the names'
    assert said.status == 1
    assert said.err.splitlines() == [
        *(f"warning: d/labels/a.txt:{line}: {told}" for line in (2, 3, 4)),
        "warning: 2 more; `yolov2 data check` lists all",
    ]


def test_odd_labels_are_told_by_kind(yolov2, here):
    write_darknet(here / "d", {"a": "0 .5 .5 0 .5\n" * 4})
    said = yolov2("data", "convert", "d/small.data", "out", "--to", "voc")
    assert said.out.splitlines()[2] == (
        "note: box-empty, 4 times; the first: d/labels/a.txt:1: found x y w h = 0.5 0.5 0 0.5, expected w > 0 and "
        "h > 0; correct or remove it; it is left out"
    )


@pytest.mark.parametrize(
    ("form", "name"), [("cvat", "x.export"), ("label-studio", "y.export"), ("labelme", "z.export")]
)
def test_an_export_of_any_name_is_read_where_its_format_is_named(yolov2, here, form, name):
    write_picture(Path("a.jpg"))
    shape = {"label": "cat", "points": [[1, 2], [3, 4]], "shape_type": "rectangle"}
    value = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["cat"]}
    region = {"type": "rectanglelabels", "original_width": 60, "original_height": 40, "value": value}
    texts = {
        "cvat": '<annotations><image name="a.jpg"><box label="cat" xtl="1" ytl="2" xbr="3" ybr="4"/></image></annotations>',
        "labelme": json.dumps({"shapes": [shape], "imagePath": "a.jpg"}),
        "label-studio": json.dumps([{"data": {"image": "a.jpg"}, "annotations": [{"result": [region]}]}]),
    }
    Path(name).write_text(texts[form])
    assert yolov2("data", "convert", name, "out", "--to", "voc").status == 2
    said = yolov2("data", "convert", name, "out", "--to", "voc", "--from", form)
    assert (said.status, said.out.splitlines()[0]) == (0, "wrote out (voc): 1 picture, 1 box, 1 class")


def test_a_folder_with_files_is_refused(yolov2, voc):
    said = yolov2("data", "convert", "VOC", "VOC", "--to", "coco")
    assert (said.status, said.out) == (2, "")
    assert said.err == (
        "yolov2: VOC: found a folder with files, expected a new one; choose another one, or write into it with "
        "--force: files of the same names are replaced, others stay\n"
    )


def test_folders_of_pictures_without_pictures_are_refused(yolov2, voc):
    said = yolov2("data", "convert", "VOC", "out", "--to", "folders", "--pictures", "none")
    assert said.status == 2
    assert "--to folders is made of pictures: --pictures none would write nothing." in said.err


def test_the_classes_may_be_named(yolov2, voc):
    Path("ours.names").write_text("dog\ncat\n")
    yolov2("data", "convert", "VOC", "out", "--to", "ultralytics", "--names", "ours.names")
    assert Path("out/data.yaml").read_text() == 'train: "train.txt"\nval: "val.txt"\nnames:\n  0: "dog"\n  1: "cat"\n'
    assert Path("out/labels/a.txt").read_text().split()[0] == "1"


def test_no_readable_picture_is_refused_in_one_line(yolov2, here):
    write_darknet(here / "d", {"a": "0 .5 .5 .5 .5\n"})
    Path("d/images/a.jpg").write_text("no picture")
    said = yolov2("data", "convert", "d/small.data", "out", "--to", "voc")
    assert (said.status, said.out, Path("out").exists()) == (2, "", False)
    assert said.err == (
        "yolov2: d: found no picture that can be read, expected at least one; `yolov2 data check` lists what is wrong\n"
    )
