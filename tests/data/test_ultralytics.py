import numpy as np
import pytest

from small_sets import write_picture
from yolov2.data.opened import Options
from yolov2.data.ultralytics import open_ultralytics
from yolov2.errors import LabelError

HALF = "1 .5 .5 .5 .5\n"


@pytest.fixture
def folder(tmp_path):
    """images/train has a and below/b, images/val has c; labels for a and c."""
    for seed, name in enumerate(["train/a", "train/below/b", "val/c"]):
        write_picture(tmp_path / f"images/{name}.jpg", seed=seed)
    for name in ("train/a", "val/c"):
        (tmp_path / f"labels/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"labels/{name}.txt").write_text(HALF)
    return tmp_path


def open_text(folder, text, **options):
    (folder / "data.yaml").write_text(text)
    return open_ultralytics(folder / "data.yaml", Options(**options))


@pytest.mark.parametrize("names", ["[cat, dog]", "{0: cat, 1: dog}", "\n  - cat\n  - dog", "\n  1: dog\n  0: cat"])
def test_names_are_a_list_or_a_mapping(folder, names):
    assert open_text(folder, f"train: images/train\nnc: 2\nnames: {names}\n").classes == ("cat", "dog")


def test_a_split_is_a_folder_with_all_below_it(folder):
    opened = open_text(folder, "train: images/train\nval: images/val\nnames: [cat, dog]\n")
    assert (opened.split_names, opened.kind) == (("train", "val"), "ultralytics")
    reading = opened.read("train")
    a, b = reading.samples
    np.testing.assert_array_equal(a.boxes, [[15, 10, 45, 30]])
    assert (len(b), [fault.code for fault in reading.faults]) == (0, ["label-missing"])
    assert opened.read("val").samples.ids == ("c",)


def test_a_split_is_a_list_or_several_of_both(folder):
    (folder / "some.txt").write_text("./images/val/c.jpg\n")
    opened = open_text(folder, "train: [some.txt, images/train]\ntest: some.txt\nnames: [cat, dog]\n")
    assert (opened.read("train").samples.ids, opened.read("test").samples.ids) == (("c", "a", "b"), ("c",))


def test_path_is_looked_for_beside_the_file_and_where_one_stands(folder, monkeypatch):
    (folder / "far").mkdir()
    text = "path: images\ntrain: train\nnames: [cat, dog]\n"
    assert open_text(folder, text).read("train").samples.ids == ("a", "b")
    monkeypatch.chdir(folder)
    opened = open_text(folder / "far", text)
    assert (opened.read("train").samples.ids, str(opened.root)) == (("a", "b"), "images")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: images/train\nnames: [cat, no]\n", ":2: found names[1] = False, expected a text; put the name in quotes"),
        ("train: images/train\nnames: {0: cat, 2: dog}\n", ":2: found names with the keys 0, 2, expected 0, 1, 2, ...; number them from 0 without holes"),
        ("train: images/train\nnames: 5\n", ":2: found names: a number, expected the names of the classes; write, say, names: [cat, dog]"),
        ("train: images/train\n", ": found names: nothing, expected the names of the classes; write, say, names: [cat, dog]"),
        ("nc: 3\ntrain: images/train\nnames: [cat, dog]\n", ":1: found nc: 3, expected 2, one for each of the names; write nc: 2, or correct the names"),
        ("names: [cat, dog]\n", ": found none of train, val and test, expected folders or lists of pictures; add, say, train: images/train"),
        ("train: [\n", ":2: found YAML that does not parse (expected the node content, but found '<stream end>'), expected a data.yaml file; correct the line"),
        ("train: !!python/object:os.system x\nnames: [a]\n", ":1: found YAML that does not parse (could not determine a constructor for the tag 'tag:yaml.o...), expected a data.yaml file; correct the line"),
        ("- a\n", ": found a list, expected keys such as train, val and names; give a data.yaml file"),
        ("path: 5\ntrain: x\nnames: [a]\n", ":1: found path: a number, expected a path; write a folder or a list"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_refused_at_its_line(folder, text, message):
    with pytest.raises(LabelError) as refusal:
        open_text(folder, text)
    assert str(refusal.value) == f"{folder}/data.yaml{message}"


def test_a_missing_folder_is_refused_at_its_line(folder):
    opened = open_text(folder, "names: [cat, dog]\ntrain: pictures\n")
    with pytest.raises(LabelError) as refusal:
        opened.read("train")
    assert (
        str(refusal.value)
        == f"{folder}/data.yaml:2: found no file {folder}/pictures, expected a folder or a list of pictures; correct the path, or add the file"
    )


def test_names_that_refer_to_each_other_without_end_are_refused_quickly(folder):
    bomb = "a: &a [x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(LabelError) as refusal:
        open_text(folder, bomb + "names: *i\n")
    assert str(refusal.value).endswith("data.yaml:10: found names[0] = a list, expected a text; put the name in quotes")


def test_coco128_is_read_whole(shared, tmp_path):
    root = shared / "data/coco128-darknet"
    names = (root / "coco.names").read_text().splitlines()
    text = f"path: {root}\ntrain: images\nval: list.txt\nnames: {names}\n"
    opened = open_text(tmp_path, text, cache=tmp_path / "cache")
    for split in ("train", "val"):
        reading = opened.read(split)
        assert (len(reading.samples), len(reading.samples.boxes), reading.faults) == (128, 929, ())
