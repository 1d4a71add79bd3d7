"""One backend a size: opened once, few kept, all closed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from yolov2.backends.base import Floats
from yolov2.detect.sized_backends import SizedBackends


class FakeBackend:
    """Answers with its own size, while it is open."""

    name = "fake"

    def __init__(self, size: tuple[int, int]) -> None:
        self.size, self.is_open = size, True

    def __call__(self, images: Floats) -> Floats:
        assert self.is_open
        return np.tile(np.array(self.size, np.float32), (len(images), 1))

    def close(self) -> None:
        self.is_open = False


class Opener:
    """Opens fakes and remembers them."""

    def __init__(self) -> None:
        self.opened: list[FakeBackend] = []

    def __call__(self, size: tuple[int, int]) -> FakeBackend:
        self.opened.append(FakeBackend(size))
        return self.opened[-1]

    @property
    def still_open(self) -> list[tuple[int, int]]:
        return [backend.size for backend in self.opened if backend.is_open]


def images(height: int, width: int) -> Floats:
    return np.zeros((2, 3, height, width), np.float32)


def test_each_size_has_a_backend_of_its_own_opened_once():
    opener = Opener()
    backends = SizedBackends(opener)
    assert opener.opened == []
    for height, width in [(3, 4), (4, 3), (3, 4), (4, 3)]:
        np.testing.assert_array_equal(backends(images(height, width)), [[height, width], [height, width]])
    assert [backend.size for backend in opener.opened] == [(3, 4), (4, 3)]


def test_the_ones_not_used_for_longest_are_closed():
    opener = Opener()
    backends = SizedBackends(opener, kept=2)
    for side in (1, 2, 1, 3):
        backends(images(side, side))
    assert opener.still_open == [(1, 1), (3, 3)]
    backends(images(2, 2))
    assert opener.still_open == [(3, 3), (2, 2)]


def test_closing_closes_all_and_no_more_are_opened():
    opener = Opener()
    backends = SizedBackends(opener)
    for side in (1, 2, 3):
        backends(images(side, side))
    backends.close()
    backends.close()
    assert opener.still_open == []
    with pytest.raises(ValueError, match="^this backend is closed$"):
        backends(images(1, 1))
    assert len(opener.opened) == 3


def test_no_thread_meets_a_backend_that_another_one_closed():
    backends = SizedBackends(Opener(), kept=1)
    sides = [1 + n % 3 for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda side: float(backends(images(side, side))[0, 0]), sides))
    assert found == sides
