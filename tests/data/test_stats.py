from pathlib import Path

import numpy as np

from small_sets import voc_object, voc_xml, write_picture, write_voc
from yolov2.data.dataset import open_data
from yolov2.data.gathered import read_all
from yolov2.data.stats import measure
from yolov2.samples import Sample, Samples


def sample(boxes, *, size=(104, 208), class_ids=None, crowd=(), areas=None):
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    count = len(boxes)
    return Sample(
        Path("a.jpg"),
        size,
        boxes,
        np.array(class_ids or [0] * count, np.int64),
        np.zeros(count, np.bool_),
        np.array(crowd or [False] * count, np.bool_),
        np.array(areas, np.float64) if areas else np.prod(boxes[:, 2:] - boxes[:, :2], axis=1),
        np.zeros(count, np.int64),
    )


def measured(*samples, classes=("cat", "dog"), **how):
    return measure(Samples.of(samples), classes, task="detect", **how)


def test_areas_fall_into_cocos_classes_of_size():
    edges = [[0, 0, 32, 31.9], [0, 0, 32, 32], [0, 0, 96, 95.9], [0, 0, 96, 96]]
    assert measured(sample(edges)).areas == (("small", 1), ("medium", 2), ("large", 1))
    assert measured(sample(edges[:1], areas=[9217.0])).areas[2] == ("large", 1)


def test_sides_are_those_on_the_input_with_proportions_kept():
    found = measured(sample([[0, 0, 10, 40]]), sample([[0, 0, 40, 10]]), input_hw=(416, 416))
    assert dict(found.sides) == dict.fromkeys((0.05, 0.25, 0.5, 0.75, 0.95), 40.0)


def test_pictures_fall_into_bins_by_their_number_of_boxes():
    found = measured(*(sample([[0, 0, 9, 9]] * count) for count in (0, 1, 2, 2, 3, 5, 6, 30, 31)))
    assert dict(found.per_picture) == {
        "0": 1, "1": 1, "2": 2, "3 - 5": 2, "6 - 10": 1, "11 - 20": 0, "21 - 30": 1, "31 and more": 1,
    }  # fmt: skip
    assert (found.per_picture_median, found.per_picture_most) == (3, 31)


def test_each_class_counts_its_boxes_and_the_pictures_with_them():
    found = measured(sample([[0, 0, 9, 9]] * 3, class_ids=[1, 1, 0]), sample([[0, 0, 9, 9]], class_ids=[1]), sample([]))
    assert [(one.name, one.boxes, one.pictures) for one in found.classes] == [("cat", 1, 1), ("dog", 3, 2)]


def test_crowds_count_for_their_class_alone():
    found = measured(sample([[0, 0, 9, 9], [0, 0, 90, 90]], crowd=[False, True]))
    assert (found.boxes, found.crowd, found.classes[0].boxes) == (2, 1, 2)
    assert (found.per_picture_most, sum(count for _, count in found.areas)) == (1, 1)


def test_boxes_of_unknown_classes_are_counted_apart():
    found = measured(sample([[0, 0, 9, 9]] * 2, class_ids=[-1, 1]))
    assert (found.unknown, [one.boxes for one in found.classes]) == (1, [0, 1])


def test_sizes_of_pictures_are_told_by_how_often_they_are_there():
    found = measured(*(sample([], size=size) for size in ((10, 20), (30, 40), (10, 20))))
    assert (found.picture_sizes, found.size_count) == (((20, 10, 2), (40, 30, 1)), 2)
    assert (found.smallest, found.largest) == ((20, 10), (40, 30))


def test_nothing_has_figures_too():
    found = measured()
    assert (found.pictures, found.sides, found.per_picture_mean, found.picture_sizes) == (0, (), 0.0, ())


def test_a_picture_in_two_splits_counts_once(tmp_path):
    text = voc_xml(voc_object("cat", (1, 2, 30, 40), extra="<difficult>1</difficult>"))
    voc = write_voc(tmp_path, {"a": text, "b": text}, {"train": ["a"], "val": ["b"], "trainval": ["a", "b"]})
    data = open_data(voc, cache=None)
    found = measure(read_all(data).samples, data.classes, task=data.task)
    assert (found.pictures, found.boxes, found.difficult) == (2, 2, 2)
    assert measure(read_all(data, "val").samples, data.classes, task=data.task).pictures == 1


def test_pictures_with_a_class_each_have_no_figures_of_boxes(tmp_path):
    write_picture(tmp_path / "cat/1.jpg")
    data = open_data(tmp_path, cache=None)
    found = measure(read_all(data).samples, data.classes, task=data.task)
    assert ([one.pictures for one in found.classes], found.per_picture, found.unknown) == ([1], (), 0)
