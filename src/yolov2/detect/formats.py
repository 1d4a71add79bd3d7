"""The formats that results can be written in beside detections.jsonl, by name. Light: the command line reads it."""

import difflib

FORMATS = {  # -> what lies in the output folder
    "csv": "detections.csv",
    "coco": "coco_results.json",
    "yolo": "labels",
    "voc": "comp4_det_test_*.txt",
    "parquet": "detections.parquet",
    "crops": "crops",
}


def parse_formats(text: str) -> tuple[str, ...]:
    """`coco, yolo` -> ("coco", "yolo"), each once. Raises ValueError for a name that is none of ours."""
    names = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    if not names:
        raise ValueError(f"found no name, expected one or more of {', '.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            near = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"found {name!r}, expected one or more of {', '.join(FORMATS)}{hint}")
    return names
