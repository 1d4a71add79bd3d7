"""Darknet's `detector train`: from the words of a line to the parts of a run. The run itself: detector_run.py."""

from __future__ import annotations

from pathlib import Path

from yolov2.darknet.lists import read_data, read_names
from yolov2.darknet.tree import read_map
from yolov2.data.dataset import open_data
from yolov2.data.draws import Augment
from yolov2.detect.model_files import ModelFiles
from yolov2.detect.models import load_tree
from yolov2.detect.settings import Resize
from yolov2.errors import LabelError, ModelError, printable
from yolov2.evaluate.ground_truth import OF_A_PICTURE, refuse_errors
from yolov2.model.region_loss import Head
from yolov2.network.spec import Network
from yolov2.samples import Samples
from yolov2.standin.begin import begin
from yolov2.standin.detector_run import DetectorRun, Heard
from yolov2.standin.detector_sizes import largest_side
from yolov2.standin.flags import dialect_of, take_idle
from yolov2.standin.judging import Counting, read_truth
from yolov2.standin.line import Line
from yolov2.standin.model import folder_of, map_path, names_path, open_network, resize_of
from yolov2.standin.train_map import Best, Judged
from yolov2.standin.training import (
    Keeper,
    as_trained,
    backup_folder,
    base_of,
    learner_of,
    rates_line,
    room_for_pictures,
)
from yolov2.standin.voice import Voice
from yolov2.train.objective import Detection


def train(line: Line, voice: Voice) -> int:
    """`DATA CFG [WEIGHTS] [-clear] [-map]`: the exit status, 1 if a picture failed and 130 after Ctrl-C.

    Raises Yolov2Error where nothing could start, and where a loss is no number any more. Source: Darknet
    `train_detector`.
    """
    dialect, is_cleared, with_map = dialect_of(line), line.has("-clear"), line.has("-map")
    counting = Counting(thresh=line.number("-thresh", 0.25), iou=line.number("-iou_thresh", 0.5), points=0)
    is_letterboxed = line.has("-letter_box")
    line.passed_over("-chart", "no chart is drawn", has_value=True)
    take_idle(line, used=("-thresh", "-letter_box"))
    data_file, cfg, *weights = line.rest("DATA CFG [WEIGHTS]", least=2)
    data = read_data(Path(data_file))
    voice.say(base_of(cfg))
    network, recipe = as_trained(_open(cfg, voice), cfg)
    listed = names_path(data, voice)
    names = () if listed is None else read_names(listed, network.num_classes)
    begun = begin(network, weights[0] if weights else None, voice, is_cleared=is_cleared)
    voice.say(rates_line(network.training))
    head, heard, judged = _head(network, cfg, voice), Heard(), None
    samples, failed = _pictures(data_file, cfg, head, voice)
    if with_map:
        truth, nodes = read_truth(data_file, "valid" if data.has("valid") else "train"), map_path(data, network, voice)
        resize = resize_of(cfg, "alexeyab", is_letterboxed=is_letterboxed)
        judged = Judged.of(network, cfg, truth, counting, names=names, nodes=nodes, resize=resize)
    room = room_for_pictures(network, recipe, cfg, largest=largest_side(network, dialect))
    learner = learner_of(network, begun, Detection(head, recipe, told=heard), recipe)
    keeper = Keeper(backup_folder(data), base_of(cfg), learner, voice)
    best = None if judged is None else Best(judged, keeper, len(samples), voice)
    augment = _augment(network, resize_of(cfg, dialect, is_letterboxed=is_letterboxed))
    status = DetectorRun(dialect, keeper, heard, samples, augment, room, best, voice).learn()
    return status or int(failed > 0)


def _open(cfg: str, voice: Voice) -> Network:
    """The network of a .cfg. Raises ModelError for a classifier's, with the command that takes one; CfgError."""
    network = open_network(cfg, voice)
    if network.region is None:
        found, expected = "no [region] at its end", "a detector"
        repair = "write darknet classifier train DATA CFG"
        raise ModelError.at(printable(cfg), found=found, expected=expected, repair=repair)
    if network.region.coords != 4:
        found, expected = f"coords={network.region.coords} in [region]", "coords=4: masks are not trained"
        raise ModelError.at(printable(cfg), found=found, expected=expected, repair="write coords=4")
    return network


def _head(network: Network, cfg: str, voice: Voice) -> Head:
    """The region layer with its tree, and with the nodes that are the classes of labels. Raises ModelError, TreeError.

    Source: Darknet `parse_region`.
    """
    region = network.region
    assert region is not None
    tree, nodes = load_tree(ModelFiles(Path(cfg), None), network), None
    if region.map:
        path = folder_of(region.map, Path(cfg), f"map={printable(region.map)}", voice) / region.map
        nodes = read_map(path, nodes=region.classes)
    return Head(region, tree=tree, map=nodes)


def _pictures(data: str, cfg: str, head: Head, voice: Voice) -> tuple[Samples, int]:
    """The pictures of train= with their boxes, and how many of them are not there.

    Raises LabelError for labels that nobody can know the meaning of, and for classes that the network does not have.
    """
    reading = open_data(data, form="darknet", task="detect", faithful=True).read("train")
    refuse_errors(reading.faults)
    lost = [fault for fault in reading.faults if fault.code in OF_A_PICTURE]
    for fault in lost:
        voice.fail(fault.message)
    odd = [fault for fault in reading.faults if not fault.is_error]
    if odd:
        voice.note(
            f"{len(odd):,} odd label{'s' * (len(odd) > 1)}, the first {odd[0].message}; yolov2 data check lists all"
        )
    samples = reading.samples
    if not len(samples):
        repair = "correct train="
        raise LabelError.at(printable(data), found="no picture in train=", expected="some to learn from", repair=repair)
    known = head.layer.classes if head.map is None else len(head.map)
    largest = int(samples.class_ids.max(initial=-1))
    if largest >= known:
        expected = f"0 to {known - 1}, the classes of {printable(cfg)}"
        repair = "correct the labels, or classes= and filters= in the .cfg"
        raise LabelError.at(printable(data), found=f"labels of class {largest}", expected=expected, repair=repair)
    return samples, len(lost)


def _augment(network: Network, resize: Resize) -> Augment:
    """The changes of pictures by [net] and [region]: pjreddie's, or AlexeyAB's crops where pictures are stretched.

    Source: Darknet `load_data_detection`, of either program.
    """
    options, region = network.training, network.region
    assert region is not None
    return Augment(
        kind="darknet" if resize == "letterbox" else "crop",
        jitter=region.jitter,
        hue=options.hue,
        saturation=options.saturation,
        exposure=options.exposure,
    )
