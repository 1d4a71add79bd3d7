"""Which pictures of a data set with one split are held out for validation: the same ones whenever it is asked."""

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolov2.data.similar import near_duplicates
from yolov2.errors import LabelError, OutputError, printable
from yolov2.files import write_whole
from yolov2.samples import Samples

SHARE = 0.1

log = logging.getLogger(__name__)


def hold_out(samples: Samples, *, root: Path, cache: Path | None, share: float = SHARE) -> NDArray[np.bool_]:
    """(P,) which pictures are held out: `share` of them, chosen by a hash of their ids, near-duplicates together.

    Neither order nor place of the data set matters, and a few pictures more change little. The choice is logged, and
    its list kept in the cache: a list of pictures as Darknet reads it. Raises LabelError where nothing can be held out.
    """
    keys = [hashlib.sha256(one.encode(errors="surrogatepass")).hexdigest() for one in samples.ids]
    file = None if cache is None else cache / f"holdout-{_digest(samples, keys, share)}.txt"
    known = _listed(samples, file)
    if known is not None:
        return known
    groups = near_duplicates(samples.pictures, root=root, cache=cache)
    held = choose(keys, groups, share=share)
    if held.all() or not held.any():
        found, expected = "pictures that all show the same", "some others to hold out for validation"
        repair = "add pictures, or a split named val"
        raise LabelError.at(printable(root), found=found, expected=expected, repair=repair)
    stored = file is not None and _store(samples, held, file)
    log.warning(
        "%s: %s of %s pictures are held out for validation%s",
        printable(root),
        f"{int(held.sum()):,}",
        f"{len(samples):,}",
        f", listed in {file}" if stored else "",
    )
    return held


def choose(keys: Sequence[str], groups: Sequence[tuple[int, ...]], *, share: float) -> NDArray[np.bool_]:
    """(P,) pictures in the order of their keys until it is `share` of all; a group goes by its first key, whole.

    A group that is larger than what is still wanted is passed over; where all are, the smallest is taken, unless
    nothing would be left. Then nothing is held out.
    """
    grouped = {i for members in groups for i in members}
    units = [*groups, *((i,) for i in range(len(keys)) if i not in grouped)]
    units.sort(key=lambda members: min(keys[i] for i in members))
    wanted = max(1, round(share * len(keys)))
    held = np.zeros(len(keys), np.bool_)
    for members in units:
        if len(members) <= wanted:
            held[list(members)] = True
            wanted -= len(members)
    if not held.any() and len(units) > 1:
        held[list(min(units, key=len))] = True
    return held


def _digest(samples: Samples, keys: list[str], share: float) -> str:
    """The name of this set of pictures: ids and folder, in any order."""
    folders = sorted({os.path.abspath(os.path.dirname(picture)) for picture in samples.pictures})
    text = "\n".join([f"{share:g}", *folders, *sorted(keys)])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _listed(samples: Samples, file: Path | None) -> NDArray[np.bool_] | None:
    """What an earlier run held out; None where there is no list, or one that does not fit."""
    if file is None:
        return None
    try:
        listed = set(file.read_bytes().decode(errors="surrogateescape").splitlines())
    except OSError:
        return None
    held = np.array([os.path.abspath(picture) in listed for picture in samples.pictures], np.bool_)
    if int(held.sum()) != len(listed) or not listed:
        return None
    log.info("%s: %s pictures are held out for validation, as %s lists", file.stem, f"{len(listed):,}", file)
    return held


def _store(samples: Samples, held: NDArray[np.bool_], file: Path) -> bool:
    chosen = [os.path.abspath(samples.pictures[i]) for i in np.flatnonzero(held).tolist()]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(file) as target:
            target.write("".join(f"{picture}\n" for picture in chosen).encode(errors="surrogateescape"))
    except (OSError, OutputError) as wrong:
        log.info("%s: the list was not written (%s)", file, wrong)
        return False
    return True
