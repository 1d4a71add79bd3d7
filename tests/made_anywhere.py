"""Batches follow from their number alone: whatever was made before, and in whichever thread."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from yolov2.train.batches import Batch


def assert_made_anywhere(
    batches: Any, expected: Mapping[int, Batch], size: tuple[int, int], assert_equal: Callable[[Batch, Batch], None],
    *, numbers: Sequence[int],
) -> None:  # fmt: skip
    """The expected batches: first these numbers in turn, then all of them in threads of their own."""
    for number in numbers:
        assert_equal(batches.make(number, size), expected[number])
    found: dict[int, Batch] = {}
    threads = [
        threading.Thread(target=lambda number=number: found.update({number: batches.make(number, size)}))
        for number in reversed(list(expected))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(expected)
    for number, batch in found.items():
        assert_equal(batch, expected[number])
