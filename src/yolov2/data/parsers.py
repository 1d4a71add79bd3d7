"""The parser of each kind of file, by name; run as a program it parses the files named on its standard input."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yolov2.data.coco_json import parse_coco
from yolov2.data.entry import Entry, flaw_of
from yolov2.data.label_txt import parse_darknet, parse_ultralytics
from yolov2.data.labelme_json import parse_labelme
from yolov2.data.voc_xml import parse_voc
from yolov2.errors import PictureError


def parse_picture_size(path: str) -> Entry:
    """The size of the upright picture in a file, from its header."""
    from yolov2.pictures.read import picture_size  # loads OpenCV, which labels alone do not need

    try:
        return Entry(picture_size(Path(path)))
    except PictureError as refusal:
        return Entry(flaws=(flaw_of(refusal, "picture-unreadable"),))


def parse_fingerprint(path: str) -> tuple[str, ...]:
    """Hash, mirrored hash and thumbnail of the picture in a file, as text; nothing where it can't be read."""
    from yolov2.pictures.fingerprint import read_fingerprint  # as above

    try:
        found = read_fingerprint(Path(path))
    except PictureError:
        return ()
    return f"{found.bits:x}", f"{found.mirrored:x}", base64.b64encode(found.thumbnail.tobytes()).decode()


PARSERS: dict[str, Callable[[str], tuple[Any, ...]]] = {
    "voc": parse_voc,
    "darknet": parse_darknet,
    "ultralytics": parse_ultralytics,
    "coco": parse_coco,
    "labelme": parse_labelme,
    "picture": parse_picture_size,
    "fingerprint": parse_fingerprint,
}


def main() -> None:
    """Read a JSON list of paths from standard input, write the list of what each file says to standard output."""
    parse = PARSERS[sys.argv[1]]
    paths: list[str] = json.load(sys.stdin)
    json.dump([parse(path) for path in paths], sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
