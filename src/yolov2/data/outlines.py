"""The shapes that annotation programs draw -> the boxes around them, xyxy."""

import math
from collections.abc import Mapping, Sequence

from yolov2.data.entry import Flaw
from yolov2.data.numbers import plural

Box = tuple[float, float, float, float]
Point = tuple[float, float]


def box_around(points: Sequence[Point]) -> Box:
    """The box around points; ValueError for none."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def box_of_circle(centre: Point, edge: Point) -> Box:
    """The box around a circle through a point."""
    return box_of_ellipse(centre, math.dist(centre, edge), math.dist(centre, edge), 0)


def box_of_ellipse(centre: Point, rx: float, ry: float, degrees: float) -> Box:
    """The box around an ellipse with half axes rx and ry, turned clockwise around its centre."""
    cos, sin = _turn(degrees)
    half_w, half_h = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
    return centre[0] - half_w, centre[1] - half_h, centre[0] + half_w, centre[1] + half_h


def turned_corners(box: Box, degrees: float, *, around: Point) -> list[Point]:
    """The corners of a box that is turned clockwise, as it looks on a screen, around a point."""
    cos, sin = _turn(degrees)
    x0, y0 = around
    left, top, right, bottom = box
    return [
        (x0 + (x - x0) * cos - (y - y0) * sin, y0 + (x - x0) * sin + (y - y0) * cos)
        for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
    ]


def turned_box(box: Box, degrees: float, *, around: Point | None = None) -> Box:
    """The box around a box that is turned clockwise around a point, by default its centre."""
    if not degrees % 360:
        return box
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return box_around(turned_corners(box, degrees, around=centre if around is None else around))


def _turn(degrees: float) -> tuple[float, float]:
    """Cosine and sine, exact for quarter turns."""
    quarters, rest = divmod(degrees, 90)
    if rest == 0:
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarters) % 4]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def shape_flaws(around: Mapping[str, int], left_out: Mapping[str, int]) -> list[Flaw]:
    """A word on the shapes that are no upright boxes, by kind: of which the box around is taken, which are left out."""
    flaws: list[Flaw] = []
    for counts, repair in ((around, "the box around each is taken"), (left_out, "left out")):
        found = ", ".join(plural(count, kind) for kind, count in sorted(counts.items()) if count)
        if found:
            flaws.append(Flaw("shape", "", found, "upright boxes", repair, is_error=False))
    return flaws
