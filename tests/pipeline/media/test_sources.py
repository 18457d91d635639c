"""What cameras, videos and folders give, and what is said where they do not."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from making import ROOT, make_video, photo

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import write_frame
from pipeline.core.params import CameraParams
from pipeline.media.sources import Camera, Folder, Video, find_source

FRAMES = [photo(60, 80, seed=seed) for seed in range(10)]
ASKED = CameraParams(width=80, height=60, fps=25, pixel_format="MJPG", exposure=5, gain=2, warmup_frames=3)


@pytest.fixture
def video(tmp_path):
    return make_video(tmp_path / "desk.mkv", FRAMES)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def write_picture(path, picture):
    assert cv2.imwrite(str(path), picture)
    return path


def test_a_video_gives_its_frames_bit_by_bit(video):
    source = Video(video)
    for frame, expected in zip(source.frames(), FRAMES, strict=True):
        np.testing.assert_array_equal(frame, expected)
    assert source.name == "desk"
    assert source.about()["fps_reached"] == 25


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_a_video_whose_end_is_missing_is_named(tmp_path, share):
    file = cut(make_video(tmp_path / "cut.mp4", FRAMES, codec="h264"), share)
    with pytest.raises(SharpcamError, match=r"cut\.mp4 is not a video that can be decoded .* index is missing"):
        list(Video(file).frames())


@pytest.mark.parametrize(("name", "codec"), [("long.mkv", "ffv1"), ("long.webm", "libvpx")])
def test_a_video_that_ends_before_its_time_is_named(tmp_path, name, codec):
    file = make_video(tmp_path / name, FRAMES, fps=2, codec=codec)
    assert len(list(Video(file).frames())) == len(FRAMES)
    with pytest.raises(SharpcamError, match=r"long\.\w+ is not a video that can be decoded to its end"):
        list(Video(cut(file, 0.5)).frames())


def test_a_text_file_named_like_a_video_is_named(tmp_path):
    file = tmp_path / "notes.mp4"
    file.write_text("no video at all\n" * 50)
    with pytest.raises(SharpcamError, match=r"notes\.mp4 is not a video"):
        list(Video(file).frames())


def test_a_folder_gives_its_pictures_by_name_and_passes_over_other_files(tmp_path):
    for index in (2, 0, 1):
        write_frame(tmp_path / f"{index}.png", FRAMES[index])
    (tmp_path / "notes.txt").write_text("not a picture")
    frames = list(Folder(tmp_path).frames())
    np.testing.assert_array_equal(frames, FRAMES[:3])


def test_a_folder_takes_jpeg_too(tmp_path):
    write_picture(tmp_path / "a.jpg", FRAMES[0][..., ::-1])
    (frame,) = Folder(tmp_path).frames()
    np.testing.assert_array_equal(frame, cv2.imread(str(tmp_path / "a.jpg"))[..., ::-1])


def test_pictures_of_mixed_sizes_are_refused_by_name(tmp_path):
    write_frame(tmp_path / "a.png", FRAMES[0])
    write_frame(tmp_path / "b.png", photo(60, 82))
    with pytest.raises(SharpcamError, match=r"b\.png is 82x60, the pictures before it are 80x60.*folder of their own"):
        list(Folder(tmp_path).frames())


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_a_picture_that_is_not_eight_bit_colour_is_refused(tmp_path, suffix):
    write_picture(tmp_path / f"grey.{suffix}", FRAMES[0][..., 0])
    with pytest.raises(SharpcamError, match=r"grey\.\w+ is no 8-bit colour picture. Convert or remove"):
        list(Folder(tmp_path).frames())


def test_an_empty_file_named_jpg_is_refused(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(SharpcamError, match=r"a\.jpg is no 8-bit colour picture"):
        list(Folder(tmp_path).frames())


def test_a_camera_drops_frames_while_it_warms_up_and_says_what_it_got(video):
    camera = Camera(str(video), ASKED)
    frames = list(camera.frames())
    np.testing.assert_array_equal(frames[0], FRAMES[ASKED.warmup_frames])
    assert len(frames) == len(FRAMES) - ASKED.warmup_frames
    assert camera.stopped
    about = camera.about()
    assert about["asked"] == ASKED.model_dump()
    assert about["got"].keys() == {"pixel_format", "width", "height", "fps", "exposure", "gain"}
    assert (about["got"]["width"], about["got"]["height"]) == (80, 60)
    assert about["fps_asked"] == 25
    assert about["fps_reached"] > 0


def test_a_camera_that_is_not_there_says_how_to_find_one():
    with pytest.raises(SharpcamError, match=r"No camera 97 answers. Plug it in"):
        next(Camera(97, ASKED).frames())


def test_digits_are_a_camera_and_paths_are_files_or_folders(tmp_path, video):
    assert isinstance(find_source("0", clip="", asked=ASKED), Camera)
    assert isinstance(find_source(str(video), clip="", asked=ASKED), Video)
    assert isinstance(find_source(str(tmp_path), clip="", asked=ASKED), Folder)
    assert find_source(str(video), clip="named", asked=ASKED).name == "named"


def test_a_source_that_is_nothing_says_what_could_be_given():
    with pytest.raises(SharpcamError, match=r'"nowhere.mp4" is not a file, a folder or a camera.s index'):
        find_source("nowhere.mp4", clip="", asked=ASKED)


def test_the_same_source_has_the_same_identity_and_another_one_another(tmp_path, video):
    other = make_video(tmp_path / "other" / "desk.mkv", FRAMES[::-1])
    assert Video(video).identity() == Video(video).identity()
    assert Video(video).identity() != Video(other).identity()


def test_a_camera_that_is_not_there_is_one_line_on_stderr(project):
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.capture", "--source", "97", "--clip", "desk"],
        cwd=project.root,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("sharpcam: No camera 97 answers.")
    assert ended.stderr.count("\n") == 1
