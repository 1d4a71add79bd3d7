"""What follows the raw head: boxes, objectness, class probabilities, then threshold and NMS.

Pure functions on the array API, for NumPy and torch alike.
"""
