"""What the words after an option become: numbers, sizes, thresholds, names and paths, refused in one line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from yolov2.errors import Yolov2Error

LONGEST_SIDE = 8192  # pixels of a network's input; the first layers of a small one take 4 GB for a square of it


class Place(click.Path):
    """A path that was named at all; whether it can be read or written is told by whoever opens it."""

    def __init__(self, *, file_okay: bool = True) -> None:
        super().__init__(path_type=Path, readable=False, file_okay=file_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("found an empty name, expected a path", param, ctx)
        return super().convert(value, param, ctx)


class Named(click.types.StringParamType):
    """What a run is to read, as it was typed: a path would lose a slash of an address."""

    name = "source"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("found an empty name, expected a path", param, ctx)
        return super().convert(value, param, ctx)


class Whole(click.IntRange):
    """A whole number of a range, which help puts in words."""

    def _describe_range(self) -> str:
        return _range(self.min, self.max, is_open=self.min_open)


class Number(click.FloatRange):
    """A number of a range. NaN, which lies outside of none, and infinity are refused."""

    name = "number"

    def _describe_range(self) -> str:
        return _range(self.min, self.max, is_open=self.min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"found {value}, expected a number", param, ctx)
        return number


def _range(lowest: float | None, highest: float | None, *, is_open: bool) -> str:
    """`at least 1`, `from 0 to 1`, `above 0`: what click writes as 0<=x<=1."""
    if highest is not None:
        return f"from {lowest or 0:g} to {highest:g}"
    return f"{'above' if is_open else 'at least'} {lowest or 0:g}"


def size_hw(text: str) -> tuple[int, int]:
    """`416` or `WxH` -> (height, width). Raises Yolov2Error for a side that no machine has the memory for."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        raise click.BadParameter(f"found {text!r}, expected one side as 416, or width x height as 608x352")
    largest = max(map(int, sides))
    if largest > LONGEST_SIDE:
        expected = f"sides of at most {LONGEST_SIDE:,} pixels"
        raise Yolov2Error.at("--size", found=f"{largest:,}", expected=expected, repair="give a smaller one, as 608")
    return int(sides[-1]), int(sides[0])


def tile_hw(text: str) -> tuple[int, int]:
    """`416` or `WxH` in pixels of the picture -> (height, width)."""
    height, width = sides_hw(text)
    return max(1, round(height)), max(1, round(width))


def sides_hw(text: str) -> tuple[float, float]:
    """`20` or `WxH` in pixels -> (height, width)."""
    try:
        sides = [float(side) for side in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(0 < side < math.inf for side in sides):
        raise click.BadParameter(f"found {text!r}, expected pixels as 20, or width x height as 20x40")
    return sides[-1], sides[0]


def seconds(text: str) -> float:
    """`12.5`, `1:30` or `1:02:03.5` -> seconds."""
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(0 <= number < math.inf for number in numbers):
        raise click.BadParameter(f"found {text!r}, expected seconds as 12.5, or a time as 1:30 or 1:02:03")
    if any(not part.isdecimal() for part in parts[:-1]) or any(number >= 60 for number in numbers[1:]):
        raise click.BadParameter(f"found {text!r}, expected whole hours and minutes, and minutes and seconds below 60")
    return sum(number * 60**power for power, number in enumerate(reversed(numbers)))


def rectangle(text: str) -> tuple[float, ...]:
    """`100,50,400,300` or `0,0.5,1,1` -> left, top, right, bottom."""
    try:
        sides = tuple(float(side) for side in text.split(","))
    except ValueError:
        sides = ()
    if len(sides) != 4:
        expected = "LEFT,TOP,RIGHT,BOTTOM in pixels as 100,50,400,300, or in shares of the picture as 0,0.5,1,1"
        raise click.BadParameter(f"found {text!r}, expected {expected}")
    return sides


def confidence(text: str) -> float | dict[str, float]:
    """`0.4` -> 0.4; `person=0.4,dog=0.2` -> {"person": 0.4, "dog": 0.2}."""
    if "=" not in text:
        return _share(text)
    by_class: dict[str, float] = {}
    for pair in text.split(","):
        name, equals, number = pair.rpartition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"found {pair!r}, expected CLASS=NUMBER, as in person=0.4,dog=0.2")
        if name.strip() in by_class:
            raise click.BadParameter(f"found {name.strip()!r} twice, expected each class once")
        by_class[name.strip()] = _share(number)
    return by_class


def words(text: str) -> tuple[str, ...]:
    """`person,dog` -> ("person", "dog")."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise click.BadParameter("found no name, expected class names as in person,dog")
    return found


def depth(text: str) -> int | str:
    """`3` -> 3; `leaf` stays."""
    if text != "leaf" and not text.isdecimal():
        raise click.BadParameter(f"found {text!r}, expected a whole number from 0, or leaf")
    return text if text == "leaf" else int(text)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise click.BadParameter(f"found {text!r}, expected a number from 0 to 1, or CLASS=NUMBER,...")
    return number
