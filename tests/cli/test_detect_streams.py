"""`yolov2 detect` of lists, standard input, parts of videos, cameras and addresses; and of a thousand files, good and bad."""

import io
import json
import random
import signal
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from hosts import serving
from rtsp_server import filming
from yolov2.cli.findings import Table, Tally, follow
from yolov2.cli.terminal import Messages
from yolov2.detect.detector import Detector
from yolov2.detect.pipeline import run
from yolov2.detect.sources import Source
from yolov2.detect.writers import Writers, open_writers
from yolov2.pictures.clip import Clip
from yolov2.pictures.video import open_video
from yolov2.pictures.video_writer import VideoWriter
from yolov2.records import Detections, Failure

GREY = np.full((64, 64, 3), 128, np.uint8)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def write_film(name: str, count: int) -> None:
    with VideoWriter(Path(name), 10, (64, 64)) as writer:
        for _ in range(count):
            writer.write(GREY)


def lines(said) -> list[dict]:
    return [json.loads(line) for line in said.out.splitlines()]


class Stdin:
    """Standard input with this on it."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


# --- lists, standard input --------------------------------------------------------------------------------------------


def test_a_list_is_gone_through_and_its_bad_line_named(yolov2, here):
    Path("train.txt").write_text("grey.jpg\nnone.jpg\ngrey.png\n")
    said = yolov2("detect", "train.txt", "-m", "small.cfg", "--json", "-o", "out")
    assert said.status == 1
    assert [line["source"] for line in lines(said)] == ["grey.jpg", "none.jpg", "grey.png"]
    error = "train.txt:2: found no file none.jpg, expected one here or beside the list; correct the line"
    assert lines(said)[1] == {"source": "none.jpg", "error": error}
    assert said.err.splitlines()[0] == f"failed: {error}"
    assert sorted(path.name for path in Path("out").iterdir()) == ["detections.jsonl", "grey.jpg", "grey.png"]


def test_names_come_on_standard_input(yolov2, here, monkeypatch):
    monkeypatch.setattr("sys.stdin", Stdin(b"grey.jpg\0grey.png\0"))
    assert [line["source"] for line in lines(yolov2("detect", "-", "-m", "small.cfg", "--json"))] == [
        "grey.jpg",
        "grey.png",
    ]


def test_a_picture_comes_on_standard_input(yolov2, here, monkeypatch):
    monkeypatch.setattr("sys.stdin", Stdin(Path("grey.png").read_bytes()))
    said = yolov2("detect", "-", "-m", "small.cfg", "--json", "-o", "out")
    assert [(line["source"], line["output"], len(line["detections"])) for line in lines(said)] == [
        ("-", str(Path("out/stdin.png")), 1)
    ]
    assert Path("out/stdin.png").is_file()


def test_an_empty_standard_input_is_one_line(yolov2, here, monkeypatch):
    monkeypatch.setattr("sys.stdin", Stdin(b""))
    said = yolov2("detect", "-", "-m", "small.cfg")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("yolov2: -: found nothing on standard input, expected a picture, or names of files, ")


# --- parts of videos --------------------------------------------------------------------------------------------------


def test_a_part_of_a_video_is_found_in_and_written_at_its_own_rate(yolov2, here):
    write_film("clip.mp4", 30)
    said = yolov2(
        "detect", "clip.mp4", "-m", "small.cfg", "--json", "-o", "out", "--start", "0:01", "--end", "2", "--stride", "2"
    )
    assert said.status == 0
    assert [line["frame"] for line in lines(said)] == [10, 12, 14, 16, 18]
    with open_video(Path("out/clip.mp4")) as video:
        assert (video.fps, len(list(video))) == (5, 5)


@pytest.mark.parametrize(
    "words, said",
    [
        (("--start", "5", "--end", "3"), "yolov2: --end: found 3 s, expected more than the 5 s of the start\n"),
        (("--end", "0"), "yolov2: --end: found 0 s, expected more than the 0 s of the start\n"),
    ],
)
def test_a_part_that_holds_nothing_is_one_line(yolov2, here, words, said):
    assert yolov2("detect", "grey.jpg", "-m", "small.cfg", *words) == (2, "", said)


@pytest.mark.parametrize("time", ["x", "1:2:3:4", "-1", "1:60", "1.5:00", "nan", "inf", ""])
def test_what_is_no_time_is_refused(yolov2, here, time):
    said = yolov2("detect", "grey.jpg", "-m", "small.cfg", "--start", time)
    assert said.status == 2
    assert "Invalid value for '--start': found" in said.err


@pytest.mark.parametrize("time, frame", [("1.2", 12), ("0:01.5", 15), ("0:00:02", 20)])
def test_a_time_is_seconds_or_minutes_and_seconds(yolov2, here, time, frame):
    write_film("clip.mp4", 30)
    assert lines(yolov2("detect", "clip.mp4", "-m", "small.cfg", "--json", "--start", time))[0]["frame"] == frame


def test_a_video_that_ends_before_the_start_is_a_failure(yolov2, here):
    write_film("clip.mp4", 30)
    said = yolov2("detect", "clip.mp4", "grey.jpg", "-m", "small.cfg", "--start", "4")
    assert said.status == 1
    assert said.err.splitlines()[0] == (
        "failed: clip.mp4: found a video of 3.00 s, expected frames from 4 s on; start earlier"
    )


def test_the_meter_counts_the_frames_of_the_part(tmp_path):
    write_film(str(tmp_path / "clip.mp4"), 30)
    source = Source(tmp_path / "clip.mp4", "video", Path("clip.mp4"))
    assert Tally([source], None, clip=Clip(1, 2, 3)).total == 4
    camera = Source(Path(), "camera", Path(), address="0")
    assert (Tally([source, camera], None).total, Tally([camera], None).unit) == (None, ("frame", "frames"))


# --- addresses, cameras -----------------------------------------------------------------------------------------------


def test_a_film_on_a_web_server_goes_all_the_way(yolov2, here):
    write_film("clip.mp4", 12)
    with serving() as host:
        host.files["/films/clip.mp4"] = Path("clip.mp4").read_bytes()
        address = host.url.replace("//", "//user:secret@") + "/films/clip.mp4"
        said = yolov2("detect", address, "-m", "small.cfg", "--allow-urls", "--json", "-o", "out")
    name = f"{host.url}/films/clip.mp4"
    target = Path("out", f"http-127.0.0.1-{host.url.rpartition(':')[2]}-films-clip.mp4")
    assert said.status == 0
    assert [(line["source"], line["frame"], line["output"]) for line in lines(said)] == [
        (name, index, str(target)) for index in range(12)
    ]
    with open_video(target) as video:
        assert (video.fps, len(list(video))) == (10, 12)
    assert "secret" not in said.out + said.err + Path("out/detections.jsonl").read_text()


def test_a_camera_on_the_network_goes_all_the_way(yolov2, here):
    with filming([GREY] * 60) as camera:
        camera.breaks = [60] + [0] * 9
        said = yolov2("detect", camera.url, "-m", "small.cfg", "--allow-urls", "--end", "0.5", "-o", "out")
    name = f"rtsp-127.0.0.1-{camera.url.rpartition(':')[2].replace('/', '-')}.mp4"
    with open_video(Path("out", name)) as video:
        count = len(list(video))
    assert said.status == 0
    assert 1 <= count <= 60
    assert said.out.startswith(f"{camera.url}  64 x 64, {count} frame")
    assert len(Path("out/detections.jsonl").read_text().splitlines()) == count


def test_addresses_are_off_unless_allowed(yolov2, here):
    said = yolov2("detect", "rtsp://user:secret@host/1", "-m", "small.cfg")
    expected = "found an address, expected a file; download it first, or give --allow-urls (allow_urls=True)"
    assert said == (2, "", f"yolov2: rtsp://host/1: {expected}\n")


def test_a_camera_that_is_not_there_is_a_failure(yolov2, here):
    said = yolov2("detect", "99", "-m", "small.cfg")
    assert said.status == 1
    first, *_, last = said.err.splitlines()
    assert first == "failed: camera 99: found no device /dev/video99, expected a camera; see ls /dev/video*"
    assert last == "1 of 1 input failed: camera 99"


def test_an_address_that_is_bad_in_itself_is_a_failure_without_its_password(yolov2, here):
    said = yolov2("detect", "rtsp://user:secret@host:99999/1", "grey.jpg", "-m", "small.cfg", "--allow-urls", "--debug")
    assert said.status == 1
    assert "failed: rtsp://host:99999/1: found a bad address, expected one such as rtsp://HOST/..." in said.err
    assert "secret" not in said.out + said.err


@pytest.mark.filterwarnings("ignore:.*dropped")  # how many frames were, depends on the machine
def test_ctrl_c_ends_a_camera_that_says_nothing_more_and_keeps_its_video(here, capsys):
    seen: list[Detections | Failure] = []

    class ThenCtrlC(Writers):
        """The files of a run, and Ctrl-C when nothing more has come for a while."""

        def write(self, result: Detections | Failure) -> None:
            super().write(result)
            seen.append(result)
            signal.setitimer(signal.ITIMER_REAL, 0.3)

    stop = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        with filming([GREY] * 40) as camera, Detector.open("small.cfg") as detector:
            camera.stays = True
            inputs = [Source(Path(), "stream", Path(), address=camera.url)]
            files = ThenCtrlC(open_writers(Path("out"), inputs))
            results = run(detector, inputs, stop=stop)
            status = follow(results, files, Table([]), Tally(inputs, None), Messages(), strict=False, stop=stop)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert status == 130
    (path,) = Path("out").glob("*.mp4")
    with open_video(path) as video:
        assert len(list(video)) == len(seen)
    assert capsys.readouterr().err.splitlines()[-1] == "yolov2: interrupted; what was finished is kept"


# --- many -------------------------------------------------------------------------------------------------------------


def bad_files() -> dict[str, bytes]:
    """By kind: what a folder of pictures holds in the end."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    jpg, png = (cv2.imencode(ending, noise)[1].tobytes() for ending in (".jpg", ".png"))
    wrecked = bytearray(png)
    wrecked[len(png) // 2 :] = bytes(len(png) - len(png) // 2)
    huge = bytearray(png)
    huge[16:24] = (30000).to_bytes(4, "big") * 2  # the header's width and height
    return {
        "empty.jpg": b"",
        "text.jpg": b"this is a text, not a picture\n",
        "html.png": b"<!doctype html><title>404</title>",
        "short.jpg": jpg[:3],
        "cut.jpg": jpg[: len(jpg) // 2],
        "cut.png": png[: len(png) // 2],
        "wrecked.png": bytes(wrecked),
        "huge.png": bytes(huge),
        "pdf.jpg": b"%PDF-1.4\n",
        "clip.mp4": b"no video",
    }


def test_a_thousand_good_and_bad_files_go_through_and_each_bad_one_is_named(yolov2, here):
    good = {ending: cv2.imencode(ending, GREY)[1].tobytes() for ending in (".jpg", ".png", ".bmp")}
    kinds = [*bad_files().items()]
    names, bad, draw = [], [], random.Random(13)
    Path("album").mkdir()
    for number in range(1000):
        if draw.random() < 0.1:
            kind, data = kinds[len(bad) % len(kinds)]
            names.append(f"album/{number:04d}-{kind}")
            bad.append(names[-1])
        else:
            ending = draw.choice([*good])
            names.append(f"album/{number:04d}{ending}")
            data = good[ending]
        Path(names[-1]).write_bytes(data)
    said = yolov2("detect", "album", "-m", "small.cfg", "-o", "out", "--no-pictures", "-q")
    assert said.status == 1
    assert len(bad) > 60
    found = [json.loads(line) for line in Path("out/detections.jsonl").read_text().splitlines()]
    assert [line["source"] for line in found] == names
    assert [line["source"] for line in found if "error" in line] == bad
    assert {len(line["detections"]) for line in found if "error" not in line} == {1}
    failed = [line for line in said.err.splitlines() if line.startswith("failed: ")]
    assert [line.removeprefix("failed: ").partition(": found ")[0] for line in failed] == bad
    assert [line.removeprefix("failed: ") for line in failed] == [line["error"] for line in found if "error" in line]
