import pytest

from small_sets import voc_object, voc_xml
from yolov2.data.voc_xml import parse_annotation
from yolov2.data.voc_xml_repair import repair_annotation

GOOD = voc_object("cat", (1, 2, 30, 40))
SIZE = (40, 60)


def repaired(*objects, size=SIZE, spellings=None, text=None):
    """What is left of the objects: class and corners of each, and the codes of what was done."""
    data, changes = repair_annotation((text or voc_xml(*objects)).encode(), size, spellings or {})
    entry = parse_annotation(data)
    assert entry.flaws == ()
    numbers = iter(entry.numbers)
    boxes = list(zip(entry.classes, zip(numbers, numbers, numbers, numbers, strict=True), strict=True))
    return boxes, [(change.code, change.place) for change in changes]


def test_what_is_right_stays_byte_for_byte():
    text = voc_xml(GOOD, voc_object("dog", (2, 2, 60, 40))).replace("\n", "\r\n").encode()
    assert repair_annotation(text, SIZE, {}) == (text, [])


@pytest.mark.parametrize(
    ("corners", "left", "code"),
    [
        ((30, 2, 10, 40), (10, 2, 30, 40), "box-inverted"),
        ((10, 38, 30, 20), (10, 20, 30, 38), "box-inverted"),
        ((-5, 2, 30, 44), (1, 2, 30, 40), "box-outside"),
        ((50, 30, 70, 50), (50, 30, 60, 40), "box-outside"),
        ((5, 2, 5, 40), None, "box-empty"),
        ((61, 2, 70, 40), None, "box-far"),
    ],
)
def test_a_box_is_turned_cut_or_left_out(corners, left, code):
    boxes, changes = repaired(GOOD, voc_object("dog", corners), GOOD.replace("cat", "bird"))
    assert changes == [(code, "15")]
    assert boxes[1:-1] == ([("dog", left)] if left else [])


def test_a_box_that_is_turned_is_cut_as_well():
    boxes, changes = repaired(voc_object("dog", (70, 2, 10, 40)))
    assert boxes == [("dog", (10, 2, 60, 40))]
    assert [code for code, _ in changes] == ["box-inverted", "box-outside"]


def test_what_is_no_number_goes_and_its_neighbours_stay():
    word, nan = voc_object("a", (1, 2, 9, 9)).replace("<xmax>9", "<xmax>?"), voc_object("b", (1, 2, float("nan"), 9))
    bare = voc_object("c", (1, 2, 9, 9)).replace("<ymax>9</ymax>\n", "")
    boxes, changes = repaired(GOOD, word, nan, bare, voc_object("dog", (1, 1, 9, 9)))
    assert [name for name, _ in boxes] == ["cat", "dog"]
    assert changes == [("label-number", "15"), ("not-finite", "24"), ("xml-object", "33")]


def test_the_second_box_of_an_object_goes():
    two = GOOD.replace(
        "</object>", "<bndbox><xmin>3</xmin><ymin>3</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
    )
    assert repaired(two) == ([("cat", (1, 2, 30, 40))], [("xml-object", "6")])


def test_the_same_box_of_the_same_class_goes_also_after_its_class_got_its_right_name():
    boxes, changes = repaired(GOOD, GOOD.replace("cat", "Cat"), GOOD.replace("cat", "dog"), spellings={"Cat": "cat"})
    assert [name for name, _ in boxes] == ["cat", "dog"]
    assert changes == [("box-identical", "15")]


def test_a_name_is_written_as_xml_has_it():
    boxes, changes = repaired(GOOD, spellings={"cat": "cats & <dogs>"})
    assert boxes == [("cats & <dogs>", (1, 2, 30, 40))]
    assert changes == [("class-spelling", "6")]


def test_the_name_of_a_part_is_not_that_of_the_object():
    part = "<part>\n<name>cat</name>\n<bndbox><xmin>1</xmin></bndbox></part>\n"
    text = voc_xml(voc_object("cat", (1, 2, 30, 40), extra=part))
    data, _ = repair_annotation(text.encode(), SIZE, {"cat": "dog"})
    assert data.decode() == text.replace("<name>cat</name>", "<name>dog</name>", 1)


def test_a_flag_that_is_none_becomes_0():
    flagged = voc_object("cat", (1, 2, 30, 40), extra="<difficult>maybe</difficult>\n")
    data, changes = repair_annotation(voc_xml(flagged).encode(), SIZE, {})
    assert b"<difficult>0</difficult>" in data
    assert [change.code for change in changes] == ["flag"]


def test_a_wrong_size_is_corrected_and_boxes_are_cut_at_the_right_one():
    boxes, changes = repaired(GOOD, size=(40, 20))
    assert boxes == [("cat", (1, 2, 20, 40))]
    assert changes == [("size-wrong", ""), ("box-outside", "6")]


def test_a_missing_size_is_put_in():
    data, changes = repair_annotation(voc_xml(GOOD, size=None).encode(), SIZE, {})
    assert parse_annotation(data).size == SIZE
    assert [change.code for change in changes] == ["size-missing"]


def test_without_a_size_to_say_none_is_said():
    text = voc_xml(GOOD, size=None).encode()
    assert repair_annotation(text, None, {}) == (text, [])


@pytest.mark.parametrize("named", ["", '<?xml version="1.0" encoding="ISO-8859-1"?>\n'])
def test_text_of_another_encoding_becomes_utf_8_where_anything_is_done(named):
    text = named + voc_xml(GOOD.replace("cat", "Bär"), voc_object("dog", (5, 5, 5, 9)))
    data, changes = repair_annotation(text.encode("latin-1"), SIZE, {})
    assert parse_annotation(data).classes == ("Bär",)
    assert "Bär" in data.decode()
    assert "encoding" in {change.code for change in changes} or named


def test_an_annotation_that_is_no_xml_stays():
    assert repair_annotation(b"<annotation><object>", SIZE, {}) == (b"<annotation><object>", [])


def test_all_in_one_line_is_repaired_as_well():
    text = voc_xml(GOOD, voc_object("dog", (5, 5, 5, 9)), voc_object("bird", (9, 9, 3, 20))).replace("\n", "")
    boxes, _ = repaired(text=text)
    assert boxes == [("cat", (1, 2, 30, 40)), ("bird", (3, 9, 9, 20))]
