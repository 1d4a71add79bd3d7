"""The names of formats as people type them."""

import pytest

from yolov2.detect.formats import parse_formats


def test_a_list_with_spaces_and_capitals_is_read_each_name_once():
    assert parse_formats("CSV, coco,,csv") == ("csv", "coco")


@pytest.mark.parametrize(
    "text, said",
    [
        ("csv,coc", "found 'coc', expected one or more of csv, coco, yolo, voc, parquet, crops; did you mean 'coco'?"),
        ("xyzzy", "found 'xyzzy', expected one or more of csv, coco, yolo, voc, parquet, crops"),
        (" ,", "found no name, expected one or more of csv, coco, yolo, voc, parquet, crops"),
    ],
)
def test_a_wrong_name_is_refused_with_the_closest(text, said):
    with pytest.raises(ValueError) as refusal:
        parse_formats(text)
    assert str(refusal.value) == said
