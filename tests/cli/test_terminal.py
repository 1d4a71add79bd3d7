"""Text for people: columns, counts, spans of time, escapes, colour, progress."""

import io
import sys

import pytest

from yolov2.cli.terminal import Meter, columns, counted, duration, paint
from yolov2.errors import printable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_columns_are_as_wide_as_their_widest_cell():
    assert columns([("a", "1", "x"), ("long", "1,000", "")], align="<>>") == ["a         1  x", "long  1,000"]
    assert columns([], align="<") == []


def test_counts_know_their_plural():
    assert [counted(n, "picture") for n in (0, 1, 1200)] == ["0 pictures", "1 picture", "1,200 pictures"]
    assert counted(2, "box", "boxes") == "2 boxes"


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0.042, "0.042 s"),
        (3.14, "3.1 s"),
        (9.97, "10 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_spans_of_time_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_control_characters_and_stray_bytes_are_escaped():
    assert printable("dög 犬.jpg") == "dög 犬.jpg"
    assert printable("a\nb\x1b[31m\udce9") == "a\\nb\\x1b[31m\\udce9"


def test_colour_is_for_terminals_that_want_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("text", "31", stream=Terminal()) == "\x1b[31mtext\x1b[0m"
    assert paint("text", "31", stream=io.StringIO()) == "text"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("text", "31", stream=Terminal()) == "text"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert paint("text", "31", stream=Terminal()) == "text"


def test_without_a_terminal_progress_is_a_line_every_five_seconds(capsys):
    clock = Clock()
    with Meter(40, "picture", "pictures", clock=clock) as meter:
        for clock.now in range(1, 13):
            meter.advance()
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "5 of 40 pictures, 1 per second, 35 s left",
        "10 of 40 pictures, 1 per second, 30 s left",
    ]
    assert said.out == ""
    assert (meter.done, meter.elapsed_s) == (12, 12)


def test_progress_without_an_end_tells_no_time_left(capsys):
    clock = Clock()
    with Meter(None, "frame", "frames", clock=clock) as meter:
        clock.now = 10.0
        meter.advance()
    assert capsys.readouterr().err == "1 frame, 0.1 per second\n"


def test_a_total_that_was_too_low_is_left_out(capsys):
    clock = Clock()
    with Meter(1, "frame", "frames", clock=clock) as meter:
        for clock.now in (10.0, 20.0):
            meter.advance()
    assert capsys.readouterr().err.splitlines() == [
        "1 of 1 frame, 0.1 per second, 0 s left",
        "2 frames, 0.1 per second",
    ]


def test_hidden_progress_says_nothing(capsys):
    clock = Clock()
    with Meter(2, "picture", "pictures", shown=False, clock=clock) as meter:
        clock.now = 10.0
        meter.advance()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("total, shown", [(2, "1/2 pictures"), (None, "1 picture")])
def test_a_terminal_gets_a_bar_and_lines_above_it(monkeypatch, total, shown):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    with Meter(total, "picture", "pictures") as meter:
        meter.advance()
        print("a message", file=sys.stderr)
    assert "a message\n" in stream.getvalue()
    assert shown in stream.getvalue()
    assert sys.stderr is stream


def test_results_for_a_file_do_not_go_to_the_terminal(monkeypatch, capsys):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with Meter(1, "picture", "pictures"):
        print("a result")
    assert capsys.readouterr().out == "a result\n"
    assert "a result" not in stream.getvalue()
