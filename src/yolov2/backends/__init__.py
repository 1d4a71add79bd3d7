"""Runtimes behind one protocol: images in, raw head out. One file a runtime; none knows of boxes."""
