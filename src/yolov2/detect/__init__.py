"""The verb: Frames in, Detections out, in a bounded pipeline that keeps order, and the writers of what was found."""
