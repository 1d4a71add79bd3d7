"""Which frames are part of a clip, and how many."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.pictures.clip import WHOLE, Clip


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"start_s": -1}, "start_s: found -1, expected seconds from 0"),
        ({"start_s": math.nan}, "start_s: found nan, expected seconds from 0"),
        ({"start_s": 5, "end_s": 3}, "end_s: found 3 s, expected more than the 5 s of the start"),
        ({"start_s": 5, "end_s": 5}, "end_s: found 5 s, expected more than the 5 s of the start"),
        ({"end_s": math.inf}, "end_s: found inf s, expected more than the 0 s of the start"),
        ({"stride": 0}, "stride: found 0, expected a number from 1"),
    ],
)
def test_a_clip_that_holds_nothing_is_a_wrong_call(wrong, said):
    with pytest.raises(ValueError) as refusal:
        Clip(**wrong)
    assert str(refusal.value) == said


def test_a_frame_at_the_start_is_part_of_it_and_one_at_the_end_is_not():
    clip = Clip(1, 2)
    assert [clip.is_before(time_s, 25) for time_s in (0.96, 0.9995, 1.0)] == [True, False, False]
    assert [clip.is_behind(time_s, 25) for time_s in (1.96, 1.9995, 2.0)] == [False, True, True]


def test_the_whole_video_has_no_end():
    assert not WHOLE.is_before(0, 25)
    assert not WHOLE.is_behind(1e9, 25)


@given(
    frames=st.integers(0, 300),
    fps=st.sampled_from([1.0, 12.5, 25.0, 30000 / 1001, 60.0]),
    start_s=st.floats(0, 10),
    length_s=st.none() | st.floats(0.01, 10),
    stride=st.integers(1, 9),
)
def test_the_number_of_frames_is_that_of_those_which_are_neither_before_nor_behind(
    frames, fps, start_s, length_s, stride
):
    clip = Clip(start_s, None if length_s is None else start_s + length_s, stride)
    times = [number / fps for number in range(frames)]
    inside = [time_s for time_s in times if not clip.is_before(time_s, fps) and not clip.is_behind(time_s, fps)]
    assert clip.count(frames, fps) == len(inside[::stride])
