"""A camera (here a video file, which OpenCV opens like one, and which is unplugged at its end) through a student."""

import shutil
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from making import Project, make_video, photo, until

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import read_frame
from pipeline.core.params import load_params
from pipeline.enhance.camera import latest_frame
from pipeline.enhance.camera.latest_frame import LatestFrame
from pipeline.enhance.camera.screens import VirtualCamera, Window, divided
from pipeline.enhance.camera.watch import watch
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.run import main

FAST = Encoding(preset="fast")


@pytest.fixture
def asked(trained_once: Project):
    return load_params(trained_once.paths.params).capture.camera


@pytest.fixture
def camera(tmp_path: Path) -> str:
    return str(make_video(tmp_path / "camera.avi", [photo(48, 64, seed=seed) for seed in range(8)], codec="mpeg4"))


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(latest_frame, "RETRY_S", 0.05)


def test_the_newest_frame_wins_and_a_lost_camera_comes_back(camera, asked):
    with LatestFrame(camera, asked).open() as newest:
        until(lambda: newest.dropped >= 7)  # nobody took them
        assert newest.take() is not None
        seen = newest.dropped
        until(lambda: newest.dropped > seen + 8)  # its end was an unplugged cable: it was opened again
        shot = newest.take()
        assert time.monotonic() - shot.at < 60
        assert shot.frame.shape == (48, 64, 3)


def test_a_camera_that_never_answered_is_a_sentence(tmp_path, asked, upscaler):
    with pytest.raises(SharpcamError, match=r"No camera .* answers"):
        watch(str(tmp_path / "none.avi"), asked, upscaler, FAST, output=tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_recording_holds_what_was_enhanced_at_the_times_it_came(camera, asked, upscaler, tmp_path, capsys):
    watch(camera, asked, upscaler, FAST, output=tmp_path / "a.mp4", seconds=2)
    with av.open(str(tmp_path / "a.mp4")) as made:
        frames = list(made.decode(video=0))
    assert (frames[0].width, frames[0].height) == (128, 96)
    assert (np.diff([frame.time for frame in frames]) > 0).all()
    assert frames[-1].time < 60
    assert f"{len(frames)} frames shown" in capsys.readouterr().out
    with pytest.raises(SharpcamError, match="exists already"):
        watch(camera, asked, upscaler, FAST, output=tmp_path / "a.mp4", seconds=2)


def test_the_command_takes_a_camera(camera, trained_once, tmp_path, monkeypatch):
    monkeypatch.chdir(trained_once.root)
    words = [f"camera:{camera}", "-o", str(tmp_path / "a.mkv"), "--seconds", "1", "--engine", "onnxruntime-fp32"]
    assert main(words) == 0
    assert (tmp_path / "a.mkv").stat().st_size > 1000


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["camera:0", "--dry-run"], "A camera takes no --dry-run"),
        (["camera:0", "--compare", "bicubic", "--overwrite", "--jobs", "2"], "no --compare and no --overwrite and no"),
        (["camera:0", "--virtual-camera", "-o", "a.mp4"], "Leave out one of them"),
        (["a.png", "-o", "b.png", "--seconds", "3"], "Files take no --seconds"),
    ],
)
def test_no_option_is_ignored_in_silence(given, words, monkeypatch, capsys):
    monkeypatch.setattr("pipeline.enhance.run.watch", None)  # no camera is opened
    assert main(given) == 1
    assert words in capsys.readouterr().err


def test_without_a_screen_or_a_virtual_camera_it_says_what_to_do(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SharpcamError, match=r"There is no screen here\. Give --output"):
        Window()
    with pytest.raises(SharpcamError, match="pip install pyvirtualcam"):
        VirtualCamera(30)


def test_the_split_lies_where_the_mouse_is():
    original, picture = np.zeros((10, 100, 3), np.uint8), np.full((10, 100, 3), 200, np.uint8)
    both = divided(original, picture, 0.25)
    assert (both[:, :25] == 0).all()
    assert (both[:, 27:] == 200).all()
    assert (both[:, 25] == 255).all()
    for outside in (-1.0, 2.0):
        assert divided(original, picture, outside).shape == (10, 100, 3)


WATCH = """
import sys
from pathlib import Path

import cv2

from pipeline.enhance.camera import watch as camera_view
from pipeline.enhance.encoding import Encoding
from pipeline.core.params import load_params
from pipeline.enhance.upscaler import load_upscaler

keys = [-1] * 5 + [ord("s")] + [-1] * 5 + [27]
cv2.pollKey = lambda: keys.pop(0) if keys else 27
upscaler = load_upscaler(Path("weights/student_sr.json"), engine="onnxruntime-fp32", threads=1)
camera_view.watch(sys.argv[1], load_params(Path("params.yaml")).capture.camera, upscaler, Encoding(preset="fast"))
"""


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason='no screen for a window; "apt install xvfb" gives one')
def test_the_window_shows_keeps_a_snapshot_and_is_left_by_escape(camera, trained):
    seen = trained.call("xvfb-run", "-a", sys.executable, "-c", WATCH, camera)
    assert seen.returncode == 0, seen.stderr
    original, enhanced = (
        read_frame(next(trained.root.glob(f"snapshot-*-{kind}.png"))) for kind in ("original", "enhanced")
    )
    assert original.shape == (48, 64, 3)
    assert enhanced.shape == (96, 128, 3)
    assert "frames shown" in seen.stdout
