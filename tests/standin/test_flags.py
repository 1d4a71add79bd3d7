"""Whose program a line is for, and which flags change nothing."""

import pytest

from yolov2.standin.flags import BARE, BARE_IDLE, VALUED, VALUED_IDLE, dialect_of, take_idle
from yolov2.standin.line import Line

BOTH_KNOW = {
    "-fps",
    "-w",
    "-h",
    "-fullscreen",
    "-clear",
    "-thresh",
    "-hier",
    "-out",
    "-prefix",
    "-c",
    "-s",
    "-avg",
    "-nms",
}


@pytest.mark.parametrize("flag", [*VALUED, *VALUED_IDLE, *BARE, *BARE_IDLE])
def test_a_flag_of_alexeyabs_alone_tells_his_program(flag):
    notes: list[str] = []
    dialect = dialect_of(Line(["data", flag, "1"], note=notes.append))
    if flag in BOTH_KNOW:
        assert (dialect, notes) == ("pjreddie", [])
    else:
        assert dialect == "alexeyab"
        assert notes == [f"{flag} makes this a line for AlexeyAB's program; --like pjreddie takes it for the other"]


@pytest.mark.parametrize(
    ("out", "dialect"), [("found", "pjreddie"), ("found.json", "alexeyab"), ("F.JSON", "alexeyab")]
)
def test_a_json_file_tells_his_program(out, dialect):
    assert dialect_of(Line(["-out", out], note=lambda text: None)) == dialect


def test_what_was_said_holds_whatever_the_flags():
    notes: list[str] = []
    assert dialect_of(Line(["-ext_output"], note=notes.append, dialect="pjreddie")) == "pjreddie"
    assert dialect_of(Line([], note=notes.append, dialect="alexeyab")) == "alexeyab"
    assert notes == []


def test_flags_of_other_commands_and_idle_ones_are_taken_out():
    notes: list[str] = []
    line = Line(["-dont_show", "a", "-mjpeg_port", "8090", "-avg", "3", "-thresh", ".3"], note=notes.append)
    line.command = "detector test"
    take_idle(line, used=("-thresh",))
    assert line.words == ["a", "-thresh", ".3"]
    assert notes == [
        "-mjpeg_port is passed over: results are not served here",
        "-dont_show is passed over: no window is opened here",
        "-avg is passed over: it changes nothing in detector test",
    ]
