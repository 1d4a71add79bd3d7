"""Every code that the doctor uses, with what it means in a few words; the worst first. docs/doctor.md says more."""

CODES: dict[str, str] = {
    # nothing, or little, can be read
    "split-unreadable": "a split that can't be read",
    "json-broken": "JSON that does not parse",
    "label-unreadable": "label files that can't be read",
    "xml-broken": "annotations that are no VOC XML",
    "cfg-broken": "a .cfg that does not describe a network",
    "cfg-filters": "filters that don't fit the head behind them",
    "cfg-classes": "a head with another number of classes",
    "anchors-unit": "anchors in another unit than cells",
    # pictures
    "name-case": "names that are another file's but for case or ending",
    "picture-missing": "pictures that are not there",
    "picture-unreadable": "files that are no picture",
    "picture-broken": "pictures that don't decode",
    "picture-damaged": "pictures that decode, with damage",
    "size-wrong": "a size in the labels that the picture does not have",
    "size-missing": "no size in the labels",
    "picture-turned": "pictures that are stored lying and shown upright",
    # single labels
    "class-unknown": "boxes of a class that the data set does not have",
    "not-finite": "boxes that are not numbers",
    "label-number": "a word where a number belongs",
    "label-columns": "lines without five columns",
    "xml-object": "objects without corners, or with two boxes",
    "json-value": "values of another kind",
    "duplicate-id": "ids given twice",
    "image-unknown": "boxes of no picture",
    "flag": "flags that are neither 0 nor 1",
    "box-inverted": "boxes with inverted corners or a negative size",
    "box-far": "boxes wholly outside their picture",
    "box-empty": "boxes without width or height",
    "box-outside": "boxes that reach over the edge",
    "box-identical": "boxes labelled twice",
    "box-two-classes": "one box with two classes",
    "box-sliver": "boxes far longer than wide",
    "box-tiny": "boxes of a few pixels",
    "box-small": "boxes under two cells",
    "boxes-over-30": "more boxes than Darknet takes",
    "cell-crowded": "more boxes in a cell than priors",
    # classes
    "class-spelling": "class names that differ only in spelling",
    "class-twice": "class names given twice",
    "class-order": "the model's classes in another order",
    "class-unlearned": "classes that the model does not have",
    "class-without-boxes": "classes without a box",
    "class-not-in-train": "classes without a box to train on",
    "class-empty": "class folders without pictures",
    "priors-poor": "priors that don't fit the boxes",
    # pictures and labels as a whole
    "split-shared": "pictures in two splits",
    "split-duplicate": "pictures that another split shows, too",
    "picture-duplicate": "pictures that show the same",
    "listed-twice": "pictures listed twice",
    "picture-unlisted": "pictures that no split lists",
    "label-orphan": "label files of no picture",
    "label-missing": "pictures without a label file",
    "label-unmatched": "pictures whose path has no label",
    "label-ambiguous": "pictures whose path has several labels",
    "label-path": "label files that Darknet looks for elsewhere",
    "flag-missing": "flags left out",
    "encoding": "text that is not UTF-8",
    "name-twins": "file names that differ only in case",
    # exports of annotation programs
    "picture-inside": "pictures that are in their label file alone",
    "shape": "shapes that are no upright boxes",
    "attribute": "attributes, which have no place here",
}  # fmt: skip


def rank(code: str) -> int:
    """The place of a code in the catalogue; those that it does not have come last."""
    return RANKS.get(code, len(RANKS))


RANKS = {code: place for place, code in enumerate(CODES)}
