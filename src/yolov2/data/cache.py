"""What was read from files, kept by the file's size and time of change. A damaged or foreign cache counts as none."""

import gc
import hashlib
import json
import logging
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from platformdirs import user_cache_path

from yolov2.errors import OutputError
from yolov2.files import write_whole

FORMAT = 1  # of the cache; another one is read anew
MOST_BYTES = 2 << 30  # of all caches together; the ones not used for longest go first
FRESH_NS = 2_000_000_000  # a file changed so shortly before it was read may change again within one tick of its clock

log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """Which state of a file was read."""

    size: int
    mtime_ns: int


class Kept(NamedTuple):
    """What was read from one file, and which state of it."""

    stamp: Stamp
    said: list[Any]  # plain values, as JSON has them


def default_cache() -> Path:
    """The folder of the caches of this user."""
    return user_cache_path("yolov2") / "data"


def stamp_of(path: str) -> Stamp | None:
    """Size and time of change of a file; None if there is none, or none that may be looked at."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL byte in the name
        return None
    return Stamp(status.st_size, status.st_mtime_ns)


def cache_file(cache: Path, root: Path, kind: str) -> Path:
    """The file of a data set's cache: one for each folder and kind of label."""
    key = hashlib.sha256(f"{kind} {os.path.abspath(root)}".encode(errors="surrogatepass")).hexdigest()
    return cache / f"{kind}-{key[:32]}.json"


@contextmanager
def many_objects() -> Generator[None]:
    """A block that makes a million plain values and no circles: looking for circles all the time doubles its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def load(file: Path) -> dict[str, Kept]:
    """What a cache file holds by path; nothing where it is missing, damaged, or of another version."""
    try:
        data = file.read_bytes()
    except OSError:
        return {}
    head, _, body = data.partition(b"\n")
    if head != _head(body):
        log.info("%s: not a whole cache of this version; the labels are read anew", file)
        return {}
    rows = cast(list[list[Any]], json.loads(body))
    with suppress(OSError):  # a cache that may only be read
        os.utime(file)  # used now: see `prune`
    return {path: Kept(Stamp(size, mtime_ns), said) for path, size, mtime_ns, said in rows}


def store(file: Path, kept: dict[str, Kept]) -> None:
    """Write a cache file, whole or not at all; where that can't be, the next run reads the labels again."""
    before_ns = time.time_ns() - FRESH_NS
    rows = [(path, *one.stamp, one.said) for path, one in kept.items() if one.stamp.mtime_ns < before_ns]
    body = json.dumps(rows, separators=(",", ":")).encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(file) as target:
            target.write(_head(body) + b"\n" + body)
    except (OSError, OutputError) as wrong:
        log.info("%s: the cache of labels was not written (%s)", file, wrong)
        return
    prune(file.parent, keep=file)


def prune(cache: Path, *, keep: Path, most_bytes: int = MOST_BYTES) -> None:
    """Remove the caches not used for longest until the rest, `keep` among it, takes at most `most_bytes`."""
    with suppress(OSError):  # another process may prune at the same time
        files = [path for path in cache.iterdir() if path.suffix == ".json"]
        total = 0
        for path in sorted(files, key=lambda path: (path == keep, path.stat().st_mtime), reverse=True):
            total += path.stat().st_size
            if total > most_bytes and path != keep:
                path.unlink()


def _head(body: bytes) -> bytes:
    """The first line of a cache: its version, and a sum of what follows."""
    return f"yolov2 labels {FORMAT} {hashlib.sha256(body).hexdigest()}".encode()
