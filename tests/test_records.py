"""What travels: the rows of a Classification, and what is refused at its door."""

import json

import numpy as np
import pytest

from yolov2.records import Classification, Detections


def classification(**changes: object) -> Classification:
    fields: dict[str, object] = {
        "class_ids": np.array([2, 0, 1]),
        "probabilities": np.array([0.5, 0.375, 0.125], np.float32),
        "size": (48, 80),
        "labels": ("cat", "dog"),
        "source": "a.png",
    }
    return Classification(**(fields | changes))  # pyright: ignore[reportArgumentType]


def test_the_best_classes_alone_are_a_classification_too():
    best = classification().top(2)
    assert (best.class_ids.tolist(), best.probabilities.tolist(), best.source) == ([2, 0], [0.5, 0.375], "a.png")
    assert len(classification().top(10)) == 3
    with pytest.raises(ValueError, match="^top: found 0, expected a number from 1$"):
        classification().top(0)


def test_a_class_without_a_name_is_called_by_its_number():
    assert classification().names == ["2", "cat", "dog"]


def test_the_json_shape_of_a_classification():
    expected = {
        "source": "a.png",
        "frame": None,
        "width": 80,
        "height": 48,
        "classes": [
            {"label": "2", "class_id": 2, "probability": 0.5},
            {"label": "cat", "class_id": 0, "probability": 0.375},
        ],
    }
    assert json.loads(json.dumps(classification().top(2).to_dict())) == expected


def test_what_is_no_probability_is_called_a_score():
    (row,) = classification(has_probabilities=False).top(1).rows()
    assert row == {"label": "2", "class_id": 2, "score": 0.5}


def test_a_classification_can_not_be_changed():
    values = np.array([0.5, 0.375, 0.125], np.float32)
    found = classification(probabilities=values)
    with pytest.raises(ValueError, match="read-only"):
        found.probabilities[0] = 1
    values[0] = 0.25  # the giver's own array stays writable


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_ids": np.array([1])}, "Classification.class_ids: found int64 (1,), expected int64 (3,)"),
        ({"class_ids": np.array([2, 0, 1], np.int32)}, "Classification.class_ids: found int32 (3,), expected int64 (3,)"),
        ({"probabilities": np.array([0.5, 0.3, 0.2])}, "Classification.probabilities: found float64 (3,), expected float32 (3,)"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError) as refusal:
        classification(**changes)
    assert str(refusal.value) == message


def detections(count: int) -> Detections:
    scores = np.linspace(0.9, 0.5, count, dtype=np.float32)
    ids = np.arange(count) % 2
    return Detections(np.zeros((count, 4), np.float32), scores, ids, scores, (48, 80), ("cat", "dog"), source="a.png")


def test_detections_are_shown_in_a_line():
    assert repr(detections(0)) == "Detections(a.png, 80 x 48: nothing)"
    assert repr(detections(2)) == "Detections(a.png, 80 x 48: cat 0.90, dog 0.50)"
    assert repr(detections(7)).endswith(": cat 0.90, dog 0.83, cat 0.77, dog 0.70, cat 0.63, 2 more)")


def test_detections_go_one_by_one_and_from_the_end():
    found = detections(3)
    assert [one.names for one in found] == [["cat"], ["dog"], ["cat"]]
    assert found[-1].scores.tolist() == found.scores[2:].tolist()
    with pytest.raises(IndexError):
        found[3]


@pytest.mark.parametrize("which", [False, True, np.False_])
def test_the_bool_of_a_comparison_with_the_list_of_names_is_no_row(which):
    with pytest.raises(TypeError) as refusal:
        detections(3)[which]
    expected = f'detections[...]: found {which}, expected rows; compare np.array(found.names) == "dog"'
    assert str(refusal.value) == expected


def test_an_array_of_names_chooses_rows():
    found = detections(3)
    assert found[np.array(found.names) == "dog"].scores.tolist() == found.scores[1:2].tolist()


def test_a_float_in_json_has_no_more_digits_than_it_needs():
    (row,) = detections(1).rows()
    assert str(row["score"]) == "0.9"
    assert np.float32(row["score"]) == np.float32(0.9)
