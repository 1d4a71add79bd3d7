"""Checkpoints on the Hugging Face hub: download and upload. Nothing else here talks to it, and nothing at import.

Who may is the business of the huggingface_hub package: it finds its own token, and none passes through here.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from yolov2.checkpoint.file import read_checkpoint
from yolov2.errors import ModelError, OutputError, printable

FILE = "model.safetensors"


def pull(repo_id: str, *, filename: str = FILE, revision: str | None = None, folder: str | Path | None = None) -> Path:
    """Where a checkpoint of the hub lies after its download, checked as a whole.

    folder: where to put it; None: the cache of huggingface_hub, which downloads nothing twice.
    Raises ModelError if there is no such file or no hub, CheckpointError for what is no checkpoint.
    """
    hub = _package(repo_id)
    try:
        where = hub.hf_hub_download(repo_id=repo_id, filename=filename, revision=revision, local_dir=folder)
    except Exception as wrong:  # noqa: BLE001 - the package passes on whatever its HTTP library of the day raises
        found, repair = f"no {printable(filename)} ({_first_line(wrong)})", "check the name and your access"
        raise ModelError.at(_at_hub(repo_id), found=found, expected="a checkpoint", repair=repair) from None
    read_checkpoint(where)
    return Path(where)


def push(path: str | Path, repo_id: str, *, filename: str = FILE, private: bool = True) -> str:
    """Upload a checkpoint, after checking it, into a repository that is made if it is not there; returns its address.

    Raises CheckpointError for what is no checkpoint, OutputError if the hub refuses it, ModelError without the package.
    """
    read_checkpoint(path)
    hub = _package(repo_id)
    try:
        hub.create_repo(repo_id, private=private, exist_ok=True)
        return str(hub.upload_file(path_or_fileobj=str(path), path_in_repo=filename, repo_id=repo_id))
    except Exception as wrong:  # noqa: BLE001 - likewise
        found, expected = f"a refusal ({_first_line(wrong)})", "leave to write"
        raise OutputError.at(_at_hub(repo_id), found=found, expected=expected, repair="run: hf auth login") from None


def _package(repo_id: str) -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError:
        repair = "pip install 'yolov2[hub]'"
        where = _at_hub(repo_id)
        raise ModelError.at(where, found="no package", expected="huggingface_hub", repair=repair) from None


def _at_hub(repo_id: str) -> str:
    return f"hub {printable(repo_id, longest=100)}"


def _first_line(wrong: Exception) -> str:
    lines = str(wrong).strip().splitlines()
    return printable(lines[0] if lines else type(wrong).__name__, longest=160)
