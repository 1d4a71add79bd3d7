import pytest

from small_sets import write_picture
from yolov2.data.folders import open_folders, open_list
from yolov2.data.opened import Options
from yolov2.errors import LabelError


def messages(reading):
    return [(fault.code, fault.is_error, fault.message) for fault in reading.faults]


def write(folder, *names):
    for seed, name in enumerate(names):
        write_picture(folder / name, seed=seed)


def test_a_folder_of_class_folders_is_one_split(tmp_path):
    write(tmp_path, "dog/1.jpg", "cat/deep/2.png", "cat/1.jpg", ".hidden/3.jpg")
    (tmp_path / "cat/notes.txt").write_text("no picture")
    opened = open_folders(tmp_path, Options())
    assert (opened.classes, opened.split_names, opened.task, opened.kind) == (
        ("cat", "dog"),
        ("all",),
        "classify",
        "folders",
    )
    many = opened.read("all").samples
    assert (many.ids, many.labels.tolist()) == (("cat/1.jpg", "cat/deep/2.png", "dog/1.jpg"), [0, 0, 1])
    assert (many[0].label, many[0].size, len(many[0])) == (0, (0, 0), 0)


def test_folders_named_train_and_val_are_splits_with_the_same_classes(tmp_path):
    write(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "val/ant/1.jpg", "val/dog/2.jpg")
    opened = open_folders(tmp_path, Options())
    assert (opened.classes, opened.split_names) == (("ant", "cat", "dog"), ("train", "val"))
    assert [opened.read(split).samples.labels.tolist() for split in ("train", "val")] == [[1, 2], [0, 2]]


def test_a_folder_that_the_given_names_lack_and_an_empty_one_are_told(tmp_path):
    write(tmp_path, "dog/1.jpg")
    (tmp_path / "cat").mkdir()
    reading = open_folders(tmp_path, Options(names=("cat", "ant"))).read("all")
    assert reading.samples.labels.tolist() == [-1]
    assert messages(reading) == [
        (
            "class-empty",
            False,
            f"{tmp_path}/cat: found no picture, expected pictures of the class; add some, or remove the folder",
        ),
        (
            "class-unknown",
            True,
            f'{tmp_path}/dog: found the class "dog", expected one of the given names; rename the folder, or add it to the names',
        ),
    ]


def test_a_link_that_leads_in_a_circle_ends(tmp_path):
    write(tmp_path, "dog/1.jpg")
    (tmp_path / "dog/again").symlink_to(tmp_path / "dog")
    assert open_folders(tmp_path, Options()).read("all").samples.ids == ("dog/1.jpg",)


def test_a_folder_without_folders_is_refused(tmp_path):
    with pytest.raises(LabelError) as refusal:
        open_folders(tmp_path, Options())
    assert (
        str(refusal.value)
        == f"{tmp_path}: found no folder in it, expected labels for boxes, or folders of pictures, one for each class; check the path; docs/data.md shows every form"
    )


@pytest.mark.parametrize(
    ("text", "names", "classes", "labels"),
    [
        ("a b/1.jpg 2\nc.jpg 0\n", None, ("0", "1", "2"), [2, 0]),
        ("a b/1.jpg dog\nc.jpg\tcat\n", None, ("cat", "dog"), [1, 0]),
        ("a b/1.jpg dog\nc.jpg 0\n", ("ant", "dog"), ("ant", "dog"), [1, 0]),
    ],
)
def test_a_line_is_a_path_and_a_class_by_name_or_number(tmp_path, text, names, classes, labels):
    write(tmp_path, "a b/1.jpg", "c.jpg")
    (tmp_path / "val.txt").write_text(text)
    opened = open_list(tmp_path / "val.txt", Options(names=names))
    many = opened.read("val").samples
    assert (opened.classes, opened.split_names, opened.kind) == (classes, ("val",), "list")
    assert (many.labels.tolist(), many.pictures) == (labels, (f"{tmp_path}/a b/1.jpg", f"{tmp_path}/c.jpg"))


def test_a_class_that_the_names_lack_is_told_at_its_line(tmp_path):
    write(tmp_path, "a.jpg")
    (tmp_path / "val.txt").write_text("\na.jpg fox\n")
    reading = open_list(tmp_path / "val.txt", Options(names=("cat",))).read("val")
    assert messages(reading) == [
        (
            "class-unknown",
            True,
            f'{tmp_path}/val.txt:2: found the class "fox", expected one of the 1 classes; correct it, or add it to the names',
        )
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("a.jpg\n", ':1: found "a.jpg", expected a path and a class; write, say, photos/1.jpg cat'), ("\n", ": found nothing, expected lines of a path and a class; check the path")],
)  # fmt: skip
def test_a_list_without_classes_is_refused(tmp_path, text, message):
    (tmp_path / "val.txt").write_text(text)
    with pytest.raises(LabelError) as refusal:
        open_list(tmp_path / "val.txt", Options())
    assert str(refusal.value) == f"{tmp_path}/val.txt{message}"
