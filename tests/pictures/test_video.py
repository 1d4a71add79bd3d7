"""Video in and out: clips made here, the two real ones, and what is refused or passed over in damaged files."""

import math
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from yolov2.errors import OutputError, VideoError, Yolov2Warning
from yolov2.pictures import video_reader
from yolov2.pictures.clip import Clip
from yolov2.pictures.video import DEMUXERS, VIDEO_SUFFIXES, open_video, promised_frames
from yolov2.pictures.video_writer import VideoWriter

CODEC_NOISE = 6  # levels on a flat colour: limited range, chroma at half size, and the encoder's own rounding
FPS = 25
TIME_NOISE = 1.5e-3  # seconds: half of the coarsest clock here, Matroska's and FLV's milliseconds


def flat(level, size=(48, 64)):
    return np.full((*size, 3), level, np.uint8)


def write_clip(path, levels, *, codec="mpeg4", demuxer=None, size=(48, 64), **options):
    """A clip of flat grey frames at these levels, made with PyAV alone."""
    with av.open(str(path), "w", format=demuxer) as container:
        settings = {key: str(value) for key, value in options.items()}
        stream: Any = container.add_stream(codec, rate=FPS, options=settings)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for level in levels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(flat(level, size), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def times_of(frames):
    return np.array([frame.time_s for frame in frames])


def levels_of(frames):
    return [float(frame.pixels.mean()) for frame in frames]


def refusal(path, **options):
    with pytest.raises(VideoError) as caught:
        open_video(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path.parent) + "/")


def damaged(path, *, cut=None, wreck=()):
    """The same file cut to a share of its length, or with these of its packets overwritten by zeros."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for number in wreck:
        at, size = packets[number]
        data[at : at + size] = bytes(size)
    path.write_bytes(data if cut is None else data[: int(cut * len(data))])
    return path


KINDS = [
    ("a.mp4", "libx264", "mp4"),
    ("A.MP4", "mpeg4", "mp4"),
    ("a.mov", "libx264", "mov"),
    ("a.mkv", "libx264", "matroska"),
    ("a.webm", "libvpx", "webm"),
    ("a.avi", "mpeg4", "avi"),
    ("a.ts", "libx264", "mpegts"),
    ("a.mpg", "mpeg2video", "mpeg"),
    ("a.flv", "flv", "flv"),
    ("a.wmv", "wmv2", "asf"),
]


@pytest.mark.parametrize("name, codec, demuxer", KINDS)
def test_every_kind_of_file_gives_its_frames_in_order(tmp_path, name, codec, demuxer):
    path = write_clip(tmp_path / name, range(20, 220, 20), codec=codec, demuxer=demuxer)
    with open_video(path) as video:
        assert (video.size, video.fps) == ((48, 64), FPS)
        frames = list(video)
    np.testing.assert_allclose(levels_of(frames), range(20, 220, 20), atol=CODEC_NOISE)
    assert [frame.index for frame in frames] == list(range(10))
    steps = np.diff(times_of(frames))
    np.testing.assert_allclose(steps, 1 / FPS, atol=TIME_NOISE)
    assert {frame.source for frame in frames} == {str(path)}


CLIPS = [
    Clip(1.0, 2.0),
    Clip(0.5),
    Clip(0, 0.36),
    Clip(0, None, 7),
    Clip(1.24, 1.92, 3),
    Clip(2.39),
    Clip(0.97, 1.0),  # behind the 24th, before the 25th
]


def part(frames, clip):
    """Slow twin: those of all frames that a clip has, by their times."""
    last = math.inf if clip.end_s is None else clip.end_s
    return [frame for frame in frames if clip.start_s - 1e-3 <= frame.time_s < last - 1e-3][:: clip.stride]


@pytest.mark.parametrize("name, codec, demuxer", KINDS)
def test_a_part_is_the_frames_of_the_whole_between_its_ends(tmp_path, name, codec, demuxer):
    path = write_clip(tmp_path / name, range(10, 250, 4), codec=codec, demuxer=demuxer, g=10)
    with open_video(path) as video:
        whole = list(video)
    assert len(whole) == 60
    for clip in CLIPS:
        expected = part(whole, clip)
        if not expected:
            assert refusal(path, clip=clip).startswith(f"{name}: found ")
            continue
        with open_video(path, clip=clip) as video:
            frames = list(video)
        assert [frame.index for frame in frames] == [frame.index for frame in expected], clip
        assert times_of(frames).tolist() == times_of(expected).tolist()
        assert {frame.rate for frame in frames} == {FPS / clip.stride}
        for frame, twin in zip(frames, expected, strict=True):
            np.testing.assert_array_equal(frame.pixels, twin.pixels)


@pytest.mark.parametrize("name, codec, demuxer", [kind for kind in KINDS if kind[0] not in ("a.ts", "a.mpg", "a.wmv")])
def test_reading_starts_at_the_key_frame_before_the_start(tmp_path, name, codec, demuxer):
    path = write_clip(tmp_path / name, range(10, 250, 4), codec=codec, demuxer=demuxer, g=10)
    with open_video(path, clip=Clip(2.0)) as video:
        assert len(list(video)) == 10
        assert video._good <= 20  # decoded: of 60 no more than from the key frame before on


@pytest.mark.parametrize("name, codec, demuxer", KINDS)
def test_where_no_key_frame_is_found_before_the_start_all_is_decoded(tmp_path, monkeypatch, name, codec, demuxer):
    monkeypatch.setattr(video_reader.VideoReader, "_finds_key_frame", lambda self, target: False)
    path = write_clip(tmp_path / name, range(10, 250, 4), codec=codec, demuxer=demuxer, g=10)
    with open_video(path, clip=Clip(2.0)) as video:
        assert [frame.index for frame in video] == list(range(50, 60))
        assert video._good == 60


def test_a_start_behind_the_end_is_refused_with_the_length(tmp_path):
    path = write_clip(tmp_path / "a.mp4", [40] * 50)
    assert refusal(path, clip=Clip(3)) == "a.mp4: found a video of 2.00 s, expected frames from 3 s on; start earlier"


def test_a_part_of_the_real_clip_is_that_part(shared):
    path = shared / "data" / "video" / "bottle-detection.mp4"
    with open_video(path) as video:
        whole = [(frame.index, frame.time_s, int(frame.pixels[::40, ::40].sum())) for frame in video]
    with open_video(path, clip=Clip(12, 13, 4)) as video:
        found = [(frame.index, frame.time_s, int(frame.pixels[::40, ::40].sum())) for frame in video]
    assert found == [row for row in whole if 12 <= (row[1] or 0) < 13][::4]
    assert len(found) == 8


def test_numbers_stay_right_behind_a_damaged_frame_of_a_part(tmp_path):
    path = damaged(write_clip(tmp_path / "a.mp4", range(10, 250, 4), g=5), wreck=[42])
    with open_video(path, clip=Clip(1.6, 1.8)) as video, pytest.warns(Yolov2Warning, match="passed over 1 damaged"):
        assert [frame.index for frame in video] == [40, 41, 43, 44]


def test_a_damaged_frame_gives_its_turn_to_the_next_good_one(tmp_path):
    path = damaged(write_clip(tmp_path / "a.mp4", range(10, 250, 4), g=1), wreck=[6])
    with open_video(path, clip=Clip(0, 0.5, 3)) as video, pytest.warns(Yolov2Warning, match="passed over 1 damaged"):
        assert [frame.index for frame in video] == [0, 3, 7, 10]


@pytest.mark.parametrize("clip", CLIPS)
def test_a_header_promises_as_many_frames_of_a_part_as_there_are(tmp_path, clip):
    path = write_clip(tmp_path / "a.mp4", range(10, 250, 4))
    with open_video(path) as video:
        assert promised_frames(path, clip=clip) == len(part(list(video), clip))


def test_the_real_clips_have_all_their_frames(shared):
    counts = {}
    for name in ("car-detection", "bottle-detection"):
        with open_video(shared / "data" / "video" / f"{name}.mp4") as video:
            times = times_of(video)
            counts[name] = video.size, round(video.fps, 2), len(times), round(times[-1], 2), video.faults
    assert counts == {
        "car-detection": ((432, 768), 12.5, 377, 30.08, 0),
        "bottle-detection": ((360, 640), 29.83, 597, 19.98, 0),
    }


def test_frames_are_rgb(tmp_path):
    red = np.zeros((48, 64, 3), np.uint8)
    red[:, :, 0] = 255
    with VideoWriter(tmp_path / "red.mp4", FPS, (48, 64)) as writer:
        writer.write(red)
    with open_video(tmp_path / "red.mp4") as video:
        np.testing.assert_allclose(next(iter(video)).pixels.mean(axis=(0, 1)), (255, 0, 0), atol=CODEC_NOISE)


@pytest.mark.parametrize(
    "matrix, size, red_edge",
    [
        ((1, 0, 0, 1), (32, 64), "left"),
        ((0, 1, -1, 0), (64, 32), "top"),  # a telephone held upright: turned clockwise
        ((-1, 0, 0, -1), (32, 64), "right"),
        ((0, -1, 1, 0), (64, 32), "bottom"),
    ],
)
def test_a_frame_is_turned_as_the_file_says(tmp_path, matrix, size, red_edge):
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :16, 0] = 255
    path = tmp_path / "turned.mp4"
    with VideoWriter(path, FPS, (32, 64)) as writer:
        writer.write(pixels)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44  # the display matrix of the track, in 16.16 numbers
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    path.write_bytes(data)
    with open_video(path) as video:
        assert video.size == size
        turned = next(iter(video)).pixels[:, :, 0]
    edges = {"left": turned[:, :4], "right": turned[:, -4:], "top": turned[:4], "bottom": turned[-4:]}
    assert max(edges, key=lambda edge: edges[edge].mean()) == red_edge
    assert turned.flags.c_contiguous is False  # one channel of a picture that is
    assert edges[red_edge].mean() == pytest.approx(255, abs=CODEC_NOISE)


def test_the_size_may_change_in_mid_stream(tmp_path):
    small = write_clip(tmp_path / "small.ts", [40] * 5, demuxer="mpegts", size=(48, 64))
    large = write_clip(tmp_path / "large.ts", [200] * 5, demuxer="mpegts", size=(96, 128))
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with open_video(both) as video:
        assert video.size == (48, 64)
        assert [frame.size for frame in video] == [(48, 64)] * 5 + [(96, 128)] * 5


def test_a_file_is_read_whatever_its_name(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/-a\nb\xff: file.avi"))
    write_clip(tmp_path / "plain.avi", [40, 80]).rename(path)
    with open_video(path) as video:
        assert [frame.source for frame in video] == [str(path)] * 2


def read_damaged(path, match):
    """The frames of a damaged file and the number that were lost, with the warning that must come at the end."""
    with open_video(path) as video:
        with pytest.warns(Yolov2Warning, match=match):
            frames = list(video)
        return frames, video.faults


def test_a_damaged_frame_is_passed_over_and_counted(tmp_path):
    path = damaged(write_clip(tmp_path / "a.mp4", range(20, 220, 10), g=5), wreck=[7])
    frames, faults = read_damaged(path, r"a\.mp4: passed over 1 damaged frames, read 19$")
    assert faults == 1
    assert [frame.index for frame in frames] == [index for index in range(20) if index != 7]
    assert (FPS * times_of(frames)).tolist() == pytest.approx([frame.index for frame in frames])


def test_h264_keeps_count_over_a_damaged_stretch(shared, tmp_path):
    path = tmp_path / "car.mp4"
    path.write_bytes((shared / "data" / "video" / "car-detection.mp4").read_bytes())
    damaged(path, wreck=range(100, 110))
    frames, faults = read_damaged(path, "damaged frames")
    assert 10 <= faults <= 60
    assert len(frames) + faults == 377
    times = times_of(frames)
    np.testing.assert_array_less(0, np.diff(times))
    # Right behind the gap FFmpeg gives a frame before it has read all that come before it: one number too low.
    off = np.array([frame.index for frame in frames]) - times * 12.5
    assert np.count_nonzero(np.abs(off) > 0.01) <= 1
    assert np.abs(off).max() < 1.01


def test_too_many_damaged_frames_in_a_row_end_it_with_the_number_done(tmp_path, monkeypatch):
    monkeypatch.setattr(video_reader, "MAX_FAULTS_IN_A_ROW", 20)
    path = damaged(write_clip(tmp_path / "a.mp4", [100] * 60, g=1), wreck=[2, *range(9, 60)])
    done = []
    with open_video(path) as video, pytest.raises(VideoError) as caught:
        done.extend(frame.index for frame in video)
    assert str(caught.value).removeprefix(str(tmp_path)) == (
        "/a.mp4: found no good frame in 20 packets after 8 good frames, expected frames that decode; "
        "the results so far stand; copy the file again for the rest"
    )


def test_a_file_without_one_good_frame_is_refused(tmp_path):
    path = damaged(write_clip(tmp_path / "a.mp4", [40] * 5, g=1), wreck=range(5))
    assert refusal(path).startswith("a.mp4: found no frame that decodes (5 damaged), expected a video; ")


def write_noise(path, *, count=100):
    """An MP4 file of noise, mostly pictures, with its index in front."""
    with VideoWriter(path, FPS, (48, 64)) as writer:
        for pixels in np.random.default_rng(0).integers(0, 255, (count, 48, 64, 3), dtype=np.uint8):
            writer.write(pixels)
    return path


def test_a_file_that_ends_early_says_so(tmp_path):
    path = damaged(write_noise(tmp_path / "a.mp4"), cut=0.5)
    with open_video(path) as video, pytest.warns(Yolov2Warning) as caught:
        frames = list(video)
    last = str(caught[-1].message)
    assert 40 <= len(frames) <= 60
    assert last.startswith(f"{path}: ended early, after {len(frames)} frames and ")
    assert last.endswith(" s of 4.0 s")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"this is no video, but a text\n" * 40,
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile real.avi\n",
    ],
    ids=["empty", "text", "playlist", "concat"],
)
@pytest.mark.parametrize("suffix", sorted(set(DEMUXERS) - {".ts", ".mts", ".m2ts", ".mpg", ".mpeg"}))
def test_what_is_no_video_is_refused(tmp_path, data, suffix):
    write_clip(tmp_path / "real.avi", [40] * 3)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    assert refusal(path).startswith(f"a{suffix}: found a file that does not open as ")


@pytest.mark.parametrize("suffix", [".ts", ".m2ts", ".mpg"])
def test_a_playlist_in_a_stream_format_is_refused(tmp_path, suffix):
    write_clip(tmp_path / "real.avi", [40] * 3)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"ffconcat version 1.0\nfile real.avi\n")
    assert refusal(path).startswith(f"a{suffix}: found ")


def test_a_video_without_its_index_is_refused(tmp_path):
    path = write_noise(tmp_path / "a.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4] + data[data.index(b"mdat") - 4 :])
    assert refusal(path) == (
        "a.mp4: found a file that does not open as mov (Invalid data found when processing input), expected a whole .mp4 "
        "video; it is cut short or of another kind; copy it again, or convert it"
    )


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert refusal(path).startswith("song.mp4: found no picture track, expected a video; ")


@pytest.mark.parametrize("limit, refused", [(48 * 64, False), (48 * 64 - 1, True)])
def test_frames_over_the_limit_on_pixels_are_refused_before_one_is_decoded(tmp_path, limit, refused):
    path = write_clip(tmp_path / "a.mp4", [40] * 3)
    if refused:
        assert refusal(path, max_pixels=limit) == (
            "a.mp4: found frames of 64 x 48 pixels, expected at most 3,071 pixels; "
            "make them smaller, or raise the limit with --max-pixels if you trust the file"
        )
    else:
        open_video(path, max_pixels=limit).close()


def test_frames_that_grow_over_the_limit_are_never_given_out(tmp_path):
    small = write_clip(tmp_path / "small.ts", [40] * 5, demuxer="mpegts", size=(48, 64))
    large = write_clip(tmp_path / "large.ts", [200] * 5, demuxer="mpegts", size=(96, 128))
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    sizes = []
    with open_video(both, max_pixels=5000) as video, pytest.raises(VideoError, match="found frames of 128 x 96 pixels"):
        sizes.extend(frame.size for frame in video)
    assert set(sizes) <= {(48, 64)}


def test_a_missing_file_a_folder_a_pipe_and_a_device_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    other = "found something other than a file, expected a video file; check the name"
    assert refusal(tmp_path / "no.mp4") == "no.mp4: found no such file, expected a video file; check the name"
    assert refusal(tmp_path / "pipe.mp4") == f"pipe.mp4: {other}"
    assert refusal(tmp_path / "folder.mp4") == f"folder.mp4: {other}"
    assert refusal(Path("/dev/zero")) == f"zero: {other}"
    assert refusal(Path("a\0b.mp4")) == "a\\x00b.mp4: found no such file, expected a video file; check the name"


def test_an_address_is_no_file():
    assert "found no such file" in refusal(Path("http://127.0.0.1:9/a.mp4"))


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    assert refusal(tmp_path / "a.gif").startswith("a.gif: found the suffix '.gif', expected one of .3gp .avi .flv ")


def test_suffixes_are_lower_case():
    assert {suffix for suffix in VIDEO_SUFFIXES if suffix != suffix.lower() or suffix[0] != "."} == set()


def test_damage_says_nothing_on_standard_error(tmp_path):
    path = damaged(write_clip(tmp_path / "a.mp4", range(20, 220, 10), g=5), wreck=[7, 8])
    code = f"""
import pathlib, warnings
warnings.simplefilter("ignore")
from yolov2.pictures.video import open_video
with open_video(pathlib.Path({str(path)!r})) as video:
    print(len(list(video)))
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (child.stdout, child.stderr) == ("18\n", "")


def test_importing_the_module_does_not_load_av():
    code = "import sys, yolov2.pictures.video; print('av' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout == "False\n"


@pytest.mark.parametrize("fps", [12.5, 29.97, 30000 / 1001, 179 / 6, 25])
def test_what_was_written_is_read_again(tmp_path, fps):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, fps, (48, 64)) as writer:
        for level in range(20, 220, 20):
            writer.write(flat(level))
    with open_video(path) as video:
        assert video.fps == pytest.approx(fps, rel=1e-6)
        frames = list(video)
    np.testing.assert_allclose(levels_of(frames), range(20, 220, 20), atol=CODEC_NOISE)
    assert frames[-1].time_s == pytest.approx(9 / fps, abs=TIME_NOISE)


def test_the_file_is_h264_that_plays_everywhere(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", FPS, (48, 64)) as writer:
        writer.write(flat(100))
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays while it is still loading


def test_without_x264_mpeg4_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with VideoWriter(tmp_path / "a.mp4", FPS, (48, 64)) as writer:
        writer.write(flat(100))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


@pytest.mark.parametrize("size", [(1, 1), (47, 64), (48, 63), (1, 501)])
def test_an_odd_side_is_padded_with_its_own_edge(tmp_path, size):
    with VideoWriter(tmp_path / "a.mp4", FPS, size) as writer:
        writer.write(flat(200, size))
    with open_video(tmp_path / "a.mp4") as video:
        assert video.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        assert next(iter(video)).pixels.min() >= 200 - CODEC_NOISE


def test_a_picture_of_another_size_is_fitted_with_black_beside_it(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", FPS, (64, 64)) as writer:
        writer.write(flat(200, (64, 64)))
        writer.write(flat(200, (60, 120)))
    with open_video(tmp_path / "a.mp4") as video:
        fitted = list(video)[1].pixels
    assert fitted[:12].max() < 40
    assert fitted[20:44].min() > 180
    assert fitted[-12:].max() < 40


def test_the_name_appears_only_when_the_file_is_whole(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, FPS, (48, 64)) as writer:
        for level in range(0, 250, 10):
            writer.write(flat(level))
        assert not path.exists()
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_umask_decides_who_may_read_a_video(tmp_path):
    before = os.umask(0o077)
    try:
        with VideoWriter(tmp_path / "a.mp4", FPS, (48, 64)) as writer:
            writer.write(flat(100))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.mp4").stat().st_mode) == 0o600


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_video_leaves_what_was_there_before(tmp_path, interruption):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"before")
    with pytest.raises(interruption), VideoWriter(path, FPS, (48, 64)) as writer:  # noqa: PT012 - a frame, then the end
        writer.write(flat(100))
        raise interruption
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.mp4", b"before")]


def test_without_a_picture_there_is_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", FPS, (48, 64)):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["no/such/folder/a.mp4", "folder.mp4"])
def test_a_place_that_takes_no_file_is_refused(tmp_path, name):
    (tmp_path / "folder.mp4").mkdir()
    refused = pytest.raises(OutputError, match=rf"^{tmp_path / name}: found a video that can't be written \(")
    with refused, VideoWriter(tmp_path / name, FPS, (48, 64)) as writer:
        writer.write(flat(100))
    assert [file.name for file in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_full_disk_ends_in_a_refusal_and_no_file(tmp_path):
    code = f"""
import pathlib, resource, signal, sys
import numpy as np
from yolov2.errors import OutputError
from yolov2.pictures.video_writer import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
noise = np.random.default_rng(0).integers(0, 256, (40, 120, 160, 3), dtype=np.uint8)
try:
    with VideoWriter(pathlib.Path({str(tmp_path / "a.mp4")!r}), 25, (120, 160)) as writer:
        for pixels in noise:
            writer.write(pixels)
except OutputError as error:
    print(error)
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.startswith(f"{tmp_path / 'a.mp4'}: found a video that can't be written (File too large), ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_closed_video_takes_no_picture_and_ends_once_more_without_harm(tmp_path, end):
    writer = VideoWriter(tmp_path / "a.mp4", FPS, (48, 64))
    writer.write(flat(100))
    getattr(writer, end)()
    there = [(file.name, file.read_bytes()) for file in tmp_path.iterdir()]
    with pytest.raises(ValueError, match=r"found a picture for .*a\.mp4, which is closed$"):
        writer.write(flat(100))  # in PyAV itself: a crash
    writer.close()
    writer.abort()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == there


@pytest.mark.parametrize("fps, size", [(0, (4, 4)), (float("nan"), (4, 4)), (25, (0, 4))])
def test_a_rate_or_size_of_nothing_is_a_wrong_call(tmp_path, fps, size):
    with pytest.raises(ValueError, match="expected a positive rate and size"):
        VideoWriter(tmp_path / "a.mp4", fps, size)


def test_a_picture_by_the_name_of_a_video_is_to_be_renamed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("a.jpg")
    path = Path("a.jpg").rename("a.mp4")
    assert refusal(path) == "a.mp4: found a JPEG picture, expected a .mp4 video; rename it to the kind that it is"
