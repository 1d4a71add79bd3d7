"""A Darknet line: flags anywhere, words in order, numbers by C's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.standin.line import Line, LineError

WORDS = ["data", "cfg", "weights", "picture"]
FLAGS = [["-thresh", ".3"], ["-ext_output"], ["-out", "x"]]


def line(*words: str) -> tuple[Line, list[str]]:
    notes: list[str] = []
    return Line(words, note=notes.append), notes


@given(st.permutations([*([word] for word in WORDS), *FLAGS]))
def test_flags_may_stand_anywhere(parts):
    asked, _ = line(*(word for part in parts for word in part))
    assert (asked.number("-thresh", 0.5), asked.has("-ext_output"), asked.text("-out")) == (0.3, True, "x")
    assert asked.rest("DATA CFG WEIGHTS [PICTURE]", least=3) == [part[0] for part in parts if part not in FLAGS]


def test_a_flag_that_is_not_there_has_its_default():
    asked, notes = line("data")
    assert (asked.number("-thresh", 0.5), asked.integer("-c", 7), asked.text("-out"), asked.has("-clear")) == (
        *(0.5, 7, None),
        False,
    )
    assert notes == []


def test_of_equal_flags_the_first_is_taken_and_the_second_stays():
    asked, _ = line("-thresh", ".1", "-thresh", ".2")
    assert asked.number("-thresh", 0.5) == 0.1
    assert asked.words == ["-thresh", ".2"]


def test_a_value_is_the_next_word_whatever_it_looks_like():
    asked, notes = line("-thresh", "-nms", ".4")
    assert asked.number("-thresh", 0.5) == 0
    assert asked.words == [".4"]
    assert notes == ['-thresh "-nms" is no number; 0 is taken, as Darknet does']


@pytest.mark.parametrize(
    ("text", "number", "whole"),
    [(".5", 0.5, 0), ("1e-2", 0.01, 1), ("0.3abc", 0.3, 0), (" +7x", 7, 7), ("-3", -3, -3), ("abc", 0, 0), ("", 0, 0)],
)
def test_numbers_are_read_as_c_reads_them(text, number, whole):
    assert line("-t", text)[0].number("-t", 9) == number
    assert line("-t", text)[0].integer("-t", 9) == whole


def test_a_number_with_something_behind_it_is_noted():
    asked, notes = line("-thresh", "0.3abc", "-c", "2")
    asked.number("-thresh", 0.5)
    asked.integer("-c", 0)
    assert notes == ['-thresh "0.3abc" is no number; 0.3 is taken, as Darknet does']


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-tresh", ".3"], "darknet: found -tresh, expected one of -ext_output -thresh; did you mean -thresh?"),
        (["a", "-qqq"], "darknet: found -qqq, expected one of -ext_output -thresh; leave it out"),
        (["a", "-thresh"], "darknet: found nothing behind -thresh, expected its value; add it"),
        (["a"], "darknet: found 1 word, expected at least 2; write darknet DATA CFG [PICTURE]"),
    ],
)
def test_what_a_line_can_not_say(words, message):
    asked, _ = line(*words)
    asked.number("-thresh", 0.5)
    asked.has("-ext_output")
    with pytest.raises(LineError) as refused:
        asked.rest("DATA CFG [PICTURE]", least=2)
    assert str(refused.value) == message


def test_words_too_many_are_noted():
    asked, notes = line("a", "b", "c", "d")
    assert asked.rest("DATA CFG", least=2) == ["a", "b"]
    assert notes == ["darknet takes DATA CFG; passed over: c d"]
    assert line("a", "b", "c")[0].rest("CFG WEIGHTS...", least=2) == ["a", "b", "c"]


def test_a_flag_passed_over_is_noted_and_not_recommended():
    asked, notes = line("-dont_show", "-port", "80", "-x")
    asked.passed_over("-dont_show", "no window is opened here")
    asked.passed_over("-port", "nobody listens", has_value=True)
    assert notes == ["-dont_show is passed over: no window is opened here", "-port is passed over: nobody listens"]
    with pytest.raises(LineError, match=r"^darknet: found -x, expected no flag; leave it out$"):
        asked.rest("DATA", least=0)


def test_a_command_may_stand_behind_flags_and_their_values():
    asked, _ = line("-thresh", ".3", "-clear", "test", "data")
    assert asked.next_word(expected="a command", repair="add one", have_value={"-thresh"}) == "test"
    assert asked.words == ["-thresh", ".3", "-clear", "data"]
    assert asked.where == "darknet test"
