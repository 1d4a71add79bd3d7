import hashlib
import json
import os
from pathlib import Path

import pytest

from planted import CLEAN, Bccd, plant
from small_sets import coco_document, voc_object, voc_xml, write_coco, write_darknet, write_picture, write_voc
from yolov2.data.dataset import open_data
from yolov2.data.repair import repair
from yolov2.errors import LabelError, OutputError
from yolov2.evaluate.check import check

CAT = voc_xml(voc_object("cat", (5, 2, 30, 30)))
BOX = "0 0.5 0.5 0.5 0.5\n"
REPAIRED = {  # of a copy of BCCD with every fault in it
    *("xml-broken", "name-case", "picture-missing", "picture-broken", "size-wrong", "size-missing", "not-finite"),
    *("label-number", "xml-object", "flag", "box-inverted", "box-far", "box-empty", "box-outside", "box-identical"),
    *("class-spelling", "split-shared", "split-duplicate", "listed-twice", "label-orphan", "label-missing", "encoding"),
}


def state(root: Path) -> dict[str, str]:
    """A digest of each file."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def fixed(data: Path, target: Path, **how):
    """What was repaired, and the findings of the copy."""
    done = repair(check(data, cache=None, **how), target)
    return done, check(done.data, cache=None)


def test_a_copy_of_bccd_has_none_of_the_faults_that_were_repaired(shared, tmp_path):
    copy = Bccd(shared / "data/bccd", tmp_path / "bccd")
    planted = plant(copy)
    before = state(copy.root)
    done, after = fixed(copy.root, tmp_path / "fixed")
    assert state(copy.root) == before
    assert set(done.counts) == REPAIRED
    assert {one.code for one in after.faults} & REPAIRED == set()
    assert after.errors == ()
    assert {code for code, _ in (*planted, *CLEAN)} == REPAIRED | set(done.left)


def test_of_the_clean_bccd_only_two_annotations_and_two_lists_are_new_files(shared, tmp_path):
    done, after = fixed(shared / "data/bccd", tmp_path / "fixed")
    assert dict(done.counts) == {"box-empty": 2, "split-duplicate": 1}
    new = sorted(
        str(path.relative_to(done.data)) for path in done.data.rglob("*") if path.is_file() and not path.is_symlink()
    )
    assert new == [
        "Annotations/BloodImage_00338.xml",
        "Annotations/BloodImage_00343.xml",
        "ImageSets/Main/trainval.txt",
        "ImageSets/Main/val.txt",
        "repairs.jsonl",
    ]
    assert (after.summary.pictures, [one.code for one in after.faults]) == (363, ["box-small"])


def test_links_are_relative_and_lead_to_the_original(tmp_path):
    data = write_voc(tmp_path / "a", {"one": CAT}, {"train": ["one"]})
    done, _ = fixed(data, tmp_path / "b/c")
    link = done.data / "JPEGImages/one.jpg"
    assert os.readlink(link) == "../../../a/JPEGImages/one.jpg"
    assert link.resolve() == (data / "JPEGImages/one.jpg").resolve()


def test_with_copy_nothing_is_a_link(tmp_path):
    data = write_voc(tmp_path / "a", {"one": CAT}, {"train": ["one"]})
    (data / "SegmentationClass").mkdir()
    (data / "SegmentationClass/one.png").write_bytes(b"png")
    done = repair(check(data, cache=None), tmp_path / "b", copy=True)
    assert not any(path.is_symlink() for path in done.data.rglob("*"))
    assert (done.data / "SegmentationClass/one.png").read_bytes() == b"png"


def test_the_log_has_a_line_for_each_repair(tmp_path):
    data = write_darknet(tmp_path / "a", {"one": f"{BOX}0 .5 .5 -.2 .2\n"})
    done, _ = fixed(data, tmp_path / "b")
    assert [json.loads(line) for line in done.log.read_text().splitlines()] == [
        {"code": "box-inverted", "where": f"{tmp_path}/a/labels/one.txt:2", "done": "turned its corners right"}
    ]


def test_a_darknet_set_gets_its_lists_labels_and_names_anew(tmp_path):
    root = tmp_path / "a"
    data = write_darknet(root, {"one": BOX, "two": f"{BOX}1 1 .5 .5 .5\nx\n", "three": None, "four": BOX, "five": BOX})
    write_darknet(root, {"six": BOX}, split="valid")
    write_picture(root / "images/six.jpg", seed=0, size=(80, 120))
    data.write_text("classes=2\ntrain=train.txt\nvalid=valid.txt\nnames=small.names\nbackup=weights\n")
    (root / "small.names").write_text("cat\nDog\n")
    (root / "valid.txt").write_text("images/six.jpg\nimages/nine.jpg\nimages/NINE.jpg\n")
    write_picture(root / "images/nine.jpg", seed=77)
    (root / "labels/nine.txt").write_text("1 .5 .5 .1 .1\n")
    (root / "images/four.jpg").write_bytes(b"no picture")
    (root / "images/five.jpg").rename(root / "images/FIVE.jpg")
    (root / "labels/stray.txt").write_text(BOX)
    done, after = fixed(data, tmp_path / "b")
    assert done.data == tmp_path / "b/small.data"
    assert done.data.read_text() == "classes=2\ntrain=train.txt\nvalid=valid.txt\nnames=small.names\nbackup=weights\n"
    assert (tmp_path / "b/train.txt").read_text() == (
        "images/one.jpg\nimages/two.jpg\nimages/three.jpg\nimages/FIVE.jpg\n"
    )
    assert (tmp_path / "b/valid.txt").read_text() == "images/nine.jpg\n"
    assert (tmp_path / "b/labels/two.txt").read_text() == f"{BOX}1 0.875 0.5 0.25 0.5\n"
    assert (tmp_path / "b/labels/three.txt").read_text() == ""
    assert not (tmp_path / "b/labels/stray.txt").exists()
    assert {one.code for one in after.faults} & set(done.counts) == set()
    assert after.errors == ()


def test_pictures_elsewhere_come_into_the_copys_own_folder(tmp_path):
    data = write_darknet(tmp_path / "a", {"one": BOX})
    moved = write_picture(tmp_path / "elsewhere/JPEGImages/x/two.jpg", seed=5)
    (tmp_path / "elsewhere/labels/x").mkdir(parents=True)
    (tmp_path / "elsewhere/labels/x/two.txt").write_text("0 .5 .5 0 0\n")
    (tmp_path / "a/train.txt").write_text(f"{moved}\n")
    done, after = fixed(data, tmp_path / "b")
    assert (tmp_path / "b/train.txt").read_text() == "JPEGImages/x/two.jpg\n"
    assert (tmp_path / "b/labels/x/two.txt").read_text() == ""
    assert (dict(done.counts), after.summary.pictures) == ({"box-empty": 1}, 1)


def test_class_names_take_the_models_spelling(tmp_path):
    data = write_darknet(tmp_path / "a", {"one": BOX})
    (tmp_path / "a/small.names").write_text("dining table\ndog\n")
    Path(tmp_path / "m.cfg").write_text(
        "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=7\nsize=1\nstride=32\nactivation=linear\n"
        "[region]\nanchors=0.5,0.5\nclasses=2\nnum=1\n"
    )
    (tmp_path / "m.names").write_text("diningtable\ndog\n")
    found = check(data, model=tmp_path / "m.cfg", cache=None)
    done = repair(found, tmp_path / "b")
    assert open_data(done.data, cache=None).classes == ("diningtable", "dog")
    assert "class-spelling" not in {one.code for one in check(done.data, model=tmp_path / "m.cfg", cache=None).faults}


def test_an_ultralytics_set_keeps_its_other_keys(tmp_path):
    data = tmp_path / "a/data.yaml"
    for seed, stem in enumerate(("train/a", "train/b", "val/c")):
        write_picture(tmp_path / f"a/images/{stem}.jpg", seed=seed)
        (tmp_path / f"a/labels/{stem}.txt").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"a/labels/{stem}.txt").write_text(f"1 0.5 0.{seed + 3} 0.5 0.5\n1 2 2 .1 .1\n")
    write_picture(tmp_path / "a/images/val/d.jpg", seed=0, size=(20, 30))
    data.write_text(
        "# mine\npath: .\ntrain:\n  - images/train\nval: images/val\nnc: 2\nnames:\n  0: cat\n  1: Dog\n  # none more\nnote: >\n  kept\n"
    )
    done, after = fixed(data, tmp_path / "b")
    assert done.data.read_text() == (
        "# mine\npath: .\ntrain: train.txt\nval: val.txt\nnc: 2\nnames:\n  0: cat\n  1: Dog\n  # none more\nnote: >\n  kept\n"
    )
    assert (tmp_path / "b/val.txt").read_text() == "./images/val/c.jpg\n"
    assert {one.code for one in after.faults} & set(done.counts) == set()
    assert (after.errors, after.summary.splits["train"].boxes) == ((), 2)


def test_a_coco_file_lies_beside_its_pictures(tmp_path):
    note = {"id": 1, "image_id": 7, "category_id": 5, "bbox": [10, 5, 20, 30], "area": 321, "iscrowd": 0}
    images = [{"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}, {"id": 8, "file_name": "b.jpg"}]
    images += [{"id": 9, "file_name": "c.jpg", "width": 60, "height": 40}]
    notes = [note, note | {"bbox": [50, 5, 20, 30]}, note | {"id": 5, "image_id": 9}, note | {"id": 6, "image_id": 3}]
    path = write_coco(tmp_path / "a", coco_document(images=images, annotations=notes))
    (tmp_path / "a/images/val/c.jpg").rename(tmp_path / "a/images/val/C.JPG")
    (tmp_path / "a/images/val/b.jpg").write_bytes(b"no picture")
    done, after = fixed(path, tmp_path / "b")
    assert done.data == tmp_path / "b/annotations/instances_val.json"
    assert sorted(os.listdir(tmp_path / "b/images/val")) == ["C.JPG", "a.jpg"]
    assert {one.code for one in after.faults} & set(done.counts) == set()
    assert (after.errors, after.summary.boxes) == ((), 3)


def test_class_folders_and_lists_lose_what_does_not_decode(tmp_path):
    for seed, name in enumerate(("cat/a", "cat/b", "dog/c", "dog/d")):
        write_picture(tmp_path / f"a/{name}.jpg", seed=seed)
    (tmp_path / "a/dog/d.jpg").write_bytes(b"no picture")
    (tmp_path / "a.txt").write_text("".join(f"a/{name}.jpg {name[:3]}\n" for name in ("cat/a", "dog/c", "dog/d")))
    done, after = fixed(tmp_path / "a", tmp_path / "b")
    assert (dict(done.counts), after.summary.pictures, after.errors) == ({"picture-broken": 1}, 3, ())
    done, after = fixed(tmp_path / "a.txt", tmp_path / "c")
    assert done.data.read_text() == "a/cat/a.jpg cat\na/dog/c.jpg dog\n"
    assert (dict(done.counts), after.errors) == ({"picture-broken": 1}, ())


def test_a_picture_that_its_exif_block_turns_keeps_its_size(tmp_path):
    from PIL import Image

    data = write_voc(tmp_path / "a", {"one": CAT}, {"train": ["one"]})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(data / "JPEGImages/one.jpg").save(data / "JPEGImages/one.jpg", exif=exif)
    done, _ = fixed(data, tmp_path / "b")
    assert (dict(done.counts), done.left["size-wrong"]) == ({}, 1)


def test_a_folder_with_files_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b/mine").write_text("")
    data = write_darknet(tmp_path / "a", {"one": BOX})
    with pytest.raises(OutputError) as refusal:
        fixed(data, tmp_path / "b")
    assert str(refusal.value) == (
        f"{tmp_path}/b: found a folder with files, expected a new or empty folder; name another one"
    )


def test_one_split_alone_is_not_repaired(tmp_path):
    data = write_darknet(tmp_path / "a", {"one": BOX})
    found = check(f"{data}@train", cache=None)
    with pytest.raises(LabelError) as refusal:
        repair(found, tmp_path / "b")
    assert str(refusal.value) == (
        f"{data}@train: found the split train alone, expected a whole data set to repair; leave out the @ and what follows"
    )


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    data = write_darknet(tmp_path / "a", {"one": BOX})
    found = check(data, cache=None)
    monkeypatch.setattr("yolov2.data.repair_labelled.header_size", None)
    data.unlink()
    with pytest.raises(FileNotFoundError):
        repair(found, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_went_with_another_repair_is_not_left(tmp_path):
    wrong = voc_xml(voc_object("cat", (31, 2, 58, 38)), size=(20, 30))
    thin = voc_xml(voc_object("cat", (5, 2, 55, 4)))
    data = write_voc(tmp_path / "a", {"one": wrong, "two": thin, "three": CAT}, {"train": ["one", "two", "three"]})
    picture = data / "JPEGImages/two.jpg"
    picture.write_bytes(picture.read_bytes()[:-300])
    done, after = fixed(data, tmp_path / "b")
    assert dict(done.counts) == {"picture-broken": 1, "size-wrong": 1}
    assert {"box-far", "box-outside", "box-sliver"}.isdisjoint(done.left)
    assert len(after.facts.parts["train"].boxes) == 2


def test_a_data_file_that_its_folder_was_named_for_is_repaired(tmp_path):
    write_darknet(tmp_path / "a", {"one": f"{BOX}0 .5 .5 0 .2\n"})
    done, _ = fixed(tmp_path / "a", tmp_path / "b")
    assert (done.data, dict(done.counts)) == (tmp_path / "b/small.data", {"box-empty": 1})
