"""Several processes that train one model, as torchrun starts them; one alone is the only rank of a world of one."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from yolov2.errors import TrainingError

PATIENCE = timedelta(hours=4)  # of ranks that wait for the first one, which judges the weights


@dataclass(frozen=True, slots=True)
class Rank:
    """Which of them this process is."""

    number: int = 0
    world: int = 1
    local: int = 0  # among those of this machine
    beside: int = 1  # how many are on this machine

    @property
    def is_first(self) -> bool:
        """Whether this one writes files and speaks."""
        return self.number == 0


@contextmanager
def joined(*, device: str) -> Generator[Rank]:
    """This process's rank, joined with the others for as long as the block lasts."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:  # torchrun sets both
        yield Rank()
        return
    if device not in ("auto", "cpu", "cuda"):
        expected = "auto, cpu or cuda, where each process has a device of its own"
        raise TrainingError.at("device", found=f"{device} under torchrun", expected=expected, repair="leave it out")
    is_cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    world = int(os.environ["WORLD_SIZE"])
    local, beside = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", world))
    rank = Rank(int(os.environ["RANK"]), world, local, beside)
    if is_cuda:
        if rank.local >= torch.cuda.device_count():
            found, expected = f"{torch.cuda.device_count()} CUDA devices", f"one for each of {beside} processes"
            raise TrainingError.at("torchrun", found=found, expected=expected, repair="begin fewer, or --device cpu")
        torch.cuda.set_device(rank.local)
    try:
        dist.init_process_group("nccl" if is_cuda else "gloo", timeout=PATIENCE)
    except (ValueError, RuntimeError) as wrong:
        found, repair = f"processes that do not meet ({wrong})", "begin it by torchrun, or unset RANK and WORLD_SIZE"
        raise TrainingError.at("torchrun", found=found, expected="all of them", repair=repair) from wrong
    try:
        yield rank
    finally:
        dist.destroy_process_group()


def is_anywhere(is_here: bool, *, device: torch.device) -> bool:
    """Whether it is so on any rank; all are to ask together."""
    if world_size() == 1:
        return is_here
    answer = torch.tensor(int(is_here), device=device)
    dist.all_reduce(answer, dist.ReduceOp.MAX)  # pyright: ignore[reportUnknownMemberType] - no type of a group
    return bool(answer)


def number_of_first(number: float, *, device: torch.device) -> float:
    """The number that the first rank has; all are to ask together, and the others wait for it."""
    if world_size() == 1:
        return number
    dtype = torch.float32 if device.type == "mps" else torch.float64
    answer = torch.tensor(number, dtype=dtype, device=device)
    dist.broadcast(answer, src=0)  # pyright: ignore[reportUnknownMemberType] - no type of a group
    return float(answer)


def rank_number() -> int:
    """Which one this is."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """How many ranks there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
