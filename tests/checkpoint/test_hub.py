"""Download and upload of checkpoints, against a package that only looks like huggingface_hub."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from yolov2.checkpoint.file import Checkpoint, write_checkpoint
from yolov2.checkpoint.hub import pull, push
from yolov2.darknet.weights import initial_weights
from yolov2.errors import CheckpointError, ModelError, OutputError
from yolov2.network.layers import Convolutional
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network


class FakeHub(SimpleNamespace):
    """A hub of one file. It remembers what it was asked."""

    def __init__(self, file: Path, *, error: Exception | None = None) -> None:
        super().__init__(file=file, error=error, asked=[])

    def answer(self, what: str, value: object, **asked: object) -> object:
        self.asked.append((what, asked))
        if self.error is not None:
            raise self.error
        return value

    def hf_hub_download(self, **asked: object) -> object:
        return self.answer("download", str(self.file), **asked)

    def create_repo(self, repo_id: str, **asked: object) -> object:
        return self.answer("create", None, repo_id=repo_id, **asked)

    def upload_file(self, **asked: object) -> object:
        return self.answer("upload", "https://hub.test/me/mine/blob/main/model.safetensors", **asked)


@pytest.fixture
def file(tmp_path) -> Path:
    network = Network(Shape(3, 4, 4), (Convolutional(2),))
    write_checkpoint(tmp_path / "model.safetensors", Checkpoint(network, initial_weights(network)))
    return tmp_path / "model.safetensors"


@pytest.fixture
def hub(file, monkeypatch) -> FakeHub:
    fake = FakeHub(file)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return fake


def test_pull_says_where_the_file_lies(hub, file):
    assert pull("me/mine", revision="v1") == file
    asked = {"repo_id": "me/mine", "filename": "model.safetensors", "revision": "v1", "local_dir": None}
    assert hub.asked == [("download", asked)]


def test_pull_refuses_what_is_no_checkpoint(hub, file):
    file.write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match=r": found 6 bytes, expected a safetensors file"):
        pull("me/mine")


def test_pull_passes_on_what_the_hub_says_in_one_line(hub):
    hub.error = RuntimeError("404 Client Error.\n\nEntry Not Found")
    with pytest.raises(ModelError) as refusal:
        pull("me/mine")
    assert str(refusal.value) == (
        "hub me/mine: found no model.safetensors (404 Client Error.), expected a checkpoint; check the name and your access"
    )


def test_push_makes_a_private_repository_and_uploads(hub, file):
    assert push(file, "me/mine") == "https://hub.test/me/mine/blob/main/model.safetensors"
    upload = {"path_or_fileobj": str(file), "path_in_repo": "model.safetensors", "repo_id": "me/mine"}
    create = {"repo_id": "me/mine", "private": True, "exist_ok": True}
    assert hub.asked == [("create", create), ("upload", upload)]


def test_push_asks_nothing_of_the_hub_for_what_is_no_checkpoint(hub, file):
    file.write_bytes(b"")
    with pytest.raises(CheckpointError, match="found an empty file"):
        push(file, "me/mine")
    assert hub.asked == []


def test_push_passes_on_what_the_hub_says_in_one_line(hub, file):
    hub.error = OSError("403 Forbidden\nyour token")
    with pytest.raises(OutputError) as refusal:
        push(file, "me/mine")
    expected = "hub me/mine: found a refusal (403 Forbidden), expected leave to write; run: hf auth login"
    assert str(refusal.value) == expected


@pytest.mark.parametrize(
    "call", [lambda file: pull("me/mine"), lambda file: push(file, "me/mine")], ids=["pull", "push"]
)
def test_without_the_package_one_line_says_how_to_get_it(file, monkeypatch, call):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError) as refusal:
        call(file)
    expected = "hub me/mine: found no package, expected huggingface_hub; pip install 'yolov2[hub]'"
    assert str(refusal.value) == expected
