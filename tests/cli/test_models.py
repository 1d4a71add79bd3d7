"""`yolov2 models`: list, pull and path, against a web server on this machine."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from hosts import Host, serving
from yolov2.cli import main as dispatch
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.network import architectures
from yolov2.zoo import registry as zoo

TINY = dataclasses.replace(
    zoo.ZOO["yolov2-tiny-voc"], name="tiny", build=partial(architectures.yolov2_tiny_voc, width=0.01)
)
BIG = dataclasses.replace(TINY, name="big", build=partial(architectures.yolov2_tiny_voc, width=0.25))  # 4 MB


class Said(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        yield host


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`yolov2 models ...` with the small models among the known ones."""
    monkeypatch.setitem(zoo.ZOO, "tiny", TINY)
    monkeypatch.setitem(zoo.ZOO, "big", BIG)
    monkeypatch.setitem(dispatch.COMMANDS, "models", "yolov2.cli.models")

    def run(*arguments: object) -> Said:
        with pytest.raises(SystemExit) as caught:
            dispatch.main(["models", *map(str, arguments)])
        out, err = capsys.readouterr()
        return Said(int(caught.value.code or 0), out, err)

    return run


def weights_of(entry: zoo.ModelEntry, folder: Path) -> bytes:
    path = folder / "made.weights"
    write_weights(path, initial_weights(entry.build()), entry.build())
    data = path.read_bytes()
    path.unlink()
    return data


def whole(path: Path, length: int) -> None:
    """A file of that length that takes no room."""
    with path.open("wb") as file:
        file.truncate(length)


def test_list_says_what_lies_here(run: Run, tmp_path: Path) -> None:
    whole(tmp_path / "yolov2.weights", 203_934_260)
    whole(tmp_path / "yolo9000.weights", zoo.lengths(zoo.ZOO["yolo9000"].build())[0])
    (tmp_path / "yolov2-tiny.weights.part").write_bytes(bytes(450_000))
    said = run("list", "--cache", tmp_path)
    bundled, *lines = said.out.splitlines()
    assert bundled.split(maxsplit=4) == ["nano-voc", "5", "MB", "here", zoo.ZOO["nano-voc"].about]
    assert lines[0].split(maxsplit=4) == ["yolov2", "204", "MB", "here", "detects the 80 classes of COCO"]
    assert lines[1].startswith("yolov2-voc       203 MB  not here")
    assert lines[2].startswith("yolov2-tiny       45 MB  1 % here")
    assert lines[4].startswith("yolo9000         195 MB  without 9k.names, 9k.tree")
    assert lines[-1] == f"in {tmp_path}"
    assert (said.status, said.err) == (0, "")


def test_list_as_json(run: Run, tmp_path: Path) -> None:
    rows = json.loads(run("list", "--json", "--cache", tmp_path).out)
    assert [row["name"] for row in rows] == [entry.name for entry in zoo.ENTRIES]
    path = zoo.ZOO["nano-voc"].bundled
    assert path is not None
    assert {key: rows[0][key] for key in ("url", "path", "missing", "bytes")} == {
        "url": None,
        "path": str(path),
        "missing": [],
        "bytes": [path.stat().st_size],
    }
    assert rows[1] == {
        "name": "yolov2",
        "about": "detects the 80 classes of COCO",
        "input": [3, 608, 608],
        "bytes": [203_934_260, 203_934_264],
        "url": "https://pjreddie.com/media/files/yolov2.weights",
        "path": str(tmp_path / "yolov2.weights"),
        "missing": ["yolov2.weights"],
        "wrong_length": None,
    }


def test_list_and_path_say_that_a_file_has_a_wrong_length(run: Run, tmp_path: Path) -> None:
    where = tmp_path / "yolov2-tiny.weights"
    where.write_bytes(bytes(13))
    assert (
        run("list", "--cache", tmp_path)
        .out.splitlines()[3]
        .startswith("yolov2-tiny       45 MB  wrong length (13 bytes)  ")
    )
    said = run("path", "yolov2-tiny", "--cache", tmp_path)
    expected = "44,948,596 or 44,948,600 bytes; remove it and run: yolov2 models pull yolov2-tiny"
    assert said == (1, "", f"failed: {where}: found 13 bytes, expected {expected}\n")


def test_pull_brings_a_model_and_says_where_it_lies(run: Run, host: Host, tmp_path: Path) -> None:
    data = weights_of(TINY, tmp_path)
    host.files["/tiny.weights"] = data
    said = run("pull", "tiny", "--from", host.url, "--cache", tmp_path)
    assert said == (0, "", f"downloading tiny.weights\ntiny: {tmp_path / 'tiny.weights'}\n")
    assert (tmp_path / "tiny.weights").read_bytes() == data


def test_pull_again_asks_for_nothing(run: Run, host: Host, tmp_path: Path) -> None:
    (tmp_path / "tiny.weights").write_bytes(weights_of(TINY, tmp_path))
    said = run("pull", "tiny", "--from", host.url, "--cache", tmp_path)
    assert said == (0, "", f"tiny: {tmp_path / 'tiny.weights'}\n")
    assert host.asked == []


def test_pull_goes_on_and_says_from_where(run: Run, host: Host, tmp_path: Path) -> None:
    data = weights_of(BIG, tmp_path)
    host.files["/big.weights"] = data
    (tmp_path / "big.weights.part").write_bytes(data[:2_500_000])
    said = run("pull", "big", "--from", host.url, "--cache", tmp_path)
    assert said.err.splitlines()[0] == "downloading big.weights of 4 MB, 3 MB are here"
    assert (tmp_path / "big.weights").read_bytes() == data


def test_pull_names_what_failed_and_brings_the_rest(run: Run, host: Host, tmp_path: Path) -> None:
    host.files["/tiny.weights"] = weights_of(TINY, tmp_path)
    said = run("pull", "big", "tiny", "--from", host.url, "--cache", tmp_path)
    first, *_, last = said.err.splitlines()
    by_hand = f"put the right file at {tmp_path / 'big.weights'} by hand ("
    assert first.startswith(f"failed: big: {host.url}/big.weights: found status 404 (Not Found), expected ")
    assert by_hand in first
    assert last == f"tiny: {tmp_path / 'tiny.weights'}"
    assert said.status == 1


def test_pull_in_quiet_says_nothing(run: Run, host: Host, tmp_path: Path) -> None:
    host.files["/tiny.weights"] = weights_of(TINY, tmp_path)
    assert run("pull", "tiny", "-q", "--from", host.url, "--cache", tmp_path) == (0, "", "")


def test_an_unknown_name_stops_before_anything_starts(run: Run, host: Host, tmp_path: Path) -> None:
    said = run("pull", "tiny", "yolov3", "--from", host.url, "--cache", tmp_path)
    assert said.status == 2
    assert said.err.startswith("yolov2: models: found yolov3, expected one of nano-voc, yolov2, yolov2-voc, ")
    assert host.asked == []


def test_path_is_where_the_weights_lie(run: Run, tmp_path: Path) -> None:
    whole(tmp_path / "yolov2.weights", 203_934_260)
    assert run("path", "yolov2", "--cache", tmp_path) == (0, f"{tmp_path / 'yolov2.weights'}\n", "")


def test_path_without_a_name_is_the_cache_folder(run: Run, tmp_path: Path) -> None:
    assert run("path", "--cache", tmp_path) == (0, f"{tmp_path}\n", "")
    assert run("path").out == f"{zoo.default_cache()}\n"


def test_path_of_weights_that_are_not_there_says_how_to_get_them(run: Run, tmp_path: Path) -> None:
    said = run("path", "yolov2", "--cache", tmp_path)
    assert (said.status, said.out) == (2, "")
    assert said.err == (
        f"yolov2: {tmp_path / 'yolov2.weights'}: found no such file, expected the weights of yolov2; run: yolov2 models "
        "pull yolov2, or put the file there by hand (203,934,260 or 203,934,264 bytes)\n"
    )
