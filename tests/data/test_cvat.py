import numpy as np
import pytest

from small_sets import write_picture
from yolov2.data.dataset import open_data
from yolov2.errors import LabelError

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task><labels>'
    "<label><name>dog</name><color>#ff0000</color></label><label><name>cat</name></label></labels></task></meta>\n"
)


def write_cvat(root, *images, head=HEAD, folder="images"):
    """annotations.xml, whose first <image> stands in line 5, and its pictures a.jpg, b.jpg."""
    for seed, name in enumerate(("a.jpg", "b.jpg")):
        write_picture(root / folder / name, seed=seed)
    path = root / "annotations.xml"
    path.write_text(head + "".join(images) + "</annotations>\n", "utf-8")
    return path


def image(*shapes, name="a.jpg", more=""):
    return f'<image id="0" name="{name}" {more} width="60" height="40">\n{"".join(shapes)}</image>\n'


def box(label="cat", corners=(1.5, 2, 30.25, 39), *, more="", inside=""):
    edges = " ".join(f'{key}="{value}"' for key, value in zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True))
    return f'<box label="{label}" source="manual" occluded="0" {edges} z_order="0"{more}>{inside}</box>\n'


def open_(path, **how):
    return open_data(path, cache=None, **how)


def codes(reading):
    return [(fault.code, fault.found) for fault in reading.faults]


def test_boxes_are_edges_of_pixels_and_classes_those_of_the_project(tmp_path):
    data = open_(write_cvat(tmp_path, image(box()), image(name="b.jpg")))
    samples = data.split()
    assert (data.kind, data.classes, data.split_names) == ("cvat", ("dog", "cat"), ("all",))
    assert (samples.ids, samples.sizes.tolist(), samples.counts.tolist()) == (("a", "b"), [[40, 60]] * 2, [1, 0])
    assert (samples.boxes.tolist(), samples.class_ids.tolist()) == ([[1.5, 2, 30.25, 39]], [1])
    assert samples.lines.tolist() == [5 + 1]


def test_other_shapes_count_as_the_box_around_them_or_are_left_out(tmp_path):
    shapes = (
        box(corners=(10, 10, 30, 20), more=' rotation="90.0"'),
        '<polygon label="dog" points="5.0,6.5;20,8;12,30"/>',
        '<ellipse label="dog" cx="30" cy="20" rx="10" ry="5"/>',
        '<mask label="cat" rle="1, 2" left="3" top="4" width="10" height="20"/>',
        '<points label="cat" points="1,2"/>',
        '<polyline label="cat" points="1,2;3,4"/>',
        '<tag label="cat"/>',
    )
    reading = open_(write_cvat(tmp_path, image(*shapes))).read()
    assert reading.samples.boxes.tolist() == [[15, 5, 25, 25], [5, 6.5, 20, 30], [20, 15, 40, 25], [3, 4, 13, 24]]
    assert codes(reading) == [
        ("shape", "1 ellipse, 1 mask, 1 polygon, 1 rotated box"),
        ("shape", "1 points, 1 polyline, 1 tag"),
    ]


def test_attributes_are_counted_but_for_the_flags_of_voc_and_coco(tmp_path):
    def attribute(name, text):
        return f'<attribute name="{name}">{text}</attribute>'

    boxes = [
        box(inside=attribute("difficult", "True") + attribute("colour", "red")),
        box(inside=attribute("is_crowd", "1")),
        box(inside=attribute("difficult", "false") + attribute("truncated", "true")),
    ]
    reading = open_(write_cvat(tmp_path, image(*boxes))).read()
    assert reading.samples.difficult.tolist() == [True, False, False]
    assert reading.samples.crowd.tolist() == [False, True, False]
    assert codes(reading) == [("attribute", "2 attributes")]


def test_subsets_are_splits_whose_pictures_may_lie_in_folders_of_their_own(tmp_path):
    write_picture(tmp_path / "images/Train/c.jpg", seed=9)
    images = (image(name="c.jpg", more='subset="Train"'), image(name="b.jpg", more='subset="Validation"'))
    data = open_(write_cvat(tmp_path, *images))
    assert data.split_names == ("Train", "Validation")
    assert data.split("Train").pictures == (f"{tmp_path}/images/Train/c.jpg",)


def test_pictures_are_found_where_images_says(tmp_path):
    path = write_cvat(tmp_path, image(box()), folder="elsewhere")
    with pytest.raises(LabelError) as refusal:
        open_(path)
    assert str(refusal.value) == (
        f"{path}: found none of its first pictures (a.jpg, ...) in {tmp_path}/images, {tmp_path}, "
        f"{tmp_path.parent}/images, expected the pictures beside it; name their folder with --images"
    )
    assert len(open_(path, images=tmp_path / "elsewhere").split()) == 1


def test_numbers_that_are_none_are_told_by_their_line(tmp_path):
    reading = open_(
        write_cvat(tmp_path, image(box(corners=("x", 2, 3, 4)), box(corners=(5, 5, 3, 9)), box("cow")))
    ).read()
    assert [fault.message for fault in reading.faults] == [
        f'{tmp_path}/annotations.xml:6: found <box> with xtl="x", expected numbers; correct or remove it; it is left out',
        (
            f"{tmp_path}/annotations.xml:7: found xtl ytl xbr ybr = 5 5 3 9, expected xtl < xbr and ytl < ybr; "
            "correct or remove it; it is left out"
        ),
        (
            f'{tmp_path}/annotations.xml:8: found the class "cow", expected one of the 2 classes; '
            "correct it, or add it to the names"
        ),
    ]


@pytest.mark.parametrize("corner", ["nan", "inf", "1e400", "-1e12"])
def test_no_box_ends_at_infinity(tmp_path, corner):
    reading = open_(write_cvat(tmp_path, image(box(corners=(corner, 2, 3, 4))))).read()
    assert (len(reading.samples.boxes), codes(reading)) == (0, [("label-number", f'<box> with xtl="{corner}"')])


TRACK = '<track id="0" label="cat"><box frame="0" xtl="1" ytl="2" xbr="3" ybr="4" outside="0"/></track>\n'
BOMB = '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "bbbb">]>\n<annotations>\n'


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        (HEAD, TRACK, (":5: found a <track>: an export of a video, expected \"CVAT for images 1.1\"; "
         'export the task once more as "CVAT for images 1.1"')),
        (BOMB, image(), (':2: found a document type declaration, expected "CVAT for images 1.1"; '
         "remove the lines from <!DOCTYPE to its >")),
        ("<annotation>", "", (':1: found <annotation> around everything, expected "CVAT for images 1.1"; '
         "give the annotations.xml of an export")),
        (HEAD, "<image", (':5: found XML that does not parse (not well-formed (invalid token)), expected '
         '"CVAT for images 1.1"; correct the line, or export it again')),
    ],
)  # fmt: skip
def test_what_is_no_export_of_pictures_is_refused(tmp_path, head, body, message):
    path = write_cvat(tmp_path, body, head=head)
    with pytest.raises(LabelError) as refusal:
        open_(path)
    assert str(refusal.value) == f"{path}{message}"


def test_a_hundred_thousand_boxes_are_read_as_a_stream(tmp_path):
    corners = np.arange(100_000) % 30
    path = write_cvat(tmp_path, image(*(box(corners=(x, x % 7, x + 5, 30)) for x in corners.tolist())))
    assert len(open_(path).split().boxes) == 100_000


@pytest.mark.parametrize("label", ["", 'label=" "'])
def test_a_shape_without_a_label_is_told_by_its_line(tmp_path, label):
    head = HEAD.replace("<label><name>dog</name><color>#ff0000</color></label><label><name>cat</name></label>", "")
    path = write_cvat(tmp_path, image(f'<box {label} xtl="1" ytl="2" xbr="9" ybr="9"/>\n', box()), head=head)
    reading = open_(path).read()
    assert (open_(path).classes, len(reading.samples.boxes)) == (("cat",), 1)
    assert [fault.message for fault in reading.faults] == [
        f'{path}:6: found <box> without a label, expected label="CLASS"; add it; the shape is left out'
    ]
