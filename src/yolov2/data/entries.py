"""Label files -> what each says: every file is read once, many at a time, and only where the cache does not know it."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

import yolov2
from yolov2.data.cache import Kept, Stamp, cache_file, load, stamp_of, store
from yolov2.data.coco_json import CocoEntry
from yolov2.data.entry import Entry, Flaw
from yolov2.data.parsers import PARSERS

MANY = 2_000  # files from which on it pays to start processes, which takes 0.3 s
PER_CALL = 5_000  # files a process gets at once: enough to keep it busy, few enough to share well
CHILD = "yolov2.data.parsers"

log = logging.getLogger(__name__)


def read_entries(paths: Sequence[str], *, kind: str, root: Path, cache: Path | None) -> list[Entry | None]:
    """What each label file of one picture says; None where there is no such file. `kind` is one of PARSERS."""
    return [None if said is None else _entry(said) for said in read_plain(paths, kind=kind, root=root, cache=cache)]


def read_coco_entry(path: str, *, root: Path, cache: Path | None) -> CocoEntry | None:
    """What a COCO file says; None where there is none."""
    said = read_plain([path], kind="coco", root=root, cache=cache)[0]
    if said is None:
        return None
    categories, pictures, *columns, flaws = said
    named: list[Any] = [tuple(tuple(item) for item in many) for many in (categories, pictures)]
    return CocoEntry(*named, *map(tuple, columns), flaws=_flaws(flaws))


def read_plain(paths: Sequence[str], *, kind: str, root: Path, cache: Path | None) -> list[list[Any] | None]:
    """What the parser of `kind` makes of each file, in plain values; None where there is no such file.

    cache: the folder of caches; None reads everything anew and keeps nothing.
    """
    file = None if cache is None else cache_file(cache, root, kind)
    known = {} if file is None else load(file)
    here = os.getcwd()
    keys = [path if path.startswith("/") else os.path.join(here, path) for path in paths]
    stamps = dict(zip(keys, map(stamp_of, keys), strict=True))
    fresh = {key: known[key] for key, stamp in stamps.items() if key in known and known[key].stamp == stamp}
    waiting = [(key, stamp) for key, stamp in stamps.items() if stamp is not None and key not in fresh]
    if waiting:
        log.info("%s: reading %s files of labels or pictures", root, f"{len(waiting):,}")
        said = _parse_all([key for key, _ in waiting], kind=kind)
        fresh |= {key: Kept(stamp, one) for (key, stamp), one in zip(waiting, said, strict=True)}
    if file is not None and (waiting or _has_vanished(known, stamps)):
        others = {key: kept for key, kept in known.items() if key not in stamps and stamp_of(key) == kept.stamp}
        store(file, others | fresh)
    return [fresh[key].said if key in fresh else None for key in keys]


def _has_vanished(known: dict[str, Kept], stamps: dict[str, Stamp | None]) -> bool:
    return any(stamps.get(key, kept.stamp) is None for key, kept in known.items())


def _parse_all(paths: Sequence[str], *, kind: str) -> list[list[Any]]:
    """What the parser makes of each file; of many in processes of their own, since parsing holds the interpreter."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(paths) < MANY or workers < 2 or getattr(sys, "frozen", False):
        return _parse_here(paths, kind=kind)
    size = min(PER_CALL, -(-len(paths) // workers))
    parts = [paths[at : at + size] for at in range(0, len(paths), size)]
    parse = partial(_parse_there, kind=kind)
    with ThreadPoolExecutor(min(workers, len(parts))) as pool:  # each thread waits for a process
        return [one for part in pool.map(parse, parts) for one in part]


def _parse_here(paths: Iterable[str], *, kind: str) -> list[list[Any]]:
    parse = PARSERS[kind]
    return [list(parse(path)) for path in paths]


def _parse_there(paths: Sequence[str], *, kind: str) -> list[list[Any]]:
    """The same in a fresh process: a fork would inherit the locks of whatever threads this one has."""
    home = str(Path(yolov2.__file__).parents[1])
    search = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH", "")]))
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", CHILD, kind],
            input=json.dumps(paths).encode(),
            capture_output=True,
            env=os.environ | {"PYTHONPATH": search},
            check=True,
        )
        return cast(list[list[Any]], json.loads(ended.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as wrong:
        log.info("a process that reads labels ended early (%s); reading them here", wrong)
        return _parse_here(paths, kind=kind)


def _entry(said: list[Any]) -> Entry:
    size, picture, classes, numbers, flags, lines, flaws = said
    columns = tuple(classes), tuple(numbers), tuple(flags), tuple(lines)
    return Entry(size and (size[0], size[1]), picture, *columns, _flaws(flaws) if flaws else ())


def _flaws(said: Iterable[Iterable[Any]]) -> tuple[Flaw, ...]:
    return tuple(Flaw(*one) for one in said)
