"""Every picture of a data set decoded once, by processes of their own; a verdict is kept while its file stays."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from threading import Lock
from typing import Any

import yolov2
from yolov2.data.cache import Kept, cache_file, load, stamp_of, store
from yolov2.pictures.verify import READY, Verdict, verify

CHILD = "yolov2.pictures.verify"
AT_ONCE = 16  # pictures a process gets at a time

log = logging.getLogger(__name__)

OnPicture = Callable[[int], None]


def verdicts_of(
    pictures: Sequence[str], *, root: Path, cache: Path | None, on_picture: OnPicture = lambda total: None
) -> list[Verdict]:
    """The verdict on each picture; on_picture is called after each that is decoded now, with their number."""
    file = None if cache is None else cache_file(cache, root, "verdict")
    known = {} if file is None else load(file)
    keys = [os.path.abspath(picture) for picture in pictures]
    stamps = {key: stamp_of(key) for key in keys}
    fresh = {key: known[key] for key, stamp in stamps.items() if key in known and known[key].stamp == stamp}
    waiting = [key for key in stamps if key not in fresh]
    said = dict(zip(waiting, _decode(waiting, on_picture), strict=True))
    for key, row in said.items():
        stamp = stamps[key]
        if stamp is not None:
            fresh[key] = Kept(stamp, row)
    if file is not None and said:
        store(file, {key: kept for key, kept in known.items() if key not in stamps} | fresh)
    return [Verdict(*(fresh[key].said if key in fresh else said[key])) for key in keys]


def _decode(pictures: Sequence[str], on_picture: OnPicture) -> list[list[Any]]:
    """A row of Verdict for each picture, in order."""
    if not pictures:
        return []
    parts = [pictures[at : at + AT_ONCE] for at in range(0, len(pictures), AT_ONCE)]
    workers = min(len(parts), _cores())
    waiting, lock = iter(range(len(parts))), Lock()
    rows: list[list[list[Any]]] = [[] for _ in parts]

    def work(_: int) -> None:
        with _Process() as process:
            for part in _shared(waiting, lock):
                rows[part] = process.ask(parts[part])
                with lock:
                    for _picture in parts[part]:
                        on_picture(len(pictures))

    with ThreadPoolExecutor(workers) as pool:  # a thread waits for a process
        list(pool.map(work, range(workers)))
    return [row for part in rows for row in part]


def _shared(numbers: Iterator[int], lock: Lock) -> Iterator[int]:
    """What several threads take from one iterator."""
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        yield number


class _Process:
    """The program in pictures/verify.py, started anew after a picture that it did not survive.

    Where no process can be started, the pictures are decoded here, and complaints of the decoder are lost.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None
        self._can_start = True

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    def ask(self, pictures: Sequence[str]) -> list[list[Any]]:
        """A row for each picture; one that ends the process has a refusal that says so."""
        rows = self._try(pictures)
        if rows is not None:
            return rows
        if not self._can_start:
            return [list(astuple(verify(Path(picture), io.BytesIO()))) for picture in pictures]
        if len(pictures) > 1:
            return [row for picture in pictures for row in self.ask([picture])]
        found, expected = "a picture that ends the program that decodes it", "one that decodes"
        return [[0, 0, False, f"{pictures[0]}: found {found}, expected {expected}; save it anew", ""]]

    def _try(self, pictures: Sequence[str]) -> list[list[Any]] | None:
        child = self._child = self._child or self._start()
        if child is None:
            return None
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(list(pictures)) + "\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())
        except (OSError, ValueError):  # it has ended
            self._end()
            return None

    def _start(self) -> subprocess.Popen[str] | None:
        """A process that is ready; None where there can be none."""
        if not self._can_start:
            return None
        try:
            child = self._child = _start()
            assert child.stdout is not None
            if child.stdout.readline() == f"{READY}\n":
                return child
            self._end()
        except OSError as wrong:
            log.info("no process that decodes pictures (%s); decoding them here", wrong)
        self._can_start = False
        return None

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._child = None


def _start() -> subprocess.Popen[str]:
    home = str(Path(yolov2.__file__).parents[1])
    search = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": search, "OPENCV_FOR_THREADS_NUM": "1"},
        text=True,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
