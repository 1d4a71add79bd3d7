"""What learns: a network's module with its optimizer and averaged weights; one update at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from yolov2.darknet.weights import Weights
from yolov2.errors import TrainingError
from yolov2.model.blocks import Norm
from yolov2.model.module import DarknetModule
from yolov2.model.weights import arrays
from yolov2.network.spec import Network
from yolov2.train.objective import Objective
from yolov2.train.optimizer import clamp_weights, darknet_sgd, set_rate
from yolov2.train.precision import chosen_precision
from yolov2.train.ranks import rank_number, world_size
from yolov2.train.recipe import Recipe

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, eq=False, slots=True)
class Losses:
    """The named losses of one update, a mean over its pictures (of this rank); tensors, so that nothing waits."""

    terms: dict[str, Tensor]
    norm: Tensor  # the gradient's length before it was cut, over all ranks


class Learner:
    """A network that learns by `update`; `weights` is what it knows by now, averaged if the recipe says so.

    batch: pictures an update, over all ranks; the losses are means over these.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights | None,
        objective: Objective,
        recipe: Recipe,
        *,
        batch: int,
        device: str = "cpu",
    ) -> None:
        self.network, self.recipe, self.batch = network, recipe, batch
        self.device = torch.device(device)
        self.objective = objective.to(self.device)
        self.module = DarknetModule(network, weights, end=network.logits_index)
        self.module.to(self.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportUnknownMemberType]
        self.seen = 0 if weights is None else weights.seen
        self.updates = 0
        self.precision = chosen_precision(recipe.precision, self.device)
        self.frozen = _freeze(self.module, recipe.freeze, stop=_last_stop(network))
        self.averaged = copy.deepcopy(self.module).requires_grad_(False) if recipe.ema else None
        self._has_chances = any(isinstance(part, nn.Dropout) for part in self.module.modules())
        self._norms = [part for part in self.module.modules() if isinstance(part, Norm)]
        self._norm_momentum = torch.tensor(recipe.norm_momentum, device=self.device)  # not a number of Python, for each
        for norm in self._norms:  # of which torch.compile would compile everything anew
            norm.momentum, norm.is_shared = self._norm_momentum, recipe.sync_norm
        self.optimizer = darknet_sgd(self.module, momentum=recipe.momentum, decay=recipe.decay)
        self._world = world_size()
        self._forward: nn.Module = self.module
        if self._world > 1:
            self._forward = DistributedDataParallel(self.module, broadcast_buffers=False)
        if recipe.compile:
            self._forward = torch.compile(self._forward)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")  # pyright: ignore[reportPrivateImportUsage]

    def update(self, images: NDArray[np.uint8] | Tensor, truths: NDArray[Any], rate: float) -> Losses:
        """One update from this rank's pictures, as a Batch has them, and their truths, as the objective has them."""
        self.module.train()
        for layer in self.frozen:
            layer.eval()
        self._set_norms()
        self.optimizer.zero_grad(set_to_none=True)
        if self._has_chances:  # by the number of the update, so that a run goes on with those that it would have had
            chances = np.random.default_rng((self.recipe.seed, self.updates, rank_number()))
            torch.manual_seed(int(chances.integers(1 << 63)))  # pyright: ignore[reportUnknownMemberType]
        seen = self.seen
        parts = list(self._parts(images, truths))
        pieces = [self._learn(*part, is_last=index == len(parts) - 1) for index, part in enumerate(parts)]
        self.seen = seen + self.batch
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), self.recipe.clip_norm or math.inf)
        norm = self._taken(norm)
        set_rate(self.optimizer, rate)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.network.training.clip:
            clamp_weights(self.module, self.network.training.clip)
        self.updates += 1
        self._average()
        share = self._world / self.batch
        return Losses({name: torch.stack([piece[name] for piece in pieces]).sum() * share for name in pieces[0]}, norm)

    def weights(self) -> Weights:
        """Copies of the weights as they are to be used."""
        return arrays(self.averaged or self.module, seen=self.seen)

    def is_finite(self) -> bool:
        """Whether every weight is a number. Waits for the device."""
        return bool(torch.stack([value.isfinite().all() for value in _values(self.module)]).all())

    def _parts(self, images: NDArray[np.uint8] | Tensor, truths: NDArray[Any]) -> Iterator[tuple[Tensor, Tensor]]:
        """Mini-batches on the device, the images in [0, 1]."""
        size = self.recipe.mini_batch or len(images)
        for start in range(0, len(images), size):
            part, wanted = (torch.as_tensor(values[start : start + size]) for values in (images, truths))
            part, wanted = (values.to(self.device, non_blocking=True) for values in (part, wanted))
            if not part.is_floating_point():
                part = part.permute(0, 3, 1, 2).float() / 255  # channels last, as the pictures come
            yield part, wanted

    def _learn(self, images: Tensor, truths: Tensor, *, is_last: bool) -> dict[str, Tensor]:
        """Add the gradient of a mini-batch; with the last one the ranks add up theirs. Its losses, each a sum."""
        self.seen += len(images) * self._world
        with self._apart(is_last=is_last):
            with self._autocast():
                raw = self._forward(images)
            terms = self.objective(raw, truths, seen=self.seen)
            total = torch.stack(list(terms.values())).sum()
            # DistributedDataParallel takes the mean over ranks, where the sum is meant.
            self.scaler.scale(total * self._world / self.batch).backward()  # pyright: ignore[reportUnknownMemberType]
        return {name: term.detach() for name, term in terms.items()}

    def _apart(self, *, is_last: bool) -> AbstractContextManager[Any]:
        if is_last or not isinstance(self._forward, DistributedDataParallel):
            return nullcontext()
        return self._forward.no_sync()

    def _taken(self, norm: Tensor) -> Tensor:
        """The gradient's length as it is told: 0 of one that fp16 leaves out, to scale the next ones by less."""
        if not self.scaler.is_enabled():
            return norm
        is_left_out = ~norm.isfinite() & (self.scaler.scale(torch.ones_like(norm)) >= 1)
        return torch.where(is_left_out, 0.0, norm)

    def _autocast(self) -> AbstractContextManager[Any]:
        dtype = AUTOCAST.get(self.precision, torch.float32)
        return torch.autocast(self.device.type, dtype, enabled=self.precision in AUTOCAST)

    def _set_norms(self) -> None:
        """The first running statistics are the mean of all so far, as a short run would else end far from its own."""
        if self.recipe.policy != "cfg":  # Darknet: forward_batchnorm_layer takes the same part at all times
            self._norm_momentum.fill_(max(self.recipe.norm_momentum, 1 / (2 + self.updates)))

    @torch.no_grad()
    def _average(self) -> None:
        """The averaged weights follow: quickly at first, as an average of few would."""
        if self.averaged is None:
            return
        keep = min(self.recipe.ema, (1 + self.updates) / (10 + self.updates))
        for mean, now in zip(_values(self.averaged), _values(self.module), strict=True):
            mean.lerp_(now, 1 - keep)


def _freeze(module: DarknetModule, count: int, *, stop: int) -> list[nn.Module]:
    """The first layers, which keep their weights and, in evaluation mode, their statistics.

    Those up to `stop` keep their weights alone. Raises TrainingError where nothing is left that learns.
    """
    for layer in module.layers[: max(count, stop)]:
        layer.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in module.parameters()):
        found = f"{max(count, stop)} layers that keep their weights"
        raise TrainingError.at("freeze", found=found, expected="fewer than the network has", repair="freeze fewer")
    return list(module.layers[:count])


def _last_stop(network: Network) -> int:
    """How many layers there are up to the last `stopbackward`."""
    return max((index + 1 for index, layer in enumerate(network.layers) if layer.options.stopbackward), default=0)


def _values(module: nn.Module) -> list[Tensor]:
    """All numbers of a module: parameters, and the statistics of batch norm."""
    return [*module.parameters(), *(buffer for buffer in module.buffers() if buffer.is_floating_point())]
