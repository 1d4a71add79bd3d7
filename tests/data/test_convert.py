import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples_strategy import CLASSES, picture_files, samples_of
from small_sets import coco_document, voc_object, voc_xml, write_coco, write_darknet, write_picture, write_voc
from yolov2.data.convert import convert
from yolov2.data.dataset import DataSet, open_data
from yolov2.data.opened import Opened
from yolov2.errors import LabelError, OutputError, PictureError
from yolov2.samples import Reading, Samples

PIXEL_NOISE = 1e-8  # pixels: a few roundings of float64, and the ninth digit that is written
TO = ("voc", "coco", "darknet", "ultralytics")
SPLITS = {"train": [0, 1, 2], "val": [3, 4, 0]}  # a picture in both


def opened(path: Path, **how) -> DataSet:
    return open_data(path, cache=None, **how)


def in_memory(samples: Samples) -> DataSet:
    """A data set of no format, with two splits that share a picture."""
    parts = {name: samples.take(np.array(which)) for name, which in SPLITS.items()}
    return DataSet(Opened("coco", Path("made"), CLASSES, tuple(parts), lambda name: Reading(parts[name])))


def rows_of(samples: Samples) -> dict[str, list]:
    """By name of the picture: size, and its boxes in an order of their own."""
    found = {}
    for sample in samples:
        flags = zip(sample.class_ids.tolist(), sample.difficult.tolist(), sample.crowd.tolist(), strict=True)
        rows = [
            (*flag, *np.round(box, 4).tolist(), *box.tolist()) for flag, box in zip(flags, sample.boxes, strict=True)
        ]
        found[sample.picture.stem] = [sample.size, sorted(rows)]
    return found


def assert_same(found: Samples, expected: Samples) -> None:
    ours, theirs = rows_of(found), rows_of(expected)
    assert list(ours) == list(theirs)
    for name, (size, rows) in ours.items():
        assert size == theirs[name][0]
        assert [row[:3] for row in rows] == [row[:3] for row in theirs[name][1]]
        np.testing.assert_allclose([row[3:] for row in rows], [row[3:] for row in theirs[name][1]], atol=PIXEL_NOISE)


def open_split(out: Path, to: str, split: str) -> DataSet:
    """The split of a converted data set, opened anew."""
    if to == "coco":
        return opened(out / "annotations" / f"instances_{split}.json")
    name = {"voc": "", "darknet": f"{out.name}.data", "ultralytics": "data.yaml"}[to]
    return opened(Path(f"{out / name}@{'valid' if (to, split) == ('darknet', 'val') else split}"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return picture_files(tmp_path_factory.mktemp("pictures"), 5)


@pytest.mark.parametrize("to", TO)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_written_reads_back_as_the_same_samples(files, tmp_path_factory, to, data):
    samples = data.draw(samples_of(files))
    out = tmp_path_factory.mktemp("out") / "set"
    convert([in_memory(samples)], out, to=to, pictures="link")
    for split, which in SPLITS.items():
        found = open_split(out, to, split)
        assert found.classes == CLASSES
        assert not found.read().faults
        assert_same(found.split(), samples.take(np.array(which)))


@pytest.mark.parametrize(
    "way", [("coco", "voc", "darknet"), ("ultralytics", "coco", "voc"), ("voc", "darknet", "coco")]
)
@settings(max_examples=8)
@given(data=st.data())
def test_a_way_through_three_formats_loses_nothing(files, tmp_path_factory, way, data):
    samples = data.draw(samples_of(files))
    sets, home = [in_memory(samples)], tmp_path_factory.mktemp("way")
    out = home
    for number, to in enumerate(way):
        out = home / f"{number}"
        done = convert(sets, out, to=to, pictures="link")
        sets = [opened(path) for path in (done.data if to == "coco" else done.data[:1])]
    for split, which in SPLITS.items():
        assert_same(open_split(out, way[-1], split).split(), samples.take(np.array(which)))


@settings(max_examples=10)
@given(data=st.data())
def test_whole_pixels_are_whole_pixels_after_darknets_shares(files, tmp_path_factory, data):
    samples = data.draw(samples_of(files, whole=True))
    home = tmp_path_factory.mktemp("whole")
    shares = convert([in_memory(samples)], home / "shares", to="darknet", pictures="link")
    convert([opened(shares.data[0])], home / "voc", to="voc", pictures="link")
    written = "".join(path.read_text() for path in (home / "voc/Annotations").iterdir())
    assert "." not in written.replace(".png", "").replace("Unspecified", "")


@pytest.mark.parametrize("to", TO)
def test_real_voc_pictures_come_back_with_every_flag(unpacked, tmp_path, to):
    voc = unpacked("data/voc2007") / "VOC2007"
    samples = open_data(f"{voc}@val").split()[:150]
    dataset = DataSet(Opened("voc", voc, open_data(voc).classes, ("val",), lambda _: Reading(samples)))
    done = convert([dataset], tmp_path / "out", to=to, pictures="link")
    assert (done.pictures, done.boxes) == (150, len(samples.boxes))
    assert_same(open_split(tmp_path / "out", to, "val").split(), samples)


def test_real_coco_files_come_back_from_voc_with_their_ids_of_pictures_and_categories(shared, tmp_path):
    files = [shared / f"data/coco-small/annotations/instances_{split}.json" for split in ("train", "val")]
    convert([opened(file) for file in files], tmp_path / "voc", to="voc", pictures="link")
    done = convert([opened(tmp_path / "voc")], tmp_path / "coco", to="coco", pictures="none")
    for ours, theirs in zip(done.data, files, strict=True):
        found, expected = json.loads(ours.read_text()), json.loads(theirs.read_text())
        assert [one["id"] for one in found["images"]] == [one["id"] for one in expected["images"]]
        assert {(one["id"], one["name"]) for one in found["categories"]} == {
            (one["id"], one["name"]) for one in expected["categories"]
        }
        boxes = [
            sorted((one["image_id"], one["category_id"], one["iscrowd"], *one["bbox"]) for one in part["annotations"])
            for part in (found, expected)
        ]
        np.testing.assert_allclose(boxes[0], boxes[1], atol=PIXEL_NOISE)


def test_real_coco_areas_survive_where_there_is_a_place_for_them(shared, tmp_path):
    file = shared / "data/coco-small/annotations/instances_val.json"
    done = convert([opened(file)], tmp_path / "out", to="coco", pictures="link")
    np.testing.assert_allclose(opened(done.data[0]).split().areas, opened(file).split().areas, atol=1e-8)
    assert done.notes == ()


@pytest.mark.parametrize(
    ("to", "note"),
    [
        ("voc", "1 area of the objects' outlines left out: only COCO has them"),
        ("darknet", "1 area of the objects' outlines left out: only COCO has them"),
    ],
)
def test_areas_are_told_where_they_are_lost(tmp_path, to, note):
    file = write_coco(tmp_path / "coco", coco_document())
    assert convert([opened(file)], tmp_path / "out", to=to).notes == (
        "1 id of pictures left out: here pictures are known by their names",
        note,
    )


def test_flags_of_txt_labels_stand_beside_them_and_are_told(tmp_path):
    difficult = "<difficult>1</difficult>\n"
    text = voc_xml(voc_object("cat", (1, 2, 30, 40), extra=difficult), voc_object("dog", (11, 11, 20, 30)))
    voc = write_voc(tmp_path / "voc", {"a": text}, {"val": ["a"]})
    done = convert([opened(voc)], tmp_path / "out", to="darknet")
    assert done.notes == ("1 difficult box put into difficult/labels, where no program takes them for objects",)
    assert (tmp_path / "out/labels/a.txt").read_text() == "11 0.25 0.5 0.16666666666666666 0.5\n"
    assert (tmp_path / "out/difficult/labels/a.txt").read_text() == "7 0.25 0.5125 0.5 0.975\n"
    assert (tmp_path / "out/out.data").read_text() == (
        "classes = 20\nvalid = val.txt\nnames = out.names\ndifficult = val-difficult.txt\nbackup = .\n"
    )
    assert (tmp_path / "out/val-difficult.txt").read_text() == "difficult/images/a.jpg\n"


def test_splits_beyond_darknets_two_have_files_of_their_own(tmp_path):
    text = voc_xml(voc_object("cat", (1, 2, 30, 40)))
    voc = write_voc(
        tmp_path / "voc", {"a": text, "b": text}, {"train": ["a"], "val": ["b"], "trainval": ["a", "b"], "test": ["b"]}
    )
    done = convert([opened(voc)], tmp_path / "d", to="darknet")
    assert [path.name for path in done.data] == ["d.data", "d-test.data", "d-trainval.data"]
    assert opened(tmp_path / "d/d-trainval.data@train").split().ids == ("a", "b")
    done = convert([opened(voc)], tmp_path / "u", to="ultralytics")
    assert [path.name for path in done.data] == ["data.yaml", "data-trainval.yaml"]
    assert opened(tmp_path / "u/data.yaml").split_names == ("train", "val", "test")


def test_pictures_of_one_name_get_names_of_their_own(tmp_path):
    names = ("one/a.jpg", "two/A.jpg")
    for seed, name in enumerate(names):
        write_picture(tmp_path / name, seed=seed)
    images = [{"id": i, "file_name": name, "width": 60, "height": 40} for i, name in enumerate(names)]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(coco_document(images=images, annotations=[])))
    done = convert([opened(path, images=tmp_path)], tmp_path / "out", to="voc")
    assert sorted(one.name for one in (tmp_path / "out/JPEGImages").iterdir()) == ["A-2.jpg", "a.jpg"]
    assert done.notes[0] == "1 picture renamed: another one has the name, or no list could hold it"


def test_data_sets_with_other_classes_become_one(tmp_path):
    voc = write_voc(tmp_path / "voc", {"v": voc_xml(voc_object("cow", (1, 2, 30, 40)))}, {"train": ["v"]})
    darknet = write_darknet(tmp_path / "darknet", {"d": "1 0.5 0.5 0.5 0.5\n"})
    sets = [opened(darknet), opened(voc, names=("cow", "dog"))]
    done = convert(sets, tmp_path / "out", to="voc")
    found = opened(tmp_path / "out").split("train")
    assert (done.splits, opened(tmp_path / "out").classes) == ((("train", 2),), ("cat", "dog", "cow"))
    assert (found.ids, found.class_ids.tolist()) == (("d", "v"), [1, 2])


def test_chosen_classes_are_kept_in_their_order_by_any_of_their_names(tmp_path):
    objects = (("cow", 1), ("tvmonitor", 11), ("person", 21))
    text = voc_xml(*(voc_object(name, (left, 2, left + 9, 40)) for name, left in objects))
    voc = write_voc(
        tmp_path / "voc", {"v": text, "w": voc_xml(voc_object("cow", (1, 2, 9, 40)))}, {"train": ["v", "w"]}
    )
    coco = opened(write_coco(tmp_path / "coco", coco_document()))
    done = convert([opened(voc), coco], tmp_path / "out", to="voc", classes=("TV", "dog", "Person", "cat"))
    found = opened(tmp_path / "out")
    assert (done.classes, found.classes) == (4, ("TV", "dog", "Person", "cat"))
    samples = found.split("train")
    assert samples.ids == ("v", "w")
    assert samples.class_ids.tolist() == [0, 2]
    assert samples.boxes[:, 0].tolist() == [10, 20]
    in_coco = [coco.classes[i] for i in coco.split().class_ids]
    written = found.split(next(name for name in found.split_names if name != "train"))
    assert [found.classes[i].casefold() for i in written.class_ids] == [one for one in in_coco if one in ("cat", "dog")]


def test_a_data_set_without_any_of_the_chosen_classes_is_refused(tmp_path):
    voc = write_voc(tmp_path / "voc", {"v": voc_xml(voc_object("cow", (1, 2, 30, 40)))}, {"train": ["v"]})
    with pytest.raises(LabelError) as refused:
        convert([opened(voc, names=("cow",))], tmp_path / "out", to="voc", classes=("wombat",))
    assert str(refused.value).endswith(": found the classes cow, expected one of wombat; give other --classes")
    assert not (tmp_path / "out").exists()


def test_pictures_of_other_classes_have_no_folder(tmp_path):
    for name in ("cat", "dog", "cow"):
        write_picture(tmp_path / "set/train" / name / f"{name}.jpg")
    done = convert([opened(tmp_path / "set")], tmp_path / "out", to="folders", classes=("dog", "cat"))
    assert (done.classes, done.pictures) == (2, 2)
    assert sorted(path.name for path in (tmp_path / "out").glob("*/*")) == ["cat", "dog"]


def test_boxes_of_a_pixel_are_left_out_of_voc_and_counted(tmp_path):
    darknet = write_darknet(tmp_path / "darknet", {"a": f"0 0.5 0.5 {1 / 60} 0.5\n1 0.5 0.5 0.5 0.5\n"})
    done = convert([opened(darknet)], tmp_path / "out", to="voc")
    assert done.notes == ("1 box of at most a pixel across left out: VOC's corners can't say them",)
    assert opened(tmp_path / "out").split("train").class_ids.tolist() == [1]


def test_broken_labels_are_left_out_and_told(tmp_path):
    darknet = write_darknet(tmp_path / "darknet", {"a": "0 0.5 0.5 0.5 0.5\n7 0.5 0.5 0.5 0.5\n0 0.5\n0 .5 .5 0 .5\n"})
    done = convert([opened(darknet)], tmp_path / "out", to="coco")
    assert [fault.code for fault in done.faults if fault.is_error] == ["label-columns", "class-unknown"]
    assert done.notes == (
        (
            f"{tmp_path}/darknet/labels/a.txt:4: found x y w h = 0.5 0.5 0 0.5, expected w > 0 and h > 0; "
            "correct or remove it; it is left out"
        ),
    )
    assert (done.boxes, len(opened(done.data[0]).split().boxes)) == (1, 1)


def test_a_wrong_size_in_the_labels_moves_no_box(tmp_path):
    text = voc_xml(voc_object("cat", (1, 2, 30, 40)), size=(80, 120))
    voc = write_voc(tmp_path / "voc", {"a": text}, {"train": ["a"]})
    done = convert([opened(voc)], tmp_path / "out", to="darknet")
    np.testing.assert_allclose(opened(done.data[0]).split().boxes, [[0, 1, 30, 40]], atol=PIXEL_NOISE)


@pytest.mark.parametrize(("pictures", "is_link"), [("copy", False), ("link", True)])
def test_pictures_are_copied_or_linked(tmp_path, pictures, is_link):
    darknet = write_darknet(tmp_path / "darknet", {"a": ""})
    placed: list[None] = []
    convert([opened(darknet)], tmp_path / "o", to="voc", pictures=pictures, on_picture=lambda: placed.append(None))
    copy = tmp_path / "o/JPEGImages/a.jpg"
    assert (copy.is_symlink(), len(placed)) == (is_link, 1)
    assert copy.read_bytes() == (tmp_path / "darknet/images/a.jpg").read_bytes()


def test_labels_alone_have_no_pictures_beside_them(tmp_path):
    convert([opened(write_darknet(tmp_path / "darknet", {"a": ""}))], tmp_path / "o", to="voc", pictures="none")
    assert not (tmp_path / "o/JPEGImages").exists()


def test_class_folders_keep_their_splits(tmp_path):
    for name in ("train/cat/1.jpg", "train/dog/2.jpg", "val/dog/3.jpg"):
        write_picture(tmp_path / "in" / name, seed=len(name))
    done = convert([opened(tmp_path / "in")], tmp_path / "out", to="folders")
    assert done.splits == (("train", 2), ("val", 1))
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.jpg")) == [
        "train/cat/1.jpg",
        "train/dog/2.jpg",
        "val/dog/3.jpg",
    ]


def test_pictures_with_a_class_each_are_not_converted_to_boxes(tmp_path):
    write_picture(tmp_path / "in/cat/1.jpg")
    with pytest.raises(LabelError) as refusal:
        convert([opened(tmp_path / "in")], tmp_path / "out", to="coco")
    assert str(refusal.value) == (
        f"{tmp_path}/in: found a class for each picture, expected boxes, for --to coco; convert it with --to folders"
    )


def test_a_folder_with_files_is_refused_and_with_force_written_into(tmp_path):
    dataset = opened(write_darknet(tmp_path / "darknet", {"a": ""}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("kept")
    with pytest.raises(OutputError) as refusal:
        convert([dataset], tmp_path / "out", to="voc")
    assert str(refusal.value) == (
        f"{tmp_path}/out: found a folder with files, expected a new one; choose another one, or write into it with "
        "--force: files of the same names are replaced, others stay"
    )
    convert([dataset], tmp_path / "out", to="voc", force=True)
    assert (tmp_path / "out/mine.txt").read_text() == "kept"
    assert opened(tmp_path / "out").split("train").ids == ("a",)


def test_pictures_are_never_written_over_themselves(tmp_path):
    data = write_darknet(tmp_path / "darknet", {"a": ""})
    before = (tmp_path / "darknet/images/a.jpg").read_bytes()
    with pytest.raises(OutputError) as refusal:
        convert([opened(data)], tmp_path / "darknet", to="ultralytics", pictures="link", force=True)
    assert str(refusal.value) == (
        f"{tmp_path}/darknet/images/a.jpg: found a picture of the data set itself, expected a new file; "
        "choose another folder"
    )
    assert (tmp_path / "darknet/images/a.jpg").read_bytes() == before


def test_after_a_break_nothing_is_there(tmp_path):
    def interrupt() -> None:
        raise KeyboardInterrupt

    dataset = opened(write_darknet(tmp_path / "darknet", {"a": "", "b": ""}))
    with pytest.raises(KeyboardInterrupt):
        convert([dataset], tmp_path / "out", to="voc", on_picture=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["darknet"]


def test_a_picture_that_is_gone_is_named_and_nothing_is_written(tmp_path):
    dataset = opened(write_darknet(tmp_path / "darknet", {"a": ""}))
    reading = dataset.read()
    (tmp_path / "darknet/images/a.jpg").unlink()
    again = DataSet(Opened("darknet", tmp_path, ("cat", "dog"), ("train",), lambda _: reading))
    with pytest.raises(PictureError) as refusal:
        convert([again], tmp_path / "out", to="voc")
    assert str(refusal.value) == (
        f"{tmp_path}/darknet/images/a.jpg: found a file that can't be read (No such file or directory), expected a "
        "picture file; check its permissions and the disk"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["darknet"]


def test_a_folder_that_can_not_be_written_is_refused(without_rights, open_folder):
    dataset = opened(write_darknet(open_folder / "darknet", {"a": ""}))
    (open_folder / "locked").mkdir(mode=0o555)
    with without_rights(), pytest.raises(OutputError) as refusal:
        convert([dataset], open_folder / "locked/out", to="voc")
    assert str(refusal.value) == (
        f"{open_folder}/locked/out: found no permission to write here, expected a folder to write into; "
        "choose another one"
    )


@pytest.mark.parametrize("name", ["two\nlines", " blank", ""])
def test_class_names_that_no_line_holds_are_refused(tmp_path, name):
    document = coco_document(categories=[{"id": 5, "name": name}])
    with pytest.raises(LabelError) as refusal:
        convert([opened(write_coco(tmp_path / "coco", document))], tmp_path / "out", to="darknet")
    shown = name.replace("\n", "\\n")
    assert str(refusal.value) == (
        f'{tmp_path}/coco/annotations/instances_val.json: found the class name "{shown}", expected a name in one line, '
        "without blanks at its ends; rename the class"
    )


@pytest.mark.parametrize("split", ["train", "val", "test", "trainval"])
def test_the_name_of_a_split_survives_darknet(tmp_path, split):
    text = voc_xml(voc_object("cat", (1, 2, 30, 40)))
    voc = write_voc(tmp_path / "voc", {"a": text}, {split: ["a"]})
    (darknet,) = convert([opened(voc)], tmp_path / "d", to="darknet").data
    done = convert([opened(darknet)], tmp_path / "c", to="coco")
    assert [path.name for path in done.data] == [f"instances_{split}.json"]


def test_darknets_keys_name_splits_whose_lists_have_other_names_or_one(tmp_path):
    data = write_darknet(tmp_path / "d", {"a": ""})
    for lists, names in (("train=all.txt\nvalid=2007_test.txt\n", ["train", "val"]),
                         ("train=train.txt\nvalid=train.txt\n", ["train", "val"])):  # fmt: skip
        for name in ("all", "2007_test"):
            (tmp_path / f"d/{name}.txt").write_text("images/a.jpg\n")
        data.write_text(f"classes=2\n{lists}names=small.names\n")
        done = convert([opened(data)], tmp_path / "v", to="voc", force=True)
        assert [name for name, _ in done.splits] == names
