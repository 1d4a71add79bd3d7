"""Names of results: every file system takes them, and no two things share one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import picture, sources
from yolov2.detect.result_names import result_stems, safe_name, stem_of, unique


def test_pictures_of_one_stem_get_names_of_their_own():
    given_sources = [*sources("a.jpg", "A.png", "sub/a.jpg"), *sources("a.mp4", kind="video")]
    assert result_stems(given_sources) == {
        "in/a.jpg": Path("a"),
        "in/A.png": Path("A-2"),
        "in/sub/a.jpg": Path("sub/a"),
        "in/a.mp4": Path("a-3"),
    }


def test_frames_do_not_meet_a_picture_that_is_called_like_one():
    given_sources = [*sources("clip.mp4", "clop.mp4", kind="video"), *sources("Clip_000012.jpg", "clop_12.jpg")]
    stems = result_stems(given_sources)
    assert [str(stem) for stem in stems.values()] == ["clip-2", "clop", "Clip_000012", "clop_12"]


def test_a_frame_has_its_number_behind_its_name():
    stems = {"in/clip.v2.mp4": Path("sub/clip.v2")}
    assert stem_of(picture("in/clip.v2.mp4", index=12), stems) == Path("sub/clip.v2_000012")
    assert stem_of(picture("in/clip.v2.mp4", index=12_345_678), stems) == Path("sub/clip.v2_12345678")


@given(st.lists(st.text(max_size=6), max_size=20))
def test_unique_names_are_unique_whatever_the_case(names):
    given_names = unique(names)
    assert len({name.casefold() for name in given_names}) == len(names)
    assert all(one.startswith(other) for one, other in zip(given_names, names, strict=True))


@given(st.text(max_size=300))
def test_any_label_becomes_a_short_name_without_a_separator(label):
    name = safe_name(label)
    assert 0 < len(name.encode("utf-8", "surrogatepass")) <= 100
    assert not set(name) & set("/\\\0\n")
    assert name not in (".", "..")
    assert safe_name(name) == name


def test_a_usual_label_stays_as_it_is():
    assert safe_name("dining table") == "dining table"
    assert safe_name("größe 犬") == "größe 犬"


@pytest.mark.parametrize("label, name", [("..", "_"), (".hidden. ", "hidden"), ("a/../b", "a_.._b"), ("", "_")])
def test_a_label_that_is_no_name_becomes_one(label, name):
    assert safe_name(label) == name
