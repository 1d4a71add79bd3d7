"""A camera on this machine for a test: an RTSP server that gives one H.264 film over TCP, and breaks off when asked to.

As much of RFC 2326 and RFC 6184 as FFmpeg wants: every NAL unit in a packet of its own, interleaved with the answers.
"""

import base64
import socket
import struct
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

FPS = 25
CLOCK = 90_000 // FPS  # ticks of RTP's clock a frame
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=film\r\nt=0 0\r\n{length}m=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtpmap:96 H264/90000\r\na=framerate:25\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
    "a=control:track\r\n"
)


class Camera:
    """What the server gives and how, to be changed at any time; and what it was asked for."""

    def __init__(self, frames: Iterable[NDArray[np.uint8]]) -> None:
        self.film = encode(frames)  # NAL units by frame
        self.password = ""  # of the user "user"; empty: anybody may watch
        self.breaks: list[int] = []  # the next viewers are cut off after so many frames
        self.length_s: float | None = None  # what it says of the film's length; None: it is live
        self.stays = False  # after the last frame silence, and no end
        self.released = threading.Event()  # ends that silence
        self.asked: list[str] = []  # the method of every request
        self.viewers = 0
        self.shown = 0  # films that were sent to their end
        self.url = ""


def encode(frames: Iterable[NDArray[np.uint8]]) -> list[list[bytes]]:
    """The NAL units of each frame, which must be small enough for a packet."""
    codec: Any = av.CodecContext.create("libx264", "w")
    codec.pix_fmt, codec.framerate, codec.time_base = "yuv420p", FPS, Fraction(1, FPS)
    codec.options = {"tune": "zerolatency", "preset": "ultrafast", "g": "5", "x264-params": "repeat-headers=1:aud=0"}
    film: list[list[bytes]] = []
    for number, pixels in enumerate(frames):
        if not number:
            codec.height, codec.width = pixels.shape[:2]
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts = number
        film += [_units(bytes(packet)) for packet in codec.encode(frame)]
    return film + [_units(bytes(packet)) for packet in codec.encode(None)]


def _units(data: bytes) -> list[bytes]:
    return [unit.strip(b"\0") for unit in data.split(b"\0\0\1") if unit.strip(b"\0")]


@contextmanager
def filming(frames: Iterable[NDArray[np.uint8]]) -> Generator[Camera]:
    """A camera that runs meanwhile, on a port of its own."""
    camera = Camera(frames)
    listener = socket.create_server(("127.0.0.1", 0))
    camera.url = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/garden"
    viewers: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):  # it is closed when the test is over
            while True:
                connection, _ = listener.accept()
                viewers.append(threading.Thread(target=_serve, args=(connection, camera)))
                viewers[-1].start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield camera
    finally:
        camera.released.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for viewer in (thread, *viewers):
            viewer.join()


def _serve(connection: socket.socket, camera: Camera) -> None:
    with connection, suppress(OSError):  # whoever watches may leave at any time
        requests = connection.makefile("rb")
        while head := _head(requests):
            method, headers = head
            camera.asked.append(method)
            expected = "Basic " + base64.b64encode(f"user:{camera.password}".encode()).decode()
            if camera.password and headers.get("authorization") != expected:
                _answer(connection, headers, "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="camera"'})
            elif method == "OPTIONS":
                _answer(connection, headers, "200 OK", {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"})
            elif method == "DESCRIBE":
                _answer(connection, headers, "200 OK", {"Content-Type": "application/sdp"}, _sdp(camera))
            elif method == "SETUP":
                _answer(connection, headers, "200 OK", {"Session": "1", "Transport": headers["transport"]})
            elif method == "PLAY":
                _answer(connection, headers, "200 OK", {"Session": "1"})
                _play(connection, camera)
                return
            else:
                _answer(connection, headers, "200 OK", {})


def _head(requests: Any) -> tuple[str, dict[str, str]] | None:
    """The method and the headers of the next request."""
    line = requests.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (field := requests.readline().strip()) != b"":
        name, _, value = field.decode().partition(":")
        headers[name.lower()] = value.strip()
    return line.decode().split(" ")[0], headers


def _answer(
    connection: socket.socket, asked: dict[str, str], status: str, headers: dict[str, str], body: bytes = b""
) -> None:
    lines = [f"RTSP/1.0 {status}", f"CSeq: {asked['cseq']}", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)


def _sdp(camera: Camera) -> bytes:
    sets = [unit for unit in camera.film[0] if unit[0] & 31 in (7, 8)]
    length = "" if camera.length_s is None else f"a=range:npt=0-{camera.length_s}\r\n"
    return SDP.format(length=length, sets=",".join(base64.b64encode(unit).decode() for unit in sets)).encode()


def _play(connection: socket.socket, camera: Camera) -> None:
    camera.viewers += 1
    film = camera.film[: camera.breaks.pop(0)] if camera.breaks else camera.film
    sequence = 0
    for number, units in enumerate(film):
        for at, unit in enumerate(units):
            is_last = at == len(units) - 1
            header = struct.pack(">BBHII", 0x80, 96 | is_last << 7, sequence & 0xFFFF, number * CLOCK, 7)
            packet = header + unit
            connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            sequence += 1
    camera.shown += 1
    if camera.stays:
        camera.released.wait(20)
