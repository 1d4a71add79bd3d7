"""Where the label file of a picture lies: our rule, and Darknet's."""

import os
from collections.abc import Sequence

from yolov2.samples import Fault

FOLDERS = ("images", "JPEGImages")
# Darknet: fill_truth_detection replaces the first of each, wherever it stands in the path.
DARKNET_RULE = (
    ("images", "labels"),
    ("JPEGImages", "labels"),
    ("raw", "labels"),
    *((ending, ".txt") for ending in (".jpg", ".png", ".JPG", ".JPEG")),
)


def label_path(picture: str) -> str:
    """The label file of a picture: the last folder named images or JPEGImages becomes labels, the ending .txt."""
    parts = os.path.splitext(picture)[0].split("/")
    for i in reversed(range(len(parts) - 1)):
        if parts[i] in FOLDERS:
            parts[i] = "labels"
            break
    return "/".join(parts) + ".txt"


def darknet_label_path(picture: str) -> str:
    """The same by Darknet's rule, which also hits a folder called myimages or draw.

    Source: Darknet `fill_truth_detection`, `find_replace`.
    """
    for found, put in DARKNET_RULE:
        picture = picture.replace(found, put, 1)
    return picture


def label_paths(listed: Sequence[str], *, places: Sequence[str], faithful: bool) -> tuple[list[str], list[Fault]]:
    """The label file of each picture as it is listed, and a fault for each folder where the two rules differ.

    places: where each picture is listed, for the message.
    """
    ours = [label_path(picture) for picture in listed]
    darknets = [darknet_label_path(picture) for picture in listed]
    faults: list[Fault] = []
    told: set[tuple[str, str]] = set()
    for our, darknet, place in zip(ours, darknets, places, strict=True):
        folders = os.path.dirname(our), os.path.dirname(darknet)
        if our != darknet and folders not in told:
            told.add(folders)
            taken, rule, other = (darknet, "our", our) if faithful else (our, "Darknet's", darknet)
            found, repair = f"labels at {taken}, at {other} by {rule} rule", "rename the folders or the picture"
            faults.append(Fault("label-path", place, found, "one place by both rules", repair, is_error=False))
    return (darknets if faithful else ours), faults
