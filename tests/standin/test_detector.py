"""`darknet detector` and `detect`: whole lines, on a network whose answer is known."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voices import FakeVoice
from yolov2.errors import CfgError, FormatError, NamesError, OutputError, WeightsError
from yolov2.pictures.read import read_picture
from yolov2.standin.darknet import run

MODEL = ("my.cfg", "my.weights")
TOLD = re.compile(r"grey.png: Predicted in \d+\.\d{6} seconds\.")
TOLD_BY_A = re.compile(r"grey.png: Predicted in \d+\.\d{6} milli-seconds\.")


def ran(*words: str, lines: list[str] | None = None, **options) -> tuple[int, FakeVoice]:
    voice = FakeVoice(lines or [])
    return run(words, voice.voice, **options), voice


def test_the_lines_of_a_picture(here):
    status, voice = ran("detector", "test", "cfg/my.data", *MODEL, "grey.png")
    assert status == 0
    assert TOLD.fullmatch(voice.said[0])
    assert voice.said[1:] == ["cat: 84%"]
    assert (voice.asked, voice.noted, voice.failed) == ([], [], [])
    assert voice.told[0].startswith(
        "layer     filters    size              input                output\n    0 conv      7  1 x 1 /32"
    )
    assert voice.told[1] == "Loading weights from my.weights...Done!"
    assert read_picture(Path("predictions.jpg")).size == (48, 64)


def test_alexeyabs_has_his_threshold_and_his_words(here):
    status, voice = ran("detector", "test", "cfg/my.data", *MODEL, "grey.png", "-dont_show", "-ext_output")
    assert status == 0
    assert TOLD_BY_A.fullmatch(voice.said[0])
    place = "\t(left_x:   16   top_y:   12   width:   32   height:   24)"  # stretched: half of either side
    assert voice.said[1:] == [f"cat: 84%{place}", f"dog: 41%{place}"]
    assert voice.noted == [
        "-dont_show makes this a line for AlexeyAB's program; --like pjreddie takes it for the other",
        "-dont_show is passed over: no window is opened here",
    ]


@pytest.mark.parametrize(
    ("flags", "cfg", "dialect", "height"),
    [
        ([], "", "pjreddie", 32),  # letterboxed: half of the network's input, whose height reaches over the picture
        ([], "", "alexeyab", 24),
        (["-letter_box"], "", "alexeyab", 32),
        ([], "letter_box=1\n", "alexeyab", 32),
    ],
)
@pytest.mark.filterwarnings("ignore:.*letter_box:yolov2.errors.Yolov2Warning")
def test_a_picture_is_distorted_or_not(here, flags, cfg, dialect, height):
    Path("my.cfg").write_text(Path("my.cfg").read_text().replace("[net]\n", f"[net]\n{cfg}"))
    _, voice = ran("detector", "test", "cfg/my.data", *MODEL, "grey.png", "-ext_output", *flags, dialect=dialect)
    assert voice.said[1].endswith(f"height: {height:4d})")


def test_thresholds_of_a_line(here):
    def classes(*flags: str, **options) -> list[str]:
        return [
            line.partition(":")[0]
            for line in ran("detector", "test", "cfg/my.data", *MODEL, "grey.png", *flags, **options)[1].said[1:]
        ]

    assert classes("-thresh", ".4") == ["cat", "dog"]
    assert classes("-thresh", ".85") == []
    assert classes("-thresh", ".45", dialect="alexeyab") == ["cat"]


def test_without_a_picture_names_are_asked_for_until_there_are_no_more(here):
    status, voice = ran(
        "detector", "test", "cfg/my.data", *MODEL, lines=["grey.png", "", "nope.png", "v.mp4", "grey.png"]
    )
    assert status == 1
    assert [line for line in voice.said if line.startswith("cat")] == ["cat: 84%"] * 2
    assert voice.asked == ["Enter Image Path: "] * 6
    assert voice.failed == [
        "nope.png: found no such file, expected a picture file; check the name",
        "v.mp4: found a video, expected a picture; write darknet detector demo",
    ]


def test_out_is_a_picture_for_one_and_json_for_the_other(here):
    assert ran("detector", "test", "cfg/my.data", *MODEL, "grey.png", "-out", "mine")[0] == 0
    assert Path("mine.jpg").is_file()
    assert not Path("predictions.jpg").exists()
    status, voice = ran(
        "detector", "test", "cfg/my.data", *MODEL, "-out", "mine.json", lines=["grey.png", "nope", "grey.png"]
    )
    assert status == 1
    assert voice.noted == [
        "-out with a .json file makes this a line for AlexeyAB's program; --like pjreddie takes it for the other"
    ]
    objects = (
        ' "filename":"grey.png", \n "objects": [ \n'
        '  {"class_id":0, "name":"cat", "relative_coordinates":{"center_x":0.500000, "center_y":0.500000, "width":0.500000, "height":0.500000}, "confidence":0.######}, \n'
        '  {"class_id":1, "name":"dog", "relative_coordinates":{"center_x":0.500000, "center_y":0.500000, "width":0.500000, "height":0.500000}, "confidence":0.######}\n'
        " ] \n}"
    )
    assert Path("predictions.jpg").is_file()
    assert not Path("mine.json.jpg").exists()
    text = Path("mine.json").read_text()
    scores = [[entry["confidence"] for entry in frame["objects"]] for frame in json.loads(text)]
    np.testing.assert_allclose(scores, [[0.8390245, 0.4053751]] * 2, atol=1e-6)  # the 6th digit is one of float32
    assert (
        re.sub(r'(?<="confidence":0\.)\d{6}', "######", text)
        == f'[\n{{\n "frame_id":1, \n{objects}, \n{{\n "frame_id":2, \n{objects}\n]'
    )


def test_labels_are_saved_beside_the_picture(here):
    assert ran("detector", "test", "cfg/my.data", *MODEL, "grey.png", "-save_labels")[0] == 0
    assert Path("grey.txt").read_text() == "0 0.5000 0.5000 0.5000 0.5000\n"


def test_the_folder_of_the_labels_is_made(here):
    Path("voc/JPEGImages").mkdir(parents=True)
    Path("grey.png").rename("voc/JPEGImages/grey.png")
    assert ran("detector", "test", "cfg/my.data", *MODEL, "voc/JPEGImages/grey.png", "-save_labels")[0] == 0
    assert Path("voc/labels/grey.txt").read_text() == "0 0.5000 0.5000 0.5000 0.5000\n"


@pytest.mark.parametrize(
    ("flags", "dialect", "out"),
    [
        (("-out", "dog"), "pjreddie", "dog.jpg"),
        (("-out", "here/dog"), "pjreddie", "here/dog.jpg"),
        (("-out", "dog.jpg"), "alexeyab", "dog.jpg"),
    ],
)
def test_a_picture_is_not_written_over_by_its_answer(here, flags, dialect, out):
    Path("grey.png").rename("dog.jpg")
    Path("here").symlink_to(".")
    before = Path("dog.jpg").read_bytes()
    with pytest.raises(OutputError) as refused:
        ran("detector", "test", "cfg/my.data", *MODEL, "dog.jpg", *flags, dialect=dialect)
    assert str(refused.value) == (
        f"{out}: found the name of an input, dog.jpg, expected a file that this command does not read; "
        "choose another name"
    )
    assert Path("dog.jpg").read_bytes() == before


def test_neither_is_the_network(here):
    before = Path("my.cfg").read_bytes()
    with pytest.raises(OutputError, match=r"^my\.cfg: found the name of an input, my\.cfg, "):
        ran("detect", *MODEL, "grey.png", "-out", "my.cfg", dialect="alexeyab")
    assert Path("my.cfg").read_bytes() == before


def test_a_picture_that_is_named_over_standard_input_is_not_written_over_by_the_next_one(here):
    before = Path("grey.png").read_bytes()
    Path("dog.jpg").write_bytes(before)
    status, voice = ran("detector", "test", "cfg/my.data", *MODEL, "-out", "dog", lines=["dog.jpg", "grey.png"])
    assert (status, voice.said[1::2]) == (1, ["cat: 84%"] * 2)
    expected = "dog.jpg: found the name of an input, dog.jpg, expected a file that this command does not read; "
    assert voice.failed == [f"{expected}choose another name"] * 2
    assert Path("dog.jpg").read_bytes() == before


def test_a_picture_that_was_written_here_may_be_looked_at_and_replaced(here):
    status, voice = ran("detector", "test", "cfg/my.data", *MODEL, lines=["grey.png", "predictions.jpg"])
    assert (status, voice.failed) == (0, [])


def test_a_picture_that_is_named_over_standard_input_is_not_lost_to_the_json_file(here):
    Path("grey.png").rename("found.json")
    before = Path("found.json").read_bytes()
    with pytest.raises(OutputError, match=r"^found\.json: found the name of an input, found\.json, "):
        ran("detector", "test", "cfg/my.data", *MODEL, "-out", "found.json", lines=["found.json"])
    assert (Path("found.json").read_bytes(), list(Path().glob(".*"))) == (before, [])


@pytest.mark.parametrize(("picture", "cfg", "name"), [("a.txt", "my.cfg", "a.txt"), ("my.png", "my.txt", "my.txt")])
def test_labels_are_not_written_over_an_input(here, picture, cfg, name):
    Path("grey.png").rename(picture)
    Path("my.cfg").rename(cfg)
    before = Path(name).read_bytes()
    status, voice = ran("detector", "test", "cfg/my.data", cfg, "my.weights", picture, "-save_labels")
    assert status == 1
    expected = f"{name}: found the name of an input, {name}, expected a file that this command does not read; "
    assert voice.failed == [f"{expected}choose another name"]
    assert Path(name).read_bytes() == before


def test_an_answer_that_can_not_be_written_is_a_failure_and_the_run_goes_on(here):
    Path("predictions.jpg").mkdir()
    status, voice = ran("detector", "test", "cfg/my.data", *MODEL, lines=["grey.png", "grey.png"])
    assert status == 1
    assert len([line for line in voice.said if line == "cat: 84%"]) == 2
    assert len(voice.failed) == 2
    assert voice.failed[0].startswith("predictions.jpg: found ")


def test_nms_of_a_line_counts(here, twins):
    line = ("detector", "test", "cfg/my.data", *twins, "grey.png", "-thresh", ".4")
    assert ran(*line)[1].said[1:] == ["dog: 78%", "cat: 84%", "dog: 41%"][:2]
    assert ran(*line, "-nms", "0")[1].said[1:] == ["dog: 78%", "cat: 84%", "dog: 41%"]


def test_exif_is_not_followed(here):
    """Darknet shows a picture as it lies in the file."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save("turned.jpg", exif=exif)
    assert read_picture(Path("turned.jpg")).size == (64, 48)
    ran("detector", "test", "cfg/my.data", *MODEL, "turned.jpg")
    assert read_picture(Path("predictions.jpg")).size == (48, 64)


def test_the_short_detect_has_the_names_of_coco_data_if_they_fit(here):
    Path("my.names").write_text("tiger\nwolf\n")
    assert ran("detect", *MODEL, "grey.png")[1].said[1:] == ["tiger: 84%"]  # beside the .cfg
    Path("cfg/coco.data").write_text("names=data/my.names\n")
    assert ran("detect", *MODEL, "grey.png")[1].said[1:] == ["cat: 84%"]
    Path("data/my.names").write_text("cat\ndog\ncow\n")
    assert ran("detect", *MODEL, "grey.png")[1].said[1:] == ["tiger: 84%"]


def test_the_short_detect_has_a_threshold_of_its_own(here):
    Path("my.names").write_text("cat\ndog\n")
    weights = np.fromfile("my.weights", np.float32)
    weights[11] = -1.0853  # dog: .953 * .2525 = .2406
    weights.tofile("my.weights")
    assert [line[:3] for line in ran("detect", *MODEL, "grey.png", dialect="alexeyab")[1].said[1:]] == ["cat", "dog"]
    line = ("detector", "test", "cfg/my.data", *MODEL, "grey.png")
    assert [line[:3] for line in ran(*line, dialect="alexeyab")[1].said[1:]] == ["cat"]


def test_paths_of_a_data_file_count_from_here_or_with_a_note_from_its_own_folder(here, monkeypatch):
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    _, voice = ran("detector", "test", "../cfg/my.data", "../my.cfg", "../my.weights", "../grey.png")
    assert voice.said[1:] == ["cat: 84%"]
    assert voice.noted == ["../cfg/my.data: names=data/my.names is not here; ../cfg/../data/my.names is taken"]


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (("no.data", *MODEL), FormatError, "no.data: found no such file, "),
        (("cfg/my.data", "no.cfg", "my.weights"), CfgError, "no.cfg: found no such file, "),
        (("cfg/my.data", "my.cfg", "no.weights"), WeightsError, "no.weights: found no such file, "),
        (("cfg/bad.data", *MODEL), NamesError, "no.names: found no such file, "),
    ],
)
def test_what_can_not_start_says_so(here, words, kind, message):
    Path("cfg/bad.data").write_text("names=no.names\n")
    with pytest.raises(kind) as refused:
        ran("detector", "test", *words, "grey.png")
    assert str(refused.value).startswith(message)


def test_hier_is_pjreddies_alone(here):
    assert ran("detector", "test", "cfg/my.data", *MODEL, "grey.png", "-hier", ".4")[1].noted == []
    noted = ran("detector", "test", "cfg/my.data", *MODEL, "grey.png", "-hier", ".4", dialect="alexeyab")[1].noted
    assert noted == ["-hier is passed over: AlexeyAB's program takes the last node above .5"]


def test_a_tree_is_walked_as_either_program_does(here, tree):
    """pjreddie's asks .881 and .881 * .776 = .684 of -hier, and tells the objectness; AlexeyAB's tells P(a1)."""
    Path("tree.data").write_text("names=tree.names\n")
    line = ("detector", "test", "tree.data", *tree, "grey.png")
    assert ran(*line)[1].said[1:] == ["a1: 95%"]
    assert ran(*line, "-hier", ".7")[1].said[1:] == ["a: 95%"]
    assert ran(*line, dialect="alexeyab")[1].said[1:] == ["a1: 78%"]
