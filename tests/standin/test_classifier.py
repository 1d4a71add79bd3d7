"""yolov2.standin.classifier and its kin: Darknet's `classifier` lines, and what is printed for them."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from voices import FakeVoice
from yolov2.darknet.cfg import read_cfg
from yolov2.darknet.weights import initial_weights, write_weights
from yolov2.detect.classifier import Classifier
from yolov2.errors import Yolov2Error
from yolov2.pictures.channels import with_channels
from yolov2.records import Classification, Frame
from yolov2.standin.classifier_model import Cropped, shorter_side_then_centre
from yolov2.standin.classifier_valid import Tally
from yolov2.standin.darknet import run

CFG = """[net]
width=32
height=32
channels=3
[convolutional]
filters=4
size=3
pad=1
activation=leaky
[avgpool]
[softmax]
"""
NAMES = ("dog", "cat", "horse", "bird")
TREE = "animal -1\nthing -1\npet 0\nwild 0\n"
COLOURS = {"dog": (250, 20, 20), "cat": (20, 250, 20), "horse": (20, 20, 250), "bird": (240, 240, 240)}
SECONDS = r"pictures/dog\.png: Predicted in \d+\.\d{6} seconds\."
SAME_SOFTMAX = 1e-5  # golden/MANIFEST.md
PERCENT_DIGITS = 0.005  # of %5.2f


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: net.cfg, net.weights, x.data with its lists, and a picture for each of NAMES."""
    monkeypatch.chdir(tmp_path)
    Path("net.cfg").write_text(CFG)
    network = read_cfg(Path("net.cfg"))
    write_weights("net.weights", initial_weights(network, seed=3), network)
    Path("names.list").write_text("\n".join(NAMES))
    Path("pictures").mkdir()
    for name, colour in COLOURS.items():
        pixels = np.random.default_rng(len(name)).integers(0, 60, (40, 56, 3)) + np.array(colour) // 2
        Image.fromarray(pixels.astype(np.uint8)).save(f"pictures/{name}.png")
    Path("valid.list").write_text("".join(f"pictures/{name}.png\n" for name in NAMES))
    data("names=names.list", "labels=names.list", "valid=valid.list", "classes=4", "top=2")
    return tmp_path


def data(*lines: str) -> None:
    Path("x.data").write_text("\n".join(lines))


def darknet(line: str, *, lines: tuple[str, ...] = (), status: int = 0, dialect=None) -> FakeVoice:
    """What is heard of a line that ends with this status."""
    voice = FakeVoice(lines)
    assert run(line.split(), voice.voice, dialect=dialect) == status
    return voice


def refusal(line: str) -> str:
    with pytest.raises(Yolov2Error) as caught:
        run(line.split(), FakeVoice().voice)
    return str(caught.value)


def answer(picture: str, preprocess: str, **options) -> Classification:
    """What yolov2's own Classifier says."""
    with Classifier.open("net.cfg", names="names.list", preprocess=preprocess, faithful=True, **options) as classifier:
        return classifier(picture)


def score(found: Classification, class_id: int) -> float:
    return float(found.probabilities[found.class_ids == class_id][0])


# --- predict ----------------------------------------------------------------------------------------------------------


def test_predict_prints_the_best_classes_in_percent_and_the_time_beside_them(folder):
    voice = darknet("classifier predict x.data net.cfg net.weights pictures/dog.png")
    best = answer("pictures/dog.png", "predict").top(2)
    assert voice.said == [f"{100 * p:5.2f}%: {name}" for name, p in zip(best.names, best.probabilities, strict=True)]
    assert voice.told[-2] == "Loading weights from net.weights...Done!"
    assert re.fullmatch(SECONDS, voice.told[-1])
    assert (voice.noted, voice.failed, voice.asked) == ([], [], [])


@pytest.mark.parametrize("dialect, time", [("pjreddie", "0.250000 seconds"), ("alexeyab", "250.000000 milli-seconds")])
def test_the_time_is_that_of_the_network(folder, monkeypatch, dialect, time):
    ticks = iter((5.0, 5.25))
    monkeypatch.setattr("yolov2.standin.classifier.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    voice = darknet("classifier predict x.data net.cfg net.weights pictures/dog.png", dialect=dialect)
    assert f"pictures/dog.png: Predicted in {time}." in voice.told + voice.said


@pytest.mark.parametrize(
    "line, top, lines",
    [("", "top=3", 3), ("", "", 1), (" -t 2", "top=3", 2), (" -t 9", "", 4), (" -t 0", "top=3", 3)],
)
def test_t_says_how_many_classes_and_then_top_and_then_it_is_one(folder, line, top, lines):
    data("names=names.list", *([top] if top else []))
    voice = darknet(f"classifier{line} predict x.data net.cfg net.weights pictures/dog.png")
    assert len(voice.said) == lines


def test_without_names_the_labels_name_the_classes(folder):
    Path("labels.list").write_text("n01\nn02\nn03\nn04\nn05\n")  # longer than the network, as Darknet's are
    data("labels=labels.list", "top=4")
    voice = darknet("classifier predict x.data net.cfg net.weights pictures/dog.png")
    assert {line.partition(": ")[2] for line in voice.said} == {"n01", "n02", "n03", "n04"}


def test_without_a_picture_paths_are_asked_for_and_a_bad_one_ends_nothing(folder):
    Path("broken.png").write_bytes(b"")
    lines = ("pictures/dog.png", "broken.png", "", "none.png", "pictures/cat.png")
    voice = darknet("classifier predict x.data net.cfg net.weights", lines=lines, status=1)
    assert voice.asked == ["Enter Image Path: "] * 6
    assert [line.partition(":")[0] for line in voice.failed] == ["broken.png", "none.png"]
    assert [line.partition(":")[0] for line in voice.told[-2:]] == ["pictures/dog.png", "pictures/cat.png"]
    assert len(voice.said) == 4


def test_blanks_around_a_path_belong_to_it_as_in_darknet(folder):
    Path("pictures/dog.png").rename(" dog.png ")
    voice = darknet("classifier predict x.data net.cfg net.weights", lines=(" dog.png ",))
    assert len(voice.said) == 2


def other_channels(channels: int) -> str:
    """net.cfg and net.weights take so many channels, and so has the picture of this name."""
    Path("net.cfg").write_text(CFG.replace("channels=3", f"channels={channels}"))
    network = read_cfg(Path("net.cfg"))
    write_weights("net.weights", initial_weights(network, seed=3), network)
    if channels <= 4:
        return "pictures/dog.png"
    np.save("pictures/dog.npy", np.random.default_rng(0).integers(0, 256, (40, 56, channels), np.uint8))
    return "pictures/dog.npy"


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_predict_gives_a_network_as_many_channels_as_it_has(folder, channels):
    picture = other_channels(channels)
    voice = darknet(f"classifier predict x.data net.cfg net.weights {picture}")
    best = answer(picture, "predict").top(2)
    assert voice.said == [f"{100 * p:5.2f}%: {name}" for name, p in zip(best.names, best.probabilities, strict=True)]


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_alexeyabs_does_so_too_in_predict_and_valid(folder, channels):
    picture = other_channels(channels)
    with Classifier.open("net.cfg", names="names.list") as classifier:
        shown = with_channels(classifier.frame(picture), channels)
        raw = classifier.raw([(shorter_side_then_centre(shown, (32, 32)),)])[0][0]
    order = np.argsort(-raw)[:2]
    voice = darknet(f"classifier predict x.data net.cfg net.weights {picture}", dialect="alexeyab")
    assert voice.said[3:] == [f"{NAMES[i]}: {raw[i]:f}" for i in order]
    Path("valid.list").write_text(f"{picture}\n")
    voice = darknet("classifier valid x.data net.cfg net.weights", dialect="alexeyab")
    assert voice.said[-1] == f"0: top 1: {float(order[0] == 0):f}, top 2: {float(0 in order):f}"


@pytest.mark.parametrize("dialect", ["pjreddie", "alexeyab"])
def test_an_array_of_other_channels_is_turned_into_the_networks_or_fails(folder, dialect):
    grey = np.random.default_rng(0).integers(0, 256, (40, 56, 1), np.uint8)
    np.save("grey.npy", grey)
    np.save("rgb.npy", np.repeat(grey, 3, axis=2))
    np.save("five.npy", np.repeat(grey, 5, axis=2))
    line = "classifier predict x.data net.cfg net.weights"
    one, three = (darknet(f"{line} {name}.npy", dialect=dialect).said[-2:] for name in ("grey", "rgb"))
    assert one == three
    failed = darknet(f"{line} five.npy", dialect=dialect, status=1).failed
    assert [text.partition(",")[0] for text in failed] == ["five.npy: found 5 channels"]


def test_a_rotation_that_exif_asks_for_is_ignored_as_darknet_does(folder):
    turned = Image.Exif()
    turned[0x0112] = 6
    pixels = np.zeros((40, 56, 3), np.uint8)
    pixels[:, :20] = (200, 30, 90)
    Image.fromarray(pixels).save("plain.png")
    Image.fromarray(pixels).save("turned.png", exif=turned)
    plain, odd = (darknet(f"classifier predict x.data net.cfg net.weights {name}.png") for name in ("plain", "turned"))
    assert plain.said == odd.said


def test_classify_takes_imagenets_lists_and_five_classes(folder):
    Path("cfg").mkdir()
    Path("cfg/imagenet1k.data").write_text("names=names.list\ntop=1\n")
    voice = darknet("classify net.cfg net.weights pictures/cat.png")
    best = answer("pictures/cat.png", "predict")
    assert [line.partition(": ")[2] for line in voice.said] == best.names


def test_classify_says_which_file_darknet_takes_and_what_does_without(folder):
    assert refusal("classify net.cfg net.weights pictures/cat.png") == (
        "darknet classify: found no cfg/imagenet1k.data here, expected that file, whose names= Darknet takes for "
        "classify; run it from Darknet's folder, or write darknet classifier predict DATA CFG WEIGHTS [PICTURE]"
    )


@pytest.mark.parametrize(
    ("command", "instead"),
    [("predict", "test DATA CFG WEIGHTS PICTURE"), ("valid", "valid DATA CFG WEIGHTS")],
)
def test_a_detector_is_told_its_own_command(folder, command, instead):
    layers = CFG.partition("[avgpool]")[0].replace("filters=4", "filters=6")
    Path("net.cfg").write_text(layers + "[region]\nanchors=1,2\nnum=1\nclasses=1\n")
    assert refusal(f"classifier {command} x.data net.cfg net.weights") == (
        f"net.cfg: found a detector, with [region] at its end, expected a classifier; write darknet detector {instead}"
    )


def test_predict_with_a_tree_ranks_its_leaves(folder):
    Path("net.cfg").write_text(CFG + "tree=animals.tree\n")
    Path("animals.tree").write_text(TREE)
    voice = darknet("classifier predict x.data net.cfg net.weights pictures/dog.png -t 4")
    found = answer("pictures/dog.png", "predict")
    said = {line.partition(": ")[2]: float(line.partition("%")[0]) for line in voice.said}
    assert said["dog"] == 0  # the node 0 has children
    assert sum(said.values()) == pytest.approx(100, abs=4 * PERCENT_DIGITS)
    assert list(said) == found.names


# --- AlexeyAB's -------------------------------------------------------------------------------------------------------


def test_alexeyabs_predict_has_the_middle_of_the_picture_and_lines_of_its_own(folder):
    voice = darknet("classifier predict x.data net.cfg net.weights pictures/dog.png", dialect="alexeyab")
    with Classifier.open("net.cfg", names="names.list") as classifier:
        pixels = np.asarray(Image.open("pictures/dog.png"))
        raw = classifier.raw([(shorter_side_then_centre(pixels, (32, 32)),)])[0][0]
    order = np.argsort(-raw)[:2]
    assert voice.said[:2] == [" classes = 4, output in cfg = 4 ", "32 32"]
    assert re.fullmatch(SECONDS.replace("seconds", "milli-seconds"), voice.said[2])
    assert voice.said[3:] == [f"{NAMES[i]}: {raw[i]:f}" for i in order]


def test_alexeyabs_predict_with_a_tree_ranks_every_node_and_names_its_parent(folder):
    Path("net.cfg").write_text(CFG + "tree=animals.tree\n")
    Path("animals.tree").write_text(TREE)
    voice = darknet("classifier predict x.data net.cfg net.weights pictures/dog.png -t 4", dialect="alexeyab")
    found = {}
    for line in voice.said[3:]:
        parts = re.fullmatch(r"(\d), (\w+): (\d\.\d{6}), parent: (\w+) ", line)
        assert parts is not None
        node, name, value, parent = parts.groups()
        found[int(node)] = (name, float(value), parent)
    assert {node: (name, parent) for node, (name, _, parent) in found.items()} == {
        0: ("dog", "Root"), 1: ("cat", "Root"), 2: ("horse", "dog"), 3: ("bird", "dog"),
    }  # fmt: skip
    assert found[0][1] + found[1][1] == pytest.approx(1, abs=2e-6)
    assert found[2][1] + found[3][1] == pytest.approx(found[0][1], abs=2e-6)


def test_a_frame_of_other_channels_is_turned_into_the_networks_for_alexeyabs(folder):
    grey = np.random.default_rng(0).integers(0, 256, (40, 56, 1), np.uint8)
    with Classifier.open("net.cfg", names="names.list") as classifier:
        (image,) = Cropped(classifier).prepare(Frame(grey))
    np.testing.assert_array_equal(image, shorter_side_then_centre(np.repeat(grey, 3, axis=2), (32, 32)))


def test_the_middle_of_a_picture_that_is_small_enough_is_not_resampled():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 51, 3), np.uint8)
    image = shorter_side_then_centre(pixels, (32, 32))
    np.testing.assert_array_equal(image, pixels[:, 9:41].transpose(2, 0, 1) / np.float32(255))


def test_where_the_input_is_higher_than_the_picture_its_edge_is_repeated():
    pixels = np.random.default_rng(1).integers(0, 256, (32, 40, 3), np.uint8)
    image = shorter_side_then_centre(pixels, (37, 32))  # (32 - 37) / 2 is -2 in C
    expected = np.pad(pixels[:, 4:36], ((2, 3), (0, 0), (0, 0)), mode="edge")
    np.testing.assert_array_equal(image, expected.transpose(2, 0, 1) / np.float32(255))


def test_a_picture_that_alexeyabs_rule_makes_huge_fails_alone(folder):
    Image.new("RGB", (1, 6000)).save("strip.png")
    voice = darknet("classifier predict x.data net.cfg net.weights strip.png", dialect="alexeyab", status=1)
    assert voice.failed == [
        "strip.png: found 32 x 192000 pixels made of it, expected at most 4,194,304 pixels; cut it into pieces"
    ]


def test_alexeyabs_valid_has_the_same_middle(folder):
    Image.new("RGB", (1, 6000)).save("strip.png")
    Path("valid.list").write_text("strip.png\n")
    darknet("classifier valid x.data net.cfg net.weights")
    voice = darknet("classifier valid x.data net.cfg net.weights", dialect="alexeyab", status=1)
    assert voice.failed[0].startswith("strip.png: found 32 x 192000 pixels made of it")


def test_alexeyabs_valid_leaves_out_the_scores(folder):
    voice = darknet("classifier valid x.data net.cfg net.weights", dialect="alexeyab")
    assert voice.said[:2] == [" TOP calculation...", ""]
    assert [line[:9] for line in voice.said[2:]] == [f"{i}: top 1:" for i in range(4)]


# --- valid and its kin ------------------------------------------------------------------------------------------------


def test_valid_prints_truth_scores_and_running_rates(folder):
    voice = darknet("classifier valid x.data net.cfg net.weights")
    expected, first, among = [], 0, 0
    for index, name in enumerate(NAMES):
        found = answer(f"pictures/{name}.png", "valid")
        first += found.class_ids[0] == index
        among += index in found.class_ids[:2]
        expected += [
            f"pictures/{name}.png, {index}, {score(found, 0):f}, {score(found, 1):f}, ",
            f"{index}: top 1: {first / (index + 1):f}, top 2: {among / (index + 1):f}",
        ]
    assert voice.said == expected
    assert 0 < among < 4


@pytest.mark.parametrize("preprocess", ["valid10", "validfull", "validmulti"])
def test_its_kin_print_the_rates_alone_for_their_own_view_of_the_picture(folder, preprocess):
    voice = darknet(f"classifier {preprocess} x.data net.cfg net.weights")
    best = [answer(f"pictures/{name}.png", preprocess).class_ids[:2].tolist() for name in NAMES]
    firsts = np.cumsum([found[0] == index for index, found in enumerate(best)])
    among = np.cumsum([index in found for index, found in enumerate(best)])
    assert voice.said == [
        f"{i}: top 1: {firsts[i] / (i + 1):f}, top 2: {among[i] / (i + 1):f}" for i in range(len(NAMES))
    ]


def test_a_picture_that_cannot_be_read_counts_neither_way(folder):
    whole = darknet("classifier valid x.data net.cfg net.weights").said
    Path("valid.list").write_text("none/dog.png\n\n" + Path("valid.list").read_text())
    voice = darknet("classifier valid x.data net.cfg net.weights", status=1)
    assert [line.partition(": ")[2] for line in voice.said[1::2]] == [line.partition(": ")[2] for line in whole[1::2]]
    assert [line.partition(": ")[0] for line in voice.said[1::2]] == ["1", "2", "3", "4"]
    assert [line.partition(":")[0] for line in voice.failed] == ["none/dog.png"]
    assert voice.noted == ["1 of 5 pictures could not be read and count neither way"]


def test_the_first_label_within_the_path_is_the_truth_and_none_is_minus_one(folder):
    Path("labels.list").write_text("nothing\nanimal\npictures/animal\nthing\ncat\n")  # one too many
    Path("pictures/dog.png").rename("pictures/animal.png")
    Path("valid.list").write_text("pictures/animal.png\npictures/cat.png\n")
    data("labels=labels.list", "valid=valid.list", "classes=4")
    voice = darknet("classifier valid x.data net.cfg net.weights")
    assert [line.split(", ")[1] for line in voice.said[::2]] == ["1", "-1"]


def test_only_the_first_classes_are_ranked(folder):
    data("labels=names.list", "valid=valid.list", "classes=1", "top=5")
    voice = darknet("classifier valid x.data net.cfg net.weights")
    assert voice.said[-1] == "3: top 1: 0.250000, top 1: 0.250000"


def test_leaves_choose_what_may_be_an_answer(folder):
    Path("net.cfg").write_text(CFG + "tree=animals.tree\n")
    Path("animals.tree").write_text(TREE)
    Path("leaves.list").write_text("pet\n")
    data("labels=names.list", "valid=valid.list", "classes=4", "leaves=leaves.list")
    voice = darknet("classifier valid x.data net.cfg net.weights")
    assert "Found 1 leaves." in voice.told
    assert {line.split(", ", 2)[2] for line in voice.said[::2]} == {"0.000000, 0.000000, "}  # of the two roots
    assert [line.partition(", ")[0] for line in voice.said[1::2]] == [  # all is said to be node 2: a horse is right
        "0: top 1: 0.000000", "1: top 1: 0.000000", "2: top 1: 0.333333", "3: top 1: 0.250000",
    ]  # fmt: skip


def test_validcrop_counts_by_thousands_and_averages_the_rates_of_these(folder, monkeypatch):
    monkeypatch.setattr("yolov2.standin.classifier_valid.SPLIT", 2)
    Path("valid.list").write_text("".join(f"pictures/{name}.png\n" for name in ("dog", "cat", "horse", "bird", "dog")))
    voice = darknet("classifier validcrop x.data net.cfg net.weights")
    best = {name: answer(f"pictures/{name}.png", "validcrop").class_ids[:2].tolist() for name in NAMES}
    parts = [("dog", "cat"), ("horse", "bird", "dog")]
    first = [np.mean([best[name][0] == NAMES.index(name) for name in part]) for part in parts]
    among = [np.mean([NAMES.index(name) in best[name] for name in part]) for part in parts]
    number = r"\d+\.\d{6}"
    patterns = [
        rf"Loaded: 2 images in {number} seconds",
        rf"1: top 1: {first[0]:f}, top 2: {among[0]:f}, {number} seconds, 2 images",
        rf"Loaded: 3 images in {number} seconds",
        rf"2: top 1: {np.mean(first):f}, top 2: {np.mean(among):f}, {number} seconds, 3 images",
    ]
    assert len(voice.said) == len(patterns)
    for line, pattern in zip(voice.said, patterns, strict=True):
        assert re.fullmatch(pattern, line), line
    assert among[0] != among[1]


def test_validcrop_forgets_the_tree_as_darknet_does(folder):
    Path("net.cfg").write_text(CFG + "tree=things.tree\n")
    Path("things.tree").write_text("animal -1\nthing -1\ntool 1\ntoy 1\n")
    Path("valid.list").write_text("pictures/cat.png\n")  # which is the node 1, a root with children
    rank = answer("pictures/cat.png", "validcrop").class_ids.tolist().index(1)
    assert rank < 3  # where the tree is not forgotten, this node comes last
    data("labels=names.list", "valid=valid.list", "classes=4", f"top={rank + 1}")
    voice = darknet("classifier validcrop x.data net.cfg net.weights")
    assert f", top {rank + 1}: 1.000000, " in voice.said[-1]


def test_validcrop_says_where_a_path_has_not_one_label_and_takes_any_of_several(folder):
    Path("labels.list").write_text("png\npictures\nno\nneither\n")
    Path("valid.list").write_text("pictures/cat.png\n")
    data("labels=labels.list", "valid=valid.list", "classes=4", "top=3")
    voice = darknet("classifier validcrop x.data net.cfg net.weights")
    assert voice.said[0] == "Too many or too few labels: 2, pictures/cat.png"
    assert ", top 3: 1.000000, " in voice.said[2]


def test_validcrop_without_a_readable_picture_has_no_rate(folder):
    Path("valid.list").write_text("dog\n")
    voice = darknet("classifier validcrop x.data net.cfg net.weights", status=1)
    assert re.fullmatch(r"1: top 1: 0\.000000, top 2: 0\.000000, .* seconds, 0 images", voice.said[-1])


def test_rates_are_darknets_float32():
    tally = Tally()
    for _ in range(3):
        tally.add([1, 0], [0])
    tally.add([1, 0], [1])
    assert tally.rates == (np.float32(1) / np.float32(4), np.float32(1))
    assert tally.rates[0].dtype == np.float32


# --- try --------------------------------------------------------------------------------------------------------------


def test_try_prints_scores_and_the_time_among_them(folder):
    voice = darknet("classifier try x.data net.cfg net.weights pictures/dog.png 2")
    best = answer("pictures/dog.png", "try").top(2)
    assert re.fullmatch(SECONDS, voice.said[0])
    assert voice.said[1:] == [f"{name}: {p:f}" for name, p in zip(best.names, best.probabilities, strict=True)]
    assert voice.noted == ["layer 2 is passed over: what is inside a network is not printed"]


# --- Darknet's own numbers --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def darknet19(golden: Path, recipe, tmp_path_factory: pytest.TempPathFactory):
    """The folder of darknet19 at 224 with the seeded weights of golden/g_classifier, and what Darknet made of it."""
    entries = json.loads((golden / "g_classifier/cases.json").read_text())
    (entry,) = [entry for entry in entries if entry["case"] == "darknet19_224"]
    text = (golden / entry["cfg"]).read_text()
    for key in ("width", "height"):
        text = re.sub(rf"^{key}=\d+", f"{key}=224", text, count=1, flags=re.MULTILINE)
    folder = tmp_path_factory.mktemp("darknet19")
    (folder / "net.cfg").write_text(text)
    (folder / "net.weights").write_bytes(recipe.seeded_weights(text, entry["weights_seed"], head=1.0))
    with np.load(golden / entry["npz"]) as arrays:
        return folder, {key.removeprefix("darknet19_224_"): arrays[key] for key in arrays if "darknet19_224" in key}


@pytest.mark.golden
@pytest.mark.parametrize("picture", ["dog", "eagle", "scream"])
def test_predict_names_darknets_five_best_with_darknets_percentages(darknet19, golden, shared, monkeypatch, picture):
    folder, arrays = darknet19
    monkeypatch.chdir(folder)
    names = (shared / "data/yolo9000/imagenet.shortnames.list").read_text().split("\n")
    data(f"names={shared / 'data/yolo9000/imagenet.shortnames.list'}", "top=5")
    voice = darknet(f"classifier predict x.data net.cfg net.weights {golden}/pictures/{picture}.png")
    softmax = arrays[f"{picture}_predict_softmax"]
    for line, class_id in zip(voice.said, arrays[f"{picture}_predict_top5"], strict=True):
        percent, _, name = line.partition("%: ")
        assert name == names[class_id]
        assert float(percent) == pytest.approx(100 * softmax[class_id], abs=PERCENT_DIGITS + 100 * SAME_SOFTMAX)


@pytest.mark.golden
def test_valid_has_darknets_scores_of_the_first_two_classes(darknet19, golden, monkeypatch):
    folder, arrays = darknet19
    monkeypatch.chdir(folder)
    Path("valid.list").write_text("".join(f"{golden}/pictures/{name}.png\n" for name in ("dog", "eagle", "scream")))
    Path("labels.list").write_text("".join(f"label{index}\n" for index in range(1000)))
    data("labels=labels.list", "valid=valid.list", "classes=1000")
    voice = darknet("classifier valid x.data net.cfg net.weights")
    for line, picture in zip(voice.said[::2], ("dog", "eagle", "scream"), strict=True):
        path, truth, first, second, end = line.split(", ")
        assert (path, truth, end) == (f"{golden}/pictures/{picture}.png", "-1", "")
        expected = arrays[f"{picture}_valid_softmax"][:2]
        np.testing.assert_allclose([float(first), float(second)], expected, rtol=0, atol=SAME_SOFTMAX)


@pytest.mark.golden
@pytest.mark.parametrize(
    "preprocess, key",
    [
        ("valid", "softmax"),
        ("validcrop", "softmax"),
        ("valid10", "sum"),
        ("validfull", "softmax"),
        pytest.param("validmulti", "sum", marks=pytest.mark.slow),
    ],
)
def test_a_truth_that_darknet_ranks_fourth_is_among_four_and_not_among_three(
    darknet19, golden, monkeypatch, preprocess, key
):
    folder, arrays = darknet19
    monkeypatch.chdir(folder)
    fourth = np.argsort(-arrays[f"dog_{preprocess}_{key}"], kind="stable")[3]
    Path("labels.list").write_text("".join(f"{'dog' if i == fourth else f'label{i}'}\n" for i in range(1000)))
    Path("valid.list").write_text(f"{golden}/pictures/dog.png\n")
    for top, rate in ((3, 0), (4, 1)):
        data("labels=labels.list", "valid=valid.list", "classes=1000", f"top={top}")
        voice = darknet(f"classifier {preprocess} x.data net.cfg net.weights")
        assert f": top 1: 0.000000, top {top}: {rate:f}" in voice.said[-1]


# --- refusals ---------------------------------------------------------------------------------------------------------

ADD_LINES = "give the list that the network was trained with, or add the missing lines"
USAGE = "write darknet classifier predict"
KNOWN = "expected one of predict, valid, validcrop, valid10, validfull, validmulti, try, train; "


@pytest.mark.parametrize(
    "line, message",
    [
        (
            "classifier",
            f"darknet classifier: found no further word, {KNOWN}{USAGE} DATA CFG WEIGHTS PICTURE",
        ),
        (
            "classifier predcit x.data",
            f"darknet classifier: found predcit, {KNOWN}{USAGE} DATA CFG WEIGHTS PICTURE",
        ),
        (
            "classifier csv x.data net.cfg",
            f"darknet classifier: found csv, which is not done here, {KNOWN}run Darknet itself for it",
        ),
        (
            "classifier predict x.data net.cfg net.weights -t -1",
            "darknet classifier predict: found -t -1, expected a number from 1; write, say, -t 5",
        ),
        (
            "classifier predict x.data net.cfg",
            f"darknet classifier predict: found 2 words, expected at least 3; {USAGE} DATA CFG WEIGHTS [PICTURE]",
        ),
    ],
)
def test_a_wrong_line_is_refused(folder, line, message):
    assert refusal(line) == message


@pytest.mark.parametrize(
    "lines, message",
    [
        (("classes=5",), "x.data:1: found classes=5, expected 1 to 4, the outputs of the network; write classes=4"),
        (("classes=4", "top=0"), "x.data:2: found top=0, expected a number from 1; write top=5"),
        (
            ("classes=4", "labels=two.list"),
            f"two.list: found 2 names, expected 4, one for each class of the network; {ADD_LINES}",
        ),
        (
            ("classes=4", "leaves=two.list"),
            "two.list: found a list of leaves, expected a network with a tree, as leaves= needs; remove leaves=",
        ),
        (
            ("classes=4", "valid=none.list"),
            "none.list: found no such file, expected a picture's path on each line; check the path",
        ),
    ],
)
def test_a_data_file_that_does_not_fit_is_refused(folder, lines, message):
    Path("two.list").write_text("dog\ncat\n")
    keys = [line.partition("=")[0] for line in lines]
    rest = [line for line in ("labels=names.list", "valid=valid.list") if line.partition("=")[0] not in keys]
    data(*lines, *rest)
    assert refusal("classifier valid x.data net.cfg net.weights") == message


def test_leaves_that_are_no_nodes_are_refused(folder):
    Path("net.cfg").write_text(CFG + "tree=animals.tree\n")
    Path("animals.tree").write_text(TREE)
    Path("leaves.list").write_text("lion\n")
    data("labels=names.list", "valid=valid.list", "classes=4", "leaves=leaves.list")
    assert refusal("classifier valid x.data net.cfg net.weights") == (
        "leaves.list: found no name of a node, expected some of the 4 of the tree; give the tree's own list"
    )


def test_flags_that_change_nothing_are_named_and_one_of_alexeyabs_makes_the_line_his(folder):
    voice = darknet("classifier valid x.data net.cfg net.weights -clear -dont_show -t 3")
    assert voice.said[0] == " TOP calculation..."
    assert voice.noted == [
        "-dont_show makes this a line for AlexeyAB's program; --like pjreddie takes it for the other",
        "-clear is passed over: nothing is trained here",
        "-dont_show is passed over: no window is opened here",
        "-t is passed over: top= in DATA says how many are looked at",
    ]
