"""What is made by its number, in order, by threads a few ahead of its use. What is in it is for others to know."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeAlias, TypeVar

Made = TypeVar("Made", covariant=True)
Size: TypeAlias = tuple[int, int]  # (height, width)


class Numbered(ABC, Generic[Made]):
    """Batches without end, each known by its number from 1, of which this rank makes its part.

    batch: inputs of all ranks together, of which rank r makes r, r + world, ...
    """

    def __init__(self, *, batch: int, seed: int, rank: int = 0, world: int = 1) -> None:
        if not 0 <= rank < world <= batch:
            raise ValueError(
                f"rank: found {rank} of {world}, expected one below, and no more ranks than inputs: {batch}"
            )
        self.batch, self.seed, self.rank, self.world = batch, seed, rank, world
        self.waited_s = 0.0  # for which whoever took batches from `stream` had to wait

    @abstractmethod
    def make(self, number: int, size: Size) -> Made:
        """The batch of this number for an input (height, width)."""

    def stream(self, numbers: Iterable[tuple[int, Size]], *, workers: int = 2, ahead: int = 4) -> Generator[Made]:
        """Batches of these numbers and sizes in their order, made by threads, at most so many ahead of their use."""
        if workers < 1 or ahead < 1:
            raise ValueError(f"stream: found {workers} workers and {ahead} ahead, expected one of each at least")
        pending: deque[Future[Made]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix="yolov2-batches") as pool:
            try:
                for number, size in numbers:
                    pending.append(pool.submit(self.make, number, size))
                    if len(pending) > ahead:
                        yield self._awaited(pending.popleft())
                while pending:
                    yield self._awaited(pending.popleft())
            finally:  # also where nobody wants the rest
                for future in pending:
                    future.cancel()

    def positions(self, number: int) -> list[int]:
        """Where in the endless order of inputs those of this batch stand that this rank makes."""
        if number < 1:
            raise ValueError(f"number: found {number}, expected one from 1")
        return [(number - 1) * self.batch + row for row in range(self.rank, self.batch, self.world)]

    def _awaited(self, future: Future[Made]) -> Made:
        start = time.perf_counter()
        made = future.result()
        self.waited_s += time.perf_counter() - start
        return made
