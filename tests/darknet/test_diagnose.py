"""yolov2.darknet.diagnose: the whole message for every way in which a .weights file fails its network."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.diagnose import explain
from yolov2.darknet.layout import Header, count, format_header, layout
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.errors import WeightsError
from yolov2.network.architectures import TINY_VOC_ANCHORS, darknet19, yolov2, yolov2_tiny_voc, yolov2_voc
from yolov2.network.layers import BatchNorm, Connected, Convolutional, LayerOptions, MaxPool, Region
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

TINY = yolov2_tiny_voc()
TOTAL = 15_867_885
LONGER_BY_ONE = "15,867,886 floats (1 after the last layer)"
SHORTER_BY_ONE = "15,867,884 floats (they end in weights of layer 14 [convolutional], after 127,999 of 128,000)"
SMALL = Network(
    Shape(3, 4, 4),
    (Convolutional(4, size=3, padding=1, batch_normalize=True), Connected(5, batch_normalize=True), Connected(2)),
    name="small",
)  # 124 + 340 + 12 floats


def of_floats(path: Path, number: int, *, version: tuple[int, int, int] = (0, 2, 0), more: int = 0) -> Path:
    """A file of so many floats, all 0, and some bytes; it takes no room on the disk."""
    header = format_header(Header(version, 0))
    path.write_bytes(header)
    os.truncate(path, len(header) + 4 * number + more)
    return path


def message(path: Path, network: Network, *, start: int = 0, cutoff: int | None = None) -> str:
    error = explain(path, network, start=start, cutoff=cutoff)
    assert isinstance(error, WeightsError)
    return str(error).removeprefix(f"{path.parent}{os.sep}")


def floats(network: Network) -> int:
    return count(layout(network))


# --- what the file ends in --------------------------------------------------------------------------------------------


def test_a_truncated_file_names_the_layer_in_which_it_ends(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "tiny.weights", 4_195_730)
    assert message(path, TINY) == (
        "tiny.weights: found 4,195,730 floats (they end in weights of layer 12 [convolutional], after 2,615,842 of "
        "4,718,592), expected 15,867,885 for yolov2-tiny-voc.cfg; 46,688,620 bytes are missing and no network known "
        "here fits: most likely it is cut short, copy it again"
    )


def test_bytes_that_make_no_whole_float_are_told(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "tiny.weights", 3, more=3)
    assert message(path, TINY) == (
        "tiny.weights: found 3 floats and 3 bytes (they end in biases of layer 0 [convolutional], after 3 of 16), "
        "expected 15,867,885 for yolov2-tiny-voc.cfg; 63,471,525 bytes are missing and no network known here fits: "
        "most likely it is cut short, copy it again"
    )


def test_a_file_that_is_too_long_without_a_reason_tells_by_how_much(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "tiny.weights", TOTAL, more=64)
    assert message(path, TINY) == (
        "tiny.weights: found 15,867,901 floats (16 after the last layer), expected 15,867,885 for yolov2-tiny-voc.cfg; "
        "64 bytes are too many and no network known here fits: use the cfg it was trained with"
    )


def test_less_than_a_float_too_many_is_told_in_bytes(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "tiny.weights", TOTAL, more=2)
    assert message(path, TINY) == (
        "tiny.weights: found 15,867,885 floats and 2 bytes (2 bytes after the last layer), expected 15,867,885 for "
        "yolov2-tiny-voc.cfg; 2 bytes are too many and no network known here fits: use the cfg it was trained with"
    )


def test_a_header_alone_is_told(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "tiny.weights", 0)
    assert message(path, TINY) == (
        "tiny.weights: found 0 floats (a header alone), expected 15,867,885 for yolov2-tiny-voc.cfg; 63,471,540 bytes "
        "are missing and no network known here fits: most likely it is cut short, copy it again"
    )


@pytest.mark.parametrize(
    "data, found",
    [(b"", "an empty file"), (bytes(10), "10 bytes"), (format_header(Header((0, 2, 0), 0))[:18], "18 bytes")],
)
def test_a_file_without_a_whole_header_is_told(tmp_path: Path, data: bytes, found: str) -> None:
    path = tmp_path / "tiny.weights"
    path.write_bytes(data)
    assert message(path, TINY) == (
        f"tiny.weights: found {found}, expected a header of 16 or 20 bytes and 15,867,885 floats for "
        "yolov2-tiny-voc.cfg; copy it again"
    )


# --- what it fits -----------------------------------------------------------------------------------------------------


def test_another_class_count_is_solved_for(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "tiny.weights", floats(yolov2_tiny_voc(3)))
    assert message(path, TINY) == (
        "tiny.weights: found 15,780,760 floats (they end in weights of layer 14 [convolutional], after 40,875 of "
        "128,000), expected 15,867,885 for yolov2-tiny-voc.cfg; "
        "it fits exactly with classes=3 and filters=40 in layer 14"
    )


@pytest.mark.parametrize("classes", [1, 2, 19, 21, 80, 9418])
def test_every_class_count_is_found(tmp_path: Path, classes: int) -> None:
    path = of_floats(tmp_path / "tiny.weights", floats(yolov2_tiny_voc(classes)))
    wanted = f"; it fits exactly with classes={classes} and filters={5 * (5 + classes)} in layer 14"
    assert message(path, TINY).endswith(wanted)


def test_another_number_of_anchors_is_solved_for(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "tiny.weights", floats(yolov2_tiny_voc(anchors=(*TINY_VOC_ANCHORS, (1, 1)))))
    assert message(path, replace(TINY, name="")) == (
        "tiny.weights: found 15,893,510 floats (25,625 after the last layer), expected 15,867,885 for this network; "
        "it fits exactly with classes=25 and filters=150 in layer 14"
    )
    path = of_floats(tmp_path / "tiny.weights", floats(yolov2_tiny_voc(anchors=((1, 1),))))  # 25 / 5 leaves no class
    assert message(path, TINY).endswith("; it fits exactly with num=1 and filters=25 in layer 14")


def test_a_huge_file_suggests_no_huge_head(tmp_path: Path) -> None:
    network = Network(Shape(1, 1, 1), (Convolutional(12), Region(anchors=((1, 1), (2, 2)), classes=1)), name="head")
    path = of_floats(tmp_path / "a.weights", 4 * (2**31 + 5))  # 2 floats a filter, 2 anchors, 2**31 classes
    assert message(path, network) == (
        "a.weights: found 8,589,934,612 floats (8,589,934,588 after the last layer), expected 24 for head.cfg; "
        "34,359,738,352 bytes are too many and no network known here fits: use the cfg it was trained with"
    )


def test_a_classifiers_class_count_is_solved_for(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "c.weights", floats(darknet19(10)))
    assert message(path, darknet19()).endswith("; it fits exactly with filters=10 in layer 23")
    path = of_floats(tmp_path / "c.weights", 124 + 340 + 6 * 7)
    assert message(path, SMALL) == (
        "c.weights: found 506 floats (30 after the last layer), expected 476 for small.cfg; "
        "it fits exactly with output=7 in layer 2"
    )


@pytest.mark.parametrize(
    "version, more, found, other, own",
    [((0, 1, 0), 1, LONGER_BY_ONE, 20, 16), ((0, 2, 5), -1, SHORTER_BY_ONE, 16, 20)],
)
def test_a_header_of_the_other_length_is_recognised(
    tmp_path: Path, version: tuple[int, int, int], more: int, found: str, other: int, own: int
) -> None:
    path = of_floats(tmp_path / "tiny.weights", TOTAL + more, version=version)
    named = ".".join(map(str, version))
    assert message(path, TINY) == (
        f"tiny.weights: found {found}, expected 15,867,885 for yolov2-tiny-voc.cfg; "
        f"it fits exactly with a header of {other} bytes, where its version {named} means {own}"
    )


def test_another_official_network_is_named(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "a.weights", floats(yolov2_voc()))
    assert message(path, TINY) == (
        "a.weights: found 50,676,061 floats (34,808,176 after the last layer), expected 15,867,885 for "
        "yolov2-tiny-voc.cfg; it fits exactly with yolov2-voc.cfg"
    )


def test_networks_of_one_length_are_all_named(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "a.weights", floats(darknet19()))
    assert message(path, TINY).endswith("; it fits exactly with darknet19.cfg, or with darknet19_448.cfg")
    path = of_floats(tmp_path / "a.weights", floats(yolov2_voc()))
    assert message(path, yolov2()).endswith(
        "; it fits exactly with classes=20 and filters=125 in layer 30, or with yolov2-voc.cfg"
    )


def test_an_official_network_with_other_classes_is_named(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "a.weights", floats(yolov2_voc(7)))
    assert message(path, TINY).endswith(
        "; it fits exactly with yolov2.cfg changed to classes=7 and filters=60 in layer 30, "
        "or with yolov2-voc.cfg changed to classes=7 and filters=60 in layer 30"
    )


def test_a_partial_file_is_recognised_by_the_layer_before_which_it_ends(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "small.conv.1", 124)
    assert message(path, SMALL) == (
        "small.conv.1: found 124 floats (they end before biases of layer 1 [connected]), expected 476 for small.cfg; "
        "it fits exactly with --partial 1, which ends before layer 1"
    )


def test_a_whole_file_read_as_a_partial_one_is_recognised(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "small.weights", 476)
    assert message(path, SMALL, cutoff=2) == (
        "small.weights: found 476 floats (12 after the last layer), expected 464 for layers 0 to 1 of small.cfg; "
        "it fits exactly without --partial 2"
    )


def test_a_partial_file_of_fewer_layers_is_recognised(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "small.conv.1", 124)
    assert message(path, SMALL, cutoff=2).endswith("; it fits exactly with --partial 1, which ends before layer 1")


def test_a_misfit_of_later_layers_alone_is_told(tmp_path: Path) -> None:
    path = of_floats(tmp_path / "small.weights", 476)
    assert message(path, SMALL, start=1, cutoff=2) == (
        "small.weights: found 476 floats (136 after the last layer), expected 340 for layers 1 to 1 of small.cfg; "
        "544 bytes are too many: use the cfg it was trained with"
    )


@pytest.mark.golden
@pytest.mark.parametrize(
    "cfg, weights, expected",
    [
        (
            "voc-trial3",
            "voc-trial3-nobatch",
            (
                "found 572,317 floats (they end in weights of layer 11 [convolutional], after 30,128 of 32,000), "
                "expected 574,189 for voc-trial3.cfg; it fits exactly without batch_normalize"
            ),
        ),
        (
            "voc-trial3-nobatch",
            "voc-trial3",
            (
                "found 574,189 floats (1,872 after the last layer), expected 572,317 for voc-trial3-nobatch.cfg; "
                "it fits exactly with batch_normalize=1 in all convolutions but the last"
            ),
        ),
        (
            "coco-trial6",
            "voc-trial3",
            (
                "found 574,189 floats (they end in weights of layer 11 [convolutional], after 33,572 of 108,800), "
                "expected 649,417 for coco-trial6.cfg; it fits exactly with batch_normalize=1 in all convolutions but "
                "the last and with classes=20 and filters=125 in layer 11"
            ),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::yolov2.errors.Yolov2Warning")
def test_a_cfg_with_other_batch_norm_is_recognised(models: Path, cfg: str, weights: str, expected: str) -> None:
    folder = models / "yolo-lite"
    assert message(folder / f"{weights}.weights", read_cfg(folder / f"{cfg}.cfg")) == f"{weights}.weights: {expected}"


def test_a_file_that_has_what_the_cfg_does_not_load_is_recognised(tmp_path: Path) -> None:
    first = replace(SMALL.layers[0], options=LayerOptions(dontload=True))
    network = replace(SMALL, layers=(first, *SMALL.layers[1:]))
    write_weights(tmp_path / "small.weights", initial_weights(network), network)
    assert message(tmp_path / "small.weights", network) == (
        "small.weights: found 476 floats (124 after the last layer), expected 352 for small.cfg; "
        "it fits exactly without dontload, dontloadscales and numload"
    )


def test_numbers_of_half_the_size_are_recognised(tmp_path: Path) -> None:
    assert message(of_floats(tmp_path / "small.weights", 238), SMALL) == (
        "small.weights: found 238 floats (they end in weights of layer 1 [connected], after 109 of 320), "
        "expected 476 for small.cfg; it fits exactly as numbers of 16 bits, which must be turned into 32 first"
    )


def test_a_network_that_ends_in_a_batchnorm_has_no_class_count(tmp_path: Path) -> None:
    network = Network(Shape(3, 4, 4), (Convolutional(4), BatchNorm()), name="norm")
    assert message(of_floats(tmp_path / "a.weights", 25), network) == (
        "a.weights: found 25 floats (they end in rolling_variance of layer 1 [batchnorm], after 1 of 4), expected 28 "
        "for norm.cfg; 12 bytes are missing and no network known here fits: most likely it is cut short, copy it again"
    )


def test_a_network_without_parameters_has_no_class_count_either(tmp_path: Path) -> None:
    network = Network(Shape(3, 4, 4), (MaxPool(),), name="pool")
    assert message(of_floats(tmp_path / "a.weights", 9), network) == (
        "a.weights: found 9 floats (9 after the last layer), expected 0 for pool.cfg; "
        "36 bytes are too many and no network known here fits: use the cfg it was trained with"
    )


# --- what is no .weights file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, found, repair",
    [
        (
            b"<!DOCTYPE html>\n<html lang='en'>",
            "a web page that begins with '<!DOCTYPE html>\\n<html la'",
            "download the file itself",
        ),
        (
            b"\xef\xbb\xbf\n <html></html> ...",
            "a web page that begins with '\\xef\\xbb\\xbf\\n <html></html> ...'",
            "download the file itself",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:",
            "a Git LFS pointer that begins with 'version https://git-lfs.'",
            "fetch the file itself with `git lfs pull`",
        ),
        (
            b"[net]\nbatch=1\nwidth=416",
            "a .cfg file that begins with '[net]\\nbatch=1\\nwidth=416'",
            "give the .weights file",
        ),
        (b"Not Found: it's gone", 'a text file that begins with "Not Found: it\'s gone"', "give the .weights file"),
        (b"\x1f\x8b" + bytes(30), "a gzip archive", "unpack it"),
        (
            b"PK\x03\x04" + bytes(30),
            "a zip archive, or a PyTorch checkpoint",
            "unpack it, or take the network's .weights file",
        ),
        (b"\xfd7zXZ\x00" + bytes(30), "an xz archive", "unpack it"),
        (b"BZh9" + bytes(30), "a bzip2 archive", "unpack it"),
        (b"\x28\xb5\x2f\xfd" + bytes(30), "a Zstandard archive", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(30), "a 7-Zip archive", "unpack it"),
        (b"\x89HDF\r\n\x1a\n" + bytes(30), "a Keras or HDF5 file", "take the network's .weights file"),
        (b"\x40" + bytes(7) + b'{"a":', "a safetensors file", "give it as the model itself"),
    ],
)
def test_other_files_are_called_by_their_name(tmp_path: Path, data: bytes, found: str, repair: str) -> None:
    path = tmp_path / "tiny.weights"
    path.write_bytes(data)
    wanted = f"tiny.weights: found {found}, expected 15,867,885 floats for yolov2-tiny-voc.cfg; {repair}"
    assert message(path, TINY) == wanted


def test_numbers_that_are_no_version_tell_that_it_is_no_weights_file(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    path.write_bytes(b"\xff\xd8\xff\xe0" * 10)
    assert message(path, SMALL) == (
        "a.weights: found 6 floats (they end in scales of layer 0 [convolutional], after 2 of 4), expected 476 for "
        "small.cfg; its first bytes mean version -520103681.-520103681.-520103681, so it is no .weights file: "
        "check the path"
    )


@given(data=st.binary(max_size=300), start=st.integers(0, 3), rest=st.integers(0, 3))
def test_any_bytes_are_explained_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int, rest: int
) -> None:
    path = tmp_path_factory.mktemp("weights") / "a.weights"
    path.write_bytes(data)
    said = message(path, SMALL, start=start, cutoff=min(start + rest, 3))
    assert said.startswith("a.weights: found ")
    assert "\n" not in said
