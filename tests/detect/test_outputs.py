"""Names of the annotated files of cameras and addresses; those of files stand in test_writers.py."""

from pathlib import Path

import pytest

from yolov2.detect.outputs import output_names, refuse_inputs, without_outputs
from yolov2.detect.sources import Source


def stream(address: str) -> Source:
    return Source(Path(), "stream" if "://" in address else "camera", Path(), address=address)


@pytest.mark.parametrize(
    "address, name",
    [
        ("0", "camera-0.mp4"),
        ("/dev/video2", "camera-2.mp4"),
        ("rtsp://user:secret@10.0.0.5:554/garden/1?token=secret", "rtsp-10.0.0.5-554-garden-1.mp4"),
        ("rtsp://[fe80::1]/garden", "rtsp-fe80-1-garden.mp4"),
        ("http://host/films/clip.mkv", "http-host-films-clip.mp4"),
        ("http://host/films/../../clip", "http-host-films-..-..-clip.mp4"),
        ("http://host/" + "a" * 300, f"http-host-{'a' * 90}.mp4"),
        ("http://%2e%2e%2f:1/", "http-2e-2e-2f-1.mp4"),
        ("http://\u00e4", "http.mp4"),
    ],
)
def test_the_video_of_a_stream_is_called_by_its_address(address, name):
    (found,) = output_names([stream(address)]).values()
    assert str(found) == name


def test_no_two_streams_share_a_file():
    given = [stream("rtsp://10.0.0.5/a?channel=1"), stream("rtsp://10.0.0.5/a?channel=2"), stream("0"), stream("0")]
    assert output_names(given) == {
        "rtsp://10.0.0.5/a?channel=1": Path("rtsp-10.0.0.5-a.mp4"),
        "rtsp://10.0.0.5/a?channel=2": Path("rtsp-10.0.0.5-a-2.mp4"),
        "camera 0": Path("camera-0.mp4"),
    }


def test_a_picture_from_standard_input_has_a_name_of_its_own():
    source = Source(Path(), "picture", Path("stdin.png"), data=b"")
    assert output_names([source]) == {"-": Path("stdin.png")}


def test_a_stream_is_neither_an_earlier_output_nor_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [stream("0"), stream("rtsp://host/1"), Source(Path(), "picture", Path("stdin.png"), data=b"")]
    assert without_outputs(given, Path()) == given
    refuse_inputs([Path(), Path("camera-0.mp4")], given)
