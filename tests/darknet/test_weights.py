"""yolov2.darknet.weights: bytes <-> arrays, equal to what Darknet reads and writes."""

import hashlib
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.layout import DARKNET_VERSION, Header, count, format_header, layout
from yolov2.darknet.weights import Weights, initial_weights, parse_weights, read_weights, write_weights
from yolov2.errors import OutputError, WeightsError
from yolov2.network.architectures import darknet19_448, yolov2_voc
from yolov2.network.layers import BatchNorm, Connected, Convolutional, Layer, LayerOptions, MaxPool, Softmax
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

SEED_A, SEED_B = 50_000, 50_001  # golden/i_weights: the network before, and the file that is loaded into it
SHIFTED = {"allow_trailing": True, "allow_bad_numbers": True}  # every array takes another one's numbers

NETWORK = Network(
    Shape(3, 4, 4),
    (Convolutional(4, size=3, padding=1, batch_normalize=True), MaxPool(2, 2), Convolutional(2), Connected(8)),
    name="small",
)  # 124 + 10 + 72 floats; the [connected] layer is square


def write(path: Path, network: Network, *, version: tuple[int, int, int] = (0, 2, 0), extra: bytes = b"") -> np.ndarray:
    """A file of the floats 0, 1, 2... of this network, which are returned."""
    floats = np.arange(count(layout(network)), dtype="<f4")
    path.write_bytes(format_header(Header(version, 64)) + floats.tobytes() + extra)
    return floats


def refusal(path: Path, network: Network, **options: Any) -> str:
    """The message of the error that reading raises, without the folder."""
    with pytest.raises(WeightsError) as caught:
        read_weights(path, network, **options)
    return str(caught.value).removeprefix(f"{path.parent}{os.sep}")


# --- Darknet's own behaviour ------------------------------------------------------------------------------------------


@pytest.mark.golden
@pytest.mark.parametrize(
    "case, version, seen, options",
    [
        ("full_new_header", (0, 2, 0), 123456789012, {}),
        ("full_old_header", (0, 1, 0), 7777, {}),
        ("version_1_0", (1, 0, 0), 99, {}),
        ("transposed_major_1001", (1001, 0, 0), 55, {}),
        ("partial_cutoff_2", (0, 2, 0), None, {"cutoff": 2, "allow_trailing": True}),
        ("partial_start_1", (0, 2, 0), None, {"start": 1, **SHIFTED}),
        ("truncated", (0, 2, 0), None, {"allow_short": True}),
        ("too_long", (0, 2, 0), None, {"allow_trailing": True}),
        ("dontload_layer1", (0, 2, 0), None, SHIFTED),
    ],
)
def test_reads_what_darknet_reads(
    case: str,
    version: tuple[int, int, int],
    seen: int | None,
    options: Mapping[str, Any],
    small_golden: Path,
    recipe: ModuleType,
    tmp_path: Path,
) -> None:
    skipped = 1 if case == "dontload_layer1" else None
    text = (small_golden / "i_weights/net.cfg").read_text()
    network = read_cfg(small_golden / ("i_weights/net.cfg" if skipped is None else "i_weights/net_dontload.cfg"))
    with np.load(small_golden / f"i_weights/{case}.npz") as arrays:
        expected = dict(arrays)
    header = format_header(Header(version, int(expected["seen"][0]) if seen is None else seen))
    parts = [array.tobytes() for _, _, array in recipe.seeded_params(text, SEED_B)]
    data = header + b"".join(parts)
    path = tmp_path / "b.weights"
    path.write_bytes({"truncated": data[:528], "too_long": data + bytes(64)}.get(case, data))
    (tmp_path / "a.weights").write_bytes(recipe.seeded_weights(text, SEED_A))
    base = read_weights(tmp_path / "a.weights", read_cfg(small_golden / "i_weights/net.cfg"))

    weights = read_weights(path, network, base=base, **options)

    assert weights.seen == expected.pop("seen")[0]
    assert weights.version == version
    for key, array in expected.items():
        layer, name = key.split(".")
        if int(layer) == skipped:
            assert np.array_equal(weights.layers[int(layer)][name], base.layers[int(layer)][name])
        elif name in weights.layers[int(layer)]:
            assert np.array_equal(weights.layers[int(layer)][name].ravel(), array), key
        else:  # Darknet gives every layer all arrays
            assert name in ("scales", "rolling_mean", "rolling_variance"), key


@pytest.mark.golden
def test_writes_what_darknet_writes(small_golden: Path, recipe: ModuleType, tmp_path: Path) -> None:
    cfg = small_golden / "i_weights/net.cfg"
    network = read_cfg(cfg)
    path = tmp_path / "b.weights"
    path.write_bytes(recipe.seeded_weights(cfg.read_text(), SEED_B, seen=123456789012))
    weights = read_weights(path, network)

    write_weights(tmp_path / "whole.weights", weights, network)
    write_weights(tmp_path / "two.weights", weights, network, cutoff=2)

    whole, two = (tmp_path / "whole.weights").read_bytes(), (tmp_path / "two.weights").read_bytes()
    assert whole == path.read_bytes()
    assert hashlib.sha256(whole).hexdigest() == "508168fb3b90fc319c3e5ff896cf14890c252c5cb66ccda104b220a6c3bceb38"
    assert len(two) == 616
    assert hashlib.sha256(two).hexdigest() == "51cc50580d2e7deafb69299972ee0e95b39269b6b7c8a1dcf3583a36eda49545"


@pytest.mark.golden
@pytest.mark.parametrize(
    "name",
    [
        "yolo-lite/coco-trial6",
        "yolo-lite/voc-trial3",
        "yolo-lite/voc-trial3-nobatch",
        "yolo-lite/voc-trial5",
        "yolov2-tiny-voc-352x288/yolov2-tiny-voc-352x288",
    ],
)
@pytest.mark.filterwarnings("ignore::yolov2.errors.Yolov2Warning")
def test_trained_files_come_back_byte_for_byte(name: str, models: Path, tmp_path: Path) -> None:
    network, path = read_cfg(models / f"{name}.cfg"), models / f"{name}.weights"
    write_weights(tmp_path / "again.weights", read_weights(path, network), network)
    assert (tmp_path / "again.weights").read_bytes() == path.read_bytes()


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(0, 1, 0), (0, 2, 0), (1001, 0, 0)])
def test_bytes_hold_what_their_file_holds(tmp_path: Path, version: tuple[int, int, int]) -> None:
    write(tmp_path / "a.weights", NETWORK, version=version)
    read, parsed = (
        read_weights(tmp_path / "a.weights", NETWORK),
        parse_weights((tmp_path / "a.weights").read_bytes(), NETWORK),
    )
    assert (parsed.seen, parsed.version) == (read.seen, read.version) == (64, version)
    for found, expected in zip(parsed.layers, read.layers, strict=True):
        assert found.keys() == expected.keys()
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name])
            assert not array.flags.writeable


def test_bytes_that_do_not_fit_are_refused_like_their_file(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    write(path, NETWORK, extra=b"1234")
    with pytest.raises(WeightsError) as caught:
        parse_weights(path.read_bytes(), NETWORK, name="a.weights")
    assert str(caught.value) == refusal(path, NETWORK)


def test_the_arrays_are_read_only_views_of_one_buffer(tmp_path: Path) -> None:
    write(tmp_path / "a.weights", NETWORK)
    weights = Weights.read(tmp_path / "a.weights", NETWORK)
    arrays = [array for layer in weights.layers for array in layer.values()]
    assert len({id(array.base) for array in arrays}) == 1
    assert not any(array.flags.writeable for array in arrays)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_every_layer_has_a_mapping_and_one_without_parameters_an_empty_one(tmp_path: Path) -> None:
    write(tmp_path / "a.weights", NETWORK)
    weights = read_weights(tmp_path / "a.weights", NETWORK)
    assert [list(layer) for layer in weights.layers] == [
        ["biases", "scales", "rolling_mean", "rolling_variance", "weights"],
        [],
        ["biases", "weights"],
        ["biases", "weights"],
    ]


def test_old_files_hold_connected_weights_transposed(tmp_path: Path) -> None:
    floats = write(tmp_path / "a.weights", NETWORK, version=(1001, 0, 0))
    weights = read_weights(tmp_path / "a.weights", NETWORK)
    assert np.array_equal(weights.layers[3]["weights"], floats[-64:].reshape(8, 8).T)
    assert not weights.layers[3]["weights"].flags.writeable


def test_flipped_convolutions_are_stored_as_inputs_by_filters(tmp_path: Path) -> None:
    network = _with_layer(0, replace(NETWORK.layers[0], flipped=True))
    floats = write(tmp_path / "a.weights", network)
    weights = read_weights(tmp_path / "a.weights", network)
    assert np.array_equal(weights.layers[0]["weights"], floats[16:124].reshape(27, 4).T.reshape(4, 3, 3, 3))


def test_numload_reads_the_first_filters_and_keeps_the_rest(tmp_path: Path) -> None:
    network = _with_layer(0, replace(NETWORK.layers[0], options=LayerOptions(numload=3)))
    base = initial_weights(network, seed=5)
    floats = write(tmp_path / "a.weights", network)
    first = read_weights(tmp_path / "a.weights", network, base=base).layers[0]
    assert np.array_equal(first["biases"], [0, 1, 2, 0])
    assert np.array_equal(first["weights"][:3].ravel(), floats[12:93])
    assert np.array_equal(first["weights"][3], base.layers[0]["weights"][3])


def test_numload_of_a_flipped_convolution_takes_columns_of_the_file(tmp_path: Path) -> None:
    layer = Convolutional(4, size=3, padding=1, flipped=True, options=LayerOptions(numload=3))
    network = _with_layer(0, layer)
    floats = write(tmp_path / "a.weights", network)
    kernels = read_weights(tmp_path / "a.weights", network).layers[0]["weights"]
    assert np.array_equal(kernels[:3], floats[3:84].reshape(27, 3).T.reshape(3, 3, 3, 3))
    assert np.array_equal(kernels[3], initial_weights(network).layers[0]["weights"][3])


def test_without_scales_in_the_file_the_statistics_keep_their_start(tmp_path: Path) -> None:
    network = _with_layer(0, replace(NETWORK.layers[0], options=LayerOptions(dontloadscales=True)))
    floats = write(tmp_path / "a.weights", network)
    first = read_weights(tmp_path / "a.weights", network).layers[0]
    assert np.array_equal(first["scales"], np.ones(4))
    assert np.array_equal(first["rolling_variance"], np.zeros(4))
    assert np.array_equal(first["weights"].ravel(), floats[4:112])


def test_a_file_that_ends_within_a_turned_array_leaves_the_rest_in_its_place(tmp_path: Path) -> None:
    write(tmp_path / "a.weights", NETWORK, version=(1001, 0, 0))
    data = (tmp_path / "a.weights").read_bytes()
    (tmp_path / "a.weights").write_bytes(data[: -4 * 54 - 1])  # 9 of 64 connected weights, and 3 bytes of the tenth
    base = initial_weights(NETWORK, seed=3)
    weights = read_weights(tmp_path / "a.weights", NETWORK, base=base, allow_short=True)
    found, former = weights.layers[3]["weights"].T, base.layers[3]["weights"].T
    assert np.array_equal(found.ravel()[:9], np.arange(142, 151))
    assert np.array_equal(found.ravel()[9:], former.ravel()[9:])


def test_a_backbone_file_loads_by_its_cutoff_alone(tmp_path: Path) -> None:
    classifier, detector = darknet19_448(size=64), yolov2_voc(size=64)
    start = initial_weights(classifier, seed=1)
    write_weights(tmp_path / "darknet19_448.conv.23", replace(start, seen=9), classifier, cutoff=23)

    weights = read_weights(tmp_path / "darknet19_448.conv.23", detector, cutoff=23)

    assert np.array_equal(weights.layers[22]["weights"], start.layers[22]["weights"])
    assert np.array_equal(weights.layers[23]["weights"], initial_weights(detector).layers[23]["weights"])
    assert weights.seen == 9
    assert refusal(tmp_path / "darknet19_448.conv.23", detector) == (
        "darknet19_448.conv.23: found 19,831,776 floats (they end before biases of layer 23 [convolutional]), "
        "expected 50,676,061 for yolov2-voc.cfg; it fits exactly with --partial 23, which ends before layer 23"
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def test_darknets_own_version_turns_the_connected_weights_back(tmp_path: Path) -> None:
    write(tmp_path / "old.weights", NETWORK, version=(1001, 0, 0))
    weights = read_weights(tmp_path / "old.weights", NETWORK)
    write_weights(tmp_path / "new.weights", weights, NETWORK, version=DARKNET_VERSION)
    data = (tmp_path / "new.weights").read_bytes()
    assert data[:20] == struct.pack("<3iQ", 0, 2, 0, 64)
    assert data[-4 * 64 :] == weights.layers[3]["weights"].tobytes()


def test_layers_with_dontsave_are_left_out(tmp_path: Path) -> None:
    network = _with_layer(0, replace(NETWORK.layers[0], options=LayerOptions(dontsave=True)))
    write_weights(tmp_path / "a.weights", initial_weights(network), network)
    assert (tmp_path / "a.weights").stat().st_size == 20 + 4 * (10 + 72)


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.weights"
    with pytest.raises(OutputError) as caught:
        write_weights(path, initial_weights(NETWORK), NETWORK)
    assert str(caught.value) == f"{path}: found no such folder, expected a folder to write into; create it"


def test_the_arrays_of_another_network_are_a_programmers_mistake(tmp_path: Path) -> None:
    other = _with_layer(3, Connected(9))
    with pytest.raises(ValueError, match=r"layer 3, biases: found float32 \(9,\), expected float32 \(8,\)"):
        write_weights(tmp_path / "a.weights", initial_weights(other), NETWORK)
    assert not (tmp_path / "a.weights").exists()


@pytest.mark.parametrize("start, cutoff", [(-1, None), (5, None), (2, 1), (0, 5)])
def test_layers_that_are_not_there_are_a_programmers_mistake(tmp_path: Path, start: int, cutoff: int | None) -> None:
    write(tmp_path / "a.weights", NETWORK)
    with pytest.raises(ValueError, match="expected 0 <= start <= cutoff <= 4 layers"):
        read_weights(tmp_path / "a.weights", NETWORK, start=start, cutoff=cutoff)


# --- start values -----------------------------------------------------------------------------------------------------


def test_training_starts_from_darknets_spread() -> None:
    network = Network(Shape(8, 8, 8), (Convolutional(200, size=3, groups=2, batch_normalize=True), Connected(50)))
    first, second = initial_weights(network).layers
    assert first["weights"].std() == pytest.approx(math.sqrt(2 / (9 * 4)), rel=0.03)  # 7,200 normal draws
    limit = math.sqrt(2 / (200 * 6 * 6))
    assert np.abs(second["weights"]).max() == pytest.approx(limit, rel=1e-3)
    assert second["weights"].std() == pytest.approx(limit / math.sqrt(3), rel=0.01)  # 360,000 uniform draws
    for name, value in {"biases": 0, "scales": 1, "rolling_mean": 0, "rolling_variance": 0}.items():
        assert np.array_equal(first[name], np.full(200, value)), name


def test_the_same_seed_gives_the_same_start_and_another_one_another() -> None:
    first, again, other = (initial_weights(NETWORK, seed=seed).layers[0]["weights"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_equal_layers_start_differently() -> None:
    layers = initial_weights(Network(Shape(4, 4, 4), (Convolutional(4), Convolutional(4)))).layers
    assert not np.array_equal(layers[0]["weights"], layers[1]["weights"])


def test_a_layers_start_does_not_depend_on_the_layers_before_it() -> None:
    other = _with_layer(0, Convolutional(4, size=3, padding=1))
    assert np.array_equal(initial_weights(other).layers[3]["weights"], initial_weights(NETWORK).layers[3]["weights"])


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value, name", [(math.nan, "NaN"), (math.inf, "infinity"), (-math.inf, "infinity")])
def test_a_number_that_is_none_is_refused_with_its_place(tmp_path: Path, value: float, name: str) -> None:
    floats = write(tmp_path / "a.weights", NETWORK)
    floats[140] = value
    (tmp_path / "a.weights").write_bytes(format_header(Header((0, 2, 0), 64)) + floats.tobytes())
    assert refusal(tmp_path / "a.weights", NETWORK) == (
        f"a.weights: found {name} in biases of layer 3 [connected], expected finite numbers; "
        "the file is damaged, of another network, or of a training that failed: take another"
    )


def test_a_negative_variance_is_refused_with_its_place(tmp_path: Path) -> None:
    floats = write(tmp_path / "a.weights", NETWORK)
    floats[13] = -0.25
    (tmp_path / "a.weights").write_bytes(format_header(Header((0, 2, 0), 64)) + floats.tobytes())
    assert refusal(tmp_path / "a.weights", NETWORK) == (
        "a.weights: found -0.25 in rolling_variance of layer 0 [convolutional], expected variances of 0 and above; "
        "the file is damaged, of another network, or of a training that failed: take another"
    )


def test_numbers_whose_sum_overflows_are_finite_all_the_same(tmp_path: Path) -> None:
    floats = write(tmp_path / "a.weights", NETWORK)
    floats[20:40] = np.finfo(np.float32).max
    (tmp_path / "a.weights").write_bytes(format_header(Header((0, 2, 0), 64)) + floats.tobytes())
    assert read_weights(tmp_path / "a.weights", NETWORK).layers[0]["weights"].max() == np.finfo(np.float32).max


def test_denormal_numbers_are_kept(tmp_path: Path) -> None:
    floats = write(tmp_path / "a.weights", NETWORK)
    floats[20] = 1e-42
    (tmp_path / "a.weights").write_bytes(format_header(Header((0, 2, 0), 64)) + floats.tobytes())
    assert read_weights(tmp_path / "a.weights", NETWORK).layers[0]["weights"].ravel()[4] == np.float32(1e-42)


@pytest.mark.parametrize("kind", ["no such file", "a folder", "a special file"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.weights"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a special file":
        os.mkfifo(path)
    wanted = f"a.weights: found {kind}, expected a readable .weights file; check the path and its permissions"
    assert refusal(path, NETWORK) == wanted


def test_a_path_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    name = "a" * 300
    wanted = "found File name too long, expected a readable .weights file; check the path and its permissions"
    assert refusal(tmp_path / name, NETWORK) == f"{name}: {wanted}"


def test_a_huge_network_is_refused_by_the_files_length_before_memory_is_taken(tmp_path: Path) -> None:
    network = Network(Shape(1000, 1, 1), (Connected(2_000_000),), name="huge")  # 8 GB
    write(tmp_path / "a.weights", NETWORK)
    assert refusal(tmp_path / "a.weights", network).startswith("a.weights: found 206 floats ")


# --- properties -------------------------------------------------------------------------------------------------------

VERSIONS = st.sampled_from([(0, 2, 0), (0, 1, 0), (1, 0, 0), (1001, 0, 0), (0, 1001, 3)])


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Small networks of every layer that has parameters."""
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 4))):
        norm, flipped = draw(st.booleans()), draw(st.booleans())
        size, groups = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2]))
        conv = Convolutional(
            2 * draw(st.integers(1, 3)),
            size=size,
            padding=1,
            groups=groups,
            batch_normalize=norm,
            flipped=flipped,
        )
        others: list[Layer] = [BatchNorm(), MaxPool(2, 1, 1), Softmax(), Connected(4, batch_normalize=norm)]
        layers.append(draw(st.sampled_from([conv, *others])))
    return Network(Shape(2, 4, 4), tuple(layers))


@given(network=networks(), version=VERSIONS, seen=st.integers(0, 2**31 - 1), seed=st.integers(0, 99))
def test_read_undoes_write(
    tmp_path_factory: pytest.TempPathFactory, network: Network, version: tuple[int, int, int], seen: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("weights")
    written = replace(initial_weights(network, seed=seed), seen=seen, version=version)
    write_weights(folder / "a.weights", written, network)
    read = read_weights(folder / "a.weights", network)
    assert (read.seen, read.version) == (seen, version)
    for mine, yours in zip(read.layers, written.layers, strict=True):
        assert list(mine) == list(yours)
        assert all(np.array_equal(mine[name], yours[name]) for name in mine)
    write_weights(folder / "b.weights", read, network)
    assert (folder / "b.weights").read_bytes() == (folder / "a.weights").read_bytes()


@given(data=st.binary(max_size=120) | st.binary(min_size=80, max_size=96), options=st.booleans())
def test_any_bytes_give_weights_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, options: bool
) -> None:
    network = Network(Shape(1, 1, 1), (Convolutional(2, batch_normalize=True), Connected(2)))  # 10 + 6 floats
    path = tmp_path_factory.mktemp("weights") / "a.weights"
    path.write_bytes(data)
    try:
        weights = read_weights(path, network, allow_short=options, allow_trailing=options)
    except WeightsError:
        assert not options or len(data) < 20 or not np.isfinite(_floats(data)).all() or (_floats(data) < 0).any()
    else:
        assert options or len(data) in (80, 84)
        assert all(np.isfinite(array).all() for layer in weights.layers for array in layer.values())


def _floats(data: bytes) -> np.ndarray:
    """The floats after the header, with some of a 20-byte header's count among them."""
    return np.frombuffer(data[16 : 16 + (len(data) - 16) // 4 * 4], "<f4")


def _with_layer(index: int, layer: Layer) -> Network:
    return replace(NETWORK, layers=(*NETWORK.layers[:index], layer, *NETWORK.layers[index + 1 :]))
