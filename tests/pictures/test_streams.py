"""Addresses and cameras: servers of this machine that give video, give something else, send elsewhere, or keep silent."""

import io
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import av
import numpy as np
import pytest

from hosts import Host, serving
from rtsp_server import filming
from yolov2.errors import VideoError
from yolov2.pictures import streams
from yolov2.pictures.clip import Clip
from yolov2.pictures.encode import encode_picture
from yolov2.pictures.streams import open_camera, open_stream, public_name
from yolov2.pictures.video_writer import VideoWriter

CODEC_NOISE = 6  # levels on a flat colour, as in test_video.py
LEVELS = list(range(10, 210, 10))
PATIENCE_S = 0.3  # of a test with a server that keeps silent


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        yield host


@pytest.fixture(scope="module")
def mp4(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    with VideoWriter(path, 25, (48, 64)) as writer:
        for level in LEVELS:
            writer.write(np.full((48, 64, 3), level, np.uint8))
    return path.read_bytes()


def copied(mp4: bytes, demuxer: str) -> bytes:
    """The same film in another container."""
    buffer = io.BytesIO()
    with av.open(io.BytesIO(mp4), "r") as source, av.open(buffer, "w", format=demuxer) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return buffer.getvalue()


def jpeg(level: int) -> bytes:
    return encode_picture(np.full((48, 64, 3), level, np.uint8), ending=".jpg")


def levels_of(frames) -> list[float]:
    return [float(frame.pixels.mean()) for frame in frames]


def refusal(address: str, *, timeout_s: float = 5, max_pixels: int = 1_000_000) -> str:
    with pytest.raises(VideoError) as caught:
        open_stream(address, timeout_s=timeout_s, max_pixels=max_pixels)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None  # FFmpeg's own error holds the address with its password
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address, name",
    [
        ("rtsp://10.0.0.1:554/garden", "rtsp://10.0.0.1:554/garden"),
        ("rtsp://user:secret@10.0.0.1/garden", "rtsp://10.0.0.1/garden"),
        ("rtsp://user:se@cret@10.0.0.1/garden", "rtsp://10.0.0.1/garden"),
        ("rtsp://user@[::1]:554/garden", "rtsp://[::1]:554/garden"),
        ("http://host/a.mp4?channel=2&password=secret&x=1", "http://host/a.mp4?channel=2&password=***&x=1"),
        ("http://host/a.mp4?access_token=secret", "http://host/a.mp4?access_token=***"),
        ("rtsp://host/user=admin&pwd=secret/1", "rtsp://host/user=admin&pwd=***/1"),
        ("http://host/a.mp4?Signature=secret#t=3", "http://host/a.mp4?Signature=***"),
        ("http://user:secret@[::1/a.mp4", "http://[::1/a.mp4"),
        ("rtsp://admin:pa/ss@host/1", "rtsp://***@host/1"),
        ("rtsp://admin:12/34@host/1", "rtsp://***@host/1"),
        ("rtsp://admin:pa#ss@host/1", "rtsp://***@host/1"),
        ("rtsp://admin:pa?ss@host/1", "rtsp://***@host/1"),
        ("http://host/@user/a.mp4", "http://host/@user/a.mp4"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_the_name_of_an_address_keeps_no_secret(address, name):
    assert public_name(address) == name


# --- http -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, demuxer", [("/a.mp4", "mp4"), ("/a.mkv", "matroska"), ("/a.ts", "mpegts"), ("/v", "flv")]
)
def test_a_video_on_a_web_server_is_read_as_a_file_is(host, mp4, path, demuxer):
    host.files[path] = mp4 if demuxer == "mp4" else copied(mp4, demuxer)
    with open_stream(host.url + path) as video:
        assert (video.is_live, video.size, video.fps) == (False, (48, 64), 25)
        frames = list(video)
    np.testing.assert_allclose(levels_of(frames), LEVELS, atol=CODEC_NOISE)
    assert [(frame.index, frame.source, frame.rate) for frame in frames] == [
        (index, host.url + path, 25) for index in range(len(LEVELS))
    ]


def test_a_part_of_it_is_read_from_its_start(host, mp4):
    host.files["/a.mp4"] = mp4
    with open_stream(f"{host.url}/a.mp4", clip=Clip(0.2, 0.4, 2)) as video:
        assert [frame.index for frame in video] == [5, 7, 9]


@contextmanager
def answering(body: bytes, context: ssl.SSLContext | None = None, **headers: str) -> Generator[tuple[str, list[str]]]:
    """The address of a server that gives everybody this, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None: ...  # who has seen enough may leave

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' * (context is not None)}://127.0.0.1:{server.server_port}/video", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_pictures_of_a_web_camera_are_a_live_video():
    parts = [
        b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(data), data)
        for data in map(jpeg, LEVELS[:5])
    ]
    kind, found = "multipart/x-mixed-replace; boundary=next", []
    with answering(b"".join(parts), Content_Type=kind) as (address, _), open_stream(address, timeout_s=5) as video:
        assert (video.is_live, video.size) == (True, (48, 64))
        with pytest.raises(VideoError, match=r" after 5 good frames, expected frames that decode; "):
            found.extend(video)  # it breaks off: such a camera knows no end
    np.testing.assert_allclose(levels_of(found), LEVELS[:5], atol=CODEC_NOISE)


@pytest.mark.parametrize("path", ["/innocent.mp4", "/innocent", "/innocent.ts", "/list.txt"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile a.ts\n",
        '<?xml version="1.0"?><MPD type="static"><Period><AdaptationSet><Representation><BaseURL>{url}/a.ts</BaseURL></Representation></AdaptationSet></Period></MPD>',
        "v=0\r\nm=video 9 RTP/AVP 96\r\nc=IN IP4 127.0.0.1\r\na=rtpmap:96 H264/90000\r\n",
    ],
    ids=["m3u8", "m3u8-of-a-file", "concat", "dash", "sdp"],
)
def test_a_playlist_is_never_followed_whatever_its_name(host, mp4, path, text):
    host.files |= {"/a.ts": copied(mp4, "mpegts"), path: text.replace("{url}", host.url).encode()}
    assert refusal(host.url + path).startswith(f"{host.url}{path}: found no video (Invalid ")
    assert {asked for asked, _ in host.asked} == {path}


def test_a_playlist_with_its_own_content_type_is_not_followed():
    """FFmpeg takes a web server's word for what a file is."""
    text = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/a.ts\n#EXT-X-ENDLIST\n"
    with answering(text, Content_Type="application/vnd.apple.mpegurl", Content_Length=str(len(text))) as (
        address,
        asked,
    ):
        assert refusal(address) == (
            f"{address}: found no video (Invalid argument), expected one in a single file or stream; "
            "download pictures, and the videos of a playlist, first"
        )
        assert asked == ["/video"]


@pytest.mark.parametrize("name", ["live.m3u8", "LIVE.M3U8", "a.mpd", "a.sdp"])
def test_what_is_called_a_playlist_is_not_even_asked_for(host, name):
    assert refusal(f"{host.url}/{name}") == (
        f"{host.url}/{name}: found a playlist, expected the address of a video; "
        "give the address of a video in it; playlists may name any other address"
    )
    assert host.asked == []


def test_a_picture_is_to_be_downloaded_first(host):
    host.files["/picture"] = jpeg(100)
    assert refusal(f"{host.url}/a.JPG") == (
        f"{host.url}/a.JPG: found a picture, expected the address of a video; "
        "download it first: pictures are read from files"
    )
    assert refusal(f"{host.url}/picture").startswith(
        f"{host.url}/picture: found no video (Invalid argument), expected "
    )


def test_a_redirect_to_another_web_address_is_followed(host, mp4):
    host.files["/a.mp4"] = mp4
    host.redirects["/old"] = f"{host.url}/a.mp4"
    with open_stream(f"{host.url}/old") as video:
        assert len(list(video)) == len(LEVELS)


def test_a_redirect_to_anything_else_is_not(host, mp4, tmp_path):
    (tmp_path / "a.mp4").write_bytes(mp4)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        other = f"127.0.0.1:{listener.getsockname()[1]}"
        for place in (
            f"file://{tmp_path}/a.mp4", f"{tmp_path}/a.mp4", f"concat:{tmp_path}/a.mp4", f"rtsp://{other}/", f"tcp://{other}",
            f"subfile,,start,0,end,0,,:{tmp_path}/a.mp4", "data:video/mp4;base64,AAAA", f"crypto+file://{tmp_path}/a.mp4",
        ):  # fmt: skip
            host.redirects["/old"] = place
            assert refusal(f"{host.url}/old").startswith(f"{host.url}/old: found "), place
        with pytest.raises(BlockingIOError):
            listener.accept()  # nobody came


def test_a_server_that_never_answers_is_left_in_time(host):
    host.hangs = [-1]
    assert refusal(f"{host.url}/a.mp4", timeout_s=PATIENCE_S) == (
        f"{host.url}/a.mp4: found nothing to watch (no answer for 0.3 s), expected a video; "
        "check the address, the network, and that the source is on"
    )


def test_a_server_that_falls_silent_in_mid_film_is_left_in_time(host, tmp_path):
    path = tmp_path / "noise.mp4"
    with VideoWriter(path, 25, (240, 320)) as writer:
        for pixels in np.random.default_rng(0).integers(0, 255, (30, 240, 320, 3), dtype=np.uint8):
            writer.write(pixels)
    host.files["/a.mp4"] = path.read_bytes()
    host.hangs = [len(host.files["/a.mp4"]) // 2]
    indices = []
    with open_stream(f"{host.url}/a.mp4", timeout_s=PATIENCE_S) as video, pytest.raises(VideoError) as caught:
        indices.extend(frame.index for frame in video)
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)  # FFmpeg's own has the address
    assert indices == list(range(len(indices)))
    assert 5 < len(indices) < 25
    assert str(caught.value) == (
        f"{host.url}/a.mp4: found no answer in time after {len(indices)} good frames, expected frames that decode; "
        "the results so far stand; try again later"
    )


@pytest.mark.parametrize(
    "address, found",
    [
        ("http://127.0.0.1:{closed}/a.mp4", "nothing to watch (Connection refused)"),
        ("rtsp://user:secret@127.0.0.1:{closed}/1", "nothing to watch (Connection refused)"),
        ("{url}/none.mp4", "nothing to watch (Server returned 404 Not Found)"),
    ],
)
def test_what_can_not_be_reached_says_why(host, address, found):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    address = address.format(closed=closed, url=host.url)
    said = refusal(address)
    assert said.startswith(f"{public_name(address)}: found {found}, expected a video; ")
    assert "secret" not in said


@pytest.mark.parametrize(
    "address",
    ["http:///a.mp4", "http://host:99999/a", "http://[::1/a", "http://höst/a", "http://host/a b", "http://host/a\r\nX: y",
     "ftp://host/a.mp4", "file:///etc/hostname"],
)  # fmt: skip
def test_a_bad_address_is_refused_before_anybody_is_asked(address):
    assert " found a bad address, expected one such as rtsp://HOST/... " in refusal(address)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_certificate_that_python_does_not_trust_is_not_trusted(tmp_path, monkeypatch, mp4, is_trusted):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    words = [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here to make a certificate with")
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with answering(mp4, context, Content_Length=str(len(mp4))) as (address, _):
        if is_trusted:
            with open_stream(address, timeout_s=5) as video:
                assert len(list(video)) == len(LEVELS)
        else:
            assert refusal(address).startswith(f"{address}: found nothing to watch (")


# --- rtsp -------------------------------------------------------------------------------------------------------------


def film(count: int = 20) -> list[np.ndarray]:
    return [np.full((48, 64, 3), level, np.uint8) for level in LEVELS[:count]]


def test_a_camera_on_the_network_is_watched_over_tcp():
    with filming(film()) as camera, open_stream(camera.url, timeout_s=5) as video:
        assert (video.is_live, video.size, video.fps) == (True, (48, 64), 25)
        np.testing.assert_allclose(levels_of(video), LEVELS, atol=CODEC_NOISE)
        assert camera.asked[:4] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


def test_a_film_of_known_length_is_not_live():
    with filming(film()) as camera:
        camera.length_s = 0.8
        with open_stream(camera.url, timeout_s=5, clip=Clip(0, None, 5)) as video:
            assert not video.is_live
            assert len(list(video)) == 4


def test_a_password_opens_and_is_told_to_nobody():
    with filming(film()) as camera:
        camera.password = "secret"
        with open_stream(camera.url.replace("//", "//user:secret@"), timeout_s=5) as video:
            assert {frame.source for frame in video} == {camera.url}
        said = refusal(camera.url.replace("//", "//user:wrongsecret@"))
    assert said.startswith(f"{camera.url}: found nothing to watch (Server returned 401 Unauthorized")
    assert "wrongsecret" not in said


def test_a_camera_that_never_answers_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/garden"
        assert refusal(address, timeout_s=PATIENCE_S).startswith(
            f"{address}: found nothing to watch (no answer for 0.3 s), "
        )


def test_frames_over_the_limit_on_pixels_are_refused():
    with filming(film()) as camera:
        said = refusal(camera.url, max_pixels=3000)
    assert said.startswith(f"{camera.url}: found frames of 64 x 48 pixels, expected at most 3,000 pixels; ")


# --- cameras ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="device files are Linux's")
@pytest.mark.parametrize("camera", ["99", "/dev/video99"])
def test_a_camera_that_is_not_there_is_refused(camera):
    with pytest.raises(VideoError) as caught:
        open_camera(camera, "camera 99")
    expected = "camera 99: found no device /dev/video99, expected a camera; see ls /dev/video*"
    assert str(caught.value) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="device files are Linux's")
def test_a_file_is_no_camera(tmp_path):
    (tmp_path / "video0").touch()
    with pytest.raises(VideoError, match="found no device "):
        open_camera(str(tmp_path / "video0"), "video0")


def test_a_camera_gives_live_frames(monkeypatch):
    """FFmpeg's own source of test pictures in place of a camera, which no test machine has."""
    monkeypatch.setattr(streams, "CAMERA_FORMATS", {sys.platform: "lavfi"})
    monkeypatch.setattr(streams, "_device", lambda camera, where: "testsrc=size=64x48:rate=30")
    with open_camera("0", "camera 0") as video:
        assert (video.is_live, video.size, video.fps) == (True, (48, 64), 30)
        frames = [frame for _, frame in zip(range(3), video, strict=False)]
    assert [frame.source for frame in frames] == ["camera 0"] * 3


def test_a_windows_camera_goes_by_the_name_that_its_number_has(monkeypatch):
    devices = [SimpleNamespace(name="mic", media_types=["audio"]), SimpleNamespace(name="cam", media_types=["video"])]
    monkeypatch.setattr(streams.sys, "platform", "win32")
    monkeypatch.setattr(av, "enumerate_input_devices", lambda kind: devices)
    assert streams._device("0", "camera 0") == "video=cam"
    with pytest.raises(VideoError, match=r"^camera 1: found no such camera, expected a number below 1; "):
        streams._device("1", "camera 1")


def test_a_platform_without_cameras_says_so(monkeypatch):
    monkeypatch.setattr(streams.sys, "platform", "emscripten")
    with pytest.raises(
        VideoError, match=r"^camera 0: found the platform emscripten, expected Linux, macOS or Windows; "
    ):
        open_camera("0", "camera 0")


def test_importing_the_module_loads_no_av():
    code = "import sys, yolov2.pictures.streams, yolov2.pictures.live; print('av' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout == "False\n"


def test_a_refusal_says_nothing_on_standard_error(tmp_path):
    code = """
from yolov2.errors import VideoError
from yolov2.pictures.streams import open_stream
try:
    open_stream("rtsp://user:secret@127.0.0.1:9/1", timeout_s=2)
except VideoError as refusal:
    print(refusal)
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.startswith("rtsp://127.0.0.1:9/1: found nothing to watch (")
    assert child.stderr == ""
    assert "secret" not in child.stdout
