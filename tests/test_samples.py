from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.errors import LabelError
from yolov2.samples import COLUMNS, UNKNOWN, Fault, Sample, Samples


def sample(rows, *, name="a", label=None):
    return Sample(
        Path(f"{name}.jpg"),
        (40, 60),
        np.arange(rows * 4, dtype=np.float64).reshape(rows, 4),
        np.arange(rows),
        np.arange(rows) % 2 == 1,
        np.zeros(rows, np.bool_),
        np.arange(rows) * 16.0,
        np.arange(rows) + 1,
        label=label,
        id=name,
        annotation=f"{name}.xml",
    )


def parts(one):
    columns = {name: getattr(one, name).tolist() for name in COLUMNS}
    return one.picture, one.size, one.label, one.id, one.annotation, columns


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 9)), max_size=6))
def test_samples_as_columns_are_the_same_samples(given_rows):
    many = [sample(rows, name=f"p{i}", label=label) for i, (rows, label) in enumerate(given_rows)]
    assert [parts(one) for one in Samples.of(many)] == [parts(one) for one in many]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_taken_samples_are_the_chosen_ones_in_their_order(rows, data):
    many = [sample(count, name=f"p{i}") for i, count in enumerate(rows)]
    which = data.draw(st.lists(st.integers(0, len(many) - 1), max_size=8))
    taken = Samples.of(many).take(np.array(which, np.int64))
    assert [parts(one) for one in taken] == [parts(many[i]) for i in which]


def test_a_slice_of_samples_is_samples_and_an_index_counts_from_the_end_too():
    many = Samples.of([sample(2, name="a"), sample(0, name="b"), sample(3, name="c")])
    assert (many[1:].ids, many[-1].id, len(many[-1]), many.counts.tolist()) == (("b", "c"), "c", 3, [2, 0, 3])


def test_every_box_knows_its_picture():
    assert Samples.of([sample(2), sample(0), sample(1)]).rows.tolist() == [0, 0, 2]


def test_an_index_behind_the_last_sample_is_an_index_error():
    with pytest.raises(IndexError):
        Samples.of([sample(1)])[1]


def test_the_columns_of_a_sample_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        sample(1).boxes[0, 0] = 5


def test_a_picture_without_a_class_has_no_label():
    many = Samples.of([sample(0), sample(0, label=3)])
    assert (many.labels.tolist(), [one.label for one in many]) == ([UNKNOWN, 3], [None, 3])


def test_a_column_of_the_wrong_type_is_refused():
    wrong: Any = np.zeros((1, 4), np.float32)
    with pytest.raises(ValueError) as refusal:
        replace(sample(1), boxes=wrong)
    assert str(refusal.value) == "Sample.boxes: found float32 (1, 4), expected float64 (1, 4)"


def test_columns_of_samples_that_do_not_fit_are_refused():
    with pytest.raises(ValueError) as refusal:
        replace(Samples.of([sample(1)]), ids=(), annotations=())
    assert str(refusal.value) == "Samples: found (0, 0, 1, 1, 1) ids, annotations, sizes, labels, starts for 1 pictures"


def test_a_fault_is_one_line_in_the_form_of_every_refusal():
    fault = Fault("box-far", "a.txt:3", "x", "y", "z", is_error=True)
    assert fault.message == "a.txt:3: found x, expected y; z"
    assert isinstance(fault.as_error(), LabelError)
