"""What this package refuses on purpose, as one family. Each message is one line: where, found, expected, repair."""

from typing import Self


class Yolov2Error(Exception):
    """What this package refuses on purpose. Holds one string, so it survives pickling between processes."""

    @classmethod
    def at(cls, where: str, *, found: str, expected: str, repair: str) -> Self:
        """The refusal in the house form: `where: found ..., expected ...; repair`."""
        return cls(f"{where}: found {found}, expected {expected}; {repair}")


class FormatError(Yolov2Error):
    """A file breaks its format."""


class CfgError(FormatError):
    """A Darknet .cfg that does not describe a network."""


class WeightsError(FormatError):
    """A Darknet .weights file that does not fit its network."""


class NamesError(FormatError):
    """A list of class names that does not fit its network."""


class CheckpointError(FormatError):
    """A .safetensors checkpoint that is damaged, too new, or does not fit its own network."""


class ForeignError(FormatError):
    """A file of another program that can't be converted."""


class TreeError(FormatError):
    """A .tree or .map file that does not describe a WordTree."""


class LabelError(FormatError):
    """Labels or lists of a data set that can't be read, or that contradict each other."""


class RecipeError(FormatError):
    """A training recipe that can't be read, or asks for what can't be."""


class PictureError(FormatError):
    """A picture that can't be read."""


class VideoError(FormatError):
    """A video that can't be read, or ends before its time."""


class ModelError(Yolov2Error):
    """A model that can't be found or opened as a whole."""


class OutputError(Yolov2Error):
    """A result that can't be written."""


class BackendError(Yolov2Error):
    """A runtime is missing or refuses the model."""


class TrainingError(Yolov2Error):
    """A training that can't start, or can't go on."""


class Yolov2Warning(UserWarning):
    """Something a user should know of, which stops nothing."""


def printable(text: object, *, longest: int | None = None) -> str:
    """Names and text of files as a message may show them: one line, odd characters escaped, cut where it is long."""
    cut = str(text)
    if longest is not None and len(cut) > longest:
        cut = cut[: longest - 3] + "..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)
