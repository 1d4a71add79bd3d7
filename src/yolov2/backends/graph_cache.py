"""A folder of prepared graphs, each in a folder of its own named after all that determines it. Knows no runtime."""

import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from yolov2 import __version__
from yolov2.darknet.weights import Weights
from yolov2.network.spec import Network

MOST_BYTES = 2 * 2**30  # of all entries together; the ones not used for longest go first
DRAFT = ".draft-"


def default_cache() -> Path:
    """Where graphs are kept if nobody says otherwise: a folder among the platform's caches."""
    return user_cache_path("yolov2") / "graphs"


def graph_key(network: Network, weights: Weights, *, runtime: str) -> str:
    """The name of what `runtime`, with its version and options, makes of a network on a CPU like this one."""
    digest = hashlib.sha256()
    for text in (__version__, runtime, platform.machine(), _cpu_flags(), repr(network)):
        digest.update(f"{len(text)} {text}".encode())
    with ThreadPoolExecutor(2) as pool:  # hashing lets other threads run: 200 MB in 0.15 s where one would take 0.25
        arrays = ((f"{i} {name}", array) for i, layer in enumerate(weights.layers) for name, array in layer.items())
        for part in pool.map(_array_digest, arrays):
            digest.update(part)
    return digest.hexdigest()


def prepared(cache: Path, key: str, prepare: Callable[[Path], None]) -> Path:
    """The folder of that key, made by `prepare(folder)` if the cache does not have it; it appears whole or not at all.

    Raises OSError if the cache can't be written.
    """
    entry = cache / key
    if entry.is_dir():
        with suppress(OSError):  # a cache that may only be read
            os.utime(entry)  # used now: see `prune`
        return entry
    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=cache))
    try:
        prepare(draft)
        _sync(draft)
        draft.rename(entry)
    except OSError:
        if not entry.is_dir():  # else another process was quicker, and what it made serves as well
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    prune(cache, keep=entry)
    return entry


def prune(cache: Path, *, keep: Path, most_bytes: int = MOST_BYTES) -> None:
    """Remove what was not used for longest until the rest, `keep` among it, takes at most `most_bytes`.

    Drafts of processes that were killed go the same way.
    """
    with suppress(OSError):  # another process may prune at the same time
        newest_first = sorted(cache.iterdir(), key=lambda entry: (entry == keep, entry.stat().st_mtime), reverse=True)
        total = 0
        for entry in newest_first:
            total += sum(file.stat().st_size for file in entry.iterdir())
            if total > most_bytes and entry != keep:
                shutil.rmtree(entry, ignore_errors=True)


def size_of(cache: Path) -> int:
    """The bytes of all that lies in the cache; 0 where there is none."""
    sizes = [0]
    for folder, _, names in os.walk(cache):
        for name in names:
            with suppress(OSError):  # another process may prune at the same time
                sizes.append(os.stat(Path(folder, name)).st_size)
    return sum(sizes)


def _array_digest(named: tuple[str, NDArray[np.float32]]) -> bytes:
    name, array = named
    digest = hashlib.sha256(f"{name} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _cpu_flags() -> str:
    """What this CPU can do, where the system tells: a runtime lays weights out for it."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.lower().startswith(("flags", "features")):
                return line
    return platform.processor()


def _sync(folder: Path) -> None:
    """Have all files of a folder on the disk before it gets its name: half a file would pass for a whole one."""
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
