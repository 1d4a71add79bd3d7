"""Pictures and video with their boxes: the files that they become."""

import numpy as np
import pytest

from fakes import one_box
from results import FAILED, GREY, left_in, picture, write_all
from yolov2.detect.annotated import AnnotatedPictures, AnnotatedVideos, write_annotated
from yolov2.errors import OutputError, Yolov2Warning
from yolov2.pictures.read import read_picture
from yolov2.pictures.video import open_video
from yolov2.records import Frame

COUNTS = {"one.mp4": 3, "two.mp4": 5}  # frames


def test_pictures_are_drawn_into_files_of_their_kind(tmp_path):
    targets = {"a.jpg": tmp_path / "new" / "a.jpg", "b.png": tmp_path / "b.png"}
    writer = AnnotatedPictures(targets)
    for name in targets:
        writer.write(picture(name))
    writer.write(FAILED)
    writer.close()
    assert left_in(tmp_path) == ["b.png", "new/a.jpg"]
    assert (tmp_path / "new" / "a.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    drawn = read_picture(tmp_path / "b.png").pixels
    assert drawn.shape == GREY.shape
    assert (drawn != GREY).any(axis=-1).sum() > 20  # the label, at least
    assert (drawn[40:] == GREY[40:]).all()  # far from box and label


def test_a_picture_that_can_not_be_written_is_told_of_at_the_next_call(tmp_path):
    (tmp_path / "file").touch()
    writer = AnnotatedPictures({"a.jpg": tmp_path / "file" / "a.jpg"})
    writer.write(picture())
    with pytest.raises(OutputError, match=r"file: found a file of that name, expected a folder to write into; "):
        writer.close()


def test_a_picture_too_long_for_its_kind_of_file_does_not_end_the_run(tmp_path):
    wide = one_box(Frame(np.zeros((2, 65_536, 3), np.uint8), source="wide.bmp"), 3)
    message = (
        r"^wide\.bmp: not written with its boxes; picture: found 65,536 x 2 pixels, expected sides of at most 65,535"
    )
    with pytest.warns(Yolov2Warning, match=message):
        write_annotated(wide, tmp_path / "wide.jpg")
    assert left_in(tmp_path) == []


def test_a_video_named_twice_is_written_once(tmp_path):
    frames = [picture("one.mp4", index=index) for index in (0, 1, 0, 1)]
    write_all(AnnotatedVideos({"one.mp4": tmp_path / "out.mp4"}), frames)
    with open_video(tmp_path / "out.mp4") as video:
        assert len(list(video)) == 2


def test_frames_that_wait_when_a_video_can_not_be_written_end_in_its_refusal(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    writer = AnnotatedVideos({"one.mp4": tmp_path / "folder.mp4"})
    for index in range(4):
        writer.write(picture("one.mp4", index=index))
    with pytest.raises(OutputError, match=r"folder\.mp4: found a video that can't be written "):
        writer.close()
    writer.abort()
    assert left_in(tmp_path) == []


def test_every_video_has_a_file_of_its_own(tmp_path):
    targets = {name: tmp_path / "out" / name for name in ("one.mp4", "two.mp4")}
    frames = [picture(name, index=index, rate=12.5) for name, count in COUNTS.items() for index in range(count)]
    write_all(AnnotatedVideos(targets), frames)
    assert left_in(tmp_path / "out") == ["one.mp4", "two.mp4"]
    for name, count in COUNTS.items():
        with open_video(targets[name]) as video:
            assert (video.fps, video.size, len(list(video))) == (12.5, (48, 64), count)


def test_a_video_of_unknown_rate_has_25_frames_a_second(tmp_path):
    write_all(
        AnnotatedVideos({"camera": tmp_path / "camera.mp4"}), [picture("camera", index=index) for index in (0, 3)]
    )
    with open_video(tmp_path / "camera.mp4") as video:
        assert (video.fps, len(list(video))) == (25, 2)


def test_pictures_and_frames_of_other_channels_are_drawn_as_people_see_them(tmp_path):
    for channels in (1, 4):
        pixels = np.full((48, 64, channels), 90, np.uint8)
        still = one_box(Frame(pixels, source="a.png"), 3)
        write_all(AnnotatedPictures({"a.png": tmp_path / f"{channels}.png"}), [still])
        assert (read_picture(tmp_path / f"{channels}.png").pixels[40:] == 90).all()
        moving = one_box(Frame(pixels, source="a.mp4", index=0), 3)
        write_all(AnnotatedVideos({"a.mp4": tmp_path / f"{channels}.mp4"}), [moving])
        with open_video(tmp_path / f"{channels}.mp4") as video:
            assert np.abs(next(iter(video)).pixels[40:].astype(int) - 90).max() < 8  # but for the encoder's noise


def test_an_aborted_video_leaves_the_finished_one_alone(tmp_path):
    targets = {name: tmp_path / "out" / name for name in COUNTS}
    writer = AnnotatedVideos(targets)
    for source in targets:
        writer.write(picture(source, index=0))
    writer.abort()
    assert set(left_in(tmp_path / "out")) <= {"one.mp4"}  # whether its turn had come; never a part


def test_frames_that_a_live_source_dropped_leave_a_gap_in_its_video(tmp_path):
    writer = AnnotatedVideos({"camera 0": tmp_path / "a.mp4"})
    for index, time_s in ((10, 2.0), (11, 2.1), (16, 2.6), (17, 2.7)):
        writer.write(one_box(Frame(GREY, source="camera 0", index=index, time_s=time_s, rate=10.0), 1))
    writer.close()
    with open_video(tmp_path / "a.mp4") as video:
        assert [round(frame.time_s or 0, 3) for frame in video] == [0.0, 0.1, 0.6, 0.7]
