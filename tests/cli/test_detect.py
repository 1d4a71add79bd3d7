"""`yolov2 detect`: what it shows, what it writes, and its exit status."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fakes import one_box
from yolov2.cli.findings import JsonScreen, NoFiles, Table, Tally, follow
from yolov2.cli.terminal import Messages
from yolov2.detect.sources import Source
from yolov2.detect.writers import Writers, open_writers
from yolov2.errors import ModelError, OutputError
from yolov2.pictures.read import read_picture
from yolov2.pictures.video import open_video
from yolov2.pictures.video_writer import VideoWriter
from yolov2.records import Detections, Failure, Frame

TABLE = """\
                score       x1     y1     x2     y2
grey.jpg  64 x 64
  cat            0.84       16     16     48     48
"""
SPEED = re.compile(r"in [\d.]+ m?s( \([\d.e+]+ per second\))?")


def timeless(text: str) -> str:
    """The text without what depends on the machine."""
    return SPEED.sub("in no time", text)


def test_a_table_goes_to_standard_output_and_the_rest_to_standard_error(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg")
    assert (said.status, said.out) == (0, TABLE)
    assert timeless(said.err) == "1 picture, 1 detection in no time\n"


def test_quiet_leaves_the_table_alone(yolov2, here):
    assert yolov2("detect", "grey.jpg", "-m", "small.cfg", "-q") == (0, TABLE, "")


def test_json_is_a_line_a_picture_and_nothing_else(yolov2, here):
    said = yolov2("detect", "grey.jpg", "none.jpg", "grey.png", "-m", "small.cfg", "--json")
    first, second, third = (json.loads(line) for line in said.out.splitlines())
    assert said.status == 1
    assert [first["source"], second["source"], third["source"]] == ["grey.jpg", "none.jpg", "grey.png"]
    assert (first["width"], first["height"], first["frame"]) == (64, 64, None)
    (found,) = first["detections"]
    assert (found["label"], found["class_id"], found["box"]) == ("cat", 0, [16, 16, 48, 48])
    sure, is_cat = 1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-2))
    assert (found["objectness"], found["score"]) == pytest.approx((sure, sure * is_cat), abs=1e-6)
    assert second == {"source": "none.jpg", "error": second["error"]}


def test_a_bad_picture_is_named_twice_counted_and_passed_over(yolov2, here):
    Path("bad.jpg").touch()
    said = yolov2("detect", "bad.jpg", "grey.jpg", "-m", "small.cfg")
    assert (said.status, said.out) == (1, TABLE)
    first, *rest = timeless(said.err).splitlines()
    assert first.startswith("failed: bad.jpg: found 0 bytes, expected a JPEG, ")
    assert rest == ["1 picture, 1 detection in no time", "1 of 2 inputs failed: bad.jpg"]


def test_strict_stops_at_the_first_bad_picture(yolov2, here):
    Path("bad.jpg").touch()
    said = yolov2("detect", "bad.jpg", "grey.jpg", "-m", "small.cfg", "--strict", "-q")
    assert (said.status, said.out) == (1, "")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("more, left", [((), "1 input"), (("grey.png",), "2 inputs")])
def test_strict_says_what_it_did_not_try(yolov2, here, more, left):
    Path("bad.jpg").touch()
    said = yolov2("detect", "bad.jpg", "grey.jpg", *more, "-m", "small.cfg", "--strict")
    assert said.err.splitlines()[-1] == f"stopped at the first failure; {left} not tried"


NO_FILES = "expected files ending in .bmp .jpeg .jpg .png .webp .avi .mkv .mov .mp4 .webm; check the path"
NOT_READ = {
    "nopics": "nopics: found no picture or video, ",
    "*.gif": "*.gif: found no file that matches, ",
    "http://example.com/dog.jpg": "http://example.com/dog.jpg: found an address, expected a file; download it first, or ",
    "rtsp://10.0.0.1/1": "rtsp://10.0.0.1/1: found an address, expected a file; download it first, or ",
}


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_no_input_fails_among_others_and_alone_starts_nothing(yolov2, here, name):
    Path("nopics").mkdir()
    alone = yolov2("detect", name, "-m", "small.cfg")
    assert (alone.status, alone.out, alone.err.count("\n")) == (2, "", 1)
    assert alone.err.startswith(f"yolov2: {NOT_READ[name]}")
    said = yolov2("detect", name, "grey.jpg", "-m", "small.cfg", "-o", "out")
    assert (said.status, said.out) == (1, TABLE)
    first, _, last = said.err.splitlines()
    assert first == f"failed: {alone.err.removeprefix('yolov2: ').rstrip()}"
    assert last.startswith("1 of 2 inputs failed: ")
    failed, _ = (json.loads(line) for line in Path("out/detections.jsonl").read_text().splitlines())
    assert failed["error"] == first.removeprefix("failed: ")


def test_a_file_that_is_called_like_a_camera_is_a_file(yolov2, here):
    shutil.copy("grey.png", "0")
    assert yolov2("detect", "0", "-m", "small.cfg", "-q").status == 0


def test_json_names_the_annotated_file_last(yolov2, here):
    plain = json.loads(yolov2("detect", "grey.jpg", "-m", "small.cfg", "--json").out)
    assert list(plain.items())[-1] == ("output", None)
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--json", "-o", "out")
    assert json.loads(said.out) == plain | {"output": str(Path("out", "grey.jpg"))}
    assert Path("out/detections.jsonl").read_text() == said.out
    assert list(json.loads(said.out)) == ["source", "frame", "width", "height", "detections", "output"]
    without = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--json", "-o", "tables", "--no-pictures")
    assert json.loads(without.out)["output"] is None


def test_files_of_an_earlier_run_are_passed_over_below_a_folder(yolov2, here):
    yolov2("detect", "grey.jpg", "-m", "small.cfg", "-o", "album/out")
    shutil.copy("grey.png", "album/out/mine.png")
    shutil.copy("grey.png", "album/a.png")
    found = [
        json.loads(line)["source"] for line in yolov2("detect", "album", "-m", "small.cfg", "--json").out.splitlines()
    ]
    assert found == [str(Path("album/a.png")), str(Path("album/out/mine.png"))]
    assert len(yolov2("detect", "album/out", "-m", "small.cfg", "--json").out.splitlines()) == 2


def test_a_picture_that_reaches_max_det_is_told(yolov2, here):
    words = ("detect", "grey.jpg", "grey.png", "-m", "small.cfg", "--size", "64x32")
    assert len(yolov2(*words).err.splitlines()) == 1
    said = yolov2(*words, "--max-det", "1").err.splitlines()
    assert said[1:] == ["2 pictures have 1 detection, the most that --max-det keeps; there may be more"]
    assert yolov2(*words[:2], *words[3:], "--max-det", "1").err.splitlines()[1:] == [
        "1 picture has 1 detection, the most that --max-det keeps; there may be more"
    ]


def test_when_all_inputs_fail_the_status_is_still_1(yolov2, here):
    said = yolov2("detect", "none.jpg", "-m", "small.cfg")
    assert said.status == 1
    assert timeless(said.err).splitlines()[1:] == [
        "0 pictures, 0 detections in no time",
        "1 of 1 input failed: none.jpg",
    ]


def test_nothing_found_is_said(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--conf", "0.9")
    assert (said.status, said.out.splitlines()[1:]) == (0, ["grey.jpg  64 x 64", "  nothing found"])


@pytest.mark.parametrize(
    "words",
    [("--conf", "cat=0.9"), ("--conf", "0.84"), ("--classes", "dog"), ("--classes", "1")],
    ids=" ".join,
)
def test_what_was_not_asked_for_is_left_out(yolov2, here, words):
    assert "nothing found" in yolov2("detect", "grey.jpg", "-m", "small.cfg", *words).out


def test_another_input_size_has_more_cells(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--size", "64x32", "--resize", "stretch", "--json")
    boxes = [found["box"] for found in json.loads(said.out)["detections"]]
    assert sorted(boxes) == [[8, 16, 24, 48], [40, 16, 56, 48]]


def test_other_programs_spellings_do_the_same(yolov2, here):
    ours = yolov2("detect", "grey.png", "-m", "small.cfg", "--size", "64", "--json")
    theirs = yolov2("predict", "--source", "grey.png", "-m", "small.cfg", "--imgsz", "64", "--json")
    assert ours.status == theirs.status == 0
    assert ours.out == theirs.out


def boxes_of(said):
    return [found["box"] for found in json.loads(said.out)["detections"]]


def test_a_part_of_the_picture_and_sizes_of_boxes(yolov2, here):
    whole = boxes_of(yolov2("detect", "grey.png", "-m", "small.cfg", "--json"))
    part = boxes_of(yolov2("detect", "grey.png", "-m", "small.cfg", "--json", "--roi", "0,0,0.5,1"))
    assert len(whole) == len(part) == 1
    assert (whole, part) == ([[16, 16, 48, 48]], [[0, 16, 32, 48]])  # the middle half of what is looked at
    width = 32
    assert boxes_of(yolov2("detect", "grey.png", "-m", "small.cfg", "--json", "--min-size", str(width + 1))) == []
    assert boxes_of(yolov2("detect", "grey.png", "-m", "small.cfg", "--json", "--max-size", str(width - 1))) == []


def test_a_picture_in_tiles_has_a_box_of_each(yolov2, here):
    found = boxes_of(yolov2("detect", "grey.png", "-m", "small.cfg", "--json", "--tile", "9000"))
    assert found == boxes_of(yolov2("detect", "grey.png", "-m", "small.cfg", "--json"))
    tiles = boxes_of(yolov2("detect", "grey.png", "-m", "small.cfg", "--json", "--tile", "40"))
    assert sorted(tiles) == [[10, 10, 30, 30], [10, 34, 30, 54], [16, 16, 48, 48], [34, 10, 54, 30], [34, 34, 54, 54]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--roi", "1,2,3"), "Invalid value for '--roi': found '1,2,3', expected LEFT,TOP,RIGHT,BOTTOM in pixels as 100,50,400,300, or in shares of the picture as 0,0.5,1,1"),
        (("--roi", "0,0,inf,9"), "--roi: found 0,0,inf,9, expected left, top, right, bottom, with left below right and top below bottom"),
        (("--tile", "0"), "Invalid value for '--tile': found '0', expected pixels as 20, or width x height as 20x40"),
        (("--tile", "64", "--nms", "objectness"), "--nms: found objectness together with tile, expected class, agnostic or none"),
        (("--min-size", "-3"), "Invalid value for '--min-size': found '-3', expected pixels as 20, or width x height as 20x40"),
    ],
)  # fmt: skip
def test_a_part_that_can_not_be_is_refused(yolov2, here, words, message):
    said = yolov2("detect", "grey.png", "-m", "small.cfg", *words)
    assert said.status == 2
    assert message in " ".join(said.err.split())


def test_nothing_named_is_refused(yolov2, here):
    said = yolov2("detect", "-m", "small.cfg")
    assert said.status == 2
    assert "Missing SOURCE: name a picture, a folder, a video or a quoted pattern." in said.err


def test_every_backend_gives_the_same(yolov2, here):
    for backend in ("onnxruntime", "torch"):
        assert yolov2("detect", "grey.jpg", "-m", "small.cfg", "--backend", backend, "-q").out == TABLE


def test_the_prepared_network_is_kept_where_it_is_wanted(yolov2, here):
    words = ("detect", "grey.jpg", "-m", "small.cfg", "-q")
    assert yolov2(*words, "--no-cache").out == TABLE
    assert not Path(".cache").exists()
    for _ in range(2):
        assert yolov2(*words).out == TABLE
        assert yolov2(*words, "--cache", "mine").out == TABLE
    assert len(list(Path(".cache/yolov2/graphs").iterdir())) == len(list(Path("mine").iterdir())) == 1


def test_a_folder_of_results(yolov2, here):
    said = yolov2("detect", "grey.jpg", "grey.png", "-m", "small.cfg", "-o", "out/new", "--write", "csv")
    assert said.status == 0
    assert timeless(said.err) == "2 pictures, 2 detections in no time; results in out/new\n"
    out = Path("out/new")
    assert sorted(path.name for path in out.iterdir()) == ["detections.csv", "detections.jsonl", "grey.jpg", "grey.png"]
    assert [json.loads(line)["source"] for line in (out / "detections.jsonl").read_text().splitlines()] == [
        "grey.jpg",
        "grey.png",
    ]
    row = (out / "detections.csv").read_text().splitlines()[1].split(",")
    assert row[:4] + row[6:] == ["grey.jpg", "", "cat", "0", "16.0", "16.0", "48.0", "48.0"]
    drawn = read_picture(out / "grey.png").pixels
    assert (drawn[16, 17:47] != 128).any(axis=-1).all()  # the upper edge of the box


def test_a_folder_without_pictures(yolov2, here):
    assert yolov2("detect", "grey.jpg", "-m", "small.cfg", "-o", "out", "--no-pictures").status == 0
    assert [path.name for path in Path("out").iterdir()] == ["detections.jsonl"]


def test_earlier_results_stay_without_force(yolov2, here):
    words = ("detect", "grey.jpg", "-m", "small.cfg", "-o", "out", "-q")
    assert yolov2(*words).status == 0
    said = yolov2(*words)
    assert (said.status, said.out) == (2, "")
    where = Path("out", "detections.jsonl")
    assert said.err == (
        f"yolov2: {where}: found results of an earlier run, expected a new file; "
        "choose another folder with -o, or overwrite them with --force\n"
    )
    assert yolov2(*words, "--force").status == 0


def test_results_of_an_earlier_run_are_no_inputs(yolov2, here):
    words = ("detect", ".", "-m", "small.cfg", "-o", "out", "--json")
    assert len(yolov2(*words).out.splitlines()) == 2
    assert len(yolov2(*words, "--force").out.splitlines()) == 2


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "force"])
def test_an_input_is_not_overwritten(yolov2, here, force):
    before = Path("grey.jpg").read_bytes()
    said = yolov2("detect", ".", "-m", "small.cfg", "-o", ".", *force)
    assert said.status == 2
    assert "grey.jpg: found an input of this run, expected a new file; " in said.err
    assert Path("grey.jpg").read_bytes() == before


def test_a_video_is_counted_on_screen_and_written_whole(yolov2, here):
    with VideoWriter(Path("clip.mp4"), 10, (64, 64)) as video:
        for _ in range(4):
            video.write(np.full((64, 64, 3), 128, np.uint8))
    said = yolov2("detect", "clip.mp4", "grey.jpg", "-m", "small.cfg", "-o", "out")
    assert said.status == 0
    assert said.out == "clip.mp4  64 x 64, 4 frames\n  cat           4 boxes  in 4 frames  best 0.84\n" + TABLE
    assert timeless(said.err) == "1 picture, 1 video (4 frames), 5 detections in no time; results in out\n"
    assert [json.loads(line)["frame"] for line in Path("out/detections.jsonl").read_text().splitlines()] == [
        0,
        1,
        2,
        3,
        None,
    ]
    with open_video(Path("out/clip.mp4")) as video:
        assert (video.fps, len(list(video))) == (10, 4)


def test_a_class_that_the_model_lacks_is_refused_in_one_line(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--classes", "cow")
    assert said == (2, "", "yolov2: --classes: found 'cow', expected a class of the model: cat, dog\n")


@pytest.mark.parametrize("words, option", [(("--classes", "dgo"), "--classes"), (("--conf", "dgo=0.2"), "--conf")])
def test_a_mistyped_class_names_its_option_and_the_closest(yolov2, here, words, option):
    message = f"yolov2: {option}: found 'dgo', expected a class of the model: cat, dog; did you mean 'dog'?\n"
    assert yolov2("detect", "grey.jpg", "-m", "small.cfg", *words) == (2, "", message)


@pytest.mark.parametrize("words", [("--tree-threshold", "0.3"), ("--depth", "2")], ids=" ".join)
def test_options_of_a_tree_without_one_are_told_of(yolov2, here, words):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", *words)
    assert (said.status, said.out) == (0, TABLE)
    assert said.err.splitlines()[0] == f"warning: {words[0]} has no effect: the model has no tree"


def test_max_det_given_with_faithful_is_refused(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--faithful", "--max-det", "300")
    assert said.status == 2
    assert said.err.splitlines()[-1] == "Error: --max-det has no effect with --faithful, which keeps every detection."
    assert yolov2("detect", "grey.jpg", "-m", "small.cfg", "--faithful", "-q") == (0, TABLE, "")


def test_a_size_that_the_network_can_not_have_is_refused_in_one_line(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--size", f"{2**31}x32")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    message = (
        "yolov2: --size: found 2,147,483,648, expected sides of at most 8,192 pixels; give a smaller one, as 608\n"
    )
    assert said.err == message


def test_formats_are_named_in_lists_and_one_after_another(yolov2, here):
    said = yolov2("detect", "grey.png", "-m", "small.cfg", "-o", "out", "--write", "csv,coco", "--write", "yolo")
    assert said.status == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "coco_results.json", "detections.csv", "detections.jsonl", "grey.png", "labels"
    ]  # fmt: skip


def test_a_format_that_is_none_is_refused_with_the_closest(yolov2, here):
    said = yolov2("detect", "grey.png", "-m", "small.cfg", "-o", "out", "--write", "csv,paquet")
    assert (said.status, Path("out").exists()) == (2, False)
    assert said.err.splitlines()[-1] == (
        "Error: Invalid value for '--write': found 'paquet', expected one or more of "
        "csv, coco, yolo, voc, parquet, crops; did you mean 'parquet'?"
    )


@pytest.mark.parametrize(
    "option, ours",
    [
        ("--csv", "csv"),
        ("--save-txt", "yolo"),
        ("--save_txt", "yolo"),
        ("--save-crop", "crops"),
        ("--save-json", "coco"),
    ],
)
def test_formats_by_the_names_of_other_tools_are_explained(yolov2, here, option, ours):
    said = yolov2("detect", "grey.png", "-m", "small.cfg", "-o", "out", option)
    assert said.status == 2
    assert said.err.splitlines()[-1] == f"Error: No such option '{option}'. Did you mean '--write {ours}'?"


@pytest.mark.parametrize("option", ["--write=csv", "--no-pictures", "--force"])
def test_options_for_a_folder_need_one(yolov2, here, option):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", option)
    assert said.status == 2
    assert said.err.endswith("say what to write into a folder: give -o DIR.\n")


def test_a_pattern_without_a_match_is_refused(yolov2, here):
    said = yolov2("detect", "*.gif", "-m", "small.cfg")
    assert said.status == 2
    assert said.err.startswith("yolov2: *.gif: found no file that matches, expected files ending in ")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to become somebody without rights"
)
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv on this machine")
def test_a_folder_without_permission_is_one_line(here):
    nobody = ["setpriv", "--reuid", "65534", "--clear-groups"]
    here.chmod(0o755)
    for folder in here.parents[:2]:
        folder.chmod(0o755)  # pytest makes its folders for their owner alone
    if subprocess.run([*nobody, sys.executable, "-c", "import yolov2.detect.detector"], check=False).returncode:
        pytest.skip("this Python is not for everybody to run")
    words = ["detect", "grey.jpg", "-m", "small.cfg", "-o", "out"]
    command = [*nobody, sys.executable, "-B", "-m", "yolov2", *words]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 2
    assert child.stdout == ""
    said = "yolov2: out: found no permission to write here, expected a folder to write into; "
    assert child.stderr.splitlines()[-1].startswith(said)  # ONNX Runtime may say a line of its own before


def test_an_empty_source_is_refused_not_taken_for_this_folder(yolov2, here):
    said = yolov2("detect", "", "-m", "small.cfg")
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines()[-1] == "Error: Invalid value for 'SOURCE...': found an empty name, expected a path"


@pytest.mark.parametrize("command", ["detect", "classify", "bench"])
def test_a_folder_that_may_not_be_read_is_refused_by_whoever_reads_it(yolov2, here, monkeypatch, command):
    Path("locked").mkdir()

    def refuse(folder, onerror):
        onerror(PermissionError(errno.EACCES, "Permission denied", str(folder)))
        return iter(())

    monkeypatch.setattr(os, "access", lambda *asked: False)
    monkeypatch.setattr("yolov2.detect.sources.os.walk", refuse)
    said = yolov2(command, "locked", "-m", "small.cfg")
    assert (said.status, said.out) == (2, "")
    expected = "yolov2: locked: found a folder that can't be listed (Permission denied), expected a readable one; check its permissions\n"
    assert said.err == expected


def test_results_and_prepared_networks_go_into_folders_that_may_only_be_written(yolov2, here, monkeypatch):
    for name in ("out", "kept"):
        Path(name).mkdir()
    monkeypatch.setattr(os, "access", lambda *asked: False)
    assert yolov2("detect", "grey.jpg", "-m", here, "-o", "out", "--cache", "kept", "-q") == (0, TABLE, "")


@pytest.mark.parametrize("words", [("--iou", "nan"), ("--tree-threshold", "nan")], ids=" ".join)
def test_nan_is_no_number(yolov2, here, words):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", *words)
    assert (said.status, said.err.splitlines()[-1]) == (
        2,
        f"Error: Invalid value for '{words[0]}': found nan, expected a number",
    )


def test_more_layers_than_there_are_is_one_line(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--partial", "999")
    expected = "a number from 1 to 2, as many layers as it has; give as many as the name of the weights says"
    assert said == (2, "", f"yolov2: small.cfg: found --partial 999, expected {expected}\n")


# --- the loop itself, with results made up ----------------------------------------------------------------------------

GREY = np.full((8, 8, 3), 128, np.uint8)


def made(count: int, *, at: int = -1, happens=lambda: None):
    """Results of pictures 0.jpg, 1.jpg, ...; something happens when one of them is asked for."""
    for number in range(count):
        if number == at:
            happens()
        yield one_box(Frame(GREY, source=f"{number}.jpg"), 0)


def tally_of(count: int) -> Tally:
    return Tally([Source(Path(f"{number}.jpg"), "picture", Path(f"{number}.jpg")) for number in range(count)], None)


def test_the_total_is_known_where_the_videos_promise_it(tmp_path, monkeypatch):
    with VideoWriter(tmp_path / "clip.mp4", 10, (64, 64)) as video:
        for _ in range(4):
            video.write(np.full((64, 64, 3), 128, np.uint8))
    (tmp_path / "bad.mp4").touch()
    clip, bad = (Source(tmp_path / name, "video", Path(name)) for name in ("clip.mp4", "bad.mp4"))
    picture = Source(tmp_path / "a.jpg", "picture", Path("a.jpg"))
    assert (Tally([clip], None).total, Tally([clip], None).unit) == (4, ("frame", "frames"))
    both = Tally([clip, picture, picture], None)
    assert (both.total, both.unit) == (6, ("picture or frame", "pictures and frames"))
    assert Tally([clip, bad], None).total is None
    monkeypatch.setattr("yolov2.cli.findings.MOST_ASKED", 1)
    assert Tally([clip, clip], None).total is None


def test_an_interrupted_run_keeps_what_it_finished(tmp_path, capsys):
    results = made(5, at=2, happens=lambda: signal.raise_signal(signal.SIGINT))
    given = [Source(Path(f"{number}.jpg"), "picture", Path(f"{number}.jpg")) for number in range(5)]
    status = follow(results, open_writers(tmp_path, given), Table([]), tally_of(5), Messages(), strict=False)
    assert status == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.jpg", "1.jpg", "2.jpg", "detections.jsonl"]
    assert len((tmp_path / "detections.jsonl").read_text().splitlines()) == 3
    first, second, last = timeless(capsys.readouterr().err).splitlines()
    assert first == "finishing what is in work; Ctrl-C once more stops at once"
    assert second == "3 pictures, 3 detections in no time"
    assert last == "yolov2: interrupted; what was finished is kept"


def test_a_second_interrupt_drops_what_is_open(tmp_path):
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    given = [Source(Path(f"{number}.jpg"), "picture", Path(f"{number}.jpg")) for number in range(5)]
    files = open_writers(tmp_path, given)
    with pytest.raises(KeyboardInterrupt):
        follow(made(5, at=2, happens=twice), files, Table([]), tally_of(5), Messages(), strict=False)
    assert {path.name for path in tmp_path.iterdir()} <= {"0.jpg", "1.jpg"}


def test_a_disk_that_fills_in_mid_run_is_one_line_and_status_1(capsys):
    class Full:
        def write(self, result) -> None:
            raise OutputError("out/0.jpg: found a full disk, expected room; free some space")

        def close(self) -> None:
            raise AssertionError("closed after an error")

        def abort(self) -> None:
            print("aborted")

    assert follow(made(3), Writers(Full()), Table([]), tally_of(3), Messages(), strict=False) == 1
    said = capsys.readouterr()
    assert said.err == "yolov2: out/0.jpg: found a full disk, expected room; free some space\n"
    assert said.out == "aborted\n"


def breaks(error: Exception):
    """Something that goes wrong when it happens."""

    def happens() -> None:
        raise error

    return happens


@pytest.mark.parametrize(
    "error, said",
    [
        (ModelError("small: found NaN, expected numbers; give others"), "small: found NaN, expected numbers; give others"),
        (
            MemoryError(),
            "memory: found too little, expected room for this model and batch; try a smaller --batch or --size",
        ),
    ],
    ids=["refusal", "memory"],
)  # fmt: skip
def test_an_error_in_mid_run_is_one_line_status_1_and_keeps_what_was_finished(tmp_path, capsys, error, said):
    given = [Source(Path(f"{number}.jpg"), "picture", Path(f"{number}.jpg")) for number in range(5)]
    files = open_writers(tmp_path, given)
    assert follow(made(5, at=2, happens=breaks(error)), files, Table([]), tally_of(5), Messages(), strict=False) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.jpg", "1.jpg", "detections.jsonl"]
    lines = (tmp_path / "detections.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["0.jpg", "1.jpg"]
    assert timeless(capsys.readouterr().err) == f"yolov2: {said}\n2 pictures, 2 detections in no time\n"


def test_an_error_in_mid_run_shows_its_traceback_under_debug(capsys):
    messages = Messages()
    messages.debug = True
    results = made(1, at=0, happens=breaks(ModelError("small: bad")))
    assert follow(results, NoFiles(), Table([]), tally_of(1), messages, strict=False) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2] == "yolov2: small: bad"


def test_the_pipeline_is_closed_when_a_run_ends_early(capsys):
    closed: list[bool] = []

    def results():
        try:
            yield Failure("a.jpg", "a.jpg: bad")
            yield Failure("b.jpg", "b.jpg: bad")
        finally:
            closed.append(True)

    assert follow(results(), NoFiles(), JsonScreen(), tally_of(2), Messages(), strict=True) == 1
    assert closed == [True]
    assert capsys.readouterr().err.splitlines()[0] == "failed: a.jpg: bad"


def test_many_failures_are_named_up_to_ten(capsys):
    tally = tally_of(15)
    for number in range(12):
        tally.add(Failure(f"{number}.jpg", "bad"))
    names = ", ".join(f"{number}.jpg" for number in range(10))
    assert tally.lines(1.0)[1] == f"12 of 15 inputs failed: {names} and 2 more"


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "about 130 MB to open and run at 32x32, 130 MB from the cache"),
        (("--no-cache",), "about 130 MB to open and run at 32x32"),
        (("--backend", "torch", "--size", "64x32"), "about 320 MB to open and run at 64x32"),
    ],
)
def test_v_says_before_loading_what_memory_it_takes(yolov2, here, words, said):
    Path("small.weights").write_bytes(b"")  # no model, so that nothing comes after
    err = yolov2("detect", "grey.png", "-m", "small.cfg", "-v", *words).err
    assert err.startswith(f"info: memory: {said}\nyolov2: small.weights: ")
    assert "memory" not in yolov2("detect", "grey.png", "-m", "small.cfg", *words).err


def test_the_table_shows_the_path_of_a_tree_models_answer(capsys):
    found = Detections(
        np.array([[1, 2, 30, 40]], np.float32),
        np.array([0.36], np.float32),
        np.array([1]),
        np.array([0.5], np.float32),
        (48, 80),
        ("animal", "dog"),
        paths=((("animal", 0.9), ("dog", 0.72)),),
        source="a.png",
    )
    Table(["animal", "dog"]).show(found)
    assert capsys.readouterr().out.splitlines()[-1].split("   ", 1)[1].endswith("40   animal 0.90 > dog 0.72")
