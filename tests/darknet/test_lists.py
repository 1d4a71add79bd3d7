"""Lists of names and .data files: what is read, and the whole message for what is refused."""

import os
import re
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.darknet.lists import read_data, read_names
from yolov2.darknet.text import LARGEST_FILE
from yolov2.errors import CfgError, FormatError, NamesError, Yolov2Error, Yolov2Warning


def write(folder: Path, content: bytes, name: str = "a.names") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, names",
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"cat\ndog", ("cat", "dog")),
        (b"cat\r\ndog\r\n", ("cat", "dog")),
        (b"\xef\xbb\xbfcat\ndog\n", ("cat", "dog")),  # a byte-order mark
        (b"traffic light \n\tdog\n", ("traffic light ", "\tdog")),  # verbatim
        (b"cat\n\ndog\n\n", ("cat", "", "dog", "")),  # empty lines count
        (b"cat\ncat\n", ("cat", "cat")),
        ("Hühnerei\n犬\n".encode(), ("Hühnerei", "犬")),
        ("a\u2028b\n\x0cc\n".encode(), ("a\u2028b", "\x0cc")),  # only LF ends a line
        (b"# cat\n;dog\n", ("# cat", ";dog")),  # no comments here
    ],
    ids=repr,
)
def test_a_name_is_a_line(tmp_path: Path, content: bytes, names: tuple[str, ...]):
    assert read_names(write(tmp_path, content)) == names


def test_as_many_names_as_classes_pass_without_a_word(tmp_path: Path):
    assert read_names(write(tmp_path, b"cat\ndog\n"), 2) == ("cat", "dog")


def test_more_names_than_classes_are_cut_with_a_warning(tmp_path: Path):
    path = write(tmp_path, b"cat\ndog\ncow\n")

    with pytest.warns(Yolov2Warning, match=rf"^{re.escape(str(path))}: 3 names for 2 classes; the first 2 are used$"):
        assert read_names(path, 2) == ("cat", "dog")


def test_blank_lines_behind_the_last_class_are_cut_without_a_word(tmp_path: Path):
    assert read_names(write(tmp_path, b"cat\ndog\n\n \r\n"), 2) == ("cat", "dog")


def test_a_list_that_is_not_utf_8_is_read_as_latin_1_with_a_warning(tmp_path: Path):
    path = write(tmp_path, "chat\nbébé\n".encode("latin-1"))

    with pytest.warns(Yolov2Warning, match=rf"^{re.escape(str(path))}: not UTF-8 at byte 6; read as Latin-1$"):
        assert read_names(path, 2) == ("chat", "bébé")


@pytest.mark.parametrize(
    "content, message",
    [
        (
            b"cat\n",
            (
                "found 1 name, expected 3, one for each class of the network; "
                "give the list that the network was trained with, or add the missing lines"
            ),
        ),
        (
            b"cat\ndog\n",
            (
                "found 2 names, expected 3, one for each class of the network; "
                "give the list that the network was trained with, or add the missing lines"
            ),
        ),
        (b"", "found nothing, expected a class name on each line; give another file"),
        (b"\n\r\n \n", "found nothing, expected a class name on each line; give another file"),
        (b"cat\n\0\n\n", "found binary data, expected a class name on each line; give another file"),
        ("cat\ndog\ncow\n".encode("utf-16"), "found UTF-16 text, expected UTF-8; save it as UTF-8"),
        (
            b"\n<!DOCTYPE html>\n<html>\n<body>\n",
            "found a web page, expected a class name on each line; download the plain ('raw') file",
        ),
        (
            b"cat\n" * (LARGEST_FILE // 4 + 1),
            "found 16,777,220 bytes, expected a class name on each line; give another file",
        ),
    ],
    ids=["one", "two", "empty", "blank", "binary", "utf-16", "html", "large"],
)
def test_a_list_that_can_not_be_is_refused(tmp_path: Path, content: bytes, message: str):
    path = write(tmp_path, content)

    with pytest.raises(NamesError) as refusal:
        read_names(path, 3)
    assert str(refusal.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    "read, refusal, expected",
    [(read_names, NamesError, "a class name on each line"), (read_data, FormatError, "a .data file")],
)
def test_what_is_no_file_is_refused_unopened(tmp_path: Path, read, refusal, expected):
    os.mkfifo(tmp_path / "fifo")

    for path, found in [
        (tmp_path, "a folder"),
        (tmp_path / "fifo", "a special file"),
        (tmp_path / "absent", "no such file"),
    ]:
        with pytest.raises(refusal) as refused:
            read(path)
        assert str(refused.value) == f"{path}: found {found}, expected {expected}; check the path"


def test_an_unreadable_list_is_refused(open_folder: Path, without_rights):
    path = write(open_folder, b"cat\n")
    path.chmod(0)

    with without_rights(), pytest.raises(NamesError) as refusal:
        read_names(path)
    assert str(refusal.value) == f"{path}: found Permission denied, expected a readable file; check its permissions"


@pytest.mark.golden
@pytest.mark.parametrize(
    "name, classes, last", [("coco", 80, "toothbrush"), ("voc", 20, "tvmonitor"), ("9k", 9418, None)]
)
def test_darknets_own_lists_have_a_name_for_each_class(golden: Path, name: str, classes: int, last: str | None):
    path = golden / "data" / f"{name}.names"
    names = read_names(path, classes)

    assert len(names) == len(path.read_bytes().decode().splitlines()) == classes
    assert last is None or names[-1] == last


@given(names=st.lists(st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8")), min_size=1))
def test_names_written_a_line_each_come_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]):
    path = write(tmp_path_factory.mktemp("names"), "".join(f"{name}\n" for name in ("first", *names)).encode())

    assert read_names(path, len(names) + 1) == ("first", *names)


@given(content=st.binary(max_size=60), classes=st.none() | st.integers(1, 4))
def test_any_bytes_give_names_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, classes: int | None
):
    path = write(tmp_path_factory.mktemp("names"), content)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Yolov2Warning)
        try:
            names = read_names(path, classes)
        except NamesError:
            return
    assert len(names) == (classes or len(names)) >= 1


# --- .data ------------------------------------------------------------------------------------------------------------

VOC_DATA = b"""\
\xef\xbb\xbfclasses= 20\r
# where the lists are
train  = /home/me/my pictures/train.txt
valid=C:\\data\\test.txt
names = data/voc.names   # of VOC

;backup = nowhere
backup = backup=1"""


def test_a_data_file_gives_values_as_written_and_their_lines(tmp_path: Path):
    data = read_data(write(tmp_path, VOC_DATA, "voc.data"))

    assert {key: (option.text, option.line) for key, option in data.options.items()} == {
        "classes": ("20", 1),
        "train": ("/home/me/my pictures/train.txt", 3),
        "valid": ("C:\\data\\test.txt", 4),
        "names": ("data/voc.names", 5),
        "backup": ("backup=1", 8),
    }
    assert data.integer("classes", 2) == 20
    assert data.text("names", "data/names.list") == "data/voc.names"
    assert data.text("map", "none") == "none"


def test_the_first_of_two_equal_keys_wins_with_a_warning(tmp_path: Path):
    path = write(tmp_path, b"names=a.names\nclasses=2\nnames=b.names\n", "my.data")

    message = rf"^{re.escape(str(path))}:3: names is given twice; line 1 \(names=a\.names\) is taken$"
    with pytest.warns(Yolov2Warning, match=message):
        assert read_data(path).text("names", "") == "a.names"


def test_a_key_without_a_value_is_passed_over_with_a_warning(tmp_path: Path):
    path = write(tmp_path, b"classes=2\nnames=\n", "my.data")

    with pytest.warns(Yolov2Warning, match=rf"^{re.escape(str(path))}:2: names has no value and is passed over$"):
        assert not read_data(path).has("names")


@pytest.mark.parametrize(
    "content, message",
    [
        (
            b"classes=2\nnames voc.names\n",
            ':2: found "names voc.names", expected key=value, as in names=data/voc.names; correct or remove the line',
        ),
        (b"=2\n", ':1: found "=2", expected key=value, as in names=data/voc.names; correct or remove the line'),
        (
            b"\n[net]\nbatch=1\n",
            ':2: found "[net]", expected key=value, as in names=data/voc.names; correct or remove the line',
        ),
        (b"", ": found nothing, expected a .data file; give another file"),
        (b"classes=\0\n", ": found binary data, expected a .data file; give another file"),
    ],
)
def test_a_data_file_that_can_not_be_is_refused(tmp_path: Path, content: bytes, message: str):
    path = write(tmp_path, content, "my.data")

    with pytest.raises(FormatError) as refusal:
        read_data(path)
    assert str(refusal.value) == f"{path}{message}"


def test_a_word_where_a_number_belongs_is_refused_at_its_line(tmp_path: Path):
    path = write(tmp_path, b"names=a.names\nclasses=two\n", "my.data")

    with pytest.raises(
        CfgError, match=rf"^{re.escape(str(path))}:2: found classes=two in \[data\], expected a whole number; "
    ):
        read_data(path).integer("classes", 2)


@given(content=st.binary(max_size=60))
def test_any_bytes_give_options_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = write(tmp_path_factory.mktemp("data"), content, "my.data")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Yolov2Warning)
        try:
            options = read_data(path).options
        except Yolov2Error:
            return
    assert all(option.text and option.line >= 1 for option in options.values())
