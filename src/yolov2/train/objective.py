"""What an update makes smaller: named losses of a network's output against the truths of its pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

import torch
from torch import Tensor

from yolov2.model.region_loss import Head, LossRule, RegionLoss, region_loss
from yolov2.region.assign import Extra
from yolov2.train.recipe import Recipe


class Objective(Protocol):
    """Raw outputs and truths of a batch in, losses by name out, each summed over the pictures."""

    def __call__(self, raw: Tensor, truths: Tensor, *, seen: int) -> dict[str, Tensor]: ...
    def to(self, device: torch.device) -> Self: ...


class Detection:
    """The region loss. Truths are (B, T, 5), as region/assign.py describes them.

    told: hears all that is known of the loss of every mini-batch.
    """

    def __init__(self, head: Head, recipe: Recipe, *, told: Callable[[RegionLoss], None] | None = None) -> None:
        self.head, self._told = head, told
        self._rule = LossRule(
            extra=Extra(recipe.extra_iou, recipe.extra_weight) if recipe.extra_iou else None,
            smoothing=recipe.smoothing,
            prior_until=recipe.prior_until,
        )

    def __call__(self, raw: Tensor, truths: Tensor, *, seen: int) -> dict[str, Tensor]:
        loss = region_loss(raw, truths, self.head, seen=seen, rule=self._rule)
        if self._told is not None:
            self._told(loss)
        return {
            "box": loss.box,
            "object": loss.object,
            "no_object": loss.no_object,
            "classes": loss.classes,
            "prior": loss.prior,
        }

    def to(self, device: torch.device) -> Self:
        self.head.to(device)
        return self
