"""`yolov2 data check`: what a person sees, what a program reads, and what is refused."""

import json
from pathlib import Path

import pytest

from small_sets import write_darknet

REPORT = """\
set/small.data  2 pictures, 3 boxes, 2 classes
darknet: train 2

class  boxes  pictures
cat        2         2  ########################
dog        1         1  ############

pixels at 416 x 416  boxes                              width / height  boxes
under 8                  0                              under 0.2           0
8 - 16                   0                              0.2 - 0.33          0
16 - 32                  0                              0.33 - 0.5          0
32 - 64                  0                              0.5 - 0.8           0
64 - 128                 0                              0.8 - 1.25          1  ############
128 - 256                3  ########################    1.25 - 2            2  ########################
256 and more             0                              2 - 3               0
                                                        3 - 5               0
                                                        5 and more          0

5 priors of yolov2-voc: best possible recall 100.0% at IoU 0.5, mean IoU 66.2%
grid of 13 x 13: 0 cells with more than one box; 0 boxes (0.0%) with another of the same prior

error  box-inverted  boxes with inverted corners or a negative size: 3
  labels/b.txt:2  x y w h = 0.5 0.5 -0.1 0.1
  labels/b.txt:3  x y w h = 0.5 0.5 0.1 -0.1
  and 1 more; --json has all
  expected w > 0 and h > 0; correct or remove it; it is left out

warning  box-empty  boxes without width or height
  labels/b.txt:5  x y w h = 0.5 0.5 0 0.1
  expected w > 0 and h > 0; correct or remove it; it is left out

3 errors, 1 warning: training would stop at the errors
"""
BAD = "0 .5 .5 -.1 .1\n0 .5 .5 .1 -.1\n0 .5 .5 -.1 -.1\n0 .5 .5 0 .1\n"


@pytest.fixture
def bad(here) -> Path:
    """The working directory with set/small.data, of which one label file has three errors and a warning."""
    return write_darknet(Path("set"), {"a": "0 .3 .5 .5 .5\n1 .8 .4 .3 .5\n", "b": f"0 .5 .5 .5 .5\n{BAD}"})


def test_numbers_first_then_faults_the_worst_first_and_the_verdict_last(yolov2, bad):
    said = yolov2("data", "check", bad, "--limit", 2)
    assert (said.status, said.err) == (2, "")
    assert said.out == REPORT


def test_warnings_alone_end_well(yolov2, here):
    data = write_darknet(Path("set"), {"a": "0 .3 .5 .5 .5\n1 .8 .4 .3 .5\n0 .5 .5 0 .1\n"})
    said = yolov2("data", "check", data)
    assert (said.status, said.out.splitlines()[-1]) == (0, "no error, 1 warning")


def test_a_set_without_a_fault_is_told_so(yolov2, here):
    said = yolov2("data", "check", write_darknet(Path("set"), {"a": "0 .3 .5 .5 .5\n1 .8 .4 .3 .5\n"}))
    assert (said.status, said.out.splitlines()[-1]) == (0, "nothing is wrong")


def test_json_has_every_fault_and_the_summary(yolov2, bad):
    said = yolov2("data", "check", bad, "--json", "--limit", 1)
    assert (said.status, said.err) == (2, "")
    found = json.loads(said.out)
    assert list(found) == ["errors", "warnings", "summary"]
    assert [one["where"] for one in found["errors"]] == [f"set/labels/b.txt:{line}" for line in (2, 3, 4)]
    assert {tuple(one) for one in found["errors"] + found["warnings"]} == {("code", "where", "message", "repair")}
    assert (found["summary"]["pictures"], found["summary"]["priors"]["source"]) == (2, "yolov2-voc")


def test_model_size_and_anchors_are_those_given(yolov2, bad):
    found = json.loads(yolov2("data", "check", bad, "--size", "608x320", "--anchors", "1,2,3,4", "--json").out)
    assert (found["summary"]["width"], found["summary"]["height"]) == (608, 320)
    assert found["summary"]["priors"]["anchors"] == [[1, 2], [3, 4]]
    found = json.loads(yolov2("data", "check", bad, "-m", "small.cfg", "--json").out)
    assert (found["summary"]["width"], found["summary"]["priors"]["source"]) == (32, "small.cfg")


def test_without_pictures_none_is_decoded(yolov2, bad):
    Path("set/images/a.jpg").write_bytes(Path("set/images/a.jpg").read_bytes()[:-300])
    assert "picture-broken" in yolov2("data", "check", bad).out
    assert "picture-broken" not in yolov2("data", "check", bad, "--no-pictures").out


def test_fix_writes_a_copy_and_says_what_it_did(yolov2, bad):
    said = yolov2("data", "check", bad, "--fix", "fixed")
    assert said.status == 2
    assert said.err == "fixed/small.data: 3 box-inverted, 1 box-empty, 2 box-identical; listed in fixed/repairs.jsonl\n"
    assert yolov2("data", "check", "fixed/small.data").status == 0
    assert Path("set/labels/b.txt").read_text().endswith(BAD)


def test_what_a_repair_leaves_is_told(yolov2, here):
    data = write_darknet(Path("set"), {"a": "0 .3 .5 .5 .5\n"})
    said = yolov2("data", "check", data, "--fix", "fixed")
    assert said.err == (
        "fixed/small.data: nothing was to be repaired; listed in fixed/repairs.jsonl\n"
        "left as it is: 1 class-without-boxes\n"
    )


def test_a_plot_is_written_into_the_folder(yolov2, bad):
    said = yolov2("data", "check", bad, "-o", "plots")
    assert (said.err, Path("plots/boxes.png").is_file()) == ("plots/boxes.png\n", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "yolov2: none: found no such file or folder, expected "),
        (
            ["set/small.data", "--fix", "set"],
            "yolov2: set: found a folder with files, expected a new or empty folder; ",
        ),
        (["set/small.data@train", "--fix", "new"], "yolov2: set/small.data@train: found the split train alone, "),
        (["set/small.data", "-m", "none.cfg"], "yolov2: none.cfg: "),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(yolov2, bad, words, message):
    said = yolov2("data", "check", *words)
    assert (said.status, said.err.startswith(message), said.err.count("\n")) == (2, True, 1)


@pytest.mark.parametrize("anchors", ["1,2,3", "1,-2", "one,two", "", "1,inf"])
def test_anchors_that_are_no_pairs_are_refused(yolov2, bad, anchors):
    said = yolov2("data", "check", bad, "--anchors", anchors)
    assert said.status == 2
    assert "expected widths and heights in cells, as in 1.3,1.7,3.2,4.0" in said.err


def test_copy_without_fix_is_refused(yolov2, bad):
    assert "--copy goes with --fix." in yolov2("data", "check", bad, "--copy").err


def test_the_group_names_its_commands(yolov2):
    assert "  check " in yolov2("data", "--help").out


def test_a_class_folder_set_is_summed_up_by_pictures(yolov2, here):
    from small_sets import write_picture

    for seed, name in enumerate(("cat/a", "cat/b", "dog/c")):
        write_picture(Path(f"set/{name}.jpg"), seed=seed)
    said = yolov2("data", "check", "set")
    assert said.out == (
        "set  3 pictures, 2 classes\nfolders: all 3\n\nclass  pictures\n"
        "cat           2  ########################\ndog           1  ############\n\nnothing is wrong\n"
    )


def test_a_set_without_a_readable_picture_has_its_errors_listed(yolov2, bad):
    for name in "ab":
        path = Path(f"set/images/{name}.jpg")
        path.write_bytes(path.read_bytes()[:-300])
    said = yolov2("data", "check", bad)
    assert (said.status, said.err, said.out.count("\nerror  picture-broken")) == (2, "", 1)
