"""`yolov2 eval`: what a person sees, what a program reads, what is written, and what is refused."""

import json
from pathlib import Path

import pytest

from small_sets import voc_object, voc_xml, write_voc
from yolov2.checkpoint.file import read_checkpoint

# The network of `here` finds a cat of 0.84 and a dog of 0.11 in the middle of every picture: of 60 x 40 that is
# 15, 5, 45, 35 but for the rounding of the letterbox, and so these corners. In a both are right, in b the cat is wrong; the hen is nobody's.
MIDDLE = (16, 6, 45, 35)
TABLE = """\
farm@val  2 pictures, 3 objects, 4 detections

  class  objects   AP07   AP12  COCO AP  best F1  above
  cat          1  100.0  100.0    100.0     0.67  0.422
  dog          2  100.0  100.0    100.0     1.00  0.059
  mean         3  100.0  100.0    100.0

VOC 2007  100.0  mAP: IoU 0.5 by inclusive pixels, 11 points; difficult objects count neither way
VOC 2012  100.0  mAP: IoU 0.5 by inclusive pixels, the whole area; difficult objects count neither way
COCO      100.0  AP: IoU 0.50 to 0.95, 101 points, 100 boxes a picture; crowds left out, difficult objects not
                 AP50 100.0, AP75 100.0; small 100.0, medium -, large -
                 AR 100.0, 100.0, 100.0 with 1, 10, 100 boxes
recall    100.0  objects overlapped by more than 0.5, whatever the class; difficult ones left out
                 mean IoU of all with the best box 98.4; 2.0 boxes a picture

scores above 0.005; NMS at 0.45 by class; all boxes of a picture; letterbox to 32 x 32
"""
LEFT_OUT = "left out, since the model does not have them: 1 class of the data (hen)\n"
FILES = [
    "calibration.svg", "coco_results.json", "comp4_det_test_cat.txt", "comp4_det_test_dog.txt", "confusion.svg",
    "curves.svg", "metrics.json", "report.html",
]  # fmt: skip


@pytest.fixture
def farm(here):
    """The working directory of `here`, with a VOC folder of two pictures."""
    objects = {"a": ("cat", "dog"), "b": ("dog",)}
    texts = {stem: voc_xml(*(voc_object(name, MIDDLE) for name in names)) for stem, names in objects.items()}
    texts["c"] = voc_xml(voc_object("hen", (1, 1, 9, 9)))
    write_voc(Path("farm"), texts, {"val": ["a", "b"], "train": ["c", "a"]})
    return here


def evaluate(yolov2, *words):
    return yolov2("eval", "farm", "-m", "small.cfg", *words)


def test_a_table_and_the_rules_it_was_counted_by(yolov2, farm):
    said = evaluate(yolov2)
    assert (said.status, said.out) == (0, TABLE)
    assert said.err.startswith(LEFT_OUT)
    assert said.err.splitlines()[-1].startswith("2 pictures in ")


def test_val_is_another_name_of_it(yolov2, farm):
    assert yolov2("val", "farm", "-m", "small.cfg", "-q").out == TABLE


def test_quiet_says_nothing_but_the_answer(yolov2, farm):
    assert evaluate(yolov2, "-q") == (0, TABLE, "")


def test_json_is_metrics_json(yolov2, farm):
    said = evaluate(yolov2, "--json", "-o", "out")
    assert said.status == 0
    assert json.loads(said.out) == json.loads(Path("out/metrics.json").read_text())
    assert json.loads(said.out)["voc07"] == {"map": 1.0, "per_class": {"cat": 1.0, "dog": 1.0}}


def test_the_folder_has_numbers_detections_drawings_and_the_page(yolov2, farm):
    said = evaluate(yolov2, "-o", "out")
    assert said.status == 0
    assert "results in out; open out/report.html" in said.err
    assert sorted(path.name for path in Path("out").iterdir()) == FILES
    rows = [line.split() for line in Path("out/comp4_det_test_cat.txt").read_text().splitlines()]
    box = (*map(float, rows[0][2:]),)
    assert [row[0] for row in rows] == ["a", "b"]
    assert box == pytest.approx((16, 5.762, 46, 36.238), abs=1e-3)  # Darknet: pixels from 1
    first = json.loads(Path("out/coco_results.json").read_text())[0]
    assert (first["image_id"], first["category_id"], first["score"]) == ("a", 1, float(rows[0][1]))
    assert first["bbox"] == pytest.approx([15, 4.762, 30, 30.476], abs=1e-3)
    assert "<figure>" in Path("out/report.html").read_text()


def test_results_of_an_earlier_run_are_kept_unless_forced(yolov2, farm):
    evaluate(yolov2, "-o", "out")
    said = evaluate(yolov2, "-o", "out")
    assert said.status == 2
    assert said.err == (
        "yolov2: out/metrics.json: found results of an earlier run, expected a new file; choose another folder with "
        "-o, or overwrite them with --force\n"
    )
    assert evaluate(yolov2, "-o", "out", "--force", "--classes", "dog").status == 0
    assert not Path("out/comp4_det_test_cat.txt").exists()


def test_a_split_and_a_floor_are_chosen(yolov2, farm):
    said = json.loads(evaluate(yolov2, "--split", "train", "--conf", "0.5", "--max-det", "1", "--json").out)
    assert (said["pictures"], said["detections"], said["data"]["split"]) == (2, 2, "train")
    assert (said["settings"]["conf"], said["settings"]["max_det"]) == (0.5, 1)


def test_a_picture_that_fails_is_named_and_the_rest_counts(yolov2, farm):
    Path("farm/JPEGImages/b.jpg").write_bytes(b"not a picture")
    said = evaluate(yolov2, "--json")
    assert said.status == 1
    assert "failed: farm/JPEGImages/b.jpg: found " in said.err
    assert said.err.splitlines()[-1] == "1 of 2 pictures failed and do not count: farm/JPEGImages/b.jpg"
    told = json.loads(said.out)
    assert (told["pictures"], [one["source"] for one in told["failed"]]) == (1, ["farm/JPEGImages/b.jpg"])


def test_a_picture_that_is_not_there_fails_too(yolov2, farm):
    Path("farm/JPEGImages/b.jpg").unlink()
    said = evaluate(yolov2)
    assert said.status == 1
    assert said.err.startswith("failed: farm/Annotations/b.xml: found no file farm/JPEGImages/b.jpg")


def test_names_that_differ_are_told_of_before_anything_is_counted(yolov2, farm):
    Path("small.names").write_text("Cat\nDOG\n")
    said = evaluate(yolov2)
    assert said.out == TABLE
    first = "warning: class names are spelled differently and taken for the same (model = data): Cat = cat, DOG = dog\n"
    assert said.err.startswith(first + LEFT_OUT)


def test_no_class_in_common_is_refused(yolov2, farm):
    Path("small.names").write_text("ant\nbee\n")
    said = evaluate(yolov2)
    assert (said.status, said.out) == (2, "")
    assert said.err == (
        "yolov2: farm: found the classes cat, dog, hen, expected some that the model has: ant, bee; give the names "
        "that the model was trained with (--names), or another model\n"
    )


def test_names_may_come_from_a_data_file(yolov2, farm):
    Path("small.names").rename("theirs.txt")
    Path("theirs.data").write_text("names=theirs.txt\n")
    assert evaluate(yolov2, "--data", "theirs.data", "-q").out == TABLE
    assert evaluate(yolov2, "--names", "theirs.txt", "-q").out == TABLE


def test_an_unknown_class_is_refused_as_its_option(yolov2, farm):
    said = evaluate(yolov2, "--classes", "cow")
    assert (said.status, said.err) == (
        2, "yolov2: --classes: found 'cow', expected some that model and data have: cat, dog\n"
    )  # fmt: skip


@pytest.mark.parametrize("what", ["out", "out/coco_results.json"])
def test_detections_made_elsewhere_have_the_same_scores(yolov2, farm, what):
    evaluate(yolov2, "-o", "out", "--classes", "dog")
    said = yolov2("eval", "farm", "--detections", what, "--json")
    assert said.status == 0
    assert json.loads(said.out)["voc12"]["per_class"]["dog"] == 1
    assert json.loads(said.out)["model"] is None


@pytest.mark.parametrize(
    "words, option", [(("-m", "small.cfg"), "-m"), (("--size", "64"), "--size"), (("--no-cache",), "--no-cache")]
)
def test_options_of_a_model_have_no_effect_on_a_file(yolov2, farm, words, option):
    said = yolov2("eval", "farm", "--detections", "out", *words)
    assert said.status == 2
    assert said.err.endswith(f"Error: {option} has no effect with --detections, which were made elsewhere.\n")


def test_two_runs_side_by_side(yolov2, farm):
    evaluate(yolov2, "-o", "then")
    said = evaluate(yolov2, "--compare", "then", "--conf", "0.5", "-o", "now")
    assert said.out.endswith(
        """
beside then/metrics.json
  not quite comparable: conf 0.005 then, 0.5 now
                 then    now     by
  VOC 2007 mAP  100.0   50.0  -50.0
  VOC 2012 mAP  100.0   50.0  -50.0
  COCO AP       100.0   50.0  -50.0
  COCO AP50     100.0   50.0  -50.0
  COCO AP75     100.0   50.0  -50.0
  recall        100.0  100.0    0.0

  class  AP07 by  AP12 by  COCO AP by
  cat        0.0      0.0         0.0
  dog     -100.0   -100.0      -100.0
"""
    )
    assert "Since the other run" in Path("now/report.html").read_text()
    told = json.loads(evaluate(yolov2, "--compare", "then", "--json").out)["compared"]
    assert (told["with"], told["totals"]["COCO AP"]["by"], told["notes"]) == ("then/metrics.json", 0, [])


def test_what_is_no_run_can_not_be_compared_and_nothing_starts(yolov2, farm):
    said = evaluate(yolov2, "--compare", "farm")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("yolov2: farm/metrics.json: found a file that can't be read")


def test_a_copy_of_the_model_keeps_the_thresholds(yolov2, farm):
    said = evaluate(yolov2, "--store-thresholds", "tuned.safetensors")
    assert said.status == 0
    assert said.err.splitlines()[-1] == "thresholds in tuned.safetensors"
    stored = read_checkpoint("tuned.safetensors").thresholds
    assert stored == pytest.approx({"cat": 0.422, "dog": 0.059}, abs=1e-3)
    found = json.loads(yolov2("detect", "farm/JPEGImages/a.jpg", "-m", "tuned.safetensors", "--json").out)
    assert [one["label"] for one in found["detections"]] == ["cat", "dog"]
    again = evaluate(yolov2, "--store-thresholds", "tuned.safetensors")
    assert again.status == 2
    assert again.err == (
        "yolov2: tuned.safetensors: found a file, expected a new name; choose another name, or add --force to "
        "replace it\n"
    )


def test_force_alone_overwrites_nothing(yolov2, farm):
    said = evaluate(yolov2, "--force")
    assert said.status == 2
    assert said.err.endswith("Error: --force overwrites what -o DIR or --store-thresholds FILE would write.\n")


def test_without_its_extra_the_install_line_is_said(yolov2, farm, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faster_coco_eval", None)
    said = evaluate(yolov2)
    assert (said.status, said.err) == (
        2, "yolov2: COCO's numbers: found no package, expected faster-coco-eval; pip install 'yolov2[eval]'\n"
    )  # fmt: skip


def test_data_that_is_not_there_is_refused(yolov2, farm):
    said = yolov2("eval", "nowhere", "-m", "small.cfg")
    assert said.status == 2
    assert said.err.startswith("yolov2: nowhere: found no such file or folder, expected a VOC folder, ")


def test_a_split_that_is_not_there_is_refused(yolov2, farm):
    said = evaluate(yolov2, "--split", "test")
    assert (said.status, said.err) == (
        2,
        "yolov2: farm: found the split test, expected one of train, val; correct it\n",
    )


def test_a_copy_into_a_folder_that_is_not_there_is_refused_before_the_run(yolov2, farm):
    said = evaluate(yolov2, "--store-thresholds", "no/tuned.safetensors")
    assert (said.status, said.out, said.err) == (
        2, "", "yolov2: no/tuned.safetensors: found no such folder, expected a folder to write into; create it\n"
    )  # fmt: skip


def test_a_copy_may_go_into_the_folder_of_the_run(yolov2, farm):
    assert evaluate(yolov2, "-o", "out", "--store-thresholds", "out/tuned.safetensors").status == 0
    assert Path("out/tuned.safetensors").exists()


def test_thresholds_that_nobody_could_name_are_refused_before_the_run(yolov2, farm):
    Path("small.names").unlink()
    said = evaluate(yolov2, "--store-thresholds", "tuned.safetensors")
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines()[-1] == (
        "yolov2: tuned.safetensors: found a model without class names, expected names; give --names FILE"
    )
    assert "left out" not in said.err  # the run had not begun


def test_scores_are_shown_even_where_the_files_can_not_be_written(yolov2, farm):
    Path("out/report.html").mkdir(parents=True)
    said = evaluate(yolov2, "-o", "out", "--force")
    assert (said.status, said.out) == (2, TABLE)
    assert said.err.splitlines()[-1].startswith("yolov2: out/report.html: found a folder, ")
