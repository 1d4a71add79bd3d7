"""`darknet detector demo`: a video, frame by frame."""

import re
from pathlib import Path

import av
import numpy as np
import pytest

from voices import FakeVoice
from yolov2.errors import OutputError, VideoError
from yolov2.pictures.read import read_picture
from yolov2.pictures.video_reader import VideoReader
from yolov2.pictures.video_writer import VideoWriter
from yolov2.standin.darknet import run
from yolov2.standin.demo import Average

MODEL = ("my.cfg", "my.weights")
RATE = re.compile(r"FPS:\d+\.\d")
RATES = re.compile(r"FPS:\d+\.\d \t AVG_FPS:\d+\.\d")


@pytest.fixture
def video(here: Path) -> str:
    """Seven grey frames, 64 x 48, 10 a second."""
    with VideoWriter(Path("grey.mp4"), 10.0, (48, 64)) as writer:
        for _ in range(7):
            writer.write(np.full((48, 64, 3), 128, np.uint8))
    return "grey.mp4"


def demo(*words: str, stop_after: int | None = None, **options) -> tuple[int, FakeVoice]:
    voice = FakeVoice(stop_after=stop_after)
    return run(("detector", "demo", "cfg/my.data", *MODEL, *words), voice.voice, **options), voice


def frames_of(path: str) -> tuple[int, float, tuple[int, int]]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        return sum(1 for _ in container.decode(stream)), float(stream.average_rate or 0), (stream.height, stream.width)


def test_every_frame_has_its_lines(video):
    status, voice = demo(video)
    assert status == 0
    assert voice.said[0] == "video file: grey.mp4"
    assert len(voice.said) == 1 + 7 * 5
    for start in range(1, len(voice.said), 5):
        blank, rate, *objects = voice.said[start : start + 5]
        assert (blank, objects) == ("", ["Objects:", "", "cat: 84%"])  # the first ones, too: no zeros are averaged
        assert RATE.fullmatch(rate)


def test_alexeyabs_frames_have_his_lines(video):
    status, voice = demo(video, "-dontdraw_bbox", "-ext_output")
    assert status == 0
    assert len(voice.said) == 7 * 5
    assert RATES.fullmatch(voice.said[1])
    place = "\t(left_x:   16   top_y:   12   width:   32   height:   24)"
    assert voice.said[2:5] == ["Objects:", "", f"cat: 84% , dog: 41% {place}"]  # two classes of one box


def test_the_video_and_the_pictures_of_every_second_frame(video):
    assert demo(video, "-out_filename", "found.mp4", "-prefix", "f", "-s", "1")[0] == 0
    assert frames_of("found.mp4") == (4, 5.0, (48, 64))
    assert sorted(path.name for path in Path().glob("f_*.jpg")) == [f"f_0000000{k}.jpg" for k in range(4)]


def test_a_video_by_another_name_is_noted(video):
    _, voice = demo(video, "-out_filename", "found.avi")
    assert voice.noted[-1] == "found.avi is written as MP4, whatever its name says"
    assert frames_of("found.avi")[0] == 7


@pytest.mark.parametrize("out", ["grey.mp4", "here/grey.mp4", "my.weights"])
def test_an_input_is_not_written_over(video, out):
    Path("here").symlink_to(".")
    before = Path(out).read_bytes()
    with pytest.raises(OutputError) as refused:
        demo(video, "-out_filename", out)
    assert str(refused.value) == (
        f"{out}: found the name of an input, {Path(out).name}, expected a file that this command does not read; "
        "choose another name"
    )
    assert Path(out).read_bytes() == before


def test_boxes_are_drawn_unless_told_otherwise(video):
    demo(video, "-prefix", "with")
    demo(video, "-prefix", "without", "-dontdraw_bbox", dialect="pjreddie")
    contrast = {name: np.ptp(read_picture(Path(f"{name}_00000000.jpg")).pixels) for name in ("with", "without")}
    assert contrast["without"] < 10 < 100 < contrast["with"]


def test_ctrl_c_keeps_what_was_finished(video):
    status, voice = demo(video, "-out_filename", "found.mp4", stop_after=2)
    assert status == 130
    assert frames_of("found.mp4")[0] == 3
    assert voice.noted[-1] == "interrupted; what was finished is kept"


def test_a_video_that_breaks_off_is_a_failure_and_its_start_is_kept(video, monkeypatch):
    whole = VideoReader.__iter__

    def broken(reader):
        for number, frame in enumerate(whole(reader)):
            if number == 4:
                raise VideoError("grey.mp4: found the end")
            yield frame

    monkeypatch.setattr(VideoReader, "__iter__", broken)
    status, voice = demo(video, "-out_filename", "found.mp4")
    assert (status, voice.failed) == (1, ["grey.mp4: found the end"])
    assert frames_of("found.mp4")[0] == 4


def test_an_address_is_opened_only_if_asked_for(here):
    with pytest.raises(VideoError) as refused:
        demo("rtsp://me:secret@camera.example/1")
    expected = (
        "rtsp://camera.example/1: found an address, expected a file; write yolov2 darknet --allow-urls, if you trust it"
    )
    assert str(refused.value) == expected


def test_a_negative_number_of_frames_passed_over_is_none(video):
    assert demo(video, "-s", "-2", "-prefix", "f")[0] == 0
    assert len(list(Path().glob("f_*.jpg"))) == 7


def test_no_secret_of_an_address_is_said(here):
    voice = FakeVoice()
    with pytest.raises(VideoError):
        run(
            ("detector", "demo", "cfg/my.data", *MODEL, "http://me:secret@localhost:1/a.mp4"),
            voice.voice,
            allow_urls=True,
        )
    assert voice.said == ["video file: http://localhost:1/a.mp4"]


def test_without_a_video_the_camera_is_meant(here):
    with pytest.raises(VideoError, match=r"^camera 7\d: found "):
        demo("-c", "77")


def test_the_average_is_that_of_the_last_frames():
    average = Average(3)
    means = [average(np.full((1, 2), value, np.float32)).tolist() for value in (3, 6, 9, 12)]
    assert means == [[[3, 3]], [[4.5, 4.5]], [[6, 6]], [[9, 9]]]
    assert Average(0)(np.array([[5]], np.float32)).tolist() == [[5]]


def test_frames_are_averaged_as_many_as_the_line_says(here):
    """A network that sees an object in white frames alone, on a video that is white and then black."""
    weights = np.fromfile("my.weights", np.float32)
    weights[5 + 4], weights[12 + 3 * 4 : 12 + 3 * 5] = -3, 2  # objectness: sigmoid(-3 + 2 * (red + green + blue))
    weights.tofile("my.weights")
    with VideoWriter(Path("two.mp4"), 10.0, (64, 64)) as writer:
        for value in (255, 255, 255, 0, 0, 0):
            writer.write(np.full((64, 64, 3), value, np.uint8))

    def seen(*flags: str, **options) -> list[int]:
        said = demo("two.mp4", "-thresh", ".4", *flags, **options)[1].said
        starts = [place for place, line in enumerate(said) if line == "Objects:"]
        return [
            sum(line.startswith("cat") for line in said[a:b])
            for a, b in zip(starts, [*starts[1:], len(said)], strict=True)
        ]

    assert seen() == [1, 1, 1, 1, 0, 0]  # .95, .95, .95, .65, .35, .05; times .88 for a cat
    assert seen("-avg", "1") == [1, 1, 1, 0, 0, 0]
    assert seen(dialect="alexeyab") == [1, 1, 1, 0, 0, 0]


def test_of_two_boxes_the_one_of_more_objectness_takes_all_classes_in_pjreddies(video, twins):
    def seen(*flags: str, **options) -> list[str]:
        voice = FakeVoice()
        assert (
            run(("detector", "demo", "cfg/my.data", *twins, video, "-thresh", ".42", *flags), voice.voice, **options)
            == 0
        )
        last = len(voice.said) - voice.said[::-1].index("Objects:")
        return voice.said[last + 1 :]

    assert seen() == ["cat: 84%"]
    assert seen("-nms", "0") == ["cat: 84%", "dog: 78%"]
    assert seen(dialect="alexeyab") == ["dog: 78% ", "cat: 84% "]

    weights = np.fromfile("twins.weights", np.float32)
    weights[5 + 7 + 2] = np.log(0.43)  # the dog has .43 of the cat's width: an overlap between the two limits
    weights.tofile("twins.weights")
    assert seen() == ["cat: 84%"]
    assert seen("-nms", ".45") == ["cat: 84%", "dog: 78%"]
