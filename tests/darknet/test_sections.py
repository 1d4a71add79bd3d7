"""Lines of a .cfg, as people write them and as nobody should."""

from pathlib import Path

import pytest

from yolov2.darknet.sections import Option, Section, parse_sections
from yolov2.errors import CfgError, Yolov2Warning

PATH = Path("tiny.cfg")


def section(**options: str) -> Section:
    return Section(
        PATH, "region", 7, {key: Option(text, line) for line, (key, text) in enumerate(options.items(), start=8)}
    )


def test_options_remember_their_lines():
    (net,) = parse_sections("# a comment\n\n[net]\n; another\nwidth = 416\n", PATH)
    assert (net.name, net.line, net.options) == ("net", 3, {"width": Option("416", 5)})


@pytest.mark.parametrize(
    "text",
    [
        "[net]\nwidth=416\nsteps=1,2\n",
        "[net]\r\nwidth=416\r\nsteps=1,2\r\n",
        "\ufeff[net]\nwidth=416\nsteps=1,2",
        "  [ net ]  \n\twidth =\t416\n steps = 1 , 2 ,\n",
        "[net]  # the network\nwidth=416  ; pixels\nsteps=1, 2 # iterations\n",
    ],
    ids=["plain", "crlf", "bom, no last newline", "blanks, comma at the end", "comments behind"],
)
def test_a_cfg_is_taken_as_people_write_it(text):
    (net,) = parse_sections(text, PATH)
    assert (net.name, net.integer("width", 0), net.integers("steps")) == ("net", 416, (1, 2))


def test_dots_of_a_windows_comment_read_as_latin_1_end_no_line():
    (net,) = parse_sections("[net]\n# and so on\x85 as before\nwidth=416\n", PATH)
    assert net.options == {"width": Option("416", 3)}


def test_of_two_equal_options_the_first_wins_with_a_warning():
    with pytest.warns(Yolov2Warning, match=r"^tiny.cfg:3: batch is given twice; line 2 \(batch=1\) is taken$"):
        (net,) = parse_sections("[net]\nbatch=1\nbatch=64\n", PATH)
    assert net.integer("batch", 0) == 1


def test_an_option_without_a_value_counts_as_absent():
    with pytest.warns(Yolov2Warning, match="^tiny.cfg:2: map has no value and is passed over$"):
        (net,) = parse_sections("[region]\nmap=\n", PATH)
    assert not net.has("map")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width=416\n", 'tiny.cfg:1: found "width=416", expected [net] before any option; begin the file with [net]'),
        (
            "[net]\nwidth 416\n",
            'tiny.cfg:2: found "width 416", expected [section] or key=value; correct or remove the line',
        ),
        ("[net\n", 'tiny.cfg:1: found "[net", expected a section such as [net]; close the bracket'),
        (
            "[net]\n\x01\x02\n",
            'tiny.cfg:2: found "\\x01\\x02", expected [section] or key=value; correct or remove the line',
        ),
    ],
)
def test_a_line_that_is_none_of_these_is_refused(text, message):
    with pytest.raises(CfgError) as refusal:
        parse_sections(text, PATH)
    assert str(refusal.value) == message


@pytest.mark.parametrize("text", ["two", "0.5", "", "1e3", "99999999999999999999", "1 000x"])
def test_a_word_where_a_whole_number_belongs_is_refused_at_its_line(text):
    with pytest.raises(CfgError) as refusal:
        section(stride=text).integer("stride", 1)
    expected = f"tiny.cfg:8: found stride={text} in [region], expected a whole number; write, say, stride=1"
    assert str(refusal.value) == expected


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "four", "1,5"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(
        CfgError, match=r"^tiny.cfg:8: found thresh=.* in \[region\], expected a number; write, say, thresh=0.5$"
    ):
        section(thresh=text).number("thresh", 0.5)


@pytest.mark.parametrize(
    ("text", "value"), [(".5", 0.5), ("1e-3", 0.001), ("-2.", -2.0), ("+7", 7.0), (" 1 . 5 ", 1.5)]
)
def test_numbers_are_taken_as_c_writes_them(text, value):
    assert section(x=text).number("x", 0.0) == value


def test_options_that_nobody_asked_for_are_listed():
    net = section(stride="2", colour="red")
    net.integer("stride", 1)
    assert [key for key, _ in net.unused()] == ["colour"]
