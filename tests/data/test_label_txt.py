import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.data.entry import Entry
from yolov2.data.label_txt import parse_lines


def messages(text, **how):
    return [
        (flaw.code, f"{flaw.place}: found {flaw.found}, expected {flaw.expected}; {flaw.repair}")
        for flaw in parse_lines(text.encode(), **how).flaws
    ]


def test_every_line_is_a_box_whatever_blanks_and_line_ends_it_has():
    entry = parse_lines(b"\xef\xbb\xbf0 .5 .25 .1 .2\r\n\n  7\t5e-1 0.5 1 1  \n")
    assert entry == Entry(None, "", ("0", "7"), (0.5, 0.25, 0.1, 0.2, 0.5, 0.5, 1, 1), (0, 0), (1, 3))


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("0 .5 .5 .1", "label-columns", 'found 4 columns ("0 .5 .5 .1"), expected five columns: class x y w h'),
        (
            "0 .5 .5 .1 .1 .9",
            "label-columns",
            'found 6 columns ("0 .5 .5 .1 .1 .9"), expected five columns: class x y w h',
        ),
        ("cat .5 .5 .1 .1", "label-number", 'found the class "cat", expected a whole number from 0'),
        ("1.0 .5 .5 .1 .1", "label-number", 'found the class "1.0", expected a whole number from 0'),
        ("0 .5 .5 .1 wide", "label-number", 'found "wide", expected a number'),
        ("0 .5 .5 .1 1_0", "label-number", 'found "1_0", expected a number'),
        ("0 .5 .5 nan .1", "not-finite", 'found "0 .5 .5 nan .1", expected numbers from 0 to 1'),
        ("0 .5 .5 .1 -inf", "not-finite", 'found "0 .5 .5 .1 -inf", expected numbers from 0 to 1'),
        ("0 .5 .5 .1 1e30", "not-finite", 'found "0 .5 .5 .1 1e30", expected numbers from 0 to 1'),
    ],
)
def test_a_bad_line_is_told_and_the_next_is_read(line, code, said):
    text = f"{line}\n1 .5 .5 .2 .2\n"
    assert messages(text) == [(code, f"1: {said}; correct or remove the line")]
    assert parse_lines(text.encode()).classes == ("1",)


def test_a_file_of_zeros_is_no_label_file():
    assert messages("0 .5 .5 \0 .1") == [
        ("label-unreadable", ": found binary data, expected lines of class x y w h; give another file")
    ]


def test_a_polygon_is_the_box_around_it_for_ultralytics_alone():
    text = "2.0 .1 .2 .5 .3 .4 .8\n"
    entry = parse_lines(text.encode(), polygons=True)
    assert (entry.classes, entry.flaws) == (("2",), ())
    assert entry.numbers == pytest.approx((0.3, 0.5, 0.4, 0.6))
    assert [code for code, _ in messages(text)] == ["label-columns"]


def test_a_polygon_of_half_a_corner_is_told():
    assert [code for code, _ in messages("2 .1 .2 .5 .3 .4 .8 .9\n", polygons=True)] == ["label-columns"]


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_boxes_and_flaws(data, polygons):
    entry = parse_lines(data, polygons=polygons)
    assert len(entry.numbers) == 4 * len(entry.lines) == 4 * len(entry.classes)


@given(
    st.lists(st.lists(st.sampled_from(["0", "1", ".5", "nan", "-1", "1e9", "x", "1e400", "٣"]), max_size=8), max_size=5)
)
def test_every_line_that_says_something_is_a_box_or_a_flaw(rows):
    text = "\n".join(" ".join(row) for row in rows)
    entry = parse_lines(text.encode())
    assert len(entry.lines) + len(entry.flaws) == sum(bool(row) for row in rows)
