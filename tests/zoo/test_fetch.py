"""yolov2.zoo.fetch and yolov2.zoo.web against a web server on this machine."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hosts import Host, serving
from yolov2.errors import FormatError, ModelError, OutputError
from yolov2.zoo.fetch import ATTEMPTS, LARGEST, OVERLAP, SMALL, Wanted, fetch
from yolov2.zoo.web import MOST_REDIRECTS, check_address

DATA = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
PAGE = b"<!doctype html><title>Moved</title>"
CHILD = """
import sys
from pathlib import Path
from yolov2.zoo.fetch import Wanted, fetch
fetch(Wanted(sys.argv[1], Path(sys.argv[2]), lambda path: None, (300_000,)))
"""


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        host.files["/a.bin"] = DATA
        yield host


def check(path: Path) -> None:
    """Takes DATA alone."""
    data = path.read_bytes()
    if data != DATA:
        kind = "a web page" if data.startswith(b"<") else f"{len(data):,} other bytes"
        raise FormatError.at(str(path), found=kind, expected="the data", repair="take another")


@pytest.fixture
def wanted(host: Host, tmp_path: Path) -> Wanted:
    return Wanted(f"{host.url}/a.bin", tmp_path / "cache" / "a.bin", check, (299_996, 300_000))


def refusal_of(wanted: Wanted, timeout_s: float = 10.0) -> str:
    """The line with which the download is refused, the path and address in it shortened."""
    with pytest.raises(ModelError) as caught:
        fetch(wanted, timeout_s=timeout_s)
    line = str(caught.value)
    assert line.isprintable()
    return line.replace(str(wanted.path), "PATH").replace(wanted.url, "URL")


def begun(wanted: Wanted, data: bytes) -> None:
    wanted.path.parent.mkdir()
    wanted.part.write_bytes(data)


def test_a_file_comes_whole_and_alone(host: Host, wanted: Wanted) -> None:
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked == [("/a.bin", None)]
    assert sorted(os.listdir(wanted.path.parent)) == [".a.bin.lock", "a.bin"]


def test_a_file_that_lies_there_is_not_asked_for(host: Host, wanted: Wanted) -> None:
    wanted.path.parent.mkdir()
    wanted.path.write_bytes(DATA)
    fetch(wanted)
    assert host.asked == []
    assert os.listdir(wanted.path.parent) == ["a.bin"]


def test_a_wrong_file_that_lies_there_is_refused_and_stays(host: Host, wanted: Wanted) -> None:
    wanted.path.parent.mkdir()
    wanted.path.write_bytes(PAGE)
    with pytest.raises(FormatError) as caught:
        fetch(wanted)
    assert str(caught.value) == f"{wanted.path}: found a web page, expected the data; take another"
    assert wanted.path.read_bytes() == PAGE
    assert host.asked == []


def test_progress_rises_to_the_whole_length(wanted: Wanted) -> None:
    told: list[tuple[int, int | None]] = []
    fetch(wanted, on_progress=lambda done, total: told.append((done, total)))
    done = [done for done, _ in told]
    assert len(done) >= 300_000 // 65_536
    assert all(before < after for before, after in pairwise(done))
    assert told[-1] == (300_000, 300_000)
    assert {total for _, total in told} == {300_000}


def test_progress_of_a_resumed_file_starts_where_it_stopped(wanted: Wanted) -> None:
    begun(wanted, DATA[:200_000])
    told: list[int] = []
    fetch(wanted, on_progress=lambda done, total: told.append(done))
    assert told[0] >= 200_000
    assert told == sorted(told)
    assert told[-1] == 300_000


# --- cut and taken up again -------------------------------------------------------------------------------------------


def test_a_part_is_gone_on_with(host: Host, wanted: Wanted) -> None:
    begun(wanted, DATA[:200_000])
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked == [("/a.bin", f"bytes={200_000 - OVERLAP}-")]
    assert not wanted.part.exists()


def test_a_cut_connection_is_taken_up_again(host: Host, wanted: Wanted) -> None:
    host.cuts = [100_000, 50_000]
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    starts = [None, f"bytes={100_000 - OVERLAP}-", f"bytes={150_000 - 2 * OVERLAP}-"]
    assert [start for _, start in host.asked] == starts


def test_a_connection_that_brings_nothing_more_is_given_up_and_the_part_stays(host: Host, wanted: Wanted) -> None:
    host.cuts = [100_000, 0]
    found = f"the connection cut after {100_000 - OVERLAP:,} of 300,000 bytes"
    repair = "run it again, it goes on from there, or put the right file at PATH by hand (299,996 or 300,000 bytes)"
    assert refusal_of(wanted) == f"URL: found {found}, expected 299,996 or 300,000 bytes; {repair}"
    assert wanted.part.read_bytes() == DATA[:100_000]
    assert not wanted.path.exists()
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA


def test_a_connection_cut_again_and_again_is_given_up(host: Host, wanted: Wanted) -> None:
    host.cuts = [10_000] * 20
    assert "run it again, it goes on from there" in refusal_of(wanted)
    assert len(host.asked) == ATTEMPTS
    assert wanted.part.stat().st_size == ATTEMPTS * 10_000 - (ATTEMPTS - 1) * OVERLAP


def test_a_server_without_ranges_sends_all_and_the_part_is_not_lost_meanwhile(host: Host, wanted: Wanted) -> None:
    host.has_ranges = False
    host.cuts = [50_000]
    begun(wanted, DATA[:200_000])
    assert "the connection cut after 50,000 of 300,000 bytes" in refusal_of(wanted)
    assert wanted.part.read_bytes() == DATA[:200_000]
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_part_of_another_file_is_begun_anew(host: Host, wanted: Wanted, has_ranges: bool) -> None:
    host.has_ranges = has_ranges
    begun(wanted, OTHER[:200_000])
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked[-1] == ("/a.bin", None if has_ranges else f"bytes={200_000 - OVERLAP}-")


def test_a_part_longer_than_the_file_is_begun_anew(host: Host, wanted: Wanted) -> None:
    begun(wanted, DATA + b"more")
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked == [("/a.bin", None)]


def test_a_server_that_has_no_such_byte_is_asked_from_the_beginning(host: Host, wanted: Wanted) -> None:
    begun(wanted, DATA[:200_000])
    host.files["/a.bin"] = PAGE
    assert refusal_of(wanted).startswith("URL: found a web page, expected the data; take another; put the right file")
    assert [range_ for _, range_ in host.asked] == [f"bytes={200_000 - OVERLAP}-", None]
    assert wanted.part.read_bytes() == DATA[:200_000]


def test_a_whole_part_needs_no_network(host: Host, wanted: Wanted) -> None:
    begun(wanted, DATA)
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked == []


def test_a_whole_part_with_wrong_content_is_refused_and_removed(wanted: Wanted) -> None:
    begun(wanted, OTHER)
    assert refusal_of(wanted).startswith("URL: found 300,000 other bytes, expected the data; take another; put the")
    assert not wanted.part.exists()


def test_a_file_of_unknown_length_comes_whole_or_is_taken_up_again(host: Host, tmp_path: Path) -> None:
    wanted = Wanted(f"{host.url}/a.bin", tmp_path / "a.bin", check)
    host.cuts = [100_000]
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert [range_ for _, range_ in host.asked] == [None, f"bytes={100_000 - OVERLAP}-"]


def test_a_server_that_tells_no_length_is_believed_when_the_file_is_complete(host: Host, wanted: Wanted) -> None:
    host.has_lengths = False
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA


def test_a_server_that_tells_no_length_and_stops_early_is_asked_again(host: Host, wanted: Wanted) -> None:
    host.has_lengths = False
    host.cuts = [100_000]
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert len(host.asked) == 2


# --- wrong answers ----------------------------------------------------------------------------------------------------


def test_a_missing_file_is_refused_with_the_place_to_put_it(host: Host, wanted: Wanted) -> None:
    host.files.clear()
    repair = "put the right file at PATH by hand (299,996 or 300,000 bytes)"
    assert refusal_of(wanted) == f"URL: found status 404 (Not Found), expected 299,996 or 300,000 bytes; {repair}"
    assert os.listdir(wanted.path.parent) == [".a.bin.lock"]


@pytest.mark.parametrize("status", [204, 410, 500])
def test_any_other_status_is_refused_and_the_part_stays(host: Host, wanted: Wanted, status: int) -> None:
    host.statuses["/a.bin"] = status
    begun(wanted, DATA[:10_000])
    assert f"found status {status} (" in refusal_of(wanted)
    assert wanted.part.read_bytes() == DATA[:10_000]


@pytest.mark.parametrize("has_lengths", [True, False])
def test_a_web_page_is_refused_in_the_words_of_the_check(host: Host, wanted: Wanted, has_lengths: bool) -> None:
    host.has_lengths = has_lengths
    host.files["/a.bin"] = PAGE
    repair = "take another; put the right file at PATH by hand (299,996 or 300,000 bytes)"
    assert refusal_of(wanted) == f"URL: found a web page, expected the data; {repair}"
    assert os.listdir(wanted.path.parent) == [".a.bin.lock"]


def test_a_web_page_as_long_as_the_file_is_refused(host: Host, wanted: Wanted) -> None:
    host.files["/a.bin"] = PAGE.ljust(300_000)
    assert refusal_of(wanted).startswith("URL: found a web page, expected the data; ")


def test_a_short_file_of_a_wrong_length_is_refused_in_the_words_of_the_check(host: Host, wanted: Wanted) -> None:
    host.files["/a.bin"] = DATA[:-8]
    assert refusal_of(wanted).startswith("URL: found 299,992 other bytes, expected the data; ")


def test_a_long_file_of_a_wrong_length_is_refused_before_it_comes(host: Host, wanted: Wanted) -> None:
    host.files["/a.bin"] = bytes(SMALL + 1)
    assert refusal_of(wanted).startswith("URL: found 1,048,577 bytes, expected 299,996 or 300,000 bytes; put the")
    assert os.listdir(wanted.path.parent) == [".a.bin.lock"]


def test_a_file_of_the_right_length_with_wrong_content_is_refused_and_removed(host: Host, wanted: Wanted) -> None:
    host.files["/a.bin"] = OTHER
    assert refusal_of(wanted).startswith("URL: found 300,000 other bytes, expected the data; ")
    assert os.listdir(wanted.path.parent) == [".a.bin.lock"]


def test_an_endless_answer_is_stopped_past_the_longest_file(host: Host, wanted: Wanted) -> None:
    host.has_lengths = False
    host.files["/a.bin"] = DATA + bytes(100_000)
    assert refusal_of(wanted).startswith("URL: found more than 300,000 bytes, expected 299,996 or 300,000 bytes; put")
    assert os.listdir(wanted.path.parent) == [".a.bin.lock"]


def test_a_file_of_unknown_length_has_a_limit(host: Host, tmp_path: Path) -> None:
    host.files["/a.bin"] = bytes(LARGEST + 1)
    wanted = Wanted(f"{host.url}/a.bin", tmp_path / "a.bin", check)
    assert refusal_of(wanted) == "URL: found 16,777,217 bytes, expected the file; put the right file at PATH by hand"


# --- redirects and addresses ------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_and_the_part_gone_on_with(host: Host, wanted: Wanted) -> None:
    host.files = {"/moved/b.bin": DATA}
    host.redirects["/a.bin"] = "moved/b.bin"
    begun(wanted, DATA[:200_000])
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked[-1] == ("/moved/b.bin", f"bytes={200_000 - OVERLAP}-")


def test_a_loop_of_redirects_is_refused(host: Host, wanted: Wanted) -> None:
    host.redirects = {"/a.bin": "/b.bin", "/b.bin": "/a.bin"}
    found = f"a redirect (status 302) that is not followed: a loop, more than {MOST_REDIRECTS}, or not to https"
    assert refusal_of(wanted).startswith(f"URL: found {found}, expected ")
    assert len(host.asked) <= 4


@pytest.mark.parametrize("more, is_followed", [(0, True), (1, False)])
def test_redirects_are_counted(host: Host, wanted: Wanted, more: int, is_followed: bool) -> None:
    last = MOST_REDIRECTS + more
    chain = ["/a.bin", *(f"/{number}.bin" for number in range(1, last)), "/last.bin"]
    host.redirects = dict(pairwise(chain))
    host.files["/last.bin"] = DATA
    if is_followed:
        fetch(wanted)
        assert wanted.path.read_bytes() == DATA
    else:
        assert "a redirect (status 302) that is not followed" in refusal_of(wanted)
    assert len(host.asked) == MOST_REDIRECTS + 1


@pytest.mark.parametrize("target", ["http://example.invalid/a.bin", "ftp://127.0.0.1/a.bin", "file:///etc/hostname"])
def test_a_redirect_to_anything_but_https_is_refused(host: Host, wanted: Wanted, target: str) -> None:
    host.redirects["/a.bin"] = target
    assert "a redirect (status 302) that is not followed" in refusal_of(wanted)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/a", "ftp://example.org/a", "file:///a", "a.bin", "https://", "https://a:b/", "https://[/a",
     "https://example.org/a b", "https://example.org/\x07"],
)  # fmt: skip
def test_an_address_without_encryption_or_sense_is_refused(url: str) -> None:
    with pytest.raises(ModelError, match=r"^address: found .*, expected https://HOST/...; give another address$"):
        check_address(url)


@pytest.mark.parametrize("url", ["https://example.org/a", "http://localhost:8000/a", "http://[::1]:80/a"])
def test_https_and_this_machine_are_good_addresses(url: str) -> None:
    check_address(url)


# --- silence, and nobody there ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [-1, 0, 100_000])
def test_a_silent_server_is_given_up_and_what_came_stays(host: Host, wanted: Wanted, after: int) -> None:
    host.hangs = [after, 0]
    line = refusal_of(wanted, timeout_s=0.5)
    again = "run it again, it goes on from there" if after > 0 else "run it again later"
    assert line.startswith(f"URL: found no answer for 0.5 s, expected 299,996 or 300,000 bytes; {again}, or put the")
    assert wanted.part.exists() == (after > 0)
    assert after <= 0 or wanted.part.read_bytes() == DATA[:after]


def test_nobody_there_is_told_with_the_place_to_put_the_file(tmp_path: Path) -> None:
    with serving() as gone:
        pass
    wanted = Wanted(f"{gone.url}/a.bin", tmp_path / "a.bin", check, (300_000,))
    repair = "run it again later, or put the right file at PATH by hand (300,000 bytes)"
    assert refusal_of(wanted) == f"URL: found no connection (Connection refused), expected 300,000 bytes; {repair}"


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_a_cache_without_permission_is_refused(host: Host, open_folder: Path, without_rights) -> None:
    open_folder.chmod(0o555)
    wanted = Wanted(f"{host.url}/a.bin", open_folder / "a.bin", check, (299_996, 300_000))
    with (
        without_rights(),
        pytest.raises(OutputError, match=r"found no permission to write here, expected a folder to write into; "),
    ):
        fetch(wanted)


def test_a_file_in_place_of_the_cache_is_refused(host: Host, wanted: Wanted) -> None:
    wanted.path.parent.write_bytes(b"")
    with pytest.raises(OutputError) as caught:
        fetch(wanted)
    assert str(caught.value).startswith(f"{wanted.path.parent}: found ")
    assert host.asked == []


def test_a_full_disk_is_told_and_what_came_is_gone_on_with(wanted: Wanted) -> None:
    def full(done: int, total: int | None) -> None:
        if done > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as `write` raises it

    with pytest.raises(OutputError) as caught:
        fetch(wanted, on_progress=full)
    repair = "free some space or choose another folder; what has come is kept, and the next run goes on from there"
    assert str(caught.value) == f"{wanted.path}: found a full disk, expected room for the whole file; {repair}"
    assert DATA.startswith(wanted.part.read_bytes())
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA


def test_an_interrupted_download_is_gone_on_with(host: Host, wanted: Wanted) -> None:
    def stop(done: int, total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(wanted, on_progress=stop)
    assert wanted.part.stat().st_size > 100_000
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked[-1][1] is not None


# --- several processes ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_second_process_waits_for_the_first_and_asks_for_nothing(host: Host, wanted: Wanted) -> None:
    host.hangs = [100_000]
    command = [sys.executable, "-c", CHILD, wanted.url, str(wanted.path)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    second = None
    try:
        _wait_for_part(first, wanted, 100_000)
        second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        told = second.stderr.readline()
        host.released.set()  # the first one's answer ends here, and it goes on with a new one
        assert told == "another process is downloading a.bin; waiting for it\n"
        assert first.communicate(timeout=60) == (None, "")
        assert second.communicate(timeout=60) == (None, "")
        assert (first.returncode, second.returncode) == (0, 0)
    finally:
        _end(first, second)
    assert wanted.path.read_bytes() == DATA
    assert [range_ for _, range_ in host.asked] == [None, f"bytes={100_000 - OVERLAP}-"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_a_killed_process_leaves_is_gone_on_with(host: Host, wanted: Wanted) -> None:
    host.hangs = [100_000]
    child = subprocess.Popen([sys.executable, "-c", CHILD, wanted.url, str(wanted.path)])
    try:
        _wait_for_part(child, wanted, 100_000 - 8192)  # as much as a buffer may hold back
        child.send_signal(signal.SIGKILL)
        child.wait(60)
    finally:
        _end(child)
    fetch(wanted)
    assert wanted.path.read_bytes() == DATA
    assert host.asked[-1][1] is not None


def _wait_for_part(child: subprocess.Popen, wanted: Wanted, size: int) -> None:
    for _ in range(600):
        if wanted.part.exists() and wanted.part.stat().st_size >= size:
            return
        assert child.poll() is None
        time.sleep(0.05)
    raise AssertionError("the child has not begun within 30 s")


def _end(*children: subprocess.Popen | None) -> None:
    for child in children:
        if child is not None:
            if child.poll() is None:
                child.kill()
            child.wait(60)
            if child.stderr is not None:
                child.stderr.close()
