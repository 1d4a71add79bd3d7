import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from small_sets import voc_object, voc_xml
from yolov2.data import cache as cache_room
from yolov2.data import entries as entries_room
from yolov2.data.cache import cache_file, prune
from yolov2.data.entries import read_coco_entry, read_entries

LONG_AGO_NS = 10**18


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "labels").mkdir()
    for name in "abc":
        write(tmp_path / "labels" / name, f"0 .5 .5 .{ord(name) - 96} .1")
    return tmp_path


def write(path, text, *, mtime_ns=LONG_AGO_NS):
    path.write_text(text)
    os.utime(path, ns=(mtime_ns, mtime_ns))


def read(folder, names: Sequence[str] = "abc", **how: Any) -> Any:
    paths = [str(folder / "labels" / name) for name in names]
    options: dict[str, Any] = {"kind": "darknet", "root": folder, "cache": folder / "cache"} | how
    return read_entries(paths, **options)


def parsed(monkeypatch):
    """The names of the files that are parsed from now on."""
    names = []
    real = entries_room._parse_all

    def spy(paths, *, kind):
        names.extend(os.path.basename(path) for path in paths)
        return real(paths, kind=kind)

    monkeypatch.setattr(entries_room, "_parse_all", spy)
    return names


def widths(entries):
    return [None if entry is None else entry.numbers[2] for entry in entries]


def test_what_is_read_is_read_once(folder, monkeypatch):
    first = read(folder)
    names = parsed(monkeypatch)
    assert (read(folder), names) == (first, [])
    assert widths(first) == [0.1, 0.2, 0.3]


def test_a_changed_a_new_and_a_vanished_file_are_noticed(folder, monkeypatch):
    read(folder)
    names = parsed(monkeypatch)
    write(folder / "labels" / "a", "0 .5 .5 .7 .1", mtime_ns=LONG_AGO_NS + 1)
    write(folder / "labels" / "b", "0 .5 .5 .25 .1")  # the same time, another length
    (folder / "labels" / "c").unlink()
    write(folder / "labels" / "d", "0 .5 .5 .4 .1")
    assert widths(read(folder, "abcd")) == [0.7, 0.25, None, 0.4]
    assert names == ["a", "b", "d"]
    kept = json.loads(cache_file(folder / "cache", folder, "darknet").read_bytes().partition(b"\n")[2])
    assert sorted(os.path.basename(row[0]) for row in kept) == ["a", "b", "d"]


def test_a_file_changed_just_now_is_not_kept(folder, monkeypatch):
    read(folder)
    (folder / "labels" / "a").write_text("0 .5 .5 .7 .1")
    read(folder)
    names = parsed(monkeypatch)
    assert widths(read(folder)) == [0.7, 0.2, 0.3]
    assert names == ["a"]


def test_files_that_are_not_asked_for_stay_in_the_cache(folder, monkeypatch):
    read(folder, "ab")
    read(folder, "c")
    names = parsed(monkeypatch)
    read(folder)
    assert names == []


DAMAGES = {
    "cut short": lambda data: data[:-9],
    "empty": lambda data: b"",
    "one bit": lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
    "another version": lambda data: data.replace(b"labels 1", b"labels 0", 1),
    "no cache at all": lambda data: b"\x80\x04pickled",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_cache_is_read_anew_and_written_anew(folder, damage, monkeypatch):
    read(folder)
    file = cache_file(folder / "cache", folder, "darknet")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    names = parsed(monkeypatch)
    assert widths(read(folder)) == [0.1, 0.2, 0.3]
    assert (names, file.read_bytes()) == (["a", "b", "c"], whole)


def test_without_a_cache_nothing_is_written(folder):
    read(folder, cache=None)
    assert sorted(path.name for path in folder.iterdir()) == ["labels"]


def test_a_cache_that_cannot_be_written_stops_nothing(folder):
    (folder / "cache").write_text("a file")
    assert widths(read(folder)) == [0.1, 0.2, 0.3]


def test_flaws_come_back_from_the_cache(folder):
    write(folder / "labels" / "a", "0 .5 .5 .1")
    first = read(folder)
    assert (read(folder), first[0].flaws[0].code, first[0].flaws[0].place) == (first, "label-columns", "1")


def test_a_coco_file_is_the_same_from_the_cache(folder):
    path = folder / "x.json"
    write(path, json.dumps({"images": [{"id": 1, "file_name": "a"}], "categories": [], "annotations": [{}]}))
    first: Any = read_coco_entry(str(path), root=folder, cache=folder / "cache")
    again: Any = read_coco_entry(str(path), root=folder, cache=folder / "cache")
    assert first.flaws[0].code == "image-unknown"
    assert (again.pictures, again.flaws) == (((1, "a", 0, 0),), first.flaws)


def test_many_files_are_read_by_other_processes_to_the_same(folder, monkeypatch):
    write(folder / "labels" / "v.xml", voc_xml(voc_object("Kätzchen \N{CAT}", (1, 2, 3, 4))))
    alone = [read(folder, cache=None), read(folder, ["v.xml"], kind="voc", cache=None)]
    monkeypatch.setattr(entries_room, "MANY", 1)
    monkeypatch.setattr(entries_room, "_parse_here", None)  # none is parsed here
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    together = [read(folder, cache=None), read(folder, ["v.xml"], kind="voc", cache=None)]
    assert together == alone


def test_files_are_read_here_where_a_process_ends_early(folder, monkeypatch):
    monkeypatch.setattr(entries_room, "MANY", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})

    def die(*_, **__):
        raise subprocess.CalledProcessError(-9, "child")

    monkeypatch.setattr(subprocess, "run", die)
    assert widths(read(folder, cache=None)) == [0.1, 0.2, 0.3]


def test_a_relative_path_and_its_absolute_one_are_one_file(folder, monkeypatch):
    read(folder)
    names = parsed(monkeypatch)
    monkeypatch.chdir(folder)
    assert widths(read_entries(["labels/a"], kind="darknet", root=folder, cache=folder / "cache")) == [0.1]
    assert names == []


def test_the_caches_not_used_for_longest_go_first(tmp_path):
    for age, name in enumerate(["new", "old", "older"]):
        (tmp_path / f"{name}.json").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{name}.json", (1e9 - age, 1e9 - age))
    prune(tmp_path, keep=tmp_path / "older.json", most_bytes=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.json", "older.json"]


def test_the_default_cache_is_the_users_own():
    assert cache_room.default_cache().parts[-2:] == ("yolov2", "data")
