"""A training made ready and run: what its folder holds afterwards, after a stop, a full disk, too little memory."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from full_disks import files_no_longer_than, fill, small_disk
from painted_sets import write_samples
from tiny_runs import Heard, begun, flat, network
from yolov2.checkpoint.file import read_checkpoint
from yolov2.darknet.weights import read_weights
from yolov2.errors import BackendError, OutputError, TrainingError, Yolov2Warning
from yolov2.network.layers import Region
from yolov2.network.spec import TrainingOptions
from yolov2.samples import Samples
from yolov2.train import memory
from yolov2.train.job import Job, augment_of, checkpoint_of, chosen_device, class_weights_of, run_job
from yolov2.train.lessons import Boxes
from yolov2.train.loop import STATE, Outcome
from yolov2.train.plan import Plan
from yolov2.train.ranks import Rank
from yolov2.train.recipe import Recipe
from yolov2.train.start import Start

NAMES = ("cat", "dog", "owl")
MODELS = {f"{name}.{ending}" for name in ("best", "last") for ending in ("cfg", "names", "safetensors", "weights")}
EVERY_UPDATE = 4 / 7  # epochs: four of seven pictures
LONG = Recipe(
    batches=8, batch=4, learning_rate=0.01, warmup=2, warmup_power=1, steps=(), scales=(), sizes=(32,), precision="fp32",
    validate_every=EVERY_UPDATE,
)  # fmt: skip


@pytest.fixture
def samples(tmp_path_factory):
    return write_samples(tmp_path_factory.mktemp("pictures"))


def job_of(samples, folder, recipe=LONG):
    folder.mkdir(parents=True, exist_ok=True)
    return Job(network(), Start(begun(network()), 0), NAMES, Boxes(samples), recipe, folder, device="cpu")


def scored(weights):
    """A score that rises and falls with the updates: best at the fifth."""
    return 1 - abs(weights.seen // 4 - 5) / 10


def run(job, *, stop_after=None, **parts):
    heard = parts.pop("watcher", Heard())
    is_stopped = parts.pop("is_stopped", lambda: stop_after is not None and len(heard.losses) >= stop_after - 1)
    return run_job(job, watcher=heard, validate=scored, is_stopped=is_stopped, **parts)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "log.csv"}


def saved_of(folder):
    """Without the best models, which a better score replaces before the state is saved."""
    return {name: content for name, content in bytes_of(folder).items() if not name.startswith("best")}


def last_models(saved):
    return {name: content for name, content in saved.items() if name.startswith("last")}


def rows_of(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.reader(file))


def last_of(folder):
    return flat(read_weights(folder / "last.weights", network()))


def test_a_run_leaves_best_and_last_its_state_and_a_log(samples, tmp_path):
    outcome = run(job_of(samples, tmp_path))
    assert outcome == Outcome(8, 1.0, "done")
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {*MODELS, STATE, "log.csv"}
    best, last = (read_checkpoint(tmp_path / f"{name}.safetensors") for name in ("best", "last"))
    assert (best.weights.seen, last.weights.seen) == (5 * 4, 8 * 4)
    assert best.names == NAMES
    assert (best.recipe or {})["score"] == 1.0
    np.testing.assert_array_equal(last_of(tmp_path), flat(last.weights))
    assert [row[0] for row in rows_of(tmp_path)[1:]] == [str(number) for number in range(1, 9) for _ in range(2)]


def test_a_resumed_run_leaves_the_files_of_one_without_a_break(samples, tmp_path):
    whole, broken = (job_of(samples, tmp_path / name) for name in ("whole", "broken"))
    run(whole)
    assert run(broken, stop_after=6) == Outcome(6, 1.0, "stopped")
    assert run(broken, is_resumed=True) == Outcome(8, 1.0, "done")
    assert bytes_of(tmp_path / "broken") == bytes_of(tmp_path / "whole")
    assert rows_of(tmp_path / "broken") == rows_of(tmp_path / "whole")


def test_a_rank_beside_the_first_writes_nothing(samples, tmp_path):
    job = job_of(samples, tmp_path)
    heard = Heard()
    assert run(job, watcher=heard, rank=Rank(1, 2, 1)).updates == 8
    assert list(tmp_path.iterdir()) == []
    assert len(heard.losses) == 8


# A full disk


def assert_goes_on_after(samples, folder, expected):
    """The folder holds a run stopped after four updates; it goes on to the weights of one that met no full disk."""
    run(job_of(samples, folder), is_resumed=True)
    np.testing.assert_array_equal(last_of(folder), expected)
    assert not list(folder.glob(".*.part"))
    assert [row[0] for row in rows_of(folder)[1:]] == [str(number) for number in range(1, 9) for _ in range(2)]


@pytest.fixture
def no_events(monkeypatch):
    """TensorBoard writes them in a thread of its own, some time."""
    monkeypatch.setattr("yolov2.train.log._board", lambda folder, done: None)


@pytest.fixture
def expected(samples, tmp_path_factory):
    """The weights of a run that met no full disk."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run(job_of(samples, folder))
    return last_of(folder)


@pytest.mark.parametrize("room", ["log", "state"])
@pytest.mark.usefixtures("no_events")
def test_a_file_that_has_no_room_ends_the_run_in_one_line_and_what_was_saved_stays(samples, tmp_path, expected, room):
    job = job_of(samples, tmp_path)
    run(job, stop_after=4)
    before = bytes_of(tmp_path)
    sizes = {name: len(content) for name, content in before.items()}
    limit = {"log": 200, "state": sizes[STATE] - 1}[room]
    with files_no_longer_than(limit), pytest.raises(OutputError) as refusal:
        run(job, is_resumed=True)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith(": found File too large, expected a file to write; choose another path")
    assert {**bytes_of(tmp_path), **last_models(before)} == before  # the last model may be newer than the state
    assert_goes_on_after(samples, tmp_path, expected)


@pytest.mark.usefixtures("no_events")
def test_a_full_disk_ends_the_run_and_with_space_again_it_goes_on(samples, tmp_path, expected):
    with small_disk(tmp_path, size="256k"):
        folder, ballast = tmp_path / "run", tmp_path / "ballast"
        run(job_of(samples, folder), stop_after=4)
        before = bytes_of(folder)
        fill(ballast)
        with pytest.raises(OutputError) as refusal:
            run(job_of(samples, folder), is_resumed=True)
        found = "found a full disk, expected room for the whole file; free some space or choose another folder"
        assert str(refusal.value).startswith(str(folder))
        assert str(refusal.value).endswith(f": {found}")
        assert saved_of(folder) == {name: before[name] for name in before if not name.startswith("best")}
        assert read_checkpoint(folder / "best.safetensors").weights.seen in (16, 20)
        ballast.unlink()
        assert_goes_on_after(samples, folder, expected)


# Too little memory


def test_too_little_memory_is_refused_before_the_first_step(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 150 << 20)
    heard = Heard()
    recipe = replace(LONG, batch=512, sizes=(32, 640))
    with pytest.raises(TrainingError) as refusal:
        run(job_of(samples, tmp_path, recipe), watcher=heard)
    said = str(refusal.value)
    assert "\n" not in said
    assert said.startswith(f"{tmp_path}: found ")
    assert (
        " for 512 pictures of 640 x 640 at a time, expected at most 150 MiB, which are free; give --set mini_batch="
        in said
    )
    assert not hasattr(heard, "span")
    assert list(tmp_path.iterdir()) == []
    fitting = int(said.rpartition("mini_batch=")[2].partition(",")[0])
    run(job_of(samples, tmp_path, replace(recipe, batches=1, batch=4, mini_batch=min(4, fitting), sizes=(32,))))
    assert (tmp_path / STATE).exists()


# The parts of a job


def test_a_checkpoint_tells_the_recipe_that_made_it(samples, tmp_path):
    job = replace(job_of(samples, tmp_path, replace(LONG, resize="stretch")), start=Start(begun(network()), 2))
    made = checkpoint_of(job, begun(network()), None)
    assert made.recipe == {"recipe": job.recipe.to_dict(), "learned_layers": 2}
    assert made.preprocessing.resize == "stretch"


def test_ranges_of_changes_are_the_recipes(samples):
    recipe = replace(
        LONG, augment="free", jitter=0.3, hue=0.2, saturation=1.7, mosaic=0.5, mosaic_until=0.5, mirror=False
    )
    found = augment_of(recipe, Plan(recipe, TrainingOptions(), len(samples)))
    assert (found.kind, found.jitter, found.hue, found.saturation, found.exposure) == ("free", 0.3, 0.2, 1.7, 1.5)
    assert (found.mosaic, found.mosaic_until, found.mirror) == (0.5, 4, False)


def test_class_weights_go_by_name_and_one_that_is_not_there_is_refused():
    assert class_weights_of(LONG, NAMES) is None
    assert class_weights_of(replace(LONG, class_weights={"owl": 3.0}), NAMES) == [1, 1, 3]
    with pytest.raises(TrainingError) as refusal:
        class_weights_of(replace(LONG, class_weights={"cow": 3.0}), NAMES)
    assert str(refusal.value) == ("class_weights: found cow, expected a class of the data: cat, dog, owl; correct it")


class Terms(Heard):
    """Remembers the losses of the last update by name."""

    def updated(self, update, losses, *, rate, side, waited_s):
        self.terms = losses


def test_class_weights_of_a_recipe_reach_the_loss(samples, tmp_path):
    losses = {}
    for weight in (1.0, 2.0):
        heard = Terms()
        recipe = replace(LONG, batches=1, class_weights=dict.fromkeys(NAMES, weight))
        run(job_of(samples, tmp_path / str(weight), recipe), watcher=heard, is_stopped=lambda: False)
        losses[weight] = heard.terms
    for name in ("box", "object", "classes"):
        assert losses[2.0][name] == pytest.approx(2 * losses[1.0][name], rel=1e-5), name
    assert losses[2.0]["no_object"] == pytest.approx(losses[1.0]["no_object"], rel=1e-5)


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        assert chosen_device("auto", Rank(1, 2, 1)) == "cuda:1"
        return
    assert chosen_device("auto", Rank()) == chosen_device("cpu", Rank()) == "cpu"
    for name in ("cuda", "mps", "foo"):
        with pytest.raises(BackendError) as refusal:
            chosen_device(name, Rank())
        assert str(refusal.value) == (f"backend torch: found device {name}, expected one of auto, cpu; use device auto")


def test_a_batch_with_fewer_pictures_than_processes_is_refused(samples, tmp_path):
    with pytest.raises(TrainingError) as refusal:
        run(job_of(samples, tmp_path), rank=Rank(1, 5, 1))
    assert str(refusal.value) == (
        "batch: found 4 pictures for 5 processes, expected one at least for each; take a larger batch"
    )


def test_shared_statistics_want_as_many_pictures_in_each_process(samples, tmp_path):
    with pytest.raises(TrainingError) as refusal:
        run(job_of(samples, tmp_path, replace(LONG, sync_norm=True)), rank=Rank(1, 3, 1))
    assert str(refusal.value) == (
        "batch: found 4 pictures for 3 processes, expected as many for each, as sync_norm wants it; take a multiple of 3"
    )


# What it is about


def test_a_run_goes_on_with_what_it_was_begun_with_alone(samples, tmp_path):
    job = job_of(samples, tmp_path)
    run(job, stop_after=4)
    before = bytes_of(tmp_path)
    region = job.network.layers[-1]
    assert isinstance(region, Region)
    anchors = replace(job.network, layers=(*job.network.layers[:-1], replace(region, anchors=((1, 1), (2, 3)))))
    others = {
        "layers or anchors": replace(job, network=anchors),
        "classes": replace(job, names=("cat", "dog", "cow")),
        "pictures or boxes": replace(job, lesson=Boxes(samples[1:])),
    }
    for what, other in others.items():
        with pytest.raises(TrainingError) as refusal:
            run(other, is_resumed=True)
        assert str(refusal.value) == (
            f"{tmp_path}: found a run with other {what}, expected the same to go on with; go on with what it was begun "
            "with, or begin a run with -o in another folder"
        )
        assert bytes_of(tmp_path) == before
    moved = Samples.of([replace(one, picture=Path("elsewhere") / one.picture.name) for one in samples])
    assert Boxes(moved).fingerprint == Boxes(samples).fingerprint
    assert run(job, is_resumed=True).updates == 8


def test_pictures_that_most_often_cannot_be_read_are_refused_before_the_first_step(samples, tmp_path):
    for name in samples.pictures[:4]:
        Path(name).write_bytes(b"no picture")
    heard = Heard()
    with pytest.warns(Yolov2Warning), pytest.raises(TrainingError) as refusal:
        run(job_of(samples, tmp_path), watcher=heard)
    assert str(refusal.value).startswith(f"data: found 4 of 7 pictures that can't be read ({samples.pictures[0]}: ")
    assert (heard.losses, list(tmp_path.iterdir())) == ([], [])
