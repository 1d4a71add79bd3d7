"""What the questions share: sides that run in turn, each a process of its own that sleeps meanwhile; and the report.

`serve` uses the standard library alone, so that a side may run in another environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, Protocol

SHARED_LITE = Path(__file__).resolve().parents[2] / "shared" / "models" / "yolo-lite" / "voc-trial3-nobatch.cfg"
WARM_UP = 2  # calls that count for nothing
MODELS = ("yolov2-voc", "yolo-lite")


# --- in the process of a side -----------------------------------------------------------------------------------------


def serve(step: Callable[[], Any], *, facts: Mapping[str, Any] | None = None) -> None:
    """Answer every number on standard input with the seconds of so many calls, until the input ends."""
    for _ in range(WARM_UP):
        step()
    _answer(dict(facts or {}))
    for line in sys.stdin:
        times: list[float] = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        _answer({"times": times})


def _answer(what: dict[str, Any]) -> None:
    print("answer:", json.dumps(what | {"peak_mib": peak_mib()}), flush=True)


def peak_mib() -> float:
    """The most memory this process has had, in MiB; on Linux without what its parent had."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


# --- in the process of the question -----------------------------------------------------------------------------------


class Measured(Protocol):
    """What a line of the report needs."""

    name: str
    times: list[float]
    peak_mib: float
    start_s: float


class Side:
    """One side of a question: this script again with `--side NAME`, or any command that calls `serve`."""

    def __init__(
        self, name: str, *arguments: object, python: str | Path = sys.executable, script: Path | None = None
    ) -> None:
        self.name = name
        self.times: list[float] = []
        script = script or Path(sys.argv[0])
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [str(python), str(script), "--side", name, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.facts = self._receive()
        self.start_s = time.perf_counter() - start  # imports, loading and warming up
        self.peak_mib: float = self.facts["peak_mib"]

    def run(self, calls: int) -> None:
        """So many calls; their seconds join `times`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        answer = self._receive()
        self.times += answer["times"]
        self.peak_mib = answer["peak_mib"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("answer: "):
                return json.loads(line.removeprefix("answer: "))
        raise SystemExit(f"{self.name}: ended with status {self._process.wait()} and no answer")


def alternate(sides: Sequence[Side], *, rounds: int, calls: int) -> None:
    """Rounds in turn: A B C A B C ..."""
    for _ in range(rounds):
        for side in sides:
            side.run(calls)
    for side in sides:
        side.close()


def heading(question: str, **what: object) -> None:
    """The question, the command that asks it, machine, versions and date."""
    from yolov2.evaluate.machine import machine, versions

    here = machine()
    print(f"\n{question}")
    print(f"  python {' '.join(sys.argv)}    {date.today()}")
    print(f"  {here['cpu']}, {here['cores']} cores, {' '.join(here['flags'])}, load {here['load']}")
    print("  " + ", ".join(f"{name} {version}" for name, version in versions().items() if version))
    print("  " + ", ".join(f"{name} {value}" for name, value in what.items()))


def report(sides: Sequence[Measured], *, base: str, pictures: int = 1) -> None:
    """A line a side: times, ratio to the side `base` (of medians and of minima), pictures a second, memory, start."""
    of_base = next(side for side in sides if side.name == base)
    times = f"{'median':>10}{'p99':>10}{'min':>10}{'ratio':>8}{'of min':>8}"
    print(f"\n  {'':30}{times}{'a second':>10}{'MiB':>7}{'start':>8}")
    for side in sides:
        middle, least = median(side.times), min(side.times)
        ratios = f"{middle / median(of_base.times):8.3f}{least / min(of_base.times):8.3f}"
        ms = "".join(f"{1000 * value:10.2f}" for value in (middle, percentile(side.times, 99), least))
        print(f"  {side.name:30}{ms}{ratios}{pictures / middle:10.2f}{side.peak_mib:7.0f}{side.start_s:7.2f}s")
    print(f"  times in ms; ratio: to {base}; {len(of_base.times)} calls each, in turn")


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so many percent do not exceed, between neighbours in proportion."""
    ordered = sorted(values)
    place = share / 100 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def seeded_weights(network: Any) -> Any:
    """Drawn weights with which values stay finite: with the variances of 0 that training starts from they do not."""
    import numpy as np

    from yolov2.darknet.weights import Weights, initial_weights

    return Weights(
        tuple(
            {key: np.ones_like(array) if key == "rolling_variance" else array for key, array in layer.items()}
            for layer in initial_weights(network).layers
        )
    )


def seeded_model(folder: Path, build: Callable[[], Any], *, name: str) -> Path:
    """The .cfg of a network with drawn weights and names beside it: speed does not depend on what they are."""
    from yolov2.darknet.cfg_format import format_cfg
    from yolov2.darknet.weights import write_weights

    network = build()
    cfg = folder / f"{name}.cfg"
    cfg.write_text(format_cfg(network))
    write_weights(cfg.with_suffix(".weights"), seeded_weights(network), network)
    cfg.with_suffix(".names").write_text("".join(f"class {number}\n" for number in range(network.region.classes)))
    return cfg


def models(folder: Path, *, only: str | None = None) -> dict[str, Path]:
    """The .cfg files that the questions are about, weights beside them: yolov2-voc at 416; YOLO-LITE where it is."""
    from yolov2.network import architectures

    found: dict[str, Path] = {}
    if only in (None, "yolov2-voc"):
        found["yolov2-voc"] = seeded_model(folder, architectures.yolov2_voc, name="yolov2-voc")
    if only in (None, "yolo-lite"):
        if SHARED_LITE.is_file():
            found["yolo-lite"] = SHARED_LITE
        else:
            print("yolo-lite: its files are not on this machine; left out")
    return found


def threads_here() -> int:
    """Two, as the promises have it, or one where there are no two."""
    return min(2, os.cpu_count() or 1)
