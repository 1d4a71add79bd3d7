"""A stream keeps the order, makes no more than is wanted, hands on faults, and leaves no thread behind."""

import threading
from typing import Any

import pytest

from yolov2.train.stream import Numbered


class By(Numbered[Any]):
    """What a function makes of each number and size."""

    def __init__(self, function):
        super().__init__(batch=1, seed=0)
        self.make_by = function

    def make(self, number, size):
        return self.make_by(number, size)


def stream(make, count, **changes):
    numbers = ((number, (32, 32)) for number in range(1, count + 1))
    counts: dict[str, Any] = {"workers": 3, "ahead": 2} | changes
    return By(make).stream(numbers, **counts)


def test_what_is_made_comes_in_order_however_long_each_takes():
    turns = [threading.Event() for _ in range(4)]

    def make(number, size):
        if number % 2:  # an odd one waits for the even one after it
            turns[number].wait(10)
        else:
            turns[number - 1].set()
        return number, size

    assert [number for number, _ in stream(make, 4)] == [1, 2, 3, 4]


def test_no_more_is_made_than_is_ahead():
    asked = []
    numbers = (asked.append(number) or (number, (32, 32)) for number in range(1, 100))
    made = By(lambda number, size: number).stream(numbers, workers=2, ahead=3)
    assert next(made) == 1
    assert len(asked) == 4
    made.close()


def test_a_fault_comes_out_where_it_belongs_and_no_thread_stays():
    def make(number, size):
        if number == 3:
            raise RuntimeError("three")
        return number

    found = []
    with pytest.raises(RuntimeError, match="^three$"):
        found.extend(number for number in stream(make, 9))
    assert not [one for one in threading.enumerate() if one.name.startswith("yolov2-batches")]


@pytest.mark.parametrize("changes", [{"workers": 0}, {"ahead": 0}])
def test_a_stream_without_hands_is_refused(changes):
    with pytest.raises(ValueError) as refusal:
        next(stream(lambda number, size: number, 1, **changes))
    workers, ahead = ({"workers": 3, "ahead": 2} | changes).values()
    assert str(refusal.value) == f"stream: found {workers} workers and {ahead} ahead, expected one of each at least"
