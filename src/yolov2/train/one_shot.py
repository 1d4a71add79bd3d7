"""Batches of pictures that are made up from cut-outs, for those who have no boxes: each object's is known to the pixel.

Nothing is kept of a picture once it is made, so a run takes no more memory the longer it lasts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolov2.data.cutouts import CutOuts, Paths, background_pictures, read_cut_outs
from yolov2.data.scenes import Backdrop, Scenes, Thing, draw_scene
from yolov2.errors import RecipeError
from yolov2.files import refusal, write_whole
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.paste import Canvas, Light, Patch, lit, part_of, warped
from yolov2.pictures.textures import piece, texture
from yolov2.samples import Sample, Samples
from yolov2.train.batches import ROWS, Batch
from yolov2.train.recipe import Recipe
from yolov2.train.store import PictureStore
from yolov2.train.stream import Numbered, Size
from yolov2.train.truths import MAYBE

EPOCH = 1000  # inputs that count as one pass, where there is no data set to pass
CHANGES = {"angle": "20", "scale": "[0.12, 0.75]"}  # of a recipe, which says here how objects lie: see scenes_of
HELD_BACK = 200  # pictures that a run is scored on
HELD_BACK_SEED = 1 << 32  # added to a run's seed: no run has it
BRIGHTEST = 2.0  # times, by which the light behind an object may change its own, either way
LEAST_PIXELS = 2  # of either side of a truth

Pixels: TypeAlias = NDArray[np.uint8]


class Backgrounds(Protocol):
    """Pictures to paste onto; PictureStore has it."""

    @property
    def failed(self) -> Mapping[int, str]: ...
    @property
    def paths(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Pixels: ...


@dataclass(frozen=True, eq=False, slots=True)
class Made:
    """One made-up picture."""

    pixels: Pixels  # (H, W, 3)
    boxes: NDArray[np.float32]  # (N, 4) xyxy, in pixels of it: of what can be seen
    class_ids: NDArray[np.int64]  # (N,) MAYBE where an object is mostly covered, at the end
    files: tuple[str, ...]  # all that it is made of


class OneShotBatches(Numbered[Batch]):
    """Batches of made-up pictures without end, by the number, the size and the seed alone, as Batches has them.

    backgrounds: pictures to paste onto, by their index, of which one that can't be read is replaced; None: generated
    ones.
    """

    def __init__(
        self,
        cut_outs: CutOuts,
        backgrounds: Backgrounds | None = None,
        *,
        batch: int,
        seed: int,
        scenes: Scenes | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        super().__init__(batch=batch, seed=seed, rank=rank, world=world)
        self.cut_outs, self.backgrounds = cut_outs, backgrounds
        self.scenes = scenes or Scenes()
        self._of_class = cut_outs.of_class
        self._shapes = [(one.flat.shape[0], one.flat.shape[1]) for one in cut_outs.objects]

    def make(self, number: int, size: Size) -> Batch:
        """The batch of this number for an input (height, width)."""
        made = [self.picture(position, size) for position in self.positions(number)]
        rows = max(1, -(-max(len(one.boxes) for one in made) // ROWS)) * ROWS
        truths = np.zeros((len(made), rows, 5), np.float32)
        height, width = size
        for padded, one in zip(truths, made, strict=True):
            low, high = one.boxes[:, :2], one.boxes[:, 2:]
            shares = np.column_stack(((low + high) / 2, high - low)) / ((width, height) * 2)
            padded[: len(shares)] = np.column_stack((shares, one.class_ids))
        files = tuple(name for one in made for name in one.files)
        return Batch(number, np.stack([one.pixels for one in made]), truths, files)

    def picture(self, position: int, size: Size) -> Made:
        """The picture at this position of the endless order."""
        rng = np.random.default_rng((self.seed, position))
        scene = draw_scene(rng, self.scenes, self._shapes, self._of_class, size=size)
        files: list[str] = []
        canvas = Canvas(self._backdrop(rng, scene.backdrop, size, files))
        areas = [self._paste(rng, canvas, thing, owner, size, files) for owner, thing in enumerate(scene.things, 1)]
        boxes, class_ids = self._seen(canvas, scene.things, areas)
        noise = scene.noise * rng.standard_normal(size, np.float32) if scene.noise else None
        pixels = canvas.taken(blur=scene.blur, noise=noise, colours=scene.colours)
        return Made(pixels, boxes, class_ids, tuple(files))

    def _backdrop(self, rng: np.random.Generator, backdrop: Backdrop, size: Size, files: list[str]) -> Pixels:
        """A part of a background as large as that; its file is added to `files`."""
        if self.backgrounds is None:
            return texture(rng, size)
        index = int(backdrop.draw * len(self.backgrounds))
        pixels = self.backgrounds[index]
        if index in self.backgrounds.failed:
            return texture(rng, size)
        files.append(self.backgrounds.paths[index])
        return part_of(pixels, size, share=backdrop.share, place_xy=backdrop.place_xy, is_mirrored=backdrop.is_mirrored)

    def _paste(
        self, rng: np.random.Generator, canvas: Canvas, thing: Thing, owner: int, size: Size, files: list[str]
    ) -> int:
        """Paste the thing; how many pixels are its own, seen or not."""
        placing = thing.placing(size)
        if thing.index is None:
            assert thing.backdrop is not None
            side = math.ceil(placing.longest)
            flat = piece(rng, self._backdrop(rng, thing.backdrop, (side, side), files))
        else:
            one = self.cut_outs.objects[thing.index]
            flat = one.flat
            files.append(one.path)
        patch = warped(flat, placing)
        patch = lit(patch, _settled(thing, patch, canvas))
        x, y, softness, strength = thing.shadow
        if strength:
            shift = round(x * placing.longest), round(y * placing.longest)
            canvas.darken(patch, shift_xy=shift, softness=softness * placing.longest, strength=strength)
        canvas.paste(patch, owner=owner)
        return patch.area

    def _seen(
        self, canvas: Canvas, things: tuple[Thing, ...], areas: list[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Boxes (N, 4) of what can be seen of the objects, and their classes; the mostly covered ones come last."""
        found: list[tuple[int, tuple[int, int, int, int]]] = []
        for owner, (thing, area) in enumerate(zip(things, areas, strict=True), 1):
            seen = canvas.seen(owner)
            if thing.index is None or seen is None:
                continue
            x1, y1, x2, y2 = seen.box
            share = seen.area / area
            if min(x2 - x1, y2 - y1) < LEAST_PIXELS or share < self.scenes.hinted:
                continue
            class_id = self.cut_outs.objects[thing.index].class_id
            found.append((class_id if share >= self.scenes.visible else MAYBE, seen.box))
        found.sort(key=lambda one: one[0] == MAYBE)
        boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
        return boxes, np.array([class_id for class_id, _ in found], np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class OneShot:
    """What a run without boxes is made from."""

    cut_outs: CutOuts
    backgrounds: Paths = ()  # to train on; none: generated ones
    held_back: Paths = ()  # backgrounds of the validation; none: generated ones

    @classmethod
    def open(cls, folder: str | Path, *, backgrounds: str | Path | None = None) -> OneShot:
        """Cut-outs and backgrounds of these folders. Raises LabelError, PictureError."""
        return cls(read_cut_outs(folder), *(((), ()) if backgrounds is None else background_pictures(backgrounds)))

    def batches(
        self, store: Backgrounds, recipe: Recipe, *, batch: int, rank: int = 0, world: int = 1
    ) -> OneShotBatches:
        """Batches to train on. store: of `backgrounds`, empty where they are generated. Raises RecipeError."""
        return OneShotBatches(
            self.cut_outs,
            store if len(store) else None,
            batch=batch,
            seed=recipe.seed,
            scenes=scenes_of(recipe),
            rank=rank,
            world=world,
        )

    def validation(self, folder: Path, recipe: Recipe, *, count: int = HELD_BACK) -> Samples:
        """Pictures to score a run on, as large as its largest input, as files in that folder: of backgrounds and of
        scenes that are in none of its batches. Raises RecipeError, OutputError.
        """
        side = max(recipe.sizes)
        with PictureStore(self.held_back, side=2 * side) as store:
            held = replace(recipe, seed=held_back_seed(recipe.seed))
            return write_held_back(self.batches(store, held, batch=1), folder, count=count, size=(side, side))


def scenes_of(recipe: Recipe) -> Scenes:
    """What a recipe says of scenes: `scale` is the length of an object's longer side, as a share of the input's shorter
    side; `angle` is by how much it is turned; mirror, hue, saturation and exposure mean the same. Raises RecipeError.
    """
    try:
        return Scenes(
            length=recipe.scale,
            turn=recipe.angle,
            mirror=recipe.mirror,
            hue=recipe.hue,
            saturation=recipe.saturation,
            exposure=recipe.exposure,
        )
    except ValueError as wrong:
        name, rest = str(wrong).split(":", 1)
        field = {"length": "scale", "turn": "angle"}.get(name, name)
        raise RecipeError(f"recipe: {field}:{rest}; correct it, or train on labelled pictures") from None


def write_held_back(batches: OneShotBatches, folder: Path, *, count: int, size: Size) -> Samples:
    """So many made-up pictures as files in a new folder, with their boxes: to score a model on, and for its anchors.

    Give batches of other backgrounds and of the seed that `held_back_seed` names. Raises OutputError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise refusal(folder, wrong) from None
    samples: list[Sample] = []
    for position in range(count):
        made, path = batches.picture(position, size), folder / f"{position + 1:05}.png"
        with write_whole(path) as file:
            file.write(encode_picture(made.pixels, ending=".png"))
        rows, boxes = len(made.boxes), made.boxes.astype(np.float64)
        is_hinted, classes = made.class_ids == MAYBE, np.maximum(made.class_ids, 0)
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        no, lines = np.zeros(rows, bool), np.arange(rows, dtype=np.int64)
        samples.append(
            Sample(path, size, boxes, classes, is_hinted, no, areas, lines, id=path.stem, annotation=str(path))
        )
    return Samples.of(samples)


def held_back_seed(seed: int) -> int:
    """The seed of the pictures that a run is scored on: that of no run."""
    return seed + HELD_BACK_SEED


def _settled(thing: Thing, patch: Patch, canvas: Canvas) -> Light:
    """The thing's light, some of the way to that of what lies behind it."""
    below, own = canvas.level_below(patch), patch.level
    if below is None:
        return thing.light
    change = min(BRIGHTEST, max(1 / BRIGHTEST, (below + 1) / (own + 1))) ** thing.settling
    red, green, blue = thing.light.gains
    return replace(thing.light, gains=(red * change, green * change, blue * change))
