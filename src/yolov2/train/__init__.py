"""Training: from data to weights. Needs `yolov2[train]`, which brings torch."""
