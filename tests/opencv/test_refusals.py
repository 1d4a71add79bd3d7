import pickle

import cv2
import pytest

from yolov2.errors import ModelError, WeightsError, Yolov2Error
from yolov2.network.mismatch import Mismatch
from yolov2.opencv.refusals import refusals


@pytest.mark.parametrize("caught", [WeightsError, Yolov2Error, cv2.error])
def test_a_refusal_is_caught_as_ours_and_as_opencvs(caught):
    with pytest.raises(caught, match=r"^a\.weights: cut short$") as info, refusals("here"):
        raise WeightsError("a.weights: cut short")
    assert (info.value.err, info.value.msg, info.value.code) == ("a.weights: cut short", "a.weights: cut short", -2)


def test_a_layer_that_does_not_fit_is_refused_in_the_house_form():
    with pytest.raises(ModelError, match=r"^forward: found a, expected b; do c$") as info, refusals("forward"):
        raise Mismatch("size", found="a", expected="b", repair="do c")
    assert isinstance(info.value, cv2.error)


def test_a_refusal_survives_a_process_border():
    with pytest.raises(WeightsError) as info, refusals("here"):
        raise WeightsError("a.weights: cut short")
    again = pickle.loads(pickle.dumps(info.value))
    assert isinstance(again, WeightsError)
    assert isinstance(again, cv2.error)
    assert str(again) == "a.weights: cut short"


def test_a_refusal_within_a_refusal_stays_the_same():
    with pytest.raises(WeightsError) as info, refusals("outer"), refusals("inner"):
        raise WeightsError("once")
    assert type(info.value).__bases__ == (WeightsError, cv2.error)
    assert info.value.__cause__ is None


def test_a_wrong_call_stays_a_value_error():
    with pytest.raises(ValueError, match="^wrong$") as info, refusals("here"):
        raise ValueError("wrong")
    assert not isinstance(info.value, cv2.error)
