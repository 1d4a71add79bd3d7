"""How much memory a training takes at its peak, beside what torch takes anyway, in a process of its own.

python memory_child.py SIDE PICTURES PRECISION
"""

import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from yolov2.model.region_loss import Head
from yolov2.network.architectures import nano
from yolov2.train.learner import Learner
from yolov2.train.memory import bytes_needed
from yolov2.train.objective import Detection
from yolov2.train.recipe import Recipe
from yolov2.train.state import save_state


def said(name: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most since it was last cleared."""
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) << 10


def main(side: int, pictures: int, precision: str) -> None:
    torch.set_num_threads(1)
    network = nano(20)
    assert network.region is not None
    recipe = replace(Recipe.named("modern"), batch=pictures, mini_batch=None, precision=precision)
    torch.nn.Conv2d(3, 8, 3)(torch.rand(1, 3, 32, 32)).sum().backward()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (pictures, side, side, 3), np.uint8)
    truths = np.zeros((pictures, 8, 5), np.float32)
    truths[:, :3] = 0.5, 0.5, 0.3, 0.3, 1
    before = said("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    learner = Learner(network, None, Detection(Head(network.region), recipe), recipe, batch=pictures)
    for _ in range(3):
        learner.update(images, truths, 1e-4)
    kept = learner.weights()
    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder) / "state.safetensors", learner, {})
    del kept
    half = learner.precision != "fp32"
    print(said("VmHWM") - before, bytes_needed(network, side=side, pictures=pictures, half=half))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
