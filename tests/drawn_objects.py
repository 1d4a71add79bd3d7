"""Three drawn objects with alpha, and backgrounds in memory, for the tests of pictures made from cut-outs."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FINER = 4  # times the pixels, drawn and averaged, so that edges are soft
SIDE = 160
CLASSES = ("ball", "cup", "kite")


def disc(side, colour, *, alpha=255):
    """(side, side, 4): a disc that touches all four edges of the array."""
    y, x = np.mgrid[:side, :side] + 0.5 - side / 2
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[np.hypot(x, y) <= side / 2] = (*colour, alpha)
    return rgba


def write_objects(folder: Path) -> Path:
    """ball.png, cup.png and kite.png."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("ball", _ball), ("cup", _cup), ("kite", _kite)):
        large = Image.new("RGBA", (SIDE * FINER, SIDE * FINER))
        draw(ImageDraw.Draw(large))
        large.resize((SIDE, SIDE), Image.Resampling.BOX).save(folder / f"{name}.png")
    return folder


def _ball(on):
    on.ellipse(_scaled(10, 10, 150, 150), fill=(220, 40, 40))
    on.chord(_scaled(10, 10, 150, 150), 200, 340, fill=(245, 240, 225))
    on.rectangle(_scaled(70, 10, 90, 150), fill=(30, 30, 40))


def _cup(on):
    on.ellipse(_scaled(90, 50, 155, 120), outline=(30, 70, 170), width=14 * FINER)
    on.rectangle(_scaled(10, 20, 115, 150), fill=(40, 90, 200))
    on.rectangle(_scaled(10, 20, 115, 45), fill=(230, 230, 235))
    on.rectangle(_scaled(35, 75, 90, 115), fill=(250, 210, 60))


def _kite(on):
    top, right, bottom, left = (80, 5), (150, 60), (80, 155), (10, 60)
    middle = (80, 60)
    for corner, following, colour in (
        (top, right, (40, 170, 70)),
        (right, bottom, (250, 160, 30)),
        (bottom, left, (40, 170, 70)),
        (left, top, (250, 160, 30)),
    ):
        on.polygon([tuple(FINER * value for value in point) for point in (corner, following, middle)], fill=colour)


def _scaled(*corners):
    return tuple(FINER * value for value in corners)


class Plain:
    """Backgrounds of one colour each, in memory."""

    def __init__(self, *colours, size=(90, 120), failed=()):
        self.paths = tuple(f"{number}.png" for number in range(len(colours)))
        self.failed = dict.fromkeys(failed, "")
        self._pixels = [np.full((*size, 3), colour, np.uint8) for colour in colours]

    def __len__(self):
        return len(self._pixels)

    def __getitem__(self, index):
        return self._pixels[index]
