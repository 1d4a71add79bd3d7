"""From a whole prediction to what a threshold leaves of it: the dense twin of `region.decode.candidates`."""

from array_api_compat import array_namespace

from yolov2.region.decode import Candidates, Prediction


def passing(prediction: Prediction, *, threshold: float) -> Candidates:
    """The boxes of a whole prediction whose objectness is above the threshold."""
    xp = array_namespace(prediction.boxes)
    passes = (prediction.objectness > threshold) & ~xp.any(xp.isnan(prediction.boxes), axis=-1)
    where = xp.nonzero(passes)
    return Candidates(where[0], prediction.boxes[where], prediction.objectness[where], prediction.class_probs[where])
