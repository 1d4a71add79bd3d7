"""Files from the web: whole or not at all, and taken up again where they stopped. What is in them the caller checks."""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from yolov2.errors import ModelError, OutputError, Yolov2Error
from yolov2.files import REFUSALS
from yolov2.zoo.web import Answer, CutError, NoFileError, ask, check_address

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

TIMEOUT_S = 30.0  # without a byte
ATTEMPTS = 5  # a cut connection is taken up again, as long as each attempt brings something
OVERLAP = 4096  # bytes at the end of a part that are asked for once more: they tell whether it is still the same file
SMALL = 1 << 20  # bytes; what is no longer and not the file that was wanted is read whole, to say what it is
LARGEST = 16 * SMALL  # bytes of a file whose length nobody knows
WAIT_S = 0.1  # between two looks at a lock

Progress = Callable[[int, int | None], None]  # bytes that are here, bytes of the whole file where they are known

log = logging.getLogger("yolov2")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of the web, and what is known of it before it comes."""

    url: str
    path: Path  # where it goes
    check: Callable[[Path], None]  # raises Yolov2Error for a file that is not the one wanted
    lengths: tuple[int, ...] = ()  # in bytes, each one that it may have; none: anything up to LARGEST

    def fits(self, length: int) -> bool:
        return length in self.lengths if self.lengths else length <= LARGEST

    @property
    def largest(self) -> int:
        return max(self.lengths, default=LARGEST)

    @property
    def part(self) -> Path:
        """What has come of it so far."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def length_text(self) -> str:
        return " or ".join(f"{length:,}" for length in self.lengths) + " bytes" if self.lengths else "the file"

    @property
    def by_hand(self) -> str:
        """The way that needs no host."""
        length = f" ({self.length_text})" if self.lengths else ""
        return f"put the right file at {self.path} by hand{length}"

    def refused(self, found: str, repair: str = "") -> ModelError:
        """The error for what the network gave in its place."""
        return ModelError.at(self.url, found=found, expected=self.length_text, repair=repair + self.by_hand)


def fetch(wanted: Wanted, *, on_progress: Progress = lambda done, total: None, timeout_s: float = TIMEOUT_S) -> None:
    """Have the file at its path, checked: as it lies there, or downloaded.

    What comes is kept beside it in a .part file, so that a download that was cut, killed or out of disk space goes on
    from there; the file itself appears whole or not at all. A second process waits for the first. The address must be
    https, or http on this machine; proxies are those of the system.
    Raises ModelError for a host that does not give the file, OutputError where it can't be written, and what
    `check` raises for a file that lies there already.
    """
    with _disk(wanted):
        if not wanted.path.exists():
            check_address(wanted.url)
            wanted.path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(wanted.path.with_name(f".{wanted.path.name}.lock")):
                if not wanted.path.exists():  # else another process was quicker
                    _download(wanted, on_progress, timeout_s)
                    return
        wanted.check(wanted.path)


def _download(wanted: Wanted, on_progress: Progress, timeout_s: float) -> None:
    try:
        with open(wanted.part, "a+b") as part:
            _complete(wanted, part, on_progress, timeout_s)
            part.flush()
            os.fsync(part.fileno())
    finally:
        with suppress(FileNotFoundError):
            if wanted.part.stat().st_size == 0:
                wanted.part.unlink()
    try:
        wanted.check(wanted.part)
    except Yolov2Error as wrong:
        wanted.part.unlink()
        raise _not_it(wanted, wanted.part, wrong) from None
    os.replace(wanted.part, wanted.path)


def _complete(wanted: Wanted, part: BinaryIO, on_progress: Progress, timeout_s: float) -> None:
    """Go on with the part until all of the file is in it."""
    if _size(part) > wanted.largest:
        part.truncate(0)
    attempts = 0
    while _size(part) not in wanted.lengths:
        before = _size(part)
        attempts += 1
        try:
            return _go_on(wanted, part, on_progress, timeout_s)
        except NoFileError as refusal:
            raise wanted.refused(str(refusal)) from None
        except CutError as cut:
            size = _size(part)
            if attempts == ATTEMPTS or size <= before:
                again = "run it again, it goes on from there" if size else "run it again later"
                raise wanted.refused(str(cut), f"{again}, or ") from None


def _go_on(wanted: Wanted, part: BinaryIO, on_progress: Progress, timeout_s: float) -> None:
    with closing(ask(wanted.url, start=max(0, _size(part) - OVERLAP), timeout_s=timeout_s)) as answer:
        pieces = answer.pieces()
        first = next(pieces, b"")
        is_page = answer.start == 0 and first.lstrip().startswith(b"<")
        if is_page or (answer.total is not None and not wanted.fits(answer.total)):  # before the part is touched
            raise _explained(wanted, answer, first, pieces)
        is_same = _take(wanted, answer, chain([first], pieces), part, on_progress)
    if not is_same:
        part.truncate(0)
        _go_on(wanted, part, on_progress, timeout_s)


def _take(wanted: Wanted, answer: Answer, pieces: Iterator[bytes], part: BinaryIO, on_progress: Progress) -> bool:
    """Put what comes into the part. False if the part's beginning is of another file."""
    position = answer.start
    for piece in pieces:
        part.seek(position)
        known = part.read(len(piece))
        if not piece.startswith(known):
            if answer.start:
                return False
            part.truncate(position)
            known = b""
        part.write(piece[len(known) :])  # at the end, as the file is open for appending
        position += len(piece)
        if position > wanted.largest:
            part.truncate(0)
            raise wanted.refused(f"more than {wanted.largest:,} bytes")
        on_progress(max(position, _size(part)), answer.total)
    whole = answer.total if answer.total is not None else min(wanted.lengths, default=position)
    if position < whole:
        raise CutError(f"the connection cut after {position:,} of {whole:,} bytes")
    part.truncate(position)
    return True


def _explained(wanted: Wanted, answer: Answer, first: bytes, more: Iterator[bytes]) -> ModelError:
    """What came in place of the file, in the words of its check where it is short enough to be read for that."""
    if answer.start == 0 and (answer.total or 0) <= SMALL:
        data = bytearray(first)
        for piece in more:
            data += piece
            if len(data) > SMALL:
                break
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / wanted.path.name
            copy.write_bytes(data)
            try:
                wanted.check(copy)
            except Yolov2Error as wrong:
                return _not_it(wanted, copy, wrong)
    is_page = answer.total is None or wanted.fits(answer.total)
    return wanted.refused("a web page" if is_page else f"{answer.total:,} bytes")


def _not_it(wanted: Wanted, copy: Path, wrong: Yolov2Error) -> ModelError:
    """The check's refusal of what came, which is gone by the time that somebody reads it."""
    return ModelError(f"{str(wrong).replace(str(copy), wanted.url)}; {wanted.by_hand}")


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


@contextmanager
def _disk(wanted: Wanted) -> Generator[None]:
    """Turn what the operating system says of the cache into one line."""
    try:
        yield
    except OSError as wrong:
        said = wrong.strerror or type(wrong).__name__
        refusal = (said, "a file to write", "choose another folder")
        found, expected, repair = REFUSALS.get(wrong.errno or 0, refusal)
        if os.path.exists(wanted.part):
            repair += "; what has come is kept, and the next run goes on from there"
        where = str(wrong.filename or wanted.path)
        raise OutputError.at(where, found=found, expected=expected, repair=repair) from None


@contextmanager
def _alone(lock: Path) -> Generator[None]:
    """One process at a time; the system gives the lock back when its process ends, however it ends.

    The empty file stays: whoever removed it could not know that nobody waits for it.
    """
    with open(lock, "ab") as file:
        is_told = False
        while not _try_lock(file):
            if not is_told:
                log.warning("another process is downloading %s; waiting for it", lock.name[1:].removesuffix(".lock"))
                is_told = True
            time.sleep(WAIT_S)
        yield


if sys.platform == "win32":

    def _try_lock(file: BinaryIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:

    def _try_lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
