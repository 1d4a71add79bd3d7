"""Real processes: killed at any moment they go on exactly where they were, and two learn what one does."""

import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CHILD = Path(__file__).with_name("run_child.py")
UPDATES, KILLS = 60, 20
PARTS_NOISE = 1e-5  # two sums of float32 in another order
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(folder, *words):
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), *words], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def finish(folder, *words):
    with start(folder, *words) as child:
        child.communicate()
        assert child.returncode == 0
    return np.load(folder / "weights.npy")


@pytest.mark.slow
def test_a_training_killed_at_twenty_moments_ends_with_the_weights_of_one_that_was_not(tmp_path):
    moments = random.Random(4)
    expected = finish(tmp_path / "whole", str(UPDATES))
    done: list[int] = []
    for _ in range(KILLS):
        with start(tmp_path / "killed", str(UPDATES)) as child:
            assert child.stdout is not None
            said = child.stdout.readline().split()
            if not said:
                break  # it was over before it could be killed
            done.append(int(said[1]))
            try:
                child.wait(timeout=moments.uniform(0, 0.25))  # while it learns, or while it saves
            except subprocess.TimeoutExpired:
                child.kill()
    assert done == sorted(done)
    assert done[-1] > 0
    np.testing.assert_array_equal(finish(tmp_path / "killed", str(UPDATES)), expected)


@pytest.mark.slow
def test_two_processes_learn_what_one_does_where_no_statistics_come_in(tmp_path):
    expected = finish(tmp_path / "one", "6", "frozen")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    done = subprocess.run(
        [*torchrun, "--master-port", str(port), str(CHILD), str(tmp_path / "two"), "6", "frozen"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_allclose(np.load(tmp_path / "two" / "weights.npy"), expected, atol=PARTS_NOISE)
