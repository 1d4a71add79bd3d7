"""Pictures and video as arrays: reading, letterbox and stretch and the way back, drawing.

The only room that knows OpenCV, Pillow and PyAV.
"""
