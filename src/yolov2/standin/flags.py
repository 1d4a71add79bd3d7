"""The flags of `darknet detector`: which of the two programs a line is for, and which flags change nothing here."""

from __future__ import annotations

from collections.abc import Iterable

from yolov2.standin.line import Dialect, Line

NO_WINDOW = "no window is opened here"
TRAINING = "nothing is trained here"
NO_SERVER = "results are not served here"
TIMES = "yolov2 bench shows where time goes"
OF_MAP = "it belongs to detector map; the overlap of two boxes is -nms"
OF_CAMERA = "it belongs to a camera, whose own size and rate are taken"

# Of detector test, valid and demo: those with a value behind them, and the others.
VALUED = ("-thresh", "-hier", "-nms", "-out", "-prefix", "-c", "-s", "-avg", "-avgframes", "-out_filename")
BARE = ("-ext_output", "-save_labels", "-letter_box", "-dontdraw_bbox")
# What changes nothing here, and why.
VALUED_IDLE = {
    "-fps": OF_CAMERA,
    "-w": OF_CAMERA,
    "-h": OF_CAMERA,
    "-chart": TRAINING,
    "-iou_thresh": OF_MAP,
    "-points": OF_MAP,
    "-map_points": OF_MAP,
    "-mjpeg_port": NO_SERVER,
    "-json_port": NO_SERVER,
    "-http_post_host": NO_SERVER,
    "-time_limit_sec": "a run ends with its last picture",
}
BARE_IDLE = {
    "-dont_show": NO_WINDOW,
    "-fullscreen": NO_WINDOW,
    "-show": NO_WINDOW,
    "-show_imgs": NO_WINDOW,
    "-clear": TRAINING,
    "-map": TRAINING,
    "-calc_map": OF_MAP,
    "-benchmark": TIMES,
    "-benchmark_layers": TIMES,
}
OF_ANCHORS = ("-num_of_clusters", "-width", "-height")  # calc_anchors alone takes them
HAVE_VALUE = frozenset((*VALUED, *VALUED_IDLE, *OF_ANCHORS))

ONLY_ALEXEYAB = frozenset((*BARE, *VALUED_IDLE, *BARE_IDLE, "-out_filename", "-avgframes")) - {
    *("-fps", "-w", "-h", "-fullscreen", "-clear")  # pjreddie's program has these, too
}


def dialect_of(line: Line) -> Dialect:
    """Whose program a line is for: what was said, else what its flags tell, else pjreddie's.

    AlexeyAB's is told by a flag that it alone has, and by -out with the name of a JSON file.
    """
    if line.dialect is not None:
        return line.dialect
    told = next((word for word in line.words if word in ONLY_ALEXEYAB), None)
    outs = (value for flag, value in zip(line.words, line.words[1:], strict=False) if flag == "-out")
    if told is None and any(value.lower().endswith(".json") for value in outs):
        told = "-out with a .json file"
    if told is None:
        return "pjreddie"
    line.note(f"{told} makes this a line for AlexeyAB's program; --like pjreddie takes it for the other")
    return "alexeyab"


def take_idle(line: Line, *, used: Iterable[str]) -> None:
    """Take the flags that change nothing here out of a line, and those of other commands, each with a note."""
    for flag in VALUED_IDLE:
        line.passed_over(flag, VALUED_IDLE[flag], has_value=True)
    for flag in BARE_IDLE:
        line.passed_over(flag, BARE_IDLE[flag])
    why = f"it changes nothing in {line.command}"
    for flag in (*VALUED, *BARE):
        if flag not in used:
            line.passed_over(flag, why, has_value=flag in VALUED)
