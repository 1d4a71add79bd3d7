"""Numbers as label files have them: short where they can be, and nothing lost; and words to count with."""

import numpy as np

from yolov2.samples import Samples

DIGITS = 9  # behind the point of a pixel: what float64 keeps of a sum of coordinates, and a hair's breadth at that


def pixels(value: float) -> str:
    """A coordinate in pixels: 48, 24.7, 0.333333333."""
    rounded = round(value, DIGITS)
    return str(int(rounded)) if rounded == int(rounded) else np.format_float_positional(rounded, trim="-")


def share(value: float) -> str:
    """A coordinate as a share of the picture: the fewest digits that read back as the same number."""
    return "0" if value == 0 else "1" if value == 1 else repr(value)


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 box`, `2,461 boxes`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def odd_areas(samples: Samples) -> list[str]:
    """A line where objects have an area of their own, which COCO alone has a place for."""
    whole = np.prod(samples.boxes[:, 2:] - samples.boxes[:, :2], axis=1)
    count = int((~np.isclose(samples.areas, whole, rtol=1e-9, atol=1e-6)).sum())
    return [f"{plural(count, 'area')} of the objects' outlines left out: only COCO has them"] if count else []


def both_flags(samples: Samples) -> list[str]:
    """A line where boxes are difficult and crowds: but for COCO a format has one mark for a box."""
    count = int((samples.difficult & samples.crowd).sum())
    return [f"{plural(count, 'crowd is', 'crowds are')} difficult, too: that is left out"] if count else []
