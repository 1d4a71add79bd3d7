from hypothesis import given
from hypothesis import strategies as st

from yolov2.data.labelled import _Finder, label_by_substring

WORDS = st.text(alphabet="abn01/_", min_size=1, max_size=5)


@given(st.lists(WORDS, max_size=8), st.text(alphabet="abn01/_", max_size=20))
def test_every_label_that_is_a_part_of_the_path_is_found(labels, path):
    found = _Finder(labels).find(path)
    assert sorted(found) == sorted({label for label in labels if label in path})
    assert [len(label) for label in found] == sorted((len(label) for label in found), reverse=True)


def test_the_longest_of_several_labels_is_taken_with_a_word():
    reading = label_by_substring(["x/cattle/1.jpg"], ["cattle/1.jpg"], ["l.txt:1"], ["cat", "cattle", "dog"])
    assert (reading.samples.labels.tolist(), reading.samples.annotations) == ([1], ("l.txt",))
    assert [(fault.is_error, fault.message) for fault in reading.faults] == [
        (
            False,
            "l.txt:1: found cattle, cat in cattle/1.jpg, expected one of the labels in its path; use labels that do not overlap; cattle is taken",
        )
    ]


def test_of_two_labels_as_long_none_is_taken():
    reading = label_by_substring(["cat/dog.jpg"], ["cat/dog.jpg"], ["l.txt:1"], ["cat", "dog"])
    assert len(reading.samples) == 0
    assert [(fault.code, fault.is_error, fault.repair) for fault in reading.faults] == [
        ("label-ambiguous", True, "use labels that do not overlap; it is left out")
    ]


def test_the_path_before_the_listed_one_does_not_count():
    reading = label_by_substring(["/home/cat/dog/1.jpg"], ["dog/1.jpg"], ["l.txt:1"], ["cat", "dog"])
    assert (reading.samples.labels.tolist(), reading.faults) == ([1], ())
