"""What a first run chooses for itself, from the data and the machine: a recipe -> one that fits them, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import numpy as np

from yolov2.data.numbers import plural
from yolov2.network.spec import Network
from yolov2.samples import Samples
from yolov2.train.job import most_at_a_time
from yolov2.train.ranks import Rank
from yolov2.train.recipe import Recipe

LEAST_UPDATES = 1000  # below, a network has hardly begun to learn
WARM_SHARE = 0.1  # of a run, that may be its warm-up
LEAST_SIDE = 224  # inputs are not made smaller than this for small pictures
STEP = 32

Tell = Callable[[str], None]


def fitted_to_data(recipe: Recipe, samples: Samples, *, fixed: Collection[str], tell: Tell) -> Recipe:
    """The batch, the sizes and the length for these pictures; what is in `fixed` was asked for and stays."""
    changes: dict[str, Any] = {}
    if len(samples) < recipe.batch and "batch" not in fixed:
        changes["batch"] = len(samples)
        tell(f"batch {len(samples)} in place of {recipe.batch}: there are no more pictures")
    sides = samples.sizes.max(axis=1)
    longest = int(np.percentile(sides, 95)) if len(sides) else 0
    enough = max(LEAST_SIDE, -(-longest // STEP) * STEP)
    if longest and enough < max(recipe.sizes) and "sizes" not in fixed:
        changes["sizes"] = (*(size for size in recipe.sizes if size < enough), enough)
        tell(f"sizes up to {enough} in place of {max(recipe.sizes)}: the pictures have {longest} pixels")
    batch = changes.get("batch", recipe.batch)
    updates = recipe.epochs * len(samples) / batch
    if updates < LEAST_UPDATES and recipe.batches is None and not {"epochs", "batches"} & set(fixed):
        changes["epochs"] = float(-(-LEAST_UPDATES * batch // len(samples)))
        if "validate_every" not in fixed:  # as often in the run as before
            changes["validate_every"] = recipe.validate_every * changes["epochs"] / recipe.epochs
        length = f"{changes['epochs']:.0f} epochs in place of {recipe.epochs:.0f}"
        tell(f"{length}: these would be {updates:.0f} updates, too few to learn from")
    return replace(recipe, **changes)


def with_short_warm_up(recipe: Recipe, pictures: int, *, fixed: Collection[str], tell: Tell) -> Recipe:
    """A warm-up of a tenth of the run at most: a short run were else over before its rate is reached."""
    updates = recipe.batches or recipe.epochs * pictures / recipe.batch
    most = max(1, int(updates * WARM_SHARE))
    if recipe.policy == "cfg" or recipe.warmup <= most or "warmup" in fixed:
        return recipe
    tell(f"a warm-up of {plural(most, 'update')} in place of {recipe.warmup}: a tenth of the run")
    return replace(recipe, warmup=most)


def fitted_to_memory(
    recipe: Recipe, network: Network, *, device: str, rank: Rank, fixed: Collection[str], tell: Tell
) -> Recipe:
    """As many pictures at a time as the memory of a processor has room for; the batch stays."""
    if "mini_batch" in fixed or recipe.mini_batch is not None:
        return recipe
    pictures = most_at_a_time(network, recipe, device, rank)
    if pictures * rank.world >= recipe.batch:
        return recipe
    tell(f"{pictures} pictures at a time: the memory has no room for more of a batch of {recipe.batch}")
    return replace(recipe, mini_batch=pictures)
