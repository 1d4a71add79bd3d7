"""One question to a web server: a file, or the rest of one. Speaks http and https alone, and follows few redirects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from yolov2 import __version__
from yolov2.errors import ModelError, printable

MOST_REDIRECTS = 5
PIECE = 1 << 16  # bytes
LOCAL = ("localhost", "127.0.0.1", "::1")
LENGTH = re.compile("[0-9]{1,18}")
RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


class CutError(Exception):
    """The network failed; what it brought so far is good. Says what was found."""


class NoFileError(Exception):
    """The server answers, but not with a file. Says what was found."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """A file, or the rest of one, that comes in pieces."""

    response: HTTPResponse
    start: int  # the place of its first byte in the file
    total: int | None  # bytes of the whole file, where the server tells
    timeout_s: float

    def close(self) -> None:
        self.response.close()

    def pieces(self) -> Iterator[bytes]:
        """What comes, as it comes. Raises CutError."""
        try:
            while piece := self.response.read1(PIECE):
                yield piece
        except (OSError, HTTPException) as wrong:
            raise CutError(_said(wrong, self.timeout_s)) from None


def ask(url: str, *, start: int = 0, timeout_s: float) -> Answer:
    """The file from byte `start` on, or from its beginning where the server can't do that.

    timeout_s: without a byte. Proxies are those of the system, but for addresses of this machine.
    Raises CutError, NoFileError.
    """
    request = Request(url, headers={"User-Agent": f"yolov2/{__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response: HTTPResponse = _opener(url).open(request, timeout=timeout_s)
    except HTTPError as refused:
        refused.close()
        if start and refused.code == 416:  # what is there has no such byte
            return ask(url, timeout_s=timeout_s)
        raise NoFileError(_refusal(refused.code, refused.reason)) from None
    except (OSError, HTTPException, UnicodeError) as wrong:
        raise CutError(_said(wrong, timeout_s)) from None
    if response.status == 200:
        length = LENGTH.fullmatch(response.headers.get("Content-Length", ""))
        return Answer(response, 0, int(length[0]) if length else None, timeout_s)
    place = RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status == 206 and start and place and int(place[1]) == start:
        return Answer(response, start, None if place[2] == "*" else int(place[2]), timeout_s)
    response.close()
    if start:
        return ask(url, timeout_s=timeout_s)
    raise NoFileError(_refusal(response.status, response.reason))


def check_address(url: str) -> None:
    """Raise ModelError unless it is an https address, or an http address of this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a bad one raises
        is_good = bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
        )
    except ValueError:
        is_good = False
    if not is_good or not url.isascii() or not url.isprintable() or " " in url:
        found = printable(url, longest=100)
        raise ModelError.at("address", found=found, expected="https://HOST/...", repair="give another address")


def _opener(url: str) -> OpenerDirector:
    """Without what else urllib knows: no file:, no ftp:, no cookies, no passwords."""
    opener = OpenerDirector()
    handlers: list[BaseHandler] = [HTTPHandler(), HTTPSHandler(), UnknownHandler()]
    handlers += [HTTPDefaultErrorHandler(), HTTPErrorProcessor(), _Redirects()]
    if urlsplit(url).hostname not in LOCAL:
        handlers.append(ProxyHandler())
    for handler in handlers:
        opener.add_handler(handler)
    return opener


class _Redirects(HTTPRedirectHandler):
    """Follows a few redirects, none twice, and none from https to http."""

    max_redirections = MOST_REDIRECTS
    max_repeats = 1

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        try:
            check_address(newurl)
            is_good = urlsplit(newurl).scheme == "https" or req.type == "http"
        except ModelError:
            is_good = False
        if not is_good:
            raise HTTPError(newurl, code, msg, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refusal(status: int, reason: str) -> str:
    if 300 <= status < 400:
        return f"a redirect (status {status}) that is not followed: a loop, more than {MOST_REDIRECTS}, or not to https"
    return f"status {status} ({printable(reason, longest=60)})" if reason else f"status {status}"


def _said(wrong: Exception, timeout_s: float) -> str:
    """What the network did."""
    if isinstance(wrong, URLError) and isinstance(wrong.reason, Exception):
        wrong = wrong.reason
    if isinstance(wrong, TimeoutError):
        return f"no answer for {timeout_s:g} s"
    if isinstance(wrong, ConnectionError | HTTPException) and not isinstance(wrong, ConnectionRefusedError):
        return f"the connection cut ({printable(wrong, longest=60) or type(wrong).__name__})"
    said = getattr(wrong, "strerror", None) or str(wrong) or type(wrong).__name__
    return f"no connection ({printable(said, longest=100)})"
