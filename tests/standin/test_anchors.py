"""`darknet detector calc_anchors`: whole lines and the file, with numbers counted once more by loops."""

from pathlib import Path

import numpy as np
import pytest

from small_sets import write_darknet
from voices import FakeVoice
from yolov2.errors import OutputError
from yolov2.priors.kmeans import darknet_start
from yolov2.standin.darknet import run
from yolov2.standin.line import LineError

# Two clumps of shapes, far apart: (.1, .2) and (.12, .2); (.6, .5), (.6, .52) and (.6, .54), the middle one a dog.
LABELS = {
    "a": "0 .5 .5 .1 .2\n0 .5 .5 .6 .5\n",
    "b": "1 .5 .5 .6 .52\n",
    "c": "0 .5 .5 .12 .2\n0 .5 .5 .6 .54\n",
}
SHAPES = np.array([(0.1, 0.2), (0.6, 0.5), (0.6, 0.52), (0.12, 0.2), (0.6, 0.54)])


def ran(*words: str) -> tuple[int, FakeVoice]:
    voice = FakeVoice()
    return run(("detector", "calc_anchors", *words), voice.voice), voice


def by_loops(width: int, height: int, k: int) -> tuple[list[tuple[float, float]], float]:
    """Means of the shapes nearest to each centre until none moves, and the mean overlap with the best of them."""
    shapes = [(w * width, h * height) for w, h in SHAPES.tolist()]
    centres = [tuple(row) for row in darknet_start(np.array(shapes), k).tolist()]
    before = None
    while True:
        nearest = [max(range(k), key=lambda c, shape=shape: overlap(shape, centres[c])) for shape in shapes]
        if nearest == before:
            break
        before = nearest
        for c in range(k):
            own = [shape for shape, at in zip(shapes, nearest, strict=True) if at == c]
            centres[c] = (sum(w for w, _ in own) / len(own), sum(h for _, h in own) / len(own))
    mean = sum(max(overlap(shape, centre) for centre in centres) for shape in shapes) / len(shapes)
    return sorted(centres, key=lambda centre: centre[0] * centre[1]), mean


def overlap(one, other):
    shared = min(one[0], other[0]) * min(one[1], other[1])
    return shared / (one[0] * one[1] + other[0] * other[1] - shared)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_darknet(Path(), LABELS)


@pytest.mark.parametrize(("width", "height", "form"), [(13, 10, ".4f"), (416, 320, "3.0f"), (32, 64, ".4f")])
@pytest.mark.parametrize("k", [1, 2])
def test_the_lines_and_the_file(here, width, height, form, k):
    status, voice = ran("small.data", "-num_of_clusters", str(k), "-width", str(width), "-height", str(height))
    centres, mean = by_loops(width, height, k)
    text = ", ".join(f"{w:{form}},{h:{form}}" for w, h in centres)
    assert status == 0
    assert voice.said == [
        f"\n num_of_clusters = {k}, width = {width}, height = {height} ",
        " read labels from 3 images ",
        " loaded \t image: 3 \t box: 5\n all loaded. ",
        "\n calculating k-means++ ...",
        f"\n avg IoU = {100 * mean:.2f} % ",
        f"\nSaving anchors to the file: anchors.txt \nanchors = {text}",
        "\ncounters_per_class = 4, 1",
    ]
    assert Path("anchors.txt").read_bytes() == text.encode()
    assert voice.noted == voice.failed == []


def test_pixels_are_padded_as_darknet_pads_them(here):
    assert ran("small.data", "-num_of_clusters", "2", "-width", "416", "-height", "416")[0] == 0
    assert Path("anchors.txt").read_text() == " 46, 83, 250,216"


def test_flags_may_stand_before_the_command(here):
    voice = FakeVoice()
    words = (
        "detector",
        "-width",
        "13",
        "-height",
        "13",
        "-num_of_clusters",
        "2",
        "calc_anchors",
        "small.data",
        "-show",
    )
    assert run(words, voice.voice) == 0
    assert voice.noted == ["-show is passed over: no window is opened here"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            (),
            "darknet detector calc_anchors: found -num_of_clusters 5 -width -1 -height -1, expected numbers of 1 or more; write, say, -num_of_clusters 5 -width 13 -height 13",
        ),
        (
            ("-num_of_clusters", "6", "-width", "13", "-height", "13"),
            "small.data: found 5 different box shapes, expected at least 6, one an anchor; lower -num_of_clusters, or correct train=",
        ),
    ],
)
def test_what_can_not_be_clustered_is_refused(here, flags, message):
    with pytest.raises(LineError) as refused:
        ran("small.data", *flags)
    assert str(refused.value) == message
    assert not Path("anchors.txt").exists()


def test_the_data_file_is_not_written_over(here):
    here.rename("anchors.txt")
    with pytest.raises(OutputError) as refused:
        ran("anchors.txt", "-width", "13", "-height", "13")
    assert str(refused.value).startswith("anchors.txt: found the name of an input, anchors.txt, ")
