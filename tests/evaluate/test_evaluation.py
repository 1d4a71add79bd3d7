"""`yolov2.evaluate`: scores known by hand, against the slow rule, and against the field's own script on real pictures."""

import contextlib
import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import yolov2
from scripted import AP07, AP12, SAID, ScriptedDetector, pets
from slow_metrics import devkit, results_of, truths_of
from small_sets import voc_object, voc_xml, write_coco, write_voc
from yolov2.detect.detector import Detector
from yolov2.errors import BackendError, LabelError, Yolov2Warning
from yolov2.evaluate.evaluation import evaluate
from yolov2.evaluate.run_folder import write_run

SAME = 1e-6  # what a score is held to; the files have six digits, too


@pytest.fixture(autouse=True)
def no_cache_of_mine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))


@pytest.fixture
def run(tmp_path):
    return evaluate(pets(tmp_path), model=ScriptedDetector())


def test_the_scores_are_those_by_hand(run):
    assert run.names == ("cat", "fox")
    assert run.voc07.per_class == pytest.approx([AP07["cat"], AP07["fox"]])
    assert run.voc12.per_class == pytest.approx([AP12["cat"], AP12["fox"]])
    assert run.voc07.mean == pytest.approx((AP07["cat"] + AP07["fox"]) / 2)
    assert run.voc07.truths.tolist() == [2, 2]


def test_coco_counts_difficult_objects_as_any(run):
    # foxes at IoU 0.5: right, twice, right (the difficult one), right: precision 3/4 from the third on, 1 up to 1/3
    boxes = 101
    first = sum(level / 100 <= 1 / 3 for level in range(boxes))
    fox = (first + (boxes - first) * 3 / 4) / boxes
    cat = sum(level / 100 <= 1 / 2 for level in range(boxes)) / 2 / boxes
    assert run.coco.ap50 == pytest.approx((fox + cat) / 2)


def test_thresholds_are_where_f1_is_best(run):
    cat, fox = run.thresholds
    assert (cat.f1, cat.precision, cat.recall) == pytest.approx((0.5, 0.5, 0.5))
    assert (fox.f1, fox.precision, fox.recall) == pytest.approx((0.8, 2 / 3, 1))
    assert fox.conf == pytest.approx((0.6 + 0.005) / 2)
    assert len(run.shown) == 6


def test_confusion_is_counted_above_the_thresholds(run):
    # rows cat, fox, background; c is missed, the cat of d and the second fox of a are where nothing is labelled
    assert run.confusion.tolist() == [[1, 0, 1], [0, 2, 0], [1, 1, 0]]


def test_recall_takes_any_class_and_leaves_difficult_objects_out(run):
    assert (run.recall.correct, run.recall.total, run.recall.proposals) == (3, 4, 6 / 4)
    # the foxes of a and b, whose box is cut at the picture's edge; the cat of a; that of c is not touched
    assert run.recall.mean_iou == pytest.approx((361 / 439 + 361 / 400 + 551 / 649) / 4)


def test_a_score_at_the_floor_does_not_count(run, tmp_path):
    assert len(run.results) == 6  # 0.001 is below 0.005
    again = evaluate(tmp_path / "pets", model=ScriptedDetector(), conf=0.65)
    assert sorted(again.results.scores.round(2)) == [0.7, 0.8, 0.9, 0.95]


@pytest.mark.parametrize("batch", [1, 3])
def test_batches_change_nothing(run, tmp_path, batch):
    detector = ScriptedDetector()
    again = evaluate(tmp_path / "pets", model=detector, batch=batch)
    assert detector.batches == {1: [1, 1, 1, 1], 3: [3, 1]}[batch]
    np.testing.assert_array_equal(again.results.xyxy, run.results.xyxy)


def test_a_split_is_chosen_by_name(run, tmp_path):
    assert run.truth.split == "val"
    by_name = evaluate(tmp_path / "pets", model=ScriptedDetector(), split="train")
    behind = evaluate(f"{tmp_path / 'pets'}@train", model=ScriptedDetector())
    assert (by_name.truth.name, behind.truth.name) == (f"{tmp_path / 'pets'}@train",) * 2
    assert by_name.voc07.truths.tolist() == behind.voc07.truths.tolist() == [1, 1]


def test_a_picture_that_does_not_decode_is_left_out_and_named(tmp_path):
    folder = pets(tmp_path)
    (folder / "JPEGImages" / "b.jpg").write_bytes(b"not a picture")
    heard = []
    run = evaluate(folder, model=ScriptedDetector(), on_result=heard.append)
    assert [failure.source for failure in run.failures] == [str(folder / "JPEGImages" / "b.jpg")]
    assert (len(heard), len(run.truth.samples), run.to_dict()["pictures"]) == (4, 3, 3)
    # without b: one fox, right with 0.9 and found twice; the cats as they were
    assert run.voc12.per_class == pytest.approx([AP12["cat"], 1])
    assert run.truth.voc_ids[2] == "d"
    assert run.results.image_ids[run.results.scores > 0.94].tolist() == [2]


def test_a_picture_that_is_not_there_is_a_failure_too(tmp_path):
    folder = pets(tmp_path)
    (folder / "JPEGImages" / "b.jpg").unlink()
    run = evaluate(folder, model=ScriptedDetector())
    assert [Path(failure.source.partition(":")[0]).name for failure in run.failures] == ["b.xml"]
    assert len(run.truth.samples) == 3


def test_pictures_that_all_fail_leave_no_number(tmp_path):
    folder = pets(tmp_path)
    for path in (folder / "JPEGImages").iterdir():
        path.write_bytes(b"not a picture")
    run = evaluate(folder, model=ScriptedDetector())
    assert (len(run.failures), len(run.truth.samples)) == (4, 0)
    said = run.to_dict()
    assert (said["voc07"]["map"], said["coco"]["ap"], said["recall"]["recall"]) == (None, None, 0)


def test_a_picture_of_another_size_than_its_labels_say_is_told_of(tmp_path):
    text = voc_xml(voc_object("fox", (11, 6, 30, 25)), size=(80, 120))
    folder = write_voc(tmp_path / "odd", {"a": text}, {"val": ["a"]})
    with pytest.warns(Yolov2Warning) as told:
        evaluate(folder, model=ScriptedDetector(names=("fox",), said={}))
    expected = f"1 picture has another size than their labels say, the first {folder}/JPEGImages/a.jpg; "
    assert [str(one.message) for one in told] == [expected + "`yolov2 data check` lists all"]


def test_classes_that_one_side_lacks_do_not_count(tmp_path):
    said = {"a": [("Fuchs", 0.5, (0, 0, 9, 9)), ("FOX", 0.9, (10, 5, 30, 25))], "b": [("FOX", 0.6, (0, 0, 20, 20))]}
    detector = ScriptedDetector(said, names=("Fuchs", "FOX"))
    heard = []
    with pytest.warns(Yolov2Warning, match="FOX = fox$"):
        run = evaluate(pets(tmp_path), model=detector, on_start=lambda truth, classes: heard.append(classes))
    assert (run.names, run.voc12.mean, len(run.results)) == (("fox",), 1, 2)
    assert (heard[0].only_data, heard[0].only_model) == (("cat",), ("Fuchs",))
    assert run.to_dict()["classes"] == {
        "renamed": {"FOX": "fox"}, "only_in_data": ["cat"], "only_in_model": ["Fuchs"],
    }  # fmt: skip


def test_only_the_chosen_classes_count(tmp_path):
    run = evaluate(pets(tmp_path), model=ScriptedDetector(), classes=("fox",))
    assert (run.names, run.voc12.mean) == (("fox",), pytest.approx(AP12["fox"]))


def test_a_model_without_names_has_the_datas_in_their_order(tmp_path):
    numbers = {"cat": "0", "fox": "1"}
    said = {stem: [(numbers[name], score, box) for name, score, box in rows] for stem, rows in SAID.items()}
    with pytest.warns(Yolov2Warning, match="^the model has no class names: its classes are taken for those of"):
        run = evaluate(pets(tmp_path), model=ScriptedDetector(said, names=(), classes=2))
    assert run.voc12.per_class == pytest.approx([AP12["cat"], AP12["fox"]])


def test_a_model_without_names_and_another_number_of_classes_is_refused(tmp_path):
    with pytest.raises(LabelError) as refused:
        evaluate(pets(tmp_path), model=ScriptedDetector({}, names=(), classes=7))
    assert str(refused.value) == (
        f"{tmp_path}/pets: found a model of 7 classes without names, expected 2 classes; give --names FILE"
    )


def test_data_without_boxes_is_refused(tmp_path):
    for name in ("cat", "fox"):
        (tmp_path / "sorted" / name).mkdir(parents=True)
        (tmp_path / "sorted" / name / "a.jpg").write_bytes(b"")
    with pytest.raises(LabelError) as refused:
        evaluate(tmp_path / "sorted", model=ScriptedDetector())
    assert str(refused.value) == (
        f"{tmp_path}/sorted: found pictures with one class each, expected boxes; give pictures with boxes"
    )


def test_a_label_that_nobody_understands_is_refused(tmp_path):
    folder = pets(tmp_path)
    (folder / "Annotations" / "c.xml").write_text(voc_xml(voc_object("cat", (35, 6, 6, 35))))
    with pytest.raises(LabelError, match=r"c.xml:6: found xmin ymin xmax ymax = 35 6 6 35, expected"):
        evaluate(folder, model=ScriptedDetector())


def test_an_empty_split_is_refused(tmp_path):
    folder = pets(tmp_path)
    (folder / "ImageSets" / "Main" / "test.txt").write_text("")
    with pytest.raises(LabelError) as refused:
        evaluate(folder, model=ScriptedDetector(), split="test")
    assert str(refused.value) == (
        f"{folder}: found no picture in the split test, expected some to measure on; name another with --split"
    )


def test_a_model_and_a_file_are_one_too_many(tmp_path):
    with pytest.raises(ValueError, match="^evaluate: found model and detections, expected one of them$"):
        evaluate(tmp_path, model=ScriptedDetector(), detections=tmp_path)


def test_without_the_library_of_cocos_numbers_nothing_starts(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    detector = ScriptedDetector()
    with pytest.raises(BackendError) as refused:
        evaluate(pets(tmp_path), model=detector)
    assert str(refused.value).endswith("found no package, expected faster-coco-eval; pip install 'yolov2[eval]'")
    assert detector.batches == []


def test_a_crowd_is_nobodys_to_find(tmp_path):
    box = {"image_id": 7, "category_id": 5, "area": 600, "iscrowd": 0}
    document = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}],
        "categories": [{"id": 5, "name": "fox"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"id": 1, "bbox": [0, 0, 20, 30], **box},
            {"id": 2, "bbox": [20, 0, 40, 40], **box, "iscrowd": 1},
        ],
    }
    said = {"a": [("fox", 0.9, (0, 0, 20, 30)), ("fox", 0.95, (30, 10, 40, 20))]}
    run = evaluate(write_coco(tmp_path, document), model=ScriptedDetector(said))
    assert run.coco.ap == 1  # the box inside the crowd counts neither way
    assert (run.truth.image_ids, run.truth.category_ids) == ((7,), (2, 5))


def test_the_room_can_be_called_whoever_imported_it_before():
    code = "from yolov2.evaluate.matching import HIT\nimport yolov2\ntry:\n yolov2.evaluate('nowhere')\n"
    code += "except yolov2.Yolov2Error as refusal:\n print(str(refusal)[:42])\nprint(yolov2.evaluate.matching.HIT)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.splitlines() == ["nowhere: found no such file or folder, exp"[:42], "1"]


def test_the_front_door_has_the_verb(tmp_path):
    assert yolov2.evaluate(pets(tmp_path), model=ScriptedDetector()).voc12.per_class[0] == pytest.approx(AP12["cat"])


@pytest.mark.golden
def test_voc_is_as_the_devkits_rule_has_it_on_the_files_of_a_real_run(models, unpacked, tmp_path):
    voc = unpacked("data/voc2007") / "VOC2007"
    stems = (voc.parent / "ImageSets" / "Main" / "val.txt").read_text().split()[::15]
    folder = some_of(voc, stems, tmp_path / "some")
    run = evaluate(folder, model=models / "yolo-lite" / "voc-trial3-nobatch.cfg")
    write_run(tmp_path, run)
    results, truths = read_by_hand(tmp_path, folder, stems, run.names)
    assert len(run.results) == len(results) > 5_000
    for score, year in ((run.voc07, 2007), (run.voc12, 2012)):
        per_class, mean = devkit(results, truths, 20, year=year)
        assert score.per_class == pytest.approx(per_class, abs=SAME, nan_ok=True)
        assert score.mean == pytest.approx(mean, abs=SAME)
    assert 0.2 < run.voc07.mean < 0.8


@pytest.mark.golden
def test_coco_is_as_cocos_own_script_has_it_on_the_file_of_a_real_run(models, shared, tmp_path):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labels = shared / "data" / "coco-small" / "annotations" / "instances_val.json"
    with pytest.warns(Yolov2Warning, match="motorbike = motorcycle"):
        run = evaluate(labels, model=models / "yolo-lite" / "coco-trial6.cfg")
    write_run(tmp_path, run)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(labels))
        script = COCOeval(truth, truth.loadRes(str(tmp_path / "coco_results.json")), "bbox")
        script.evaluate()
        script.accumulate()
        script.summarize()
    of = run.coco
    ours = [of.ap, of.ap50, of.ap75, of.ap_small, of.ap_medium, of.ap_large]
    ours += [of.ar1, of.ar10, of.ar100, of.ar_small, of.ar_medium, of.ar_large]
    assert ours == pytest.approx(script.stats.tolist(), abs=SAME)
    assert of.ap > 0.02


def some_of(voc, stems, folder):
    """A VOC folder with some of the pictures of another one."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for stem in stems:
        (folder / "JPEGImages" / f"{stem}.jpg").symlink_to(voc / "JPEGImages" / f"{stem}.jpg")
        (folder / "Annotations" / f"{stem}.xml").symlink_to(voc / "Annotations" / f"{stem}.xml")
    (folder / "ImageSets" / "Main" / "val.txt").write_text("\n".join(stems))
    return folder


def read_by_hand(folder, voc, stems, names):
    """Results of the comp4 files, and truths of the XML, without any of our readers."""
    found, there = [], []
    for class_id, name in enumerate(names):
        for line in (folder / f"comp4_det_test_{name}.txt").read_text().splitlines():
            stem, *numbers = line.split()
            found.append((stems.index(stem), class_id, *map(float, numbers)))
    for number, stem in enumerate(stems):
        for thing in ET.parse(voc / "Annotations" / f"{stem}.xml").iter("object"):
            box = [int(thing.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax")]
            hard = int(thing.findtext("difficult", ""))
            there.append((number, names.index(thing.findtext("name", "")), *box, hard, 0))
    return results_of(found), truths_of(there)


def test_a_detector_that_is_open_stays_open_and_counts_unsure_boxes(models, tmp_path):
    with Detector.open(models / "yolo-lite" / "voc-trial3-nobatch.cfg", conf=0.9) as detector:
        run = evaluate(pets(tmp_path), model=detector)
        assert run.settings["conf"] == 0.005
        assert run.settings["max_det"] is None
        assert run.results.scores.min() < 0.1
        assert len(detector(tmp_path / "pets" / "JPEGImages" / "a.jpg")) == 0


def test_what_json_says_is_json(run):
    assert json.loads(json.dumps(run.to_dict(), allow_nan=False))["voc12"]["per_class"] == pytest.approx(AP12)
