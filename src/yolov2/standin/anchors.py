"""`darknet detector calc_anchors`: box priors by AlexeyAB's k-means, from the labels of the pictures in train=."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yolov2.data.dataset import open_data
from yolov2.errors import printable
from yolov2.files import write_whole
from yolov2.priors.kmeans import count_different, darknet_kmeans, darknet_start, mean_iou
from yolov2.standin.flags import take_idle
from yolov2.standin.inputs import check_out
from yolov2.standin.line import Line, LineError
from yolov2.standin.voice import Voice

OUT = Path("anchors.txt")
CLUSTERS = 5
LARGEST_GRID = 32  # Darknet: calc_anchors; a width up to this counts cells, and its anchors have places behind the dot


def calc_anchors(line: Line, voice: Voice) -> int:
    """Anchors in units of -width and -height, the smallest area first, on standard output and in anchors.txt.

    The shapes to begin with are drawn by our generator, always the same: Darknet's are others every second.
    Raises LabelError, LineError, OutputError. Source: AlexeyAB's `calc_anchors`.
    """
    clusters = line.integer("-num_of_clusters", CLUSTERS)
    width, height = line.integer("-width", -1), line.integer("-height", -1)
    take_idle(line, used=())
    data = line.rest("DATA", least=1)[0]
    if min(clusters, width, height) < 1:
        found = f"-num_of_clusters {clusters} -width {width} -height {height}"
        repair = "write, say, -num_of_clusters 5 -width 13 -height 13"
        raise LineError.at(line.where, found=found, expected="numbers of 1 or more", repair=repair)
    check_out(OUT, data)
    voice.say(f"\n num_of_clusters = {clusters}, width = {width}, height = {height} ")
    opened = open_data(data, form="darknet", task="detect", faithful=True)
    samples = opened.split("train")
    counted = ~(samples.difficult | samples.crowd)  # Darknet does not know those labels
    pictures_wh = samples.sizes[samples.rows[counted]][:, ::-1]
    boxes = samples.boxes[counted]
    shapes = (boxes[:, 2:] - boxes[:, :2]) / pictures_wh * np.array([width, height], np.float64)
    different = count_different(shapes)
    if different < clusters:
        found, repair = f"{different} different box shapes", "lower -num_of_clusters, or correct train="
        expected = f"at least {clusters}, one an anchor"
        raise LineError.at(printable(data), found=found, expected=expected, repair=repair)
    voice.say(f" read labels from {len(samples)} images ")
    voice.say(f" loaded \t image: {len(samples)} \t box: {len(shapes)}\n all loaded. ")
    voice.say("\n calculating k-means++ ...")
    centres = darknet_kmeans(shapes, darknet_start(shapes, clusters))[0]
    centres = centres[np.argsort(centres.prod(axis=1), kind="stable")]
    voice.say(f"\n avg IoU = {100 * mean_iou(shapes, centres):.2f} % ")
    form = "3.0f" if width > LARGEST_GRID else ".4f"
    text = ", ".join(f"{one:{form}},{other:{form}}" for one, other in centres.tolist())
    voice.say(f"\nSaving anchors to the file: {OUT} \nanchors = {text}")
    with write_whole(OUT) as file:
        file.write(text.encode())
    per_class = np.bincount(samples.class_ids[counted], minlength=len(opened.classes)).tolist()
    voice.say(f"\ncounters_per_class = {', '.join(map(str, per_class))}")
    return 0
