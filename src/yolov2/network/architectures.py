"""The family in Python, reading like Table 6 of the paper. A call without arguments equals Darknet's own .cfg file."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from yolov2.network.layers import AvgPool, Convolutional, Cost, Layer, MaxPool, Region, Reorg, Route, Softmax
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network, TrainingOptions

Anchors = Iterable[tuple[float, float]]  # width, height in cells

COCO_ANCHORS = ((0.57273, 0.677385), (1.87446, 2.06253), (3.33843, 5.47434), (7.88282, 3.52778), (9.77052, 9.16828))
VOC_ANCHORS = ((1.3221, 1.73145), (3.19275, 4.00944), (5.05587, 8.09892), (9.47112, 4.84053), (11.2364, 10.0071))
TINY_VOC_ANCHORS = ((1.08, 1.19), (3.42, 4.41), (6.63, 11.38), (9.42, 5.11), (16.62, 10.52))
YOLO9000_ANCHORS = ((0.77871, 1.14074), (3.00525, 4.31277), (9.22725, 9.61974))


def conv3(filters: int) -> Convolutional:
    """A 3 x 3 convolution that keeps the size, with batch norm and leaky ReLU."""
    return Convolutional(filters, size=3, padding=1, activation="leaky", batch_normalize=True)


def conv1(filters: int) -> Convolutional:
    """The same with 1 x 1: it narrows what the next 3 x 3 has to look at."""
    return Convolutional(filters, size=1, activation="leaky", batch_normalize=True)


def pool(stride: int = 2) -> MaxPool:
    """The largest of 2 x 2, at half the size; with stride 1 at the same size."""
    return MaxPool(size=2, stride=stride, padding=1)


def linear(filters: int) -> Convolutional:
    """A 1 x 1 convolution and its bias alone: the last layer of a detector, or of a classifier before its mean."""
    return Convolutional(filters, size=1, activation="linear")


# Table 6. The comments give the side of the map on an input of 224.
DARKNET19: tuple[Layer, ...] = (
    conv3(32), pool(),                                                         # 224
    conv3(64), pool(),                                                         # 112
    conv3(128), conv1(64), conv3(128), pool(),                                 # 56
    conv3(256), conv1(128), conv3(256), pool(),                                # 28
    conv3(512), conv1(256), conv3(512), conv1(256), conv3(512), pool(),        # 14
    conv3(1024), conv1(512), conv3(1024), conv1(512), conv3(1024),             # 7
)  # fmt: skip

TINY: tuple[Layer, ...] = (
    conv3(16), pool(), conv3(32), pool(), conv3(64), pool(), conv3(128), pool(), conv3(256), pool(),
    conv3(512), pool(stride=1), conv3(1024),
)  # fmt: skip


def passthrough(body: tuple[Layer, ...] = DARKNET19, *, fine: int = 16, legacy_reorg: bool = True) -> tuple[Layer, ...]:
    """A classifier's layers as a detector, up to the raw head: fine features join coarse ones.

    fine: the layer with twice as many rows and columns as the last one; of Darknet-19 the last 3 x 3 x 512 of Table 6.
    The comments give the indices after Darknet-19. Source: paper section 2, "Fine-Grained Features".
    """
    after = len(body)
    return (
        *body, conv3(1024), conv3(1024),                                       # 23, 24
        Route((fine,)), conv1(64), Reorg(stride=2, legacy=legacy_reorg),       # 25 to 27
        Route((after + 4, after + 1)), conv3(1024),                            # 28, 29
    )  # fmt: skip


# What the .cfg files say of training.
DETECTION = TrainingOptions(
    decay=0.0005, policy="steps", burn_in=1000, max_batches=500_200, steps=(400_000, 450_000), scales=(0.1, 0.1),
    saturation=1.5, exposure=1.5, hue=0.1,
)  # fmt: skip
VOC = replace(DETECTION, max_batches=80_200, steps=(40_000, 60_000))
TINY_VOC = replace(
    DETECTION, burn_in=0, max_batches=40_200, steps=(-1, 100, 20_000, 30_000), scales=(0.1, 10.0, 0.1, 0.1)
)
JOINT = replace(DETECTION, saturation=0.75, exposure=0.75)
CLASSIFICATION = TrainingOptions(
    decay=0.0005, policy="poly", learning_rate=0.1, burn_in=1000, max_batches=800_000, min_crop=128, max_crop=448,
    angle=7.0, aspect=0.75, saturation=0.75, exposure=0.75, hue=0.1,
)  # fmt: skip
FINE_TUNING = replace(CLASSIFICATION, learning_rate=0.001, burn_in=0, max_batches=100_000, min_crop=None, max_crop=512)
REGION = Region(softmax=True, bias_match=True, rescore=True, thresh=0.6, object_scale=5.0, jitter=0.3, random=1.0)


def yolov2(
    classes: int = 80,
    *,
    anchors: Anchors = COCO_ANCHORS,
    width: float = 1.0,
    size: int | tuple[int, int] = 608,
    legacy_reorg: bool = True,
) -> Network:
    """YOLOv2 as trained on COCO.

    anchors: (width, height) in cells of 32 pixels. width: a factor on the filters of every hidden layer (see `scaled`).
    size: a side, or (height, width), of the input. legacy_reorg: Darknet's order of the passthrough, which its
    weight files need; without it a plain space-to-depth.
    Source: paper sections 2 and 3; Darknet yolov2.cfg.
    """
    hidden = scaled(passthrough(legacy_reorg=legacy_reorg), width)
    head = replace(REGION, anchors=_pairs(anchors), classes=classes)
    return _detector("yolov2", hidden, head, size=size, training=DETECTION)


def yolov2_voc(
    classes: int = 20,
    *,
    anchors: Anchors = VOC_ANCHORS,
    width: float = 1.0,
    size: int | tuple[int, int] = 416,
    legacy_reorg: bool = True,
) -> Network:
    """YOLOv2 as trained on VOC: `yolov2` with other classes, anchors, size and schedule. Source: yolov2-voc.cfg."""
    network = yolov2(classes, anchors=anchors, width=width, size=size, legacy_reorg=legacy_reorg)
    return replace(network, training=VOC, name="yolov2-voc")


def detector_after(
    classifier: Network, classes: int = 20, *, anchors: Anchors = VOC_ANCHORS, legacy_reorg: bool = True
) -> Network:
    """The layers of a classifier but its last ones, with those of YOLOv2 behind them; of Darknet-19 it is `yolov2_voc`.

    Layers that are new are as wide as the classifier's own are beside Darknet-19's. Raises ValueError for a classifier
    that has no layer with twice as many rows and columns as its last one has.
    Source: paper section 2, "Training for detection".
    """
    end = max((index for index, layer in enumerate(classifier.layers) if isinstance(layer, Convolutional)), default=0)
    body, shapes = classifier.layers[:end], classifier.shapes[:end]
    twice = [index for index, shape in enumerate(shapes) if shape.height == 2 * shapes[-1].height]
    if not twice:
        raise ValueError("layers: found none twice as fine as the last one, expected one, for a passthrough")
    tail = passthrough(body, fine=twice[-1], legacy_reorg=legacy_reorg)[len(body) :]
    widest = max(layer.filters for layer in body if isinstance(layer, Convolutional))
    head = replace(REGION, anchors=_pairs(anchors), classes=classes)
    size = classifier.input.height, classifier.input.width
    return _detector("yolov2-voc", (*body, *scaled(tail, widest / 1024)), head, size=size, training=VOC)


def yolov2_tiny(
    classes: int = 80,
    *,
    anchors: Anchors = COCO_ANCHORS,
    width: float = 1.0,
    size: int | tuple[int, int] = 416,
) -> Network:
    """The small network as trained on COCO, without a passthrough. Source: yolov2-tiny.cfg."""
    hidden = scaled((*TINY, conv3(512)), width)
    head = replace(REGION, anchors=_pairs(anchors), classes=classes, jitter=0.2, rescore=False)
    return _detector("yolov2-tiny", hidden, head, size=size, training=DETECTION)


def yolov2_tiny_voc(
    classes: int = 20,
    *,
    anchors: Anchors = TINY_VOC_ANCHORS,
    width: float = 1.0,
    size: int | tuple[int, int] = 416,
) -> Network:
    """The small network as trained on VOC; its last hidden layer is twice as wide. Source: yolov2-tiny-voc.cfg."""
    hidden = scaled((*TINY, conv3(1024)), width)
    head = replace(REGION, anchors=_pairs(anchors), classes=classes, jitter=0.2)
    return _detector("yolov2-tiny-voc", hidden, head, size=size, training=TINY_VOC)


def yolo9000(
    classes: int = 9418,
    *,
    anchors: Anchors = YOLO9000_ANCHORS,
    width: float = 1.0,
    size: int | tuple[int, int] = 544,
    tree: str | None = "data/9k.tree",
    map: str | None = "data/coco9k.map",
) -> Network:
    """YOLO9000: Darknet-19 with a head whose classes are the nodes of a WordTree.

    tree, map: paths as a .cfg has them, looked for when the network is loaded; `classes` counts the tree's nodes.
    Source: paper section 4; Darknet yolo9000.cfg.
    """
    head = replace(REGION, anchors=_pairs(anchors), classes=classes, jitter=0.2, tree=tree, map=map)
    return _detector("yolo9000", scaled(DARKNET19, width), head, size=size, training=JOINT)


def nano(
    classes: int = 20,
    *,
    anchors: Anchors = VOC_ANCHORS,
    width: float = 1.0,
    size: int | tuple[int, int] = 416,
) -> Network:
    """A small network of our own: a twentieth of YOLOv2's work, most of its weights where they cost the least.

    Half the size from the first convolution on, 1 x 1 between 3 x 3 as in Darknet-19, and its passthrough. At 416
    1.49 billion operations and 2.7 million weights.
    """
    hidden = (
        replace(conv3(16), stride=2), pool(),                                  # 208
        conv3(32), pool(),                                                     # 104
        conv3(64), conv1(32), conv3(64), pool(),                               # 52
        conv3(128), conv1(64), conv3(128), conv1(64), conv3(128), pool(),      # 26
        conv3(384), conv1(128), conv3(384), conv1(128), conv3(384), conv1(128),  # 13
        Route((12,)), conv1(32), Reorg(stride=2),                              # layer 12: the last 3 x 3 x 128
        Route((22, 19)), conv3(384),
    )  # fmt: skip
    head = replace(REGION, anchors=_pairs(anchors), classes=classes)
    return _detector("nano", scaled(hidden, width), head, size=size, training=VOC)


def darknet19(classes: int = 1000, *, width: float = 1.0, size: int | tuple[int, int] = 256) -> Network:
    """The classifier of the paper's Table 6, which also gives the detectors their start. Source: darknet19.cfg."""
    layers = (*scaled(DARKNET19, width), linear(classes), AvgPool(), Softmax())
    return Network(_input(size), layers, CLASSIFICATION, name="darknet19")


def darknet19_448(classes: int = 1000, *, width: float = 1.0, size: int | tuple[int, int] = 448) -> Network:
    """The same, fine-tuned on larger pictures ("High Resolution Classifier"). Source: darknet19_448.cfg."""
    network = darknet19(classes, width=width, size=size)
    return replace(network, training=replace(FINE_TUNING, batch=128, subdivisions=4), name="darknet19_448")


def darknet9000(
    classes: int = 9418, *, width: float = 1.0, size: int | tuple[int, int] = 448, tree: str = "data/9k.tree"
) -> Network:
    """The classifier over a WordTree from which YOLO9000 starts. Source: paper section 4; darknet9000.cfg."""
    layers = (*scaled(DARKNET19, width), linear(classes), AvgPool(), Softmax(tree=tree), Cost("masked"))
    return Network(_input(size), layers, FINE_TUNING, name="darknet9000")


# By the name of Darknet's .cfg file.
OFFICIAL: dict[str, Callable[..., Network]] = {
    "yolov2": yolov2,
    "yolov2-voc": yolov2_voc,
    "yolov2-tiny": yolov2_tiny,
    "yolov2-tiny-voc": yolov2_tiny_voc,
    "yolo9000": yolo9000,
    "darknet19": darknet19,
    "darknet19_448": darknet19_448,
    "darknet9000": darknet9000,
}


def scaled(layers: Iterable[Layer], width: float) -> tuple[Layer, ...]:
    """The same layers with `width` times as many filters in every convolution.

    Rounded to the nearest multiple of 8 and at least 8, which suits the vector units of processors and keeps the
    channels that Reorg needs in fours; halves round up. Raises ValueError if `width` is not above 0.
    """
    if not 0 < width < math.inf:
        raise ValueError(f"width: found {width}, expected a number above 0")
    return tuple(
        replace(layer, filters=max(8, 8 * math.floor(layer.filters * width / 8 + 0.5)))
        if isinstance(layer, Convolutional)
        else layer
        for layer in layers
    )


def _detector(
    name: str, hidden: tuple[Layer, ...], head: Region, *, size: int | tuple[int, int], training: TrainingOptions
) -> Network:
    return Network(_input(size), (*hidden, linear(head.channels), head), training, name=name)


def _input(size: int | tuple[int, int]) -> Shape:
    height, width = (size, size) if isinstance(size, int) else size
    return Shape(3, height, width)


def _pairs(anchors: Anchors) -> tuple[tuple[float, float], ...]:
    return tuple((float(width), float(height)) for width, height in anchors)
