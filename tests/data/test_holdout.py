import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_sets import voc_object, voc_xml, write_picture, write_voc
from yolov2.data.dataset import open_data
from yolov2.data.holdout import choose, hold_out
from yolov2.errors import LabelError

CAT = voc_xml(voc_object("cat", (1, 2, 30, 40)))
NAMES = [f"p{i:02d}" for i in range(20)]


@pytest.fixture
def samples(tmp_path):
    root = write_voc(tmp_path / "set", dict.fromkeys(NAMES, CAT), {})
    return open_data(root, cache=None).split()


def held_ids(samples, **how):
    held = hold_out(samples, **how)
    return [samples.ids[i] for i in np.flatnonzero(held).tolist()]


def test_a_tenth_is_held_out_the_same_in_any_order_and_at_any_place(samples, tmp_path):
    first = held_ids(samples, root=tmp_path, cache=None)
    turned = samples.take(np.arange(len(samples))[::-1].copy())
    moved = write_voc(tmp_path / "moved", dict.fromkeys(NAMES, CAT), {})
    assert len(first) == 2
    assert sorted(held_ids(turned, root=tmp_path, cache=None)) == first
    assert held_ids(open_data(moved, cache=None).split(), root=moved, cache=None) == first


def test_near_duplicates_stay_together(samples, tmp_path):
    held = held_ids(samples, root=tmp_path, cache=None)[0]
    other = next(name for name in NAMES if name != held)
    folder = tmp_path / "set/JPEGImages"
    (folder / f"{other}.jpg").write_bytes((folder / f"{held}.jpg").read_bytes())
    again = held_ids(samples, root=tmp_path, cache=None)
    assert (held in again) == (other in again)
    assert len(again) == 2


def test_the_choice_is_logged_and_its_list_stored_and_used_again(samples, tmp_path, caplog):
    first = held_ids(samples, root=tmp_path / "set", cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob("holdout-*.txt")
    assert caplog.messages == [f"{tmp_path}/set: 2 of 20 pictures are held out for validation, listed in {file}"]
    assert file.read_text() == "".join(f"{tmp_path}/set/JPEGImages/{name}.jpg\n" for name in first)
    chosen = [name for name in NAMES if name not in first][:3]
    file.write_text("".join(f"{tmp_path}/set/JPEGImages/{name}.jpg\n" for name in chosen))
    with caplog.at_level(logging.INFO):
        assert held_ids(samples, root=tmp_path / "set", cache=tmp_path / "cache") == chosen


def test_a_stored_list_that_does_not_fit_is_made_anew(samples, tmp_path):
    first = held_ids(samples, root=tmp_path / "set", cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob("holdout-*.txt")
    file.write_text("elsewhere.jpg\n")
    assert held_ids(samples, root=tmp_path / "set", cache=tmp_path / "cache") == first


def test_pictures_that_all_show_the_same_are_refused(samples, tmp_path):
    folder = tmp_path / "set/JPEGImages"
    for name in NAMES:
        write_picture(folder / f"{name}.jpg", seed=1)
    with pytest.raises(LabelError) as refusal:
        hold_out(samples, root=tmp_path / "set", cache=None)
    assert (
        str(refusal.value)
        == f"{tmp_path}/set: found pictures that all show the same, expected some others to hold out for validation; add pictures, or a split named val"
    )


@st.composite
def groupings(draw):
    count = draw(st.integers(1, 30))
    labels = draw(st.lists(st.integers(0, count), min_size=count, max_size=count))
    groups = [tuple(i for i in range(count) if labels[i] == label) for label in sorted(set(labels))]
    keys = [f"{number:04d}" for number in draw(st.permutations(range(count)))]
    return keys, [group for group in groups if len(group) > 1]


@given(groupings(), st.floats(0.01, 0.9))
def test_groups_stay_whole_and_no_more_than_wanted_is_held(given_groups, share):
    keys, groups = given_groups
    held = choose(keys, groups, share=share)
    assert all(len({bool(held[i]) for i in group}) == 1 for group in groups)
    wanted = max(1, round(share * len(keys)))
    smallest = min([len(group) for group in groups] + [1] * (len(keys) > sum(map(len, groups))))
    assert held.sum() <= max(wanted, smallest)
    assert held.any() or len(groups) == 1


def test_the_pictures_with_the_first_keys_are_held_out():
    assert choose(["c", "a", "d", "b", "e"], [], share=0.4).tolist() == [False, True, False, True, False]


def test_a_group_goes_by_its_first_key():
    assert choose(["c", "a", "d", "b", "e"], [(1, 4)], share=0.4).tolist() == [False, True, False, False, True]
