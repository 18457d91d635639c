"""Every way to enlarge a picture, on many kinds of cameras: `python -m benchmarks.cameras`, see docs/cameras.md.

The cameras are imitated with numpy, OpenCV and PyAV alone. Nothing here is shared with training/camera, and nothing may
train on it: what a network was trained with cannot validate it.
"""
