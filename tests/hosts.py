"""A web server on this machine for a test: it gives files, and fails in the ways that the test asks for."""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Host:
    """What the server gives and how, to be changed at any time; and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}  # by path, "/a.bin"
        self.redirects: dict[str, str] = {}  # from a path to an address
        self.statuses: dict[str, int] = {}
        self.has_ranges = True
        self.has_lengths = True  # else the end of the connection is the end of the file
        self.cuts: list[int] = []  # the next answers end after so many bytes
        self.hangs: list[int] = []  # the next answers say nothing more after so many bytes; -1: not even their head
        self.released = threading.Event()  # ends the answers that hang
        self.asked: list[tuple[str, str | None]] = []  # path and Range of every request
        self.url = ""


@contextmanager
def serving() -> Generator[Host]:
    """A host that runs meanwhile, on a port of its own."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, host)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # who has seen enough may leave
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        host.released.set()
        server.shutdown()
        thread.join()
        server.server_close()  # waits for its answers


def _answer(handler: BaseHTTPRequestHandler, host: Host) -> None:
    range_ = handler.headers["Range"]
    host.asked.append((handler.path, range_))
    if host.hangs and host.hangs[0] < 0:
        host.released.wait(20)
        return
    if handler.path in host.redirects:
        _head(handler, 302, {"Location": host.redirects[handler.path], "Content-Length": "0"})
        return
    if handler.path in host.statuses:
        _head(handler, host.statuses[handler.path], {"Content-Length": "0"})
        return
    data = host.files.get(handler.path)
    if data is None:
        handler.send_error(404)
        return
    start, status, headers = 0, 200, {}
    if range_ is not None and host.has_ranges:
        start = int(range_.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            _head(handler, 416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"})
            return
        status, headers = 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
    if host.has_lengths:
        headers["Content-Length"] = str(len(data) - start)
    _head(handler, status, headers)
    body = data[start:]
    if host.hangs:
        handler.wfile.write(body[: host.hangs.pop(0)])
        host.released.wait(20)
        return
    handler.wfile.write(body[: host.cuts.pop(0)] if host.cuts else body)


def _head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
