"""`random=1`: the input sizes that both programs draw, and when."""

from pathlib import Path

from yolov2.darknet.cfg import parse_cfg
from yolov2.network.spec import Network
from yolov2.standin.detector_sizes import largest_side, size_lines, sizes_of

CFG = """[net]
width={width}
height={height}
channels=3
max_batches=1000
[convolutional]
filters=7
stride=32
activation=linear
[region]
anchors=0.5,0.5
classes=2
random={random}
"""


def resizing(random: float = 1, *, width: int = 32, height: int = 32) -> Network:
    return parse_cfg(CFG.format(width=width, height=height, random=random), Path("my.cfg"))


def test_a_network_without_random_keeps_its_own_size():
    network = resizing(0, width=64, height=96)
    sizes = sizes_of(network, "pjreddie", first=1)
    assert (sizes.of(1), sizes.is_new(1), largest_side(network, "pjreddie")) == ((96, 64), False, 96)


def test_pjreddies_sizes_are_drawn_every_ten_updates_and_608_in_the_last_two_hundred():
    network = resizing()
    sizes = sizes_of(network, "pjreddie", first=1)
    drawn = [sizes.of(update) for update in range(1, 1001)]
    assert all(height == width and height in range(320, 609, 32) for height, width in drawn)
    assert [update for update in range(1, 31) if sizes.is_new(update)] == [1, 11, 21]
    assert all(len(set(drawn[start : start + 10])) == 1 for start in range(0, 1000, 10))
    assert len(set(drawn[:800])) == 10
    assert set(drawn[810:]) == {(608, 608)}  # 801 is drawn behind 800 updates, and 800 + 200 is not above 1000
    assert drawn[800] != (608, 608)
    assert sizes_of(network, "pjreddie", first=401).of(405) == drawn[404]
    assert largest_side(network, "pjreddie") == 608


def test_alexeyabs_sizes_are_the_networks_own_times_a_factor():
    network = resizing(width=416, height=320)
    sizes = sizes_of(network, "alexeyab", first=1)
    drawn = [sizes.of(update) for update in range(1, 1001)]
    largest = (480, 608)  # 320 * 1.4 / 32 + 1 = 15, 416 * 1.4 / 32 + 1 = 19.2
    assert set(drawn[:10]) == set(drawn[910:]) == {largest}
    assert min(height for height, _ in drawn) == 256  # 320 / 1.4 / 32 + 1 = 8.1
    assert max(drawn) == largest
    assert largest_side(network, "alexeyab") == 608
    assert size_lines(network, "alexeyab")((480, 608)) == ["Resizing, random_coef = 1.40 ", "\n 608 x 480 "]


def test_alexeyabs_random_is_a_factor():
    network = resizing(1.2, width=288, height=320)
    assert sizes_of(network, "alexeyab", first=1).of(1) == (
        416,
        384,
    )  # 320 * 1.2 / 32 + 1 = 13, 288 * 1.2 / 32 + 1 = 11.8
    assert size_lines(network, "alexeyab")((32, 32))[0] == "Resizing, random_coef = 1.20 "
