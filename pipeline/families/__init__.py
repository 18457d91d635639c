"""Families of cameras, imitated with numpy, OpenCV and PyAV alone, and what is gained over bicubic on each.

Nothing here is shared with training/camera, and nothing may train on it: what a network was trained with cannot
validate it.
"""
