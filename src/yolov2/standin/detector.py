"""Darknet's `detector` commands, and the short `detect`: from the words of a line to what it does."""

from __future__ import annotations

from pathlib import Path

from yolov2.darknet.lists import read_data, read_names
from yolov2.detect.settings import Resize
from yolov2.errors import FormatError, printable
from yolov2.standin.anchors import calc_anchors
from yolov2.standin.demo import FRAMES_AVERAGED, Film, show_video
from yolov2.standin.flags import HAVE_VALUE, dialect_of, take_idle
from yolov2.standin.inputs import check_out
from yolov2.standin.judging import MAP_RULES, RECALL_NMS, RECALL_THRESH, Counting, judge, read_truth, recall
from yolov2.standin.line import Dialect, Line, LineError
from yolov2.standin.model import map_path, names_path, open_detector, open_network, resize_of
from yolov2.standin.program import Program, Rules
from yolov2.standin.stills import Outputs, answer
from yolov2.standin.valid import Results, validate
from yolov2.standin.voice import Voice, asked_pictures

LATER = ("valid2", "extract", "censor")
SHORT_DATA = Path("cfg/coco.data")  # Darknet: main, of the short `detect`
THRESH: dict[Dialect, float] = {"pjreddie": 0.5, "alexeyab": 0.25}
SHORT_THRESH: dict[Dialect, float] = {"pjreddie": 0.5, "alexeyab": 0.24}
VALID_THRESH = 0.005
NMS, DEMO_NMS = 0.45, 0.4

RULES = ("-hier", "-nms", "-letter_box")
OF_TEST = ("-thresh", *RULES, "-out", "-ext_output", "-save_labels")
OF_VALID = (*RULES, "-out")
OF_DEMO = (
    *("-thresh", *RULES, "-c", "-s", "-avg", "-avgframes", "-prefix", "-out_filename", "-ext_output"),
    "-dontdraw_bbox",
)


def detector(line: Line, voice: Voice) -> int:
    """`detector test|valid|demo|map|recall DATA CFG WEIGHTS ...`, `train DATA CFG [WEIGHTS]`, `calc_anchors DATA ...`.

    Source: Darknet `run_detector`.
    """
    commands = {
        "test": _test,
        "valid": _valid,
        "demo": _demo,
        "map": _judge,
        "recall": _recall,
        "calc_anchors": calc_anchors,
        "train": _train,
    }
    expected = f"one of {', '.join(commands)}"
    name = line.next_word(expected=expected, repair="add it behind detector", have_value=HAVE_VALUE)
    if name in commands:
        return commands[name](line, voice)
    if name in LATER:
        found, repair = f"{name}, which is not in this version", "run Darknet itself for it"
        raise LineError.at("darknet detector", found=found, expected=expected, repair=repair)
    found = printable(name, longest=40)
    raise LineError.at("darknet detector", found=found, expected=expected, repair="write one of them")


def detect(line: Line, voice: Voice) -> int:
    """`detect CFG WEIGHTS [PICTURE]`: `detector test` with the names of cfg/coco.data. Source: Darknet `main`."""
    return _test(line, voice, is_short=True)


def _test(line: Line, voice: Voice, *, is_short: bool = False) -> int:
    """Source: Darknet `test_detector`."""
    dialect = dialect_of(line)
    take_idle(line, used=OF_TEST)
    thresh = line.number("-thresh", (SHORT_THRESH if is_short else THRESH)[dialect])
    rules, is_letterboxed = _rules(line, dialect, thresh), line.has("-letter_box")
    out, with_places, saves_labels = line.text("-out"), line.has("-ext_output"), line.has("-save_labels")
    words = (
        line.rest("CFG WEIGHTS [PICTURE]", least=2) if is_short else line.rest("DATA CFG WEIGHTS [PICTURE]", least=3)
    )
    outputs = Outputs(dialect, out, with_places=with_places, saves_labels=saves_labels, inputs=tuple(words))
    outputs.check(*words)
    data = None if is_short else read_data(Path(words.pop(0)))
    cfg, weights, *pictures = words
    resize = resize_of(cfg, dialect, is_letterboxed=is_letterboxed)
    network = open_network(cfg, voice)
    names = _short_names(network.num_classes, voice) if data is None else names_path(data, voice)
    with open_detector(network, cfg, weights, voice, names=names, resize=resize, cache=line.cache) as opened:
        return answer(Program(opened, rules), pictures or asked_pictures(voice), outputs, voice)


def _valid(line: Line, voice: Voice) -> int:
    """Source: Darknet `validate_detector`."""
    dialect = dialect_of(line)
    take_idle(line, used=OF_VALID)
    rules, is_letterboxed = _rules(line, dialect, VALID_THRESH), line.has("-letter_box")
    out = line.text("-out")
    data_file, cfg, weights = line.rest("DATA CFG WEIGHTS", least=3)
    data = read_data(Path(data_file))
    results = Results.of(data, voice, out=out)
    resize = resize_of(cfg, dialect, is_letterboxed=is_letterboxed)
    network, names = open_network(cfg, voice), names_path(data, voice)
    nodes = map_path(data, network, voice)
    with open_detector(network, cfg, weights, voice, names=names, map=nodes, resize=resize, cache=line.cache) as opened:
        return validate(Program(opened, rules), results, voice)


def _demo(line: Line, voice: Voice) -> int:
    """Source: Darknet `demo`."""
    dialect = dialect_of(line)
    take_idle(line, used=OF_DEMO)
    rules, is_letterboxed = _rules(line, dialect, line.number("-thresh", THRESH[dialect])), line.has("-letter_box")
    film = Film(
        dialect,
        averaged=line.integer("-avgframes", line.integer("-avg", FRAMES_AVERAGED[dialect])),
        passed_over=max(0, line.integer("-s", 0)),
        camera=line.integer("-c", 0),
        prefix=line.text("-prefix"),
        out=line.text("-out_filename"),
        with_places=line.has("-ext_output"),
        is_drawn=not line.has("-dontdraw_bbox"),
        allow_urls=line.allow_urls,
    )
    words = line.rest("DATA CFG WEIGHTS [VIDEO]", least=3)
    if film.out is not None:
        check_out(film.out, *words)
    data_file, cfg, weights, *video = words
    data = read_data(Path(data_file))
    resize = resize_of(cfg, dialect, is_letterboxed=is_letterboxed)
    network, names = open_network(cfg, voice), names_path(data, voice)
    with open_detector(network, cfg, weights, voice, names=names, resize=resize, cache=line.cache) as opened:
        return show_video(Program(opened, rules), video[0] if video else None, film, voice)


def _judge(line: Line, voice: Voice) -> int:
    """`detector map`, which AlexeyAB's program alone has. Source: AlexeyAB's `validate_detector_map`."""
    counting = Counting(
        thresh=line.number("-thresh", 0.25),
        iou=line.number("-iou_thresh", 0.5),
        points=line.integer("-points", 0),
    )
    is_letterboxed = line.has("-letter_box")
    take_idle(line, used=("-thresh", "-letter_box"))
    data_file, cfg, weights = line.rest("DATA CFG WEIGHTS", least=3)
    if counting.points < 0 or counting.points == 1:
        found, expected = f"-points {counting.points}", "0 for the area, or so many recalls, such as 11 or 101"
        raise LineError.at(line.where, found=found, expected=expected, repair="correct it")
    resize = resize_of(cfg, "alexeyab", is_letterboxed=is_letterboxed)
    return _against_labels((data_file, cfg, weights), line, voice, MAP_RULES, resize, counting)


def _recall(line: Line, voice: Voice) -> int:
    """Source: Darknet `validate_detector_recall`, whose list of pictures is always data/coco_val_5k.list."""
    take_idle(line, used=())
    data_file, cfg, weights = line.rest("DATA CFG WEIGHTS", least=3)
    rules = Rules(RECALL_THRESH, nms=RECALL_NMS, by="objectness", is_classless=True)
    return _against_labels((data_file, cfg, weights), line, voice, rules, "stretch", None)


def _train(line: Line, voice: Voice) -> int:
    """Source: Darknet `train_detector`."""
    from yolov2.standin.detector_train import train  # needs torch, which the other commands do without

    return train(line, voice)


def _against_labels(
    words: tuple[str, str, str], line: Line, voice: Voice, rules: Rules, resize: Resize, counting: Counting | None
) -> int:
    data_file, cfg, weights = words
    data = read_data(Path(data_file))
    if data.has("difficult"):
        why = "put what should count neither way into difficult/labels"
        voice.note(f"{data.where('difficult')}: difficult= is passed over: {why}")
    network, names = open_network(cfg, voice), names_path(data, voice)
    nodes, truth = map_path(data, network, voice), read_truth(data_file)
    with open_detector(network, cfg, weights, voice, names=names, map=nodes, resize=resize, cache=line.cache) as opened:
        program = Program(opened, rules)
        return recall(program, truth, voice) if counting is None else judge(program, truth, counting, voice)


def _rules(line: Line, dialect: Dialect, thresh: float) -> Rules:
    is_demo_of_p = dialect == "pjreddie" and line.command.endswith("demo")  # Darknet: demo.c, do_nms_obj with .4
    if dialect == "alexeyab":
        line.passed_over("-hier", "AlexeyAB's program takes the last node above .5", has_value=True)
    return Rules(
        thresh,
        hier=line.number("-hier", 0.5),
        nms=line.number("-nms", DEMO_NMS if is_demo_of_p else NMS),
        by="objectness" if is_demo_of_p else "class",
        is_last_node=dialect == "alexeyab",
    )


def _short_names(classes: int, voice: Voice) -> Path | None:
    """The list of cfg/coco.data, if it fits the network: Darknet takes those 80 names for any other, too."""
    try:
        names = names_path(read_data(SHORT_DATA), voice)
        fits = names is not None and len(read_names(names)) == classes
    except FormatError:
        return None
    return names if fits else None
