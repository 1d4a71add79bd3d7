"""Detections made elsewhere: COCO results and comp4 files, their scores, and what is refused of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripted import AP07, AP12, ScriptedDetector, pets
from small_sets import coco_document, write_coco, write_darknet
from yolov2.errors import FormatError, Yolov2Warning
from yolov2.evaluate.detections_file import FORMS, read_detections
from yolov2.evaluate.evaluation import evaluate
from yolov2.evaluate.ground_truth import read_ground_truth
from yolov2.evaluate.run_folder import write_run

ENTRY = {"image_id": "a", "category_id": 2, "bbox": [9, 4, 20, 20], "score": 0.9}
EXPECTED = "image_id, category_id, bbox [x, y, width, height] and score from 0 to 1, all finite numbers"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, with the folder pets."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.chdir(tmp_path)
    pets(Path())
    return tmp_path


def read(name, text):
    Path(name).write_text(text if isinstance(text, str) else json.dumps(text))
    return read_detections(name, read_ground_truth("pets"))


def assert_refused(name, text, message):
    with pytest.raises(FormatError) as refused:
        read(name, text)
    assert str(refused.value) == message


@pytest.mark.parametrize("what", ["coco_results.json", "."], ids=["coco", "comp4"])
def test_the_files_of_a_run_have_the_scores_of_the_run(here, what):
    run = evaluate("pets", model=ScriptedDetector())
    (here / "out").mkdir()
    write_run(here / "out", run)
    again = evaluate("pets", detections=here / "out" / what)
    assert again.voc07.per_class == pytest.approx([AP07["cat"], AP07["fox"]])
    assert again.voc12.per_class == pytest.approx([AP12["cat"], AP12["fox"]])
    assert again.coco.ap50 == pytest.approx(run.coco.ap50)
    assert again.model is None
    assert again.settings == {"detections": str(here / "out" / what), "conf": None}


def test_one_comp4_file_is_the_class_it_is_called_by(here):
    found = read("comp3_det_val_Fox.txt", "a 0.9 11 6 30 25\n\nb 0.6 1 1 20 20\n")
    assert found.names == ("Fox",)
    np.testing.assert_array_equal(found.results.image_ids, [0, 1])
    np.testing.assert_array_equal(found.results.xyxy, [[10, 5, 29, 24], [0, 0, 19, 19]])  # Darknet: all corners moved


def test_a_name_with_spaces_is_found_among_a_folders_files(here):
    Path("theirs").mkdir()
    Path("theirs/comp4_det_test_fox.txt").write_text("b 0.6 1 1 20 20\n")
    Path("theirs/README.txt").write_text("not a class\n")
    with pytest.warns(Yolov2Warning):
        assert read_detections("theirs", read_ground_truth("pets")).names == ("fox",)


def test_cocos_ids_are_those_of_the_data(here):
    labels = write_coco(here, coco_document())
    Path("found.json").write_text(json.dumps([{**ENTRY, "image_id": 7, "category_id": 5}]))
    found = read_detections("found.json", read_ground_truth(labels))
    assert (found.names, found.results.class_ids.tolist()) == (("cat", "dog"), [1])  # by id: cat is 2, dog 5
    np.testing.assert_array_equal(found.results.xyxy, [[9, 4, 29, 24]])


def test_detections_in_other_pictures_are_left_out_and_told_of(here):
    with pytest.warns(Yolov2Warning) as told:
        found = read("found.json", [ENTRY, {**ENTRY, "image_id": "z"}])
    assert len(found.results) == 1
    assert [str(one.message) for one in told] == [
        "found.json: 1 of 2 detections are in pictures that pets@val does not have; they are left out",
        "found.json: 3 of 4 pictures of pets@val have no detection in it",
    ]


def test_nothing_found_at_all_is_a_score_of_nothing(here):
    Path("found.json").write_text("[]")
    with pytest.warns(Yolov2Warning, match="4 of 4 pictures of pets@val have no detection"):
        assert evaluate("pets", detections="found.json").voc12.mean == 0


def test_detections_in_other_pictures_alone_are_refused(here):
    assert_refused(
        "found.json", [{**ENTRY, "image_id": "z"}],
        "found.json: found 1 detections in other pictures, expected pictures of pets@val; name the split they are of",
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"score": "high"}, {"score": None}, {"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, [4]]}, {"image_id": [1]},
     {"category_id": 1.5}, {"score": float("nan")},
     {"score": -0.5}, {"score": 1.5}],
)  # fmt: skip
def test_a_bad_entry_is_refused_by_its_place(here, change):
    bad = ENTRY | change
    message = f"found.json:[1]: found {json.dumps(bad)}, expected {EXPECTED}; correct or remove it"
    assert_refused("found.json", [ENTRY, bad], message)


def test_an_entry_that_lacks_something_is_refused(here):
    assert_refused("found.json", [{}], f"found.json:[0]: found {{}}, expected {EXPECTED}; correct or remove it")
    assert_refused("found.json", [3], f"found.json:[0]: found 3, expected {EXPECTED}; correct or remove it")


def test_a_category_that_the_data_lacks_is_refused(here):
    assert_refused(
        "found.json", [ENTRY, {**ENTRY, "category_id": 3}],
        "found.json:[1].category_id: found 3, expected one of the 2 ids of the data's classes, 1 to 2; give the "
        "detections of a model with these classes",
    )  # fmt: skip


def test_a_file_of_labels_is_no_file_of_results(here):
    assert_refused(
        "found.json", {"annotations": []},
        f"found.json: found a COCO file of labels, expected a list of {EXPECTED}; give COCO results",
    )  # fmt: skip


def test_what_is_no_json_is_refused(here):
    with pytest.raises(FormatError, match=r"^found.json: found no JSON \(Expecting value: line 1 column 1"):
        read("found.json", "so long")


@pytest.mark.parametrize(
    "line", ["a 0.9 1 2 3", "a high 1 2 3 4", "0.9 1 2 3 4", "a nan 1 2 3 4", "a 87 1 2 3 4", "a -1 1 2 3 4"]
)
def test_a_bad_line_is_refused_by_its_number(here, line):
    assert_refused(
        "comp4_det_test_fox.txt", f"a 0.9 1 2 3 4\n{line}\n",
        f"comp4_det_test_fox.txt:2: found {line!r}, expected `id score xmin ymin xmax ymax`, the score from 0 to 1; "
        "correct or remove the line",
    )  # fmt: skip


def test_files_of_no_class_are_refused(here):
    assert_refused(
        "comp4_det_test_cow.txt", "",
        "comp4_det_test_cow.txt: found no file of a class of the data, expected files called as comp4_det_test_cat.txt; "
        "check names and folder",
    )  # fmt: skip
    Path("empty").mkdir()
    with pytest.raises(FormatError, match=r"^empty: found no .txt file, expected files called as comp4_det_test_cat"):
        read_detections("empty", read_ground_truth("pets"))


@pytest.mark.parametrize("name, found", [("no.such", "no such file or folder"), ("pets.csv", "a file ending in .csv")])
def test_other_files_are_refused(here, name, found):
    Path("pets.csv").touch()
    with pytest.raises(FormatError) as refused:
        read_detections(name, read_ground_truth("pets"))
    assert str(refused.value) == f"{name}: found {found}, expected {FORMS}; check the path"


def test_a_score_of_zero_counts_unless_a_floor_is_chosen(here):
    Path("found.json").write_text(json.dumps([{**ENTRY, "image_id": stem, "score": 0} for stem in "abcd"]))
    run = evaluate("pets", detections="found.json")
    assert (len(run.results), run.recall.proposals) == (4, 1)
    assert len(evaluate("pets", detections="found.json", conf=0).results) == 0


def test_of_a_run_folder_the_file_that_loses_nothing_is_read(here):
    run = evaluate("pets", model=ScriptedDetector())
    (here / "out").mkdir()
    write_run(here / "out", run)
    for file in (here / "out").glob("comp4_*.txt"):
        file.unlink()
    assert evaluate("pets", detections="out").coco.ap == run.coco.ap


def test_of_another_folder_the_files_that_name_their_classes_are_read(here):
    Path("theirs").mkdir()
    Path("theirs/comp4_det_test_fox.txt").write_text("a 0.9 1 1 20 20\nb 0.6 1 1 20 20\n")
    Path("theirs/coco_results.json").write_text(json.dumps([{**ENTRY, "category_id": 90}]))
    assert read_detections("theirs", read_ground_truth("pets")).names == ("fox",)


def test_pictures_that_are_called_the_same_are_refused(here):
    for folder in ("one", "two"):
        write_darknet(here / folder, {"a": "0 0.5 0.5 0.2 0.2\n"})
    Path("both.txt").write_text("one/images/a.jpg\ntwo/images/a.jpg\n")
    Path("both.data").write_text("classes=2\nvalid=both.txt\nnames=one/small.names\n")
    with pytest.warns(Yolov2Warning, match="^several pictures have one name: COCO results call them 1 to 2, in the"):
        truth = read_ground_truth("both.data")
    assert truth.image_ids == (1, 2)
    Path("comp4_det_test_cat.txt").write_text("a 0.9 1 2 3 4\n")
    with pytest.raises(FormatError) as refused:
        read_detections("comp4_det_test_cat.txt", truth)
    assert str(refused.value) == (
        f"{truth.name}: found two pictures called a, expected ids that tell the pictures apart; "
        "give each picture a name of its own"
    )
