"""How much memory a process needs to open a network and run it: an estimate on the safe side, from shapes alone.

The numbers below were measured on x86-64 Linux with ONNX Runtime 1.32, torch 2.13 and NumPy 2.4 (peak of resident
memory, networks from 4 to 203 MB of weights at 416 to 832) and rounded up by a tenth. `tests/backends/test_memory.py`
opens networks in processes of their own and holds them to it. Pictures come on top.
"""

from dataclasses import dataclass

from yolov2.backends.onnxruntime_backend import LARGE
from yolov2.network.spec import Network

FLOAT = 4  # bytes
MB = 10**6  # as disks and downloads count


@dataclass(frozen=True, slots=True)
class Cost:
    """What opening or running takes: bytes = base + weights * W + largest * the largest array + alive * A.

    W: bytes of all weights. A: the most bytes that outputs of layers take at one time.
    """

    base: int  # Python, NumPy, OpenCV and the runtime itself
    weights: float
    largest: float
    alive: float


RUNTIME, TORCH = 130 * MB, 315 * MB
# The file; the graph's file as ONNX Runtime reads it; most of that once more, laid out for this CPU's kernels. An array
# that is being folded or laid out is there several times. Two of these remain as it runs.
FROM_FILE = (Cost(RUNTIME, weights=2.7, largest=3.0, alive=0.0), Cost(RUNTIME, weights=2.1, largest=0.0, alive=1.8))
# The file, the folded arrays, the graph of them, its bytes, and what the runtime makes of these: parse, keep, lay out.
IN_MEMORY = (Cost(RUNTIME, weights=7.0, largest=0.0, alive=1.8),)
# The file is read for its digest and let go; the prepared weights are mapped into memory.
FROM_CACHE = (Cost(RUNTIME, weights=1.05, largest=0.0, alive=1.8),)
# The file, the folded arrays, the parameters; as it runs, one of these and what oneDNN lays out for its kernels.
BY_TORCH = (Cost(TORCH, weights=3.0, largest=0.0, alive=0.0), Cost(TORCH, weights=1.4, largest=0.0, alive=4.0))


def peak_memory(network: Network, backend: str = "onnxruntime", *, cached: bool = False, batch: int = 1) -> int:
    """Bytes that opening the network with this backend on the CPU and running it may take at most.

    backend: as `open_backend` has it; "auto" is ONNX Runtime. cached: the prepared graph lies in the cache already.
    """
    sizes = [FLOAT * parameter.size for _, parameter in network.parameters()]
    total, largest = sum(sizes), max(sizes, default=0)
    alive = FLOAT * batch * _most_alive(network)
    fresh = FROM_FILE if total >= LARGE else IN_MEMORY
    costs = BY_TORCH if backend == "torch" else FROM_CACHE if cached else fresh
    needed = max(cost.base + cost.weights * total + cost.largest * largest + cost.alive * alive for cost in costs)
    # The raw head as the runtime returns it, and as much again for the classes of the boxes that pass
    return int(needed) + 2 * FLOAT * batch * network.raw_shape.size


@dataclass(frozen=True, slots=True)
class Memory:
    """What opening and running a network takes, in bytes."""

    size: tuple[int, int]  # (height, width) of the input
    fresh: int
    cached: int | None  # where the prepared graph lies in the cache; None without one

    @property
    def words(self) -> str:
        """`about 960 MB to open and run at 544x544, 440 MB from the cache`."""
        height, width = self.size
        text = f"about {_round(self.fresh)} MB to open and run at {width}x{height}"
        return text if self.cached is None else f"{text}, {_round(self.cached)} MB from the cache"

    def to_dict(self) -> dict[str, int | None]:
        """The numbers as JSON has them."""
        return {"open_and_run": self.fresh, "from_cache": self.cached}


def memory_of(network: Network, backend: str = "auto", *, cache: bool = True, batch: int = 1) -> Memory:
    """What the network takes at its own size with this backend, with and without the prepared graph in the cache."""
    fresh = peak_memory(network, backend, batch=batch)
    cached = peak_memory(network, backend, cached=True, batch=batch) if cache and backend != "torch" else None
    return Memory((network.input.height, network.input.width), fresh, cached)


def _round(size: int) -> str:
    return f"{round(size / MB, -1):,.0f}"


def _most_alive(network: Network) -> int:
    """The most numbers that outputs of layers hold at one time, each from its layer to its last reader; of one picture.

    Layers run in order. What a Route joins is held twice meanwhile; what nothing reads is let go at once.
    """
    count = network.raw_index + 1
    sources = [network.sources(index) for index in range(count)]
    last = {source: index for index in range(count) for source in sources[index]}
    alive = {-1: network.input.size}
    most = alive[-1]
    for index in range(count):
        alive[index] = network.shapes[index].size
        most = max(most, sum(alive.values()))
        alive = {layer: size for layer, size in alive.items() if last.get(layer, layer) > index}
    return most
