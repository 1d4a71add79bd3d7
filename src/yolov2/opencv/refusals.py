"""Refusals that a script may catch as `cv2.error`, and a program as the errors of this package."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import cv2

from yolov2.errors import ModelError, Yolov2Error
from yolov2.network.mismatch import Mismatch

UNSPECIFIED = -2  # OpenCV's number for an error that has none of its own


@contextmanager
def refusals(where: str) -> Generator[None]:
    """What is refused within is raised as a `cv2.error`, too; `where` is what a message without a place begins with."""
    try:
        yield
    except Mismatch as wrong:
        refusal = ModelError.at(where, found=wrong.found, expected=wrong.expected, repair=wrong.repair)
        raise both(refusal) from None
    except Yolov2Error as refusal:
        if isinstance(refusal, cv2.error):
            raise
        raise both(refusal) from refusal.__cause__


def both(refusal: Yolov2Error) -> Yolov2Error:
    """The same refusal, of its own kind and a `cv2.error` with what scripts read of one."""
    twin: Any = _twin(type(refusal))(str(refusal))
    twin.code, twin.err, twin.msg = UNSPECIFIED, str(refusal), str(refusal)
    return twin


@cache
def _twin(kind: type[Yolov2Error]) -> type[Yolov2Error]:
    def reduce(self: Yolov2Error) -> tuple[Any, ...]:  # this class has no name to be found by; it is made again
        return both, (kind(str(self)),)

    members = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__reduce__": reduce}
    return type(kind.__name__, (kind, cv2.error), members)
