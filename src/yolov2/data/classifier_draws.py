"""What is done to a picture that has a class as a whole: Darknet's turned, scaled and shifted cuts; or a change of
draws.py, without its boxes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from yolov2.data.augment import Draw, changed, quickly_changed
from yolov2.data.draws import Augment, Draws, Size, draw, draw_colours, factor, uniform
from yolov2.network.spec import TrainingOptions
from yolov2.pictures import quick_distort
from yolov2.pictures.distort import Image, distort, mirror
from yolov2.pictures.quick_distort import Pixels
from yolov2.pictures.rotate import Map, centring, mirrored, of_smaller, quick_rotate, rotate, turning


@dataclass(frozen=True, eq=False, slots=True)
class Turn:
    """One change of one picture: where in it each pixel of the input comes from, whether mirrored, which colours."""

    network_hw: Size
    picture_hw: Size  # that the map leads into; a copy kept at another size is met in the same places
    back: Map  # (2, 3)
    is_mirrored: bool
    hue: float  # added, a share of the colour circle
    saturation: float  # a factor
    exposure: float  # a factor
    has_black_rim: bool = True  # beyond its edges the picture is black; else its last pixels go on


def draw_whole(augment: Augment, draws: Draws, picture_hw: Size, network_hw: Size) -> Draw | Turn:
    """A change of this kind, within these limits, of a picture that has a class as a whole."""
    if augment.kind not in ("turn", "centre"):
        return draw(augment, draws, picture_hw, network_hw, boxes=0)
    found = (draw_turn if augment.kind == "turn" else draw_centre)(draws, picture_hw, network_hw, augment)
    return found if augment.mirror else replace(found, is_mirrored=False)


def draw_turn(draws: Draws, picture_hw: Size, network_hw: Size, augment: Augment) -> Turn:
    """The picture with its shorter side that of the input, times a number from `scale`, its width changed by up to
    `aspect`, any part of it, turned by up to `angle`.

    Source: Darknet `random_augment_args`, in the order in which it draws.
    """
    (height, width), net_w = picture_hw, network_hw[1]
    f32 = np.float32
    aspect = f32(factor(draws, augment.aspect))
    low, high = (max(1, int(share * net_w)) for share in augment.scale)
    shorter = draws() % (high - low + 1) + low  # Darknet: rand_int
    # Darknet: random_augment_args divides by zero for a picture one pixel wide
    scale = f32(shorter) / f32(max(1, int(min(f32(height), f32(width) * aspect))))
    radians = f32(float(uniform(draws, -augment.angle, augment.angle)) * 2 * math.pi / 360)
    # Darknet: random_augment_args takes the input's width for its height, too
    free_x, free_y = (f32((float(side) - net_w) / 2) for side in (f32(width) * scale / aspect, f32(height) * scale))
    shift = float(uniform(draws, -free_x, free_x)), float(uniform(draws, -free_y, free_y))
    back = turning(
        picture_hw, network_hw, radians=float(radians), scale=float(scale), aspect=float(aspect), shift_xy=shift
    )
    is_mirrored = bool(draws() % 2)
    return Turn(network_hw, picture_hw, back, is_mirrored, *draw_colours(draws, augment))


def draw_centre(draws: Draws, picture_hw: Size, network_hw: Size, augment: Augment) -> Turn:
    """The square in the middle; only mirroring and colours are left to chance. Source: Darknet `center_crop_image`."""
    is_mirrored, back = bool(draws() % 2), centring(picture_hw, network_hw)
    return Turn(network_hw, picture_hw, back, is_mirrored, *draw_colours(draws, augment), has_black_rim=False)


def augment_of_cfg(options: TrainingOptions, network_w: int) -> Augment:
    """The ranges of a classifier's `[net]` for an input so wide. Source: Darknet `train_classifier`."""
    low = network_w if options.min_crop is None else options.min_crop
    high = 2 * network_w if options.max_crop is None else options.max_crop
    low_share = low / network_w if options.min_ratio is None else options.min_ratio
    high_share = high / network_w if options.max_ratio is None else options.max_ratio
    return Augment(
        kind="centre" if options.center else "turn",
        scale=(low_share, high_share),
        aspect=options.aspect,
        angle=options.angle,
        hue=options.hue,
        saturation=options.saturation,
        exposure=options.exposure,
    )


def wholly_changed(image: Image, change: Draw | Turn) -> Image:
    """The network's input for a picture (C, H, W) in [0, 1], in Darknet's arithmetic.

    Source: Darknet `load_image_augment_paths`.
    """
    if isinstance(change, Draw):
        return changed(image, change)
    back = of_smaller(change.back, change.picture_hw, image.shape[1:])
    turned = rotate(image, back, change.network_hw, rim=change.has_black_rim)
    coloured = distort(turned, hue=change.hue, saturation=change.saturation, exposure=change.exposure)
    return mirror(coloured) if change.is_mirrored else coloured


def quickly_wholly_changed(pixels: Pixels, change: Draw | Turn, *, out: Pixels | None = None) -> Pixels:
    """The same of bytes (H, W, 3), in `out` if given: within 2 levels, and within 4 where the colours change."""
    if isinstance(change, Draw):
        return quickly_changed(pixels, change, out=out)
    result = np.empty((*change.network_hw, 3), np.uint8) if out is None else out
    back = of_smaller(change.back, change.picture_hw, pixels.shape[:2])
    if change.is_mirrored:
        back = mirrored(back, change.network_hw[1])
    quick_rotate(pixels, back, rim=change.has_black_rim, out=result)
    colours = change.hue, change.saturation, change.exposure
    if colours != (0.0, 1.0, 1.0):
        quick_distort.distort(
            result, hue=change.hue, saturation=change.saturation, exposure=change.exposure, out=result
        )
    return result
