import numpy as np
import pytest
from PIL import Image

from small_sets import write_darknet, write_picture
from yolov2.data.darknet import open_darknet
from yolov2.data.opened import Options
from yolov2.errors import LabelError

HALF = "1 .5 .5 .5 .5\n"


def messages(reading):
    return [(fault.code, fault.is_error, fault.message) for fault in reading.faults]


def test_centre_and_size_become_edges_in_pixels(tmp_path):
    opened = open_darknet(write_darknet(tmp_path, {"a": HALF + "0 .25 .75 .1 .2\n", "b": ""}), Options())
    assert (opened.kind, opened.classes, opened.split_names, opened.task) == (
        "darknet",
        ("cat", "dog"),
        ("train",),
        "detect",
    )
    reading = opened.read("train")
    a, b = reading.samples
    assert reading.faults == ()
    np.testing.assert_allclose(a.boxes, [[15, 10, 45, 30], [12, 26, 18, 34]], rtol=1e-12)
    assert (a.class_ids.tolist(), a.lines.tolist(), a.size, a.id) == ([1, 0], [1, 2], (40, 60), "a")
    assert (a.annotation, len(b)) == (str(tmp_path / "labels/a.txt"), 0)


def test_a_turned_photograph_has_the_size_that_it_is_seen_at(tmp_path):
    path = write_darknet(tmp_path, {"a": HALF})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "images/a.jpg", exif=exif)
    (a,) = open_darknet(path, Options()).read("train").samples
    assert (a.size, a.boxes.tolist()) == ((60, 40), [[10, 15, 30, 45]])


def test_what_is_wrong_is_told_by_file_and_line(tmp_path):
    labels = {
        "a": "2 .5 .5 .5 .5\n0 .5 .5 -.1 .1\n0 .5 .5 0 .1\n0 5 5 .1 .1\n0 0 .5 .5 .5\n0 .5\n",
        "b": None,
        "c": HALF,
    }
    path = write_darknet(tmp_path, labels)
    (tmp_path / "images/c.jpg").write_bytes(b"no picture")
    (tmp_path / "train.txt").write_text("images/a.jpg\nimages/b.jpg\nimages/c.jpg\nimages/d.jpg\nimages/a.jpg\n")
    reading = open_darknet(path, Options()).read("train")
    a, images = tmp_path / "labels/a.txt", tmp_path / "images"
    listed = tmp_path / "train.txt"
    assert messages(reading) == [
        ("listed-twice", False, f"{listed}:5: found {images}/a.jpg a second time, expected each picture once; remove the line; it counts once"),
        ("picture-unreadable", True, f'{images}/c.jpg: found a file that starts with "no pictu", expected a JPEG, PNG, WebP, BMP, GIF, TIFF, PPM or AVIF picture; save it as one of these'),
        ("picture-missing", True, f"{listed}:4: found no file {images}/d.jpg, expected a picture; correct the name, add the picture, or remove the entry; it is left out"),
        ("label-columns", True, f'{a}:6: found 2 columns ("0 .5"), expected five columns: class x y w h; correct or remove the line'),
        ("label-missing", False, f"{listed}:2: found no file {tmp_path}/labels/b.txt, expected a label file; add it, empty where there is no object; the picture counts as empty"),
        ("label-missing", False, f"{listed}:4: found no file {tmp_path}/labels/d.txt, expected a label file; add it, empty where there is no object; the picture counts as empty"),
        ("class-unknown", True, f'{a}:1: found the class "2", expected one of the 2 classes; correct it, or add it to the names'),
        ("box-inverted", True, f"{a}:2: found x y w h = 0.5 0.5 -0.1 0.1, expected w > 0 and h > 0; correct or remove it; it is left out"),
        ("box-empty", False, f"{a}:3: found x y w h = 0.5 0.5 0 0.1, expected w > 0 and h > 0; correct or remove it; it is left out"),
        ("box-far", True, f"{a}:4: found x y w h = 5 5 0.1 0.1, expected a box inside the picture of 60 x 40; correct or remove it; it is left out"),
        ("box-outside", False, f"{a}:5: found x y w h = 0 0.5 0.5 0.5, expected a box inside the picture of 60 x 40; correct it; it is taken as it is"),
    ]  # fmt: skip
    assert (reading.samples.ids, reading.samples.class_ids.tolist()) == (("a", "b"), [-1, 0])


def test_paths_are_looked_for_beside_the_file_then_above_then_where_one_stands(tmp_path, monkeypatch):
    path = write_darknet(tmp_path, {"a": HALF})
    (tmp_path / "cfg").mkdir()
    moved = path.rename(tmp_path / "cfg/small.data")
    assert open_darknet(moved, Options()).read("train").samples.pictures == (str(tmp_path / "images/a.jpg"),)
    (tmp_path / "far/away").mkdir(parents=True)
    moved = moved.rename(tmp_path / "far/away/small.data")
    monkeypatch.chdir(tmp_path)
    assert open_darknet(moved, Options()).read("train").samples.pictures == ("images/a.jpg",)


def test_faithful_looks_where_one_stands_first_as_darknet_does(tmp_path, monkeypatch):
    path = write_darknet(tmp_path / "beside", {"a": HALF})
    write_darknet(tmp_path / "here", {"z": HALF})
    monkeypatch.chdir(tmp_path / "here")
    assert open_darknet(path, Options()).read("train").samples.ids == ("a",)
    assert open_darknet(path, Options(faithful=True)).read("train").samples.ids == ("z",)


def test_faithful_takes_darknets_label_path(tmp_path):
    path = write_darknet(tmp_path, {"a": HALF})
    write_picture(tmp_path / "myimages/b.jpg")
    (tmp_path / "train.txt").write_text("myimages/b.jpg\n")
    (tmp_path / "mylabels").mkdir()
    (tmp_path / "mylabels/b.txt").write_text(HALF + HALF)
    sensible, faithful = (open_darknet(path, Options(faithful=flag)).read("train") for flag in (False, True))
    assert (len(sensible.samples.boxes), len(faithful.samples.boxes)) == (0, 2)
    assert [[fault.code for fault in one.faults] for one in (sensible, faithful)] == [
        ["label-path", "label-missing"],
        ["label-path"],
    ]


def test_a_missing_list_is_refused_with_the_places_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_darknet(tmp_path / "set", {"a": HALF})
    (tmp_path / "set/train.txt").unlink()
    with pytest.raises(LabelError) as refusal:
        open_darknet(path, Options()).read("train")
    assert (
        str(refusal.value)
        == f"{path}:2: found no file {tmp_path}/set/train.txt, {tmp_path}/train.txt, train.txt, expected a list of pictures; correct the path, or add the file"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "classes=2\n",
            "{path}: found neither train= nor valid=, expected a list of pictures; add, say, train=train.txt",
        ),
        (
            "train=train.txt\n",
            "{path}: found neither names= nor classes=, expected the classes of the data set; add names=FILE, a class a line",
        ),
    ],
)
def test_a_data_file_without_lists_or_classes_is_refused(tmp_path, text, message):
    path = write_darknet(tmp_path, {"a": HALF})
    path.write_text(text)
    with pytest.raises(LabelError) as refusal:
        open_darknet(path, Options())
    assert str(refusal.value) == message.format(path=path)


def test_classes_without_names_are_called_by_their_numbers(tmp_path):
    path = write_darknet(tmp_path, {"a": HALF})
    path.write_text("classes=3\ntrain=train.txt\n")
    assert open_darknet(path, Options()).classes == ("0", "1", "2")


def test_lists_without_label_files_and_with_labels_are_pictures_of_a_class_each(tmp_path):
    for seed, name in enumerate(["n01/1.jpg", "n02/2.jpg", "n03/3.jpg"]):
        write_picture(tmp_path / name, seed=seed)
    (tmp_path / "list").write_text("n01/1.jpg\nn02/2.jpg\nn03/3.jpg\n")
    (tmp_path / "wnids").write_text("n02\nn01\n")
    (tmp_path / "words").write_text("fish\nbird\n")
    (tmp_path / "x.data").write_text("classes=2\ntrain=list\nlabels=wnids\nnames=words\n")
    opened = open_darknet(tmp_path / "x.data", Options())
    reading = opened.read("train")
    assert (opened.task, opened.classes) == ("classify", ("fish", "bird"))
    assert reading.samples.labels.tolist() == [1, 0]
    assert messages(reading) == [
        (
            "label-unmatched",
            True,
            f"{tmp_path}/list:3: found no label in n03/3.jpg, expected one of the labels in its path; correct the labels, or the folder's name; it is left out",
        )
    ]


def test_coco128_is_read_whole(shared, tmp_path):
    root = shared / "data/coco128-darknet"
    (tmp_path / "coco128.data").write_text(f"classes=80\ntrain={root}/list.txt\nnames={root}/coco.names\n")
    for _ in range(2):
        opened = open_darknet(tmp_path / "coco128.data", Options(cache=tmp_path / "cache"))
        reading = opened.read("train")
        counts = np.bincount(reading.samples.class_ids, minlength=80)
        assert (len(reading.samples), len(reading.samples.boxes), reading.faults) == (128, 929, ())
        assert (counts[0], counts[opened.classes.index("diningtable")]) == (254, 13)


def test_a_picture_whose_label_file_is_binary_is_left_out(tmp_path):
    path = write_darknet(tmp_path, {"a": "\0\0", "b": HALF})
    reading = open_darknet(path, Options()).read("train")
    assert reading.samples.ids == ("b",)
    assert messages(reading) == [
        (
            "label-unreadable",
            True,
            f"{tmp_path}/labels/a.txt: found binary data, expected lines of class x y w h; give another file",
        )
    ]
