"""Classes of a model and of a data set: which are the same, and what is said of those that are not."""

import numpy as np
import pytest

from yolov2.coco_classes import NAMES
from yolov2.data.class_names import class_key, match_classes, synonyms
from yolov2.data.voc import VOC_CLASSES
from yolov2.errors import LabelError, Yolov2Warning


def test_equal_names_are_matched_in_the_datas_order():
    found = match_classes(("dog", "cat", "car"), ("cat", "dog"))
    assert found.names == ("cat", "dog")
    assert found.of_data.tolist() == [0, 1]
    assert found.of_model.tolist() == [1, 0, -1]
    assert (found.renamed, found.only_data, found.only_model) == ((), (), ("car",))


def test_coco_has_vocs_twenty_classes_under_other_names():
    with pytest.warns(Yolov2Warning) as told:
        found = match_classes(NAMES, VOC_CLASSES)
    assert found.names == VOC_CLASSES
    assert (len(found.only_model), found.only_data) == (60, ())
    (warning,) = told
    assert str(warning.message) == (
        "class names are spelled differently and taken for the same (model = data): motorcycle = motorbike, "
        "airplane = aeroplane, couch = sofa, potted plant = pottedplant, dining table = diningtable, tv = tvmonitor"
    )
    np.testing.assert_array_equal(found.of_model[[NAMES.index("tv"), NAMES.index("truck")]], [19, -1])


@pytest.mark.parametrize(
    "ours, theirs",
    [
        ("diningtable", "Dining-Table"),
        ("dining_table", "diningtable"),
        ("TV", "television"),
        ("television", "tvmonitor"),
        ("hair dryer", "hairdrier"),
        ("Straße", "STRASSE"),
    ],
)
def test_spellings_of_one_thing(ours, theirs):
    assert class_key(theirs) in synonyms(ours)


@pytest.mark.parametrize("ours, theirs", [("cat", "car"), ("bicycle", "motorbike"), ("tv", "monitor"), ("+", "-")])
def test_other_things_stay_others(ours, theirs):
    assert class_key(theirs) not in synonyms(ours)


def test_a_class_with_a_name_of_its_own_is_nobody_elses():
    found = match_classes(("tv", "tvmonitor"), ("tvmonitor", "tv"))
    assert (found.of_model.tolist(), found.renamed) == ([1, 0], ())
    found = match_classes(("tvmonitor", "dog"), ("dog", "tvmonitor", "tv"))
    assert (found.names, found.only_data) == (("dog", "tvmonitor"), ("tv",))
    with pytest.warns(Yolov2Warning, match=r"\(model = data\): television = tv$"):
        assert match_classes(("tvmonitor", "television"), ("tvmonitor", "tv")).of_model.tolist() == [0, 1]


def test_two_classes_of_the_model_may_be_one():
    with pytest.warns(Yolov2Warning):
        assert match_classes(("Dog", "DOG"), ("dog",)).of_model.tolist() == [0, 0]


def test_only_some_are_chosen_by_either_name():
    with pytest.warns(Yolov2Warning):
        found = match_classes(("tv", "dog", "cat"), ("cat", "dog", "tvmonitor"), only=("television", "dog"))
    assert (found.names, found.only_data, found.only_model) == (("dog", "tvmonitor"), (), ())
    assert (found.of_data.tolist(), found.of_model.tolist()) == ([-1, 0, 1], [1, 0, -1])


def test_a_chosen_class_that_is_not_common_is_refused():
    with pytest.raises(ValueError) as refused:
        match_classes(("dog", "cow"), ("dog", "cat"), only=("cat",))
    assert str(refused.value) == "classes: found 'cat', expected some that model and data have: dog"


def test_nothing_in_common_is_refused():
    with pytest.raises(LabelError) as refused:
        match_classes(("dog", "cow"), tuple(f"cell {number}" for number in range(12)), where="BCCD")
    assert str(refused.value) == (
        "BCCD: found the classes cell 0, cell 1, cell 2, cell 3, cell 4, cell 5, cell 6, cell 7, cell 8, cell 9 and 2 "
        "more, expected some that the model has: dog, cow; give the names that the model was trained with (--names), "
        "or another model"
    )
