"""`darknet detector valid`: the files that Darknet wrote, line for line and in its order."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from voices import FakeVoice
from yolov2.errors import FormatError
from yolov2.standin.darknet import run

SCORE_NOISE = 1e-4  # MANIFEST.md: b_detect
BOX_NOISE = 1e-4 * 1280  # MANIFEST.md: b_detect, of the picture's larger side
MODEL = ("my.cfg", "my.weights")


def valid(data: str, cfg: str, weights: str, *more: str, **options) -> tuple[int, FakeVoice]:
    voice = FakeVoice()
    return run(("detector", "valid", data, cfg, weights, *more), voice.voice, **options), voice


@pytest.mark.golden
def test_voc_files_are_darknets_in_its_order(golden: Path, models: Path, here: Path):
    names = sorted(("dog", "person", "horses", "eagle", "giraffe"))
    Path("voc.list").write_text("".join(f"{golden}/pictures/{name}.png\n" for name in names))
    lite = models / "yolo-lite"
    Path("voc.data").write_text(f"names={lite / 'voc.names'}\nvalid=voc.list\n")
    status, _ = valid("voc.data", str(lite / "voc-trial3-nobatch.cfg"), str(lite / "voc-trial3-nobatch.weights"))
    assert status == 0
    theirs = sorted((golden / "b_detect" / "valid_voc").iterdir())
    assert [path.name for path in theirs] == sorted(path.name for path in Path("results").iterdir())
    rows = 0
    for path in theirs:
        expected = [line.split() for line in path.read_text().splitlines()]
        ours = [line.split() for line in Path("results", path.name).read_text().splitlines()]
        assert [line[0] for line in ours] == [line[0] for line in expected], path.name
        if ours:
            numbers = [np.array([line[1:] for line in lines], float) for lines in (ours, expected)]
            np.testing.assert_allclose(numbers[0][:, 0], numbers[1][:, 0], atol=SCORE_NOISE)
            np.testing.assert_allclose(numbers[0][:, 1:], numbers[1][:, 1:], atol=BOX_NOISE)
        rows += len(ours)
    assert rows == 308


@pytest.mark.golden
def test_coco_results_are_darknets_in_its_order(golden: Path, models: Path, here: Path):
    for number, name in enumerate(("dog", "person", "horses", "eagle", "giraffe"), start=10):
        shutil.copy(golden / "pictures" / f"{name}.png", f"COCO_{number}.png")
    Path("coco.list").write_text("".join(f"COCO_{number}.png\n" for number in range(10, 15)))
    lite = models / "yolo-lite"
    Path("coco.data").write_text(f"names={lite / 'coco.names'}\nvalid=coco.list\neval=coco\nresults=there/r\n")
    assert valid("coco.data", str(lite / "coco-trial6.cfg"), str(lite / "coco-trial6.weights"))[0] == 0
    text = Path("there/r/coco_results.json").read_text()
    ours, theirs = json.loads(text), json.loads((golden / "b_detect" / "valid_coco.json").read_text())
    assert len(ours) == 614
    for key in ("image_id", "category_id"):
        assert [entry[key] for entry in ours] == [entry[key] for entry in theirs]
    np.testing.assert_allclose([e["score"] for e in ours], [e["score"] for e in theirs], atol=SCORE_NOISE)
    np.testing.assert_allclose([e["bbox"] for e in ours], [e["bbox"] for e in theirs], atol=BOX_NOISE)


def test_every_class_has_a_file_and_a_bad_picture_is_a_failure(here):
    Path("list.txt").write_text("grey.png\nno.png\n\ngrey.png\ngrey.png\ngrey.png\n")
    Path("my.cfg").write_text(Path("my.cfg").read_text().replace("[net]", "[net]\nlearning_rate=0.01"))
    status, voice = valid("cfg/my.data", *MODEL)
    assert status == 1
    assert voice.failed == ["no.png: found no such file, expected a picture file; check the name"]
    assert voice.said == []
    assert voice.told[2:4] == ["Learning Rate: 0.01, Momentum: 0.9, Decay: 0.0001", "4"]
    assert voice.told[4].startswith("Total Detection Time: ")
    lines = Path("out/comp4_det_test_cat.txt").read_text().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("grey 0.8390")
    assert lines[0].endswith(" 17.000000 9.000000 49.000000 41.000000")  # 16 + 1, 8 + 1, and a letterboxed height of 32
    assert len(Path("out/comp4_det_test_dog.txt").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "flags", "box"),
    [
        ({}, [], "17.000000 9.000000 49.000000 41.000000"),
        ({"dialect": "alexeyab"}, [], "17.000000 13.000000 49.000000 37.000000"),
        ({"dialect": "alexeyab"}, ["-letter_box"], "17.000000 9.000000 49.000000 41.000000"),
    ],
)
def test_pictures_are_distorted_as_the_program_does(here, options, flags, box):
    assert valid("cfg/my.data", *MODEL, *flags, **options)[0] == 0
    assert Path("out/comp4_det_test_cat.txt").read_text().endswith(f" {box}\n")


def test_a_threshold_is_passed_over(here):
    status, voice = valid("cfg/my.data", *MODEL, "-thresh", ".9", "-out", "mine_")
    assert status == 0
    assert voice.noted == ["-thresh is passed over: it changes nothing in detector valid"]
    assert Path("out/mine_cat.txt").read_text() != ""


def test_imagenet_counts_pictures_and_classes_from_one(here):
    Path("list.txt").write_text("no.png\ngrey.png\n")
    Path("cfg/my.data").write_text("names=data/my.names\nvalid=list.txt\neval=imagenet\n")
    assert valid("cfg/my.data", *MODEL)[0] == 1
    lines = [line.split() for line in Path("results/imagenet-detection.txt").read_text().splitlines()]
    assert [(line[:2], line[3:]) for line in lines] == [
        (["2", number], ["16.000000", "8.000000", "48.000000", "40.000000"]) for number in ("1", "2")
    ]


def test_a_map_chooses_nodes_of_a_tree(here, tree):
    Path("my.map").write_text("3\n0\n2\n")
    Path("cfg/my.data").write_text("names=data/my.names\nvalid=list.txt\neval=imagenet\nmap=my.map\n")
    Path("data/my.names").write_text("a2\na\na1\n")
    assert valid("cfg/my.data", *tree)[0] == 0
    lines = [line.split() for line in Path("results/imagenet-detection.txt").read_text().splitlines()]
    assert [line[1] for line in lines] == ["1", "2", "3"]
    np.testing.assert_allclose([float(line[2]) for line in lines], [0.1000, 0.8390, 0.7390], atol=1e-4)


def test_a_map_without_a_tree_is_passed_over(here):
    with Path("cfg/my.data").open("a") as file:
        file.write("map=no.map\n")
    status, voice = valid("cfg/my.data", *MODEL)
    assert (status, voice.noted) == (0, ["cfg/my.data:5: map= is passed over: the network has no tree"])


def test_a_list_may_count_from_its_own_folder(here, monkeypatch):
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    status, voice = valid("../cfg/my.data", "../my.cfg", "../my.weights")
    assert status == 0
    assert voice.noted == [
        "../cfg/my.data: valid=list.txt is not here; ../cfg/../list.txt is taken",
        "../cfg/../list.txt: grey.png is not here; ../cfg/../grey.png is taken",
        "../cfg/my.data: names=data/my.names is not here; ../cfg/../data/my.names is taken",
    ]
    assert Path("out/comp4_det_test_cat.txt").read_text().startswith("grey ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            None,
            "list.txt: found a list that can't be read (No such file or directory), expected a picture's path a line; correct valid= in the .data file",
        ),
        (
            " \n",
            "list.txt: found no picture, expected a picture's path a line; add some, or correct valid= in the .data file",
        ),
    ],
)
def test_a_list_without_pictures_is_refused(here, text, message):
    Path("list.txt").unlink() if text is None else Path("list.txt").write_text(text)
    with pytest.raises(FormatError) as refused:
        valid("cfg/my.data", *MODEL)
    assert str(refused.value) == message
    assert not Path("out").exists()


def test_an_unknown_judge_is_noted(here):
    with Path("cfg/my.data").open("a") as file:
        file.write("eval=lvis\n")
    _, voice = valid("cfg/my.data", *MODEL)
    assert voice.noted == ["cfg/my.data:5: eval=lvis is none of voc, coco, imagenet; voc is taken"]
    assert Path("out/comp4_det_test_cat.txt").is_file()
