"""Videos and cameras are fused through time before the student; pictures never are."""

from pathlib import Path

import av
import numpy as np
import pytest
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.enhance.comparison import CAPTION_PX, Comparison, compare
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.following import Following
from pipeline.enhance.run import main
from pipeline.enhance.video import enhance_video, part_of
from pipeline.student import catalogue
from pipeline.student.calm import Calm

LOSSLESS = Encoding(codec="ffv1")
SIZE = 96, 128  # height, width
FRAMES, SEGMENT = 14, 4
ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")


def noisy(count: int = FRAMES, *, seed: int = 0) -> list[np.ndarray]:
    """Frames of a scene that stands still, (h, w, 3) uint8."""
    random = np.random.default_rng(seed)
    scene = photo(*SIZE, seed=seed).astype(float)
    return [np.clip(scene + random.normal(0, 6, scene.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def film(path: Path, frames: list[np.ndarray]) -> Path:
    """A video that holds exactly these frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    return path


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def flicker(shown: list[np.ndarray]) -> float:
    """Mean change from picture to picture, once a few have come."""
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(shown[6:], shown[5:], strict=False)]))


def test_a_video_is_calm_by_default_and_as_it_is_with_0(at_student, tmp_path):
    source = film(tmp_path / "a.mkv", noisy())
    shown = {}
    for name, options in {"default": (), "off": ("--calm", "0"), "half": ("--calm", "0.5")}.items():
        target = tmp_path / f"{name}.mkv"
        assert main([str(source), "-o", str(target), "--codec", "ffv1", *ENGINE, *options]) == 0
        shown[name] = flicker(pictures(target))
    assert shown["default"] < 0.3 * shown["off"]
    assert shown["default"] < shown["half"] < shown["off"]


def test_the_student_is_given_what_the_stream_says_together(upscaler, tmp_path):
    frames = noisy()
    enhance_video(film(tmp_path / "a.mkv", frames), tmp_path / "b.mkv", upscaler.streaming(1), LOSSLESS)
    stream = Calm(noise=upscaler.dials.noise if upscaler.dials else Calm.noise)
    expected = [upscaler.enhance(stream.fuse(frame)) for frame in frames]
    for made, each in zip(pictures(tmp_path / "b.mkv"), expected, strict=True):
        assert np.abs(made.astype(int) - each).max() <= 1


class Stops:
    """An enhancer that fails at its n-th frame, as a run does that is killed."""

    def __init__(self, enhancer, after: int) -> None:
        self.enhancer, self.left = enhancer, after

    def __getattr__(self, name):
        return getattr(self.enhancer, name)

    def enhance(self, picture, advance=None):
        self.left -= 1
        if self.left < 0:
            raise SharpcamError("Stopped.")
        return self.enhancer.enhance(picture, advance)


@pytest.mark.parametrize("after", [6, 9, 13])
@pytest.mark.parametrize("compared", [False, True], ids=["student", "comparison"])
def test_a_run_that_was_stopped_gives_the_same_file(after, compared, upscaler, trained_once, tmp_path):
    def streaming():
        enhancer = compare(upscaler, "bicubic", catalogue.find) if compared else upscaler
        return enhancer.streaming(1)

    source = film(tmp_path / "a.mkv", noisy())
    whole, resumed = tmp_path / "whole.mkv", tmp_path / "resumed.mkv"
    enhance_video(source, whole, streaming(), LOSSLESS, segment_frames=SEGMENT)
    with pytest.raises(SharpcamError, match="Stopped"):
        enhance_video(source, resumed, Stops(streaming(), after), LOSSLESS, segment_frames=SEGMENT)
    states = list(part_of(resumed).glob("*.npz"))
    assert len(states) == 1  # the last segment's, and no other
    enhance_video(source, resumed, streaming(), LOSSLESS, segment_frames=SEGMENT)
    if compared:  # its captions are the same, its times are in the table alone
        assert all(map(np.array_equal, pictures(resumed), pictures(whole)))
    else:
        assert resumed.read_bytes() == whole.read_bytes()


def test_another_calm_does_not_resume_the_segments_of_before(upscaler, tmp_path):
    source, target = film(tmp_path / "a.mkv", noisy()), tmp_path / "b.mkv"
    with pytest.raises(SharpcamError, match="Stopped"):
        enhance_video(source, target, Stops(upscaler.streaming(1), 9), LOSSLESS, segment_frames=SEGMENT)
    enhance_video(source, target, upscaler.streaming(0), LOSSLESS, segment_frames=SEGMENT)
    expected = [upscaler.enhance(frame) for frame in noisy()]
    for made, each in zip(pictures(target), expected, strict=True):
        assert np.abs(made.astype(int) - each).max() <= 1


def test_two_students_next_to_each_other_share_what_is_fused(upscaler):
    other = upscaler.with_strength(0.5)
    both = Comparison(upscaler, other, "other", {}).streaming(1)
    alone = [each.streaming(1) for each in (other, upscaler)]
    for frame in noisy(6):
        row = both.enhance(frame)[CAPTION_PX:]
        expected = np.hstack([each.enhance(frame) for each in alone])[CAPTION_PX:]
        assert np.array_equal(row, expected)


def test_pictures_are_not_fused(upscaler):
    one, other = noisy(2)
    upscaler.enhance(one)
    assert np.array_equal(upscaler.enhance(other), upscaler.enhance(other))
    assert upscaler.state == {}


def test_each_file_of_a_folder_is_a_stream_of_its_own(at_student, tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(2):
        film(folder / f"{seed}.mkv", noisy(seed=seed))
    options = ("--codec", "ffv1", *ENGINE)
    assert main([str(folder), "-o", str(tmp_path / "out"), "--jobs", "2", *options]) == 0
    for seed in range(2):
        alone = tmp_path / f"alone{seed}.mkv"
        assert main([str(folder / f"{seed}.mkv"), "-o", str(alone), *options]) == 0
        (made,) = (tmp_path / "out").glob(f"{seed}.*")
        assert all(map(np.array_equal, pictures(made), pictures(alone)))


def test_strength_0_is_bicubic_of_the_frame_itself(upscaler):
    plain = upscaler.with_strength(0)
    stream = plain.streaming(1)
    for frame in noisy(4):
        assert np.array_equal(stream.enhance(frame), plain.enhance(frame))


def test_a_camera_goes_on_when_its_dials_are_set(upscaler, trained_once):
    frames = noisy(8)
    with Following(upscaler.streaming(1)) as following:
        for frame in frames:
            following.enhance(frame)
        stream = following.upscaler.student.stream
        assert stream is not None
        alone = Calm(noise=stream.noise)
        for frame in frames:
            alone.fuse(frame)
        assert np.array_equal(stream.memory.shown, alone.memory.shown)


@pytest.mark.parametrize("wrong", ["-1", "2", "much"])
def test_calm_out_of_range_is_refused(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["a.mp4", "-o", "b.mp4", "--calm", wrong])
    assert "is not a number from 0 to 1" in capsys.readouterr().err


def test_a_video_whose_frames_come_twice_is_as_calm(upscaler, tmp_path):
    twice = [frame for frame in noisy(8) for _ in range(2)]
    enhance_video(film(tmp_path / "a.mkv", twice), tmp_path / "b.mkv", upscaler.streaming(1), LOSSLESS)
    shown = pictures(tmp_path / "b.mkv")
    assert all(np.array_equal(shown[at], shown[at + 1]) for at in range(0, len(shown), 2))
