import re
from pathlib import Path

import pytest

import yolov2.data
from planted import CLEAN, Bccd, Planted, plant
from small_sets import coco_document, voc_object, voc_xml, write_coco, write_darknet, write_picture, write_voc
from yolov2.data.catalogue import CODES
from yolov2.data.doctor import Findings
from yolov2.evaluate.check import check

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (  # what `plant` puts into a copy of BCCD: 34 faults of 31 kinds
    *("picture-missing", "picture-broken", "picture-damaged", "size-wrong", "size-missing", "picture-turned"),
    *("xml-broken", "encoding", "flag", "xml-object", "label-number", "not-finite", "box-inverted", "box-far"),
    *("box-outside", "box-identical", "box-two-classes", "box-sliver", "box-tiny", "boxes-over-30", "cell-crowded"),
    *("split-shared", "picture-unlisted", "listed-twice", "split-duplicate", "picture-duplicate", "class-spelling"),
    *("name-case", "label-missing", "label-orphan", "name-twins"),
)


def places(found: Findings, root: Path) -> list[tuple[str, str]]:
    """Code and place of all that was found, the place below the data set's folder."""
    return [(one.code, "." if one.where == str(root) else one.where.removeprefix(f"{root}/")) for one in found.faults]


@pytest.fixture(scope="module")
def bccd(shared, tmp_path_factory) -> tuple[Path, list[Planted], Findings]:
    """A copy of BCCD with faults: where, which, and what the doctor says."""
    copy = Bccd(shared / "data/bccd", tmp_path_factory.mktemp("planted") / "bccd")
    planted = plant(copy)
    return copy.root, planted, check(copy.root, cache=None)


@pytest.mark.parametrize("code", PLANTED)
def test_every_planted_fault_is_found_at_its_place(bccd, code):
    root, planted, found = bccd
    expected = sorted(where for one, where in planted if one == code)
    assert expected
    there = sorted(where for one, where in places(found, root) if one == code and (one, where) not in CLEAN)
    assert sorted(set(there)) == sorted(set(expected))


def test_nothing_is_found_beside_what_was_planted_and_what_was_there(bccd):
    root, planted, found = bccd
    assert set(places(found, root)) == {(code, where) for code, where in planted} | CLEAN
    assert len(planted) == 35


def test_in_the_clean_set_two_boxes_are_empty_and_one_smear_is_in_both_splits(shared):
    root = shared / "data/bccd"
    found = check(root, cache=None)
    assert (set(places(found, root)), found.errors) == (CLEAN, ())
    (small,) = (one for one in found.faults if one.code == "box-small")
    assert small.found.startswith("998 of 4,886 boxes (20.4%) under two cells (64 pixels) wide and high at 416 x 416")


def test_errors_come_before_warnings_and_the_worst_of_each_first(bccd):
    codes = list(dict.fromkeys(one.code for one in bccd[2].faults))
    errors = list(dict.fromkeys(one.code for one in bccd[2].errors))
    assert codes[: len(errors)] == errors
    assert errors[:4] == ["xml-broken", "name-case", "picture-missing", "picture-broken"]


# --- small sets, whatever lies beside the repository ------------------------------------------------------------------

CAT = voc_xml(voc_object("cat", (5, 2, 30, 30)))
BOX = "0 0.5 0.5 0.5 0.5\n"


def found_in(data: Path, *, pictures: bool = False, **how) -> list[tuple[str, str]]:
    """What is found below the folder of the data, but for its small boxes."""
    root = data if data.is_dir() else data.parent
    found = check(data, cache=None, pictures=pictures, **how)
    return [one for one in places(found, root) if one[0] not in ("box-small", "class-without-boxes", "box-tiny")]


def darknet(root: Path, text: str | None) -> Path:
    """Two pictures, of which the second has this label file."""
    return write_darknet(root, {"a": BOX, "b": text})


def test_a_clean_set_has_no_fault(tmp_path):
    assert found_in(darknet(tmp_path, "1 0.5 0.5 0.4 0.4\n"), pictures=True) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0 0.5 0.5 0.5\n", "label-columns"),
        ("0 0.5 0.5 half 0.5\n", "label-number"),
        ("0 0.5 0.5 nan 0.5\n", "not-finite"),
        ("0 0.5 0.5 0 0.5\n", "box-empty"),
        ("0 0.5 0.5 -0.2 0.5\n", "box-inverted"),
        ("0 1.5 0.5 0.2 0.5\n", "box-far"),
        ("0 0.9 0.5 0.4 0.5\n", "box-outside"),
        ("2 0.5 0.5 0.4 0.4\n", "class-unknown"),
        ("0 0.5 0.5 1 0.05\n", "box-sliver"),
    ],
)
def test_a_bad_line_is_told_by_its_number(tmp_path, text, code):
    assert found_in(darknet(tmp_path, f"{BOX}\n{text}")) == [(code, "labels/b.txt:3")]


def test_a_box_written_twice_is_told_and_which_it_is(tmp_path):
    data = darknet(tmp_path, f"{BOX}1 0.2 0.2 0.3 0.3\n{BOX}1 0.5 0.5 0.5 0.5\n")
    found = check(data, cache=None, pictures=False)
    told = [(one.code, one.where.rpartition(":")[2], one.found) for one in found.faults if "box-" in one.code]
    assert told[:2] == [
        ("box-identical", "3", 'the "cat" of line 1 once more'),
        ("box-two-classes", "4", 'the box of line 3, there a "cat", as a "dog"'),
    ]


def test_a_name_in_another_case_is_told_with_the_files_own(tmp_path):
    data = darknet(tmp_path, BOX)
    (tmp_path / "images/b.jpg").rename(tmp_path / "images/B.JPG")
    (one,) = check(data, cache=None, pictures=False).errors
    assert one.message == (
        f"{tmp_path}/train.txt:2: found no file {tmp_path}/images/b.jpg, expected the file's own name, "
        f"{tmp_path}/images/B.JPG; write B.JPG, or rename the file: Linux tells them apart"
    )


def test_a_label_file_in_another_case_is_no_empty_picture(tmp_path):
    data = darknet(tmp_path, BOX)
    (tmp_path / "labels/b.txt").rename(tmp_path / "labels/B.TXT")
    assert found_in(data) == [("name-case", "train.txt:2")]


def test_a_picture_of_another_ending_is_found(tmp_path):
    data = darknet(tmp_path, BOX)
    (tmp_path / "images/b.jpg").rename(tmp_path / "images/b.png")
    assert found_in(data) == [("name-case", "train.txt:2")]


def test_labels_of_no_picture_and_pictures_of_no_list_are_told(tmp_path):
    data = darknet(tmp_path, BOX)
    (tmp_path / "labels/c.txt").write_text(BOX)
    (tmp_path / "labels/classes.txt").write_text("cat\ndog\n")
    write_picture(tmp_path / "images/d.jpg", seed=9)
    assert found_in(data) == [("picture-unlisted", "images"), ("label-orphan", "labels/c.txt")]


def test_of_one_split_alone_no_picture_is_unlisted(tmp_path):
    data = darknet(tmp_path, BOX)
    write_picture(tmp_path / "images/d.jpg", seed=9)
    assert not any(one.code == "picture-unlisted" for one in check(f"{data}@train", cache=None).faults)


def test_more_than_30_boxes_and_more_in_a_cell_than_priors(tmp_path):
    lines = "".join(f"0 {0.03 * number:.4f} 0.5 0.02 0.4\n" for number in range(1, 32))
    data = write_darknet(tmp_path, {"a": lines, "b": "".join(f"0 .5 .5 .{side} .{side}\n" for side in range(3, 9))})
    found = [one for one in found_in(data) if one[0] != "box-sliver"]
    assert found == [("boxes-over-30", "labels/a.txt"), ("cell-crowded", "labels/b.txt:1")]
    assert ("cell-crowded", "labels/b.txt:1") not in found_in(data, anchors=[(1, 1)] * 6)


def test_a_class_without_a_box_is_told(tmp_path):
    (one,) = (one for one in check(darknet(tmp_path, BOX), cache=None).faults if one.code == "class-without-boxes")
    assert one.message == (
        f"{tmp_path}: found 1 class without a box: dog, expected boxes of each class; label some, or leave the class out"
    )


def test_a_class_that_only_the_validation_split_has_is_told(tmp_path):
    voc = write_voc(tmp_path, {"a": CAT, "b": CAT.replace("cat", "dog")}, {"train": ["a"], "val": ["b"]})
    (one,) = (one for one in check(voc, cache=None).faults if one.code == "class-not-in-train")
    assert one.found == "1 class without a box in train: dog"


def test_a_list_that_is_not_there_is_told_and_the_other_split_looked_at(tmp_path):
    data = darknet(tmp_path, "3 0.5 0.5 0.5 0.5\n")
    data.write_text(f"{data.read_text()}valid=nowhere.txt\n")
    assert [code for code, _ in found_in(data)] == ["split-unreadable", "class-unknown"]


def test_the_same_for_coco_by_its_json_path(tmp_path):
    boxes = [[10, 5, 20, 30], [10, 5, 20, 30], [50, 5, 30, 30], [10, 5, -3, 4], [70, 5, 9, 9], [10, 5, 0, 9]]
    notes = [
        {"id": i, "image_id": 7, "category_id": 5, "bbox": box, "area": 9, "iscrowd": 0} for i, box in enumerate(boxes)
    ]
    notes.append(notes[0] | {"id": 99, "image_id": 8})
    images = [{"id": 7, "file_name": "a.jpg", "width": 61, "height": 40}]
    path = write_coco(tmp_path, coco_document(annotations=notes, images=images))
    found = [one for one in places(check(path, cache=None), path.parent) if one[0] not in ("box-small",)]
    name = path.name
    assert found == [
        ("image-unknown", f"{name}:annotations[6].image_id"),
        ("box-inverted", f"{name}:annotations[3].bbox"),
        ("box-far", f"{name}:annotations[4].bbox"),
        ("size-wrong", f"{name}:a.jpg"),
        ("box-empty", f"{name}:annotations[5].bbox"),
        ("box-outside", f"{name}:annotations[2].bbox"),
        ("box-identical", f"{name}:annotations[1].bbox"),
        ("class-without-boxes", "."),
    ]


def test_two_coco_files_are_held_against_each_other(tmp_path):
    train = write_coco(tmp_path, coco_document(), name="instances_train.json")
    val = write_coco(tmp_path, coco_document(), name="instances_val.json")
    (tmp_path / "images/train").mkdir()
    (tmp_path / "images/val/a.jpg").rename(tmp_path / "images/train/a.jpg")
    write_picture(tmp_path / "images/val/a.jpg", seed=0, size=(80, 120))
    (one,) = (one for one in check(train, cache=None, against=[val]).faults if "duplicate" in one.code)
    assert one.message == (
        f"{tmp_path}/images/val/a.jpg: found what {tmp_path}/images/train/a.jpg shows, a picture of train, "
        f"expected pictures that only {val} has; take it out of {val}"
    )


def test_the_same_for_ultralytics(tmp_path):
    data = tmp_path / "data.yaml"
    data.write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    for seed, stem in enumerate(("train/a", "train/b", "val/c")):
        write_picture(tmp_path / f"images/{stem}.jpg", seed=seed)
        (tmp_path / f"labels/{stem}.txt").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"labels/{stem}.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (tmp_path / "labels/train/b.txt").write_text("1 .1 .1 .9 .1 1.4 .9\n7 .5 .5 .5 .5\n")
    write_picture(tmp_path / "images/val/d.jpg", seed=0, size=(20, 30))
    assert found_in(data, pictures=True) == [
        ("class-unknown", "labels/train/b.txt:2"),
        ("box-outside", "labels/train/b.txt:1"),
        ("split-duplicate", "images/val/d.jpg"),
        ("label-missing", "images/val"),
    ]


def test_class_folders_are_decoded_and_compared(tmp_path):
    for seed, name in enumerate(("cat/a", "cat/b", "dog/c")):
        write_picture(tmp_path / f"train/{name}.jpg", seed=seed)
    write_picture(tmp_path / "val/cat/d.jpg", seed=1, size=(80, 120))
    (tmp_path / "train/dog/c.jpg").write_bytes(b"\xff\xd8\xff and no more")
    (tmp_path / "val/dog").mkdir()
    assert found_in(tmp_path, pictures=True) == [
        ("picture-broken", "train/dog/c.jpg"),
        ("class-empty", "val/dog"),
        ("split-duplicate", "val/cat/d.jpg"),
    ]


def test_without_pictures_none_is_opened(tmp_path):
    data = write_voc(tmp_path, {"a": CAT}, {"train": ["a"]})
    (tmp_path / "JPEGImages/a.jpg").write_bytes(b"no picture")
    found = check(data, cache=None, pictures=False)
    assert (found.errors, found.summary.decoded) == ((), False)


def test_the_json_shape_has_errors_warnings_and_summary(tmp_path):
    shape = check(darknet(tmp_path, "0 .5 .5 -.1 .2\n"), cache=None).to_dict()
    assert list(shape) == ["errors", "warnings", "summary"]
    assert shape["errors"] == [
        {
            "code": "box-inverted",
            "where": f"{tmp_path}/labels/b.txt:1",
            "message": "found x y w h = 0.5 0.5 -0.1 0.2, expected w > 0 and h > 0",
            "repair": "correct or remove it; it is left out",
        }
    ]
    assert shape["summary"]["per_class"]["cat"] == {"boxes": 1, "pictures": 1, "difficult": 0, "crowd": 0}


# --- the catalogue ----------------------------------------------------------------------------------------------------

ELSEWHERE = ("catalogue.py", "cvat.py", "labelme.py", "label_studio.py")  # exports, which are converted first
SPELLED = re.compile(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"')


def codes_in_the_code() -> set[str]:
    """All that the readers and the doctor call a fault."""
    rooms = [Path(folder) for folder in yolov2.data.__path__]
    texts = [path.read_text() for room in rooms for path in room.glob("*.py") if path.name not in ELSEWHERE]
    texts.append((ROOT / "src/yolov2/evaluate/check.py").read_text())
    calls = re.compile(r"(?:Fault|Flaw|_flaw|_refused|flaw_of|_fault_of|CODES = )\(?[^\n]*(?:\n[^\n]*){0,2}")
    return {code for text in texts for call in calls.findall(text) for code in SPELLED.findall(call)}


def test_every_code_is_in_the_catalogue():
    assert codes_in_the_code() - set(CODES) <= {"utf-8", "us-ascii", "latin-1", "yolov2-voc", "utf-8-sig"}


def test_every_code_has_its_line_in_the_docs():
    described = re.findall(
        r"^\| `([a-z][a-z0-9-]+)` \| (?:error|warning)", (ROOT / "docs/doctor.md").read_text(), flags=re.MULTILINE
    )
    assert described == list(CODES)


def test_a_wrong_size_makes_no_right_box_wrong(tmp_path):
    boxes = [
        voc_object("cat", corners) for corners in ((5, 2, 30, 30), (31, 2, 58, 38), (31, 2, 66, 40), (90, 2, 99, 9))
    ]
    voc = write_voc(tmp_path, {"a": voc_xml(*boxes, size=(20, 30))}, {"train": ["a"]})
    assert [one for one in found_in(voc, pictures=True) if one[0].startswith(("box", "size"))] == [
        ("box-far", "Annotations/a.xml:33"),
        ("size-wrong", "Annotations/a.xml"),
        ("box-outside", "Annotations/a.xml:24"),
    ]
    far = next(one for one in check(voc, cache=None).faults if one.code == "box-far")
    assert far.expected == "a box inside the picture of 60 x 40"


def test_a_wrong_size_in_coco_makes_no_right_box_wrong(tmp_path):
    images = [{"id": 7, "file_name": "a.jpg", "width": 10, "height": 5}]
    path = write_coco(tmp_path, coco_document(images=images))
    found = [one.code for one in check(path, cache=None).faults]
    assert ("size-wrong" in found, [code for code in found if code in ("box-far", "box-outside")]) == (True, [])
    assert len(check(path, cache=None).facts.parts["val"].boxes) == 1
