"""Real processes: killed at any moment they go on exactly where they were, and two learn what one does."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from small_sets import voc_object, voc_xml, write_voc
from tiny_runs import CFG, flat, network
from yolov2.checkpoint.file import read_checkpoint
from yolov2.darknet.weights import read_weights

CHILD = Path(__file__).with_name("run_child.py")
UPDATES, KILLS = 60, 20
WRITES = 4  # files of a save: the state, and three of the last model
PARTS_NOISE = 1e-5  # two sums of float32 in another order
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

pytestmark = pytest.mark.slow


def start(folder, *words):
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), *words], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def finish(folder, *words):
    with start(folder, *words) as child:
        child.communicate()
        assert child.returncode == 0
    return np.load(folder / "weights.npy")


def together(folder, *words):
    """Two processes of torchrun; what each has said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    done = subprocess.run(
        [*torchrun, "--master-port", str(port), str(CHILD), str(folder), *words],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(2)]


def drafts_in(folder):
    """Files in the middle of whose writing a process was killed."""
    return set((folder / "run").glob(".*.part"))


def assert_whole(folder):
    """Every model that has its name can be read."""
    run = folder / "run"
    if (run / "last.safetensors").exists():
        assert len(flat(read_checkpoint(run / "last.safetensors").weights)) > 100
    if (run / "last.weights").exists():
        assert len(flat(read_weights(run / "last.weights", network()))) > 100


def test_a_training_killed_at_twenty_moments_ends_with_the_weights_of_one_that_was_not(tmp_path):
    """Every second moment lies half-way through one of the files of a save, each of them in turn; the rest anywhere."""
    moments = random.Random(4)
    expected = finish(tmp_path / "whole", str(UPDATES))
    done: list[int] = []
    killed = tmp_path / "killed"
    for number in range(KILLS):
        in_a_file, file = number % 2, number // 2 % WRITES + 1
        words = [f"die={WRITES * moments.randrange(3) + file}"] if in_a_file else []
        with start(killed, str(UPDATES), *words) as child:
            assert child.stdout is not None
            said = child.stdout.readline().split()
            assert said, "it was over before it could be killed so often"
            done.append(int(said[1]))
            if not in_a_file:
                try:
                    child.wait(timeout=moments.uniform(0, 0.1))
                except subprocess.TimeoutExpired:
                    child.kill()
        assert child.returncode == -signal.SIGKILL
        assert len(drafts_in(killed)) >= number // 2 + in_a_file
        assert_whole(killed)
    assert done == sorted(done)
    assert 0 < done[-1] < UPDATES
    np.testing.assert_array_equal(finish(killed, str(UPDATES)), expected)


def test_sigterm_saves_and_ends_and_the_run_goes_on_from_there(tmp_path):
    expected = finish(tmp_path / "whole", str(UPDATES))
    with start(tmp_path / "ended", str(UPDATES)) as child:
        assert child.stdout is not None
        assert child.stdout.readline().split() == ["begun", "0"]
        child.terminate()
        assert child.wait(timeout=60) == 0
    said = json.loads((tmp_path / "ended" / "rank0.json").read_text())
    assert said["ended"] == "stopped"
    assert 0 < said["updates"] < UPDATES
    assert drafts_in(tmp_path / "ended") == set()
    with start(tmp_path / "ended", str(UPDATES)) as child:
        assert child.stdout is not None
        assert child.stdout.readline().split() == ["begun", str(said["updates"])]
    np.testing.assert_array_equal(np.load(tmp_path / "ended" / "weights.npy"), expected)


def test_sigterm_ends_the_command_with_130_and_resume_goes_on_to_the_same_weights(tmp_path):
    (tmp_path / "tiny.cfg").write_text(CFG.replace("classes=3", "classes=2").replace("filters=16", "filters=14"))
    objects = [
        (voc_object("mug", (5 + shift, 5, 30 + 2 * shift, 30)), voc_object("fork", (20, 10, 50 - shift, 32 + shift)))
        for shift in range(8)
    ]
    stems = {f"p{number}": voc_xml(*boxes) for number, boxes in enumerate(objects)}
    write_voc(tmp_path / "set", stems, {"train": [f"p{n}" for n in range(6)], "val": ["p6", "p7"]})
    options = "-m tiny.cfg --size 64 --threads 1 --set batches=400 --set sizes=[64] --set batch=2 --set precision=fp32"
    options += " --set validate_every=1000"

    def command(folder, *words):
        line = [sys.executable, "-m", "yolov2", "train", "set", *options.split(), "-o", folder, *words]
        return subprocess.Popen(line, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)

    with command("whole") as child:
        child.communicate()
        assert child.returncode == 0
    with command("ended") as child:
        log = tmp_path / "ended" / "log.csv"
        while child.poll() is None and not (log.exists() and log.read_text().count("\n") > 2):
            pass
        child.terminate()
        said = child.communicate()[1]
        assert child.returncode == 130, said
    assert said.splitlines()[-1] == "yolov2: stopped and saved; the same line with --resume goes on"
    done = log.read_text().count("\n") - 1
    assert 0 < done < 400
    with command("ended", "--resume") as child:
        child.communicate()
        assert child.returncode == 0
    for name in ("last.weights", "log.csv"):
        assert (tmp_path / "ended" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_two_processes_learn_what_one_does_where_no_statistics_come_in(tmp_path):
    expected = finish(tmp_path / "one", "6", "frozen")
    said = together(tmp_path / "two", "6", "frozen")
    np.testing.assert_allclose(np.load(tmp_path / "two" / "weights.npy"), expected, atol=PARTS_NOISE)
    alone = json.loads((tmp_path / "one" / "rank0.json").read_text())
    assert said[0]["sides"] == said[1]["sides"] == alone["sides"]
    assert set(alone["sides"]) == {32, 48}


def test_two_processes_that_share_their_statistics_learn_what_one_does(tmp_path):
    expected = finish(tmp_path / "one", "3", "shared")
    together(tmp_path / "two", "3", "shared")
    found = np.load(tmp_path / "two" / "weights.npy")
    np.testing.assert_allclose(found, expected, atol=PARTS_NOISE)
    together(tmp_path / "apart", "3")
    assert np.abs(np.load(tmp_path / "apart" / "weights.npy") - expected).max() > 100 * PARTS_NOISE


def test_a_stop_that_one_process_is_told_of_ends_both_after_the_same_update(tmp_path):
    said = together(tmp_path, "40", "stop=3@1")
    assert [(one["ended"], one["updates"]) for one in said] == [("stopped", 3)] * 2
    with start(tmp_path, "4") as child:
        assert child.stdout is not None
        assert child.stdout.readline().split() == ["begun", "3"]
