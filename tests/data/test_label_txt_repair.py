import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.boxes import xyxy_from_cxcywh
from yolov2.data.columns import FINE, judge
from yolov2.data.label_txt import parse_lines
from yolov2.data.label_txt_repair import repair_lines

SIZE = (40, 60)  # height, width
GOOD = "0 0.5 0.5 0.2 0.2"


@pytest.mark.parametrize(
    ("line", "left", "codes"),
    [
        ("1 0.9 0.5 0.4 0.2", "1 0.85 0.5 0.3 0.2", ["box-outside"]),
        ("1 0.5 0.5 -0.4 0.2", "1 0.5 0.5 0.4 0.2", ["box-inverted"]),
        ("1 0.5 0.5 0 0.2", None, ["box-empty"]),
        ("1 1.5 0.5 0.4 0.2", None, ["box-far"]),
        ("1 0.5 0.5 0.4", None, ["label-columns"]),
        ("1 0.5 0.5 0.4 x", None, ["label-number"]),
        ("1 0.5 inf 0.4 0.2", None, ["not-finite"]),
        (GOOD, None, ["box-identical"]),
    ],
)
def test_a_line_is_corrected_or_left_out_and_the_others_stay(line, left, codes):
    data, changes = repair_lines(f"{GOOD}\n{line}\n2  .5 .5 .1 .1\n".encode(), SIZE, polygons=False)
    assert data.decode() == "\n".join([GOOD, *([left] if left else []), "2  .5 .5 .1 .1", ""])
    assert [(change.code, change.place) for change in changes] == [(code, "2") for code in codes]


def test_what_is_right_stays_byte_for_byte():
    data = b"\xef\xbb\xbf0 .5 .5 .25 .25\r\n\r\n1 .5 .5 1.0 1e0"
    assert repair_lines(data, SIZE, polygons=False) == (data, [])


def test_a_polygon_keeps_its_corners_and_stays_inside():
    data, changes = repair_lines(b"3 0.1 0.1 0.9 -0.2 1.3 0.9\n", SIZE, polygons=True)
    assert data == b"3 0.1 0.1 0.9 0 1 0.9\n"
    assert [change.code for change in changes] == ["box-outside"]


@given(st.lists(st.tuples(*[st.floats(-2, 2)] * 4), max_size=8))
def test_what_is_left_has_no_fault(rows):
    text = "".join(f"0 {x!r} {y!r} {w!r} {h!r}\n" for x, y, w, h in rows)
    data, _ = repair_lines(text.encode(), SIZE, polygons=False)
    numbers = np.array(parse_lines(data).numbers).reshape(-1, 4)
    boxes = xyxy_from_cxcywh(numbers) * (60, 40, 60, 40)
    verdicts = judge(boxes, numbers[:, 2:], np.tile(SIZE, (len(boxes), 1)))
    assert (verdicts == FINE).all()
    assert repair_lines(data, SIZE, polygons=False) == (data, [])
