"""Picture -> a classifier's input or inputs, by each of the rules that Darknet's classifier commands have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from yolov2.pictures.letterbox import Image, Pixels, Size, letterbox, stretch

Views: TypeAlias = tuple[Image, ...]  # every (C, h, w) that the network sees of one picture; their answers are one

CROP_SHIFT = 32  # pixels that `valid10` moves its crops by
MULTI_SIDES = (224, 256, 288, 320)
TRY_SHORTER, TRY_SIDE = 256, 224
TRY_MEANS = (0.48263, 0.45230, 0.40099)  # of ImageNet, RGB
TRY_DEVIATIONS = (0.22590, 0.22121, 0.22104)
NORMALISING_EPSILON = 1e-6  # Darknet: normalize_cpu adds it to the deviation


def whole(pixels: Pixels, network_hw: Size) -> Views:
    """The whole picture on a grey canvas. Source: Darknet `predict_classifier`."""
    return (letterbox(pixels, network_hw),)


def centre(pixels: Pixels, network_hw: Size) -> Views:
    """The square in the middle. Source: Darknet `validate_classifier_single`, `center_crop_image`."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return (stretch(pixels[top : top + side, left : left + side], network_hw),)


def stretched(pixels: Pixels, network_hw: Size) -> Views:
    """The whole picture, distorted. Source: Darknet `validate_classifier_crop`."""
    return (stretch(pixels, network_hw),)


def ten_crops(pixels: Pixels, network_hw: Size) -> Views:
    """Five crops of the picture, distorted to a little more than the input, and five of its mirror image.

    Two of the five lie inside, at the top left and the bottom right. Three reach over an edge, whose pixels are
    repeated.
    Source: Darknet `validate_classifier_10`.
    """
    height, width = network_hw
    larger = stretch(pixels, (height + CROP_SHIFT, width + CROP_SHIFT))
    s = CROP_SHIFT
    corners = ((-s, -s), (-s, s), (0, 0), (s, -s), (s, s))  # row, column
    return tuple(crop(image, corner, network_hw) for image in (larger, mirrored(larger)) for corner in corners)


def shorter_side(pixels: Pixels, network_hw: Size) -> Views:
    """The whole picture with its own proportions, its shorter side that of the network: an input of any size.

    Source: Darknet `validate_classifier_full`, which takes the network's width.
    """
    return (stretch(pixels, shorter_side_size(pixels.shape[:2], network_hw[1])),)


def four_sizes(pixels: Pixels, network_hw: Size, *, sides: Sequence[int] = MULTI_SIDES) -> Views:
    """The whole picture with its own proportions at four sizes, each followed by its mirror image.

    Source: Darknet `validate_classifier_multi`, for which the network's own size has no meaning.
    """
    del network_hw
    images = [stretch(pixels, longer_side_size(pixels.shape[:2], side)) for side in sides]
    return tuple(view for image in images for view in (image, mirrored(image)))


def normalised(pixels: Pixels, network_hw: Size) -> Views:
    """A square of 224 from the middle, every channel with the mean 0 and the deviation 1 of ImageNet.

    Source: Darknet `try_classifier`, which knows no other size.
    """
    del network_hw
    means, deviations = (np.array(values, np.float32)[:, None, None] for values in (TRY_MEANS, TRY_DEVIATIONS))
    image = middle(pixels)
    image -= means
    image /= deviations + np.float32(NORMALISING_EPSILON)
    return (image,)


PREPROCESSINGS: dict[str, Callable[[Pixels, Size], Views]] = {  # by the second word of Darknet's classifier commands
    "predict": whole,
    "valid": centre,
    "validcrop": stretched,
    "valid10": ten_crops,
    "validfull": shorter_side,
    "validmulti": four_sizes,
    "try": normalised,
}


RESIZED: dict[str, Callable[[Size, Size], tuple[Size, ...]]] = {  # where not the network but the picture decides
    "validfull": lambda picture_hw, network_hw: (shorter_side_size(picture_hw, network_hw[1]),),
    "validmulti": lambda picture_hw, _: tuple(longer_side_size(picture_hw, side) for side in MULTI_SIDES),
    "try": lambda picture_hw, _: (shorter_side_size(picture_hw, TRY_SHORTER),),
}  # (picture, network) -> the sizes that the picture is resized to: a narrow one may need more memory than there is


def shorter_side_size(picture_hw: Size, side: int) -> Size:
    """The picture's proportions with this shorter side. Source: Darknet `resize_min`."""
    height, width = picture_hw
    return (height * side // width, side) if width < height else (side, width * side // height)


def longer_side_size(picture_hw: Size, side: int) -> Size:
    """The picture's proportions with this longer side. Source: Darknet `resize_max`."""
    height, width = picture_hw
    # Darknet: resize_max gives no rows at all to a very wide picture; one is the least
    return (max(1, height * side // width), side) if width > height else (side, max(1, width * side // height))


def middle(pixels: Pixels, *, shorter: int = TRY_SHORTER, side: int = TRY_SIDE) -> Image:
    """(3, side, side) from the middle of the picture resized to this shorter side, which must be larger."""
    size = shorter_side_size(pixels.shape[:2], shorter)
    top, left = ((length - side - 1) // 2 + 1 for length in size)  # Darknet: try_classifier, (im.w - 225) / 2 + 1
    return crop(stretch(pixels, size), (top, left), (side, side))


def crop(image: Image, corner: tuple[int, int], size: Size) -> Image:
    """The part of this size from (row, column) on; outside the image its edge is repeated.

    Source: Darknet `crop_image`.
    """
    rows, columns = (
        np.clip(np.arange(length) + start, 0, limit - 1)
        for length, start, limit in zip(size, corner, image.shape[1:], strict=True)
    )
    return image[:, rows[:, None], columns]


def mirrored(image: Image) -> Image:
    """The image with left and right exchanged. Source: Darknet `flip_image`."""
    return image[:, :, ::-1]
