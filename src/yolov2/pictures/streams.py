"""Videos that are no files: addresses and cameras -> VideoReader. No playlist is opened, whatever its name.

An address may hold a password. FFmpeg is given it whole; messages, results and file names have `public_name` of it.
"""

from __future__ import annotations

import re
import stat
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from yolov2.errors import VideoError, printable
from yolov2.pictures.clip import WHOLE, Clip
from yolov2.pictures.read import MAX_PIXELS, PICTURE_SUFFIXES
from yolov2.pictures.video import DEMUXERS
from yolov2.pictures.video_reader import VideoReader, load_av, read_from, reason

TIMEOUT_S = 10.0  # without an answer, and later without a byte
SCHEMES = ("rtsp", "rtsps", "http", "https")
# Kinds that hold a video themselves. The rest of what FFmpeg knows goes on to other addresses, or to files of this
# machine: playlists (HLS, DASH), lists of files (concat), descriptions of sessions (SDP).
FORMATS = ",".join(sorted({*DEMUXERS.values(), "mpjpeg", "mjpeg"}))
RTSP_OPTIONS = {"rtsp_transport": "tcp", "protocol_whitelist": "rtsp,rtsps,rtp,tcp,udp,tls"}
HTTP_OPTIONS = {"protocol_whitelist": "http,https,tcp,tls", "format_whitelist": FORMATS, "tls_verify": "1"}
PLAYLISTS = frozenset({".m3u8", ".m3u", ".mpd", ".pls", ".sdp", ".ism"})

SECRET = re.compile(r"((?:pass|pwd|token|secret|auth|sig|key)[^=&/?;]*=)[^&/?;]+", re.IGNORECASE)
CAMERA = re.compile(r"/dev/video([0-9]+)")
CAMERA_FORMATS = {"linux": "video4linux2", "darwin": "avfoundation", "win32": "dshow"}  # by sys.platform


def public_name(address: str) -> str:
    """An address without user, password and fragment, and with stars for what it calls a password, key or token."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as http://[::1
        return SECRET.sub(r"\1***", re.sub("//.*@", "//", address))
    if ":" in parts.netloc and "@" in address and "@" not in parts.netloc:  # a password with / ? or # in it
        return SECRET.sub(r"\1***", re.sub("//.*@", "//***@", address, flags=re.DOTALL))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    return SECRET.sub(r"\1***", urlunsplit(bare))


def open_stream(
    address: str, *, max_pixels: int = MAX_PIXELS, clip: Clip = WHOLE, timeout_s: float = TIMEOUT_S
) -> VideoReader:
    """The frames of a video at an rtsp or http address, to be closed after use. Raises VideoError, without secrets."""
    where = printable(public_name(address))
    scheme = _check(address, where)
    if scheme.startswith("rtsp"):
        container = _open(address, where, timeout_s, format="rtsp", options=RTSP_OPTIONS)
    else:
        _refuse_suffix(urlsplit(address).path, where)
        container = _open(address, where, timeout_s, options=HTTP_OPTIONS | _authorities())
    return read_from(container, public_name(address), max_pixels=max_pixels, clip=clip, is_stream=True)


def open_camera(camera: str, name: str, *, max_pixels: int = MAX_PIXELS, timeout_s: float = TIMEOUT_S) -> VideoReader:
    """The frames of a camera of this machine by its number or, on Linux, its device file. Raises VideoError."""
    where = printable(name)
    demuxer = CAMERA_FORMATS.get(sys.platform)
    if demuxer is None:
        expected = "Linux, macOS or Windows"
        raise VideoError.at(where, found=f"the platform {sys.platform}", expected=expected, repair="name a file")
    device = _device(camera, where)
    container = _open(device, where, timeout_s, format=demuxer, options={})
    return read_from(container, name, max_pixels=max_pixels, is_stream=True)


def _check(address: str, where: str) -> str:
    """The scheme of an address that may be opened."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # a bad one raises
        is_good = parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:
        is_good, parts = False, urlsplit("")
    if not is_good or not address.isascii() or not address.isprintable() or " " in address:
        expected = f"one such as {'://HOST/... '.join(SCHEMES)}://HOST/..., without blanks"
        raise VideoError.at(where, found="a bad address", expected=expected, repair="correct it")
    return parts.scheme


def _refuse_suffix(path: str, where: str) -> None:
    """What is known not to be a video before anybody is asked for it."""
    suffix = Path(path).suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        repair = "download it first: pictures are read from files"
        raise VideoError.at(where, found="a picture", expected="the address of a video", repair=repair)
    if suffix in PLAYLISTS:
        repair = "give the address of a video in it; playlists may name any other address"
        raise VideoError.at(where, found="a playlist", expected="the address of a video", repair=repair)


def _open(address: str, where: str, timeout_s: float, **how: Any) -> Any:  # PyAV's container
    av = load_av()
    start = time.monotonic()
    try:
        return av.open(address, timeout=(timeout_s, timeout_s), **how)
    except (av.FFmpegError, OSError) as error:
        # After a time-out FFmpeg says whatever it was about to say
        said = f"no answer for {timeout_s:g} s" if time.monotonic() - start >= timeout_s else reason(error)
        is_no_video = isinstance(error, av.error.InvalidDataError | av.error.ArgumentError)
    if is_no_video and not said.startswith("no answer"):
        repair = "download pictures, and the videos of a playlist, first"
        raise VideoError.at(where, found=f"no video ({said})", expected="one in a single file or stream", repair=repair)
    repair = "check the address, the network, and that the source is on" if "://" in address else "check its number"
    raise VideoError.at(where, found=f"nothing to watch ({said})", expected="a video", repair=repair)


def _authorities() -> dict[str, str]:
    """Where the certificates lie that Python trusts; FFmpeg looks for none itself."""
    import ssl  # takes a while, and most runs ask for nothing

    file = ssl.get_default_verify_paths().cafile
    return {"ca_file": file} if file else {}


def _device(camera: str, where: str) -> str:
    """What this platform's FFmpeg calls a camera."""
    if sys.platform == "linux":
        path = Path(f"/dev/video{camera}" if camera.isdecimal() else camera)
        try:
            is_device = stat.S_ISCHR(path.stat().st_mode)
        except OSError:
            is_device = False
        if not is_device:
            raise VideoError.at(where, found=f"no device {path}", expected="a camera", repair="see ls /dev/video*")
        return str(path)
    if sys.platform == "win32":
        found = [device for device in load_av().enumerate_input_devices("dshow") if "video" in device.media_types]
        if not (camera.isdecimal() and int(camera) < len(found)):
            expected = f"a number below {len(found)}"
            raise VideoError.at(where, found="no such camera", expected=expected, repair="connect it, or give another")
        return f"video={found[int(camera)].name}"
    return camera
