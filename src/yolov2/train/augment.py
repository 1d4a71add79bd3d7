"""The changes of a batch on the device: pictures stay there as bytes, and a batch is gathered from them in one go.

The numbers of all changes go over as two small tables; nothing waits for the device, and all is elementwise but for the
gathering, so that `torch.compile` makes few kernels of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from yolov2.data.augment import Draw, Mosaic, spot_of
from yolov2.pictures.distort import CANVAS
from yolov2.train.batches import Batch, Batches, Sketch
from yolov2.train.store import PictureStore
from yolov2.train.stream import Numbered

SECTORS = 6  # of the colour circle
RED, GREEN, BLUE = 5, 3, 1  # sectors from which each channel is counted: it is least at 0 and 4, greatest from 1 to 3
SHARE = 0.4  # of the memory of a GPU, for pictures
WHOLE = 1 << 30  # a place beyond every input


@dataclass(frozen=True, eq=False, slots=True)
class Tables:
    """The changes of a batch as numbers; T tiles an input, 1 without a mosaic in the batch, else 4."""

    places: (
        Tensor  # (B, T, 8) int64: picture, its height and width, rows and columns of the spot, whether its rim is black
    )
    numbers: Tensor  # (B, T, 7) float32: step and start of rows, of columns; hue in sectors; saturation, exposure
    cuts: Tensor  # (B, 2) int64 row and column where a mosaic's tiles meet; WHOLE: it is none

    def to(self, device: torch.device) -> Tables:
        """The same on the device, without waiting for it."""
        return Tables(*(one.to(device, non_blocking=True) for one in (self.places, self.numbers, self.cuts)))


class DeviceStore:
    """All pictures of a data set on one device, as bytes; `images` makes the inputs of a batch of them.

    It takes side * side * 3 bytes a picture: 8.6 GB for 16,551 pictures of 416 pixels.
    """

    def __init__(self, store: PictureStore, device: torch.device | str, *, workers: int = 2) -> None:
        self.device = torch.device(device)
        with ThreadPoolExecutor(workers, thread_name_prefix="yolov2-decode") as pool:
            for _ in pool.map(store.size_of, range(len(store))):  # decodes; all of it is kept by the store
                pass
        self.sizes = [(len(pixels), pixels.shape[1]) for pixels in (store[i] for i in range(len(store)))]
        height, width = (max(side) for side in zip(*self.sizes, strict=True))
        self.pictures = torch.zeros((len(store), height, width, 3), dtype=torch.uint8, device=self.device)
        for index, (own_h, own_w) in enumerate(self.sizes):
            pixels = torch.from_numpy(store[index].copy())  # pyright: ignore[reportUnknownMemberType] - torch wants to own it
            self.pictures[index, :own_h, :own_w] = pixels.to(self.device)

    def images(self, sketch: Sketch, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """The inputs (B, 3, H, W) of a batch in [0, 1], channels last in memory."""
        return gather(self.pictures, self.tables(sketch).to(self.device), sketch.size, dtype=dtype)

    def tables(self, sketch: Sketch) -> Tables:
        """The changes of a batch as tables in memory that a GPU can fetch by itself."""
        tiles = max(len(indices) for indices in sketch.pictures)
        places = np.zeros((len(sketch.changes), tiles, 8), np.int64)
        numbers = np.zeros((len(sketch.changes), tiles, 7), np.float32)
        cuts = np.full((len(sketch.changes), 2), WHOLE, np.int64)
        for row, (indices, change) in enumerate(zip(sketch.pictures, sketch.changes, strict=True)):
            if isinstance(change, Mosaic):
                x, y = change.corners_xy[-1]
                cuts[row] = y, x
            for tile, (index, (draw, corner)) in enumerate(zip(indices, _tiles(change), strict=True)):
                places[row, tile], numbers[row, tile] = _row(index, draw, corner, self.sizes[index])
        made = [torch.from_numpy(one) for one in (places, numbers, cuts)]  # pyright: ignore[reportUnknownMemberType]
        return Tables(*(one.pin_memory() if self.device.type == "cuda" else one for one in made))


class DeviceBatches(Numbered[Batch]):
    """The same batches but for a few levels, their pictures changed on the device that they lie on."""

    def __init__(self, batches: Batches, store: DeviceStore) -> None:
        super().__init__(batch=batches.batch, seed=batches.seed, rank=batches.rank, world=batches.world)
        self._batches, self._store = batches, store

    def make(self, number: int, size: tuple[int, int]) -> Batch:
        sketch = self._batches.sketch(number, size)
        return Batch(number, self._store.images(sketch), sketch.truths, sketch.files)


def has_room(device: torch.device, *, pictures: int, side: int) -> bool:
    """Whether a GPU can hold so many pictures and train beside them; of the same GPU always the same."""
    return device.type == "cuda" and pictures * side * side * 3 < SHARE * torch.cuda.mem_get_info(device)[1]


def gather(pictures: Tensor, tables: Tables, size: tuple[int, int], *, dtype: torch.dtype = torch.float32) -> Tensor:
    """The inputs (B, 3, H, W) in [0, 1], channels last, of pictures (N, S, S, 3) changed as the tables say."""
    height, width = size
    rows = torch.arange(height, device=pictures.device)[None, :, None]  # (1, H, 1)
    columns = torch.arange(width, device=pictures.device)[None, None]  # (1, 1, W)
    index, own_h, own_w, top, bottom, left, right, is_black = _of_tiles(tables.places, tables.cuts, rows, columns)
    step_y, start_y, step_x, start_x, hue, saturation, exposure = _of_tiles(tables.numbers, tables.cuts, rows, columns)
    is_picture = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)  # (B, H, W)

    y, x = rows * step_y + start_y, columns * step_x + start_x
    above, before = y.floor(), x.floor()
    down, across = (y - above)[..., None], (x - before)[..., None]
    above, before = above.long(), before.long()

    def at(row: Tensor, column: Tensor) -> Tensor:
        """The pixels (B, H, W, 3) there; outside the picture the next one inside, or black."""
        inner_row, inner_column = row.clamp_min(0).minimum(own_h - 1), column.clamp_min(0).minimum(own_w - 1)
        number = (index * pictures.shape[1] + inner_row) * pictures.shape[2] + inner_column
        pixels = pictures.view(-1, 3)[number].float()
        is_outside = (inner_row != row) | (inner_column != column)
        return torch.where((is_outside & (is_black > 0))[..., None], 0.0, pixels)

    upper = torch.lerp(at(above, before), at(above, before + 1), across)
    lower = torch.lerp(at(above + 1, before), at(above + 1, before + 1), across)
    shown = torch.where(is_picture[..., None], torch.lerp(upper, lower, down) / 255, CANVAS)
    coloured = _coloured(shown, hue, saturation, exposure)
    return coloured.to(dtype).permute(0, 3, 1, 2)


def _coloured(images: Tensor, hue: Tensor, saturation: Tensor, exposure: Tensor) -> Tensor:
    """Other colours of (B, H, W, 3): the hue turned by so many sectors, the others times a factor; (B, 1 or H, 1 or W).

    Source: Darknet `distort_image`.
    """
    red, green, blue = images.unbind(-1)
    greatest, least = images.amax(-1), images.amin(-1)
    span = greatest - least
    divisor = span.clamp_min(1e-12)
    angle = torch.where(
        red == greatest,
        (green - blue) / divisor,
        torch.where(green == greatest, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    channels: list[Tensor] = []
    for zero in (RED, GREEN, BLUE):
        place = torch.remainder(angle + hue + zero, SECTORS)
        short = span * torch.minimum(place, 4 - place).clamp(
            0, 1
        )  # by how much this channel falls short of the greatest
        channels.append((exposure * (greatest - saturation * short)).clamp(0, 1))
    return torch.stack(channels, -1)


def _of_tiles(table: Tensor, cuts: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, ...]:
    """Each column of a table (B, T, C) as it counts for every pixel: (B, 1, 1), or (B, H, W) where there are tiles."""
    if table.shape[1] == 1:
        return table[:, 0, :, None, None].unbind(1)
    cut_y, cut_x = cuts[:, :, None, None].unbind(1)
    tile = 2 * (rows >= cut_y).long() + (columns >= cut_x).long()  # (B, H, W)
    chosen = table.gather(1, tile.flatten(1)[..., None].expand(-1, -1, table.shape[2]))
    return chosen.view(*tile.shape, -1).unbind(-1)


def _tiles(change: Draw | Mosaic) -> Iterator[tuple[Draw, tuple[int, int]]]:
    """The changes in an input, each with the corner (x, y) of its tile."""
    if isinstance(change, Mosaic):
        return zip(change.draws, change.corners_xy, strict=True)
    return iter([(change, (0, 0))])


def _row(
    index: int, draw: Draw, corner_xy: tuple[int, int], picture_hw: tuple[int, int]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """A change as the two tables have it, in pixels of the whole input."""
    spot, (x, y) = spot_of(draw, picture_hw), corner_xy
    if draw.is_mirrored:
        spot = spot.mirrored(draw.network_hw[1])
    (top, bottom), (left, right) = spot.rows, spot.columns
    (step_y, step_x), (start_y, start_x) = spot.step_yx, spot.start_yx
    places = index, *picture_hw, top + y, bottom + y, left + x, right + x, int(spot.has_black_rim)
    starts = step_y, start_y - step_y * y, step_x, start_x - step_x * x
    return places, (*starts, draw.hue * SECTORS, draw.saturation, draw.exposure)
