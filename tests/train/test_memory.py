"""Too little memory is foreseen before the first step; the estimate is no less than what a training takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from yolov2.errors import TrainingError
from yolov2.network.architectures import nano
from yolov2.train import memory
from yolov2.train.memory import MIB, bytes_needed, check_memory, is_out_of_memory

CHILD = Path(__file__).with_name("memory_child.py")
MOST = 2.5  # times what is taken: an estimate beyond it would refuse what fits


@pytest.fixture
def free(monkeypatch):
    """A function that sets how many bytes are free."""
    return lambda count: monkeypatch.setattr(memory, "free_memory", lambda: count)


def check(pictures, **changes):
    return check_memory(nano(20), side=320, pictures=pictures, half=False, where=Path("run"), **changes)


def test_a_run_beyond_the_memory_is_refused_with_the_mini_batch_that_fits(free):
    free(300 * MIB)
    with pytest.raises(TrainingError) as refusal:
        check(16)
    assert str(refusal.value) == (
        "run: found 580 MiB needed for 16 pictures of 320 x 320 at a time, expected at most 300 MiB, which are free; "
        "give --set mini_batch=4, or smaller sizes"
    )
    assert check(4) == 300 * MIB - bytes_needed(nano(20), side=320, pictures=4, half=False)
    with pytest.raises(TrainingError):
        check(5)


def test_a_network_of_which_no_picture_fits_is_too_large(free):
    free(150 * MIB)
    with pytest.raises(TrainingError, match=r"150 MiB, which are free; take smaller inputs or a smaller network$"):
        check(1)


def test_processes_on_one_machine_share_its_memory(free):
    free(700 * MIB)
    assert check(16) > 0
    with pytest.raises(
        TrainingError, match=r"at a time in each of 2 processes, expected at most 350 MiB, which are free; "
    ):
        check(16, processes=2)


def test_whoever_has_no_mini_batch_says_it_in_words_of_their_own(free):
    free(300 * MIB)
    with pytest.raises(TrainingError, match=r"; write subdivisions for 4$"):
        check(16, repair=lambda pictures: f"write subdivisions for {pictures}")


def test_half_precision_takes_less_and_more_pictures_more():
    needed = [
        bytes_needed(nano(20), side=320, pictures=count, half=half)
        for count, half in ((8, True), (8, False), (16, False))
    ]
    assert needed == sorted(needed)
    assert needed[2] - needed[1] > 150 * MIB


def test_what_torch_says_without_memory_is_known():
    with pytest.raises(RuntimeError) as wrong:
        torch.empty(1 << 50)
    assert is_out_of_memory(wrong.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "side, pictures, precision",
    [(224, 2, "fp32"), (224, 8, "fp32"), (320, 2, "fp32"), (320, 8, "fp32"), (224, 2, "bf16"), (320, 8, "bf16")],
)
def test_the_estimate_is_no_less_than_a_training_takes_and_not_much_more(side, pictures, precision):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("no /proc/self/clear_refs: the peak of a process is not to be measured here")
    done = subprocess.run(
        [sys.executable, str(CHILD), str(side), str(pictures), precision],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    taken, estimate = map(int, done.stdout.split())
    assert taken <= estimate <= MOST * taken
