"""The simulated camera: raw and truth show the same at the same place, from the seed alone."""

import shutil

import cv2
import numpy as np
import pytest
from making import ROOT, Project, make_clip, photo, tiny_project, tree, until

from pipeline import demo
from pipeline.capture import capture
from pipeline.demo import SimulatedClip
from pipeline.files import read_json
from pipeline.frames import find_clips, find_frames, read_frame
from pipeline.geometry import enlarge
from pipeline.params import GeometryParams
from pipeline.sources import Video
from training import camera

GEOMETRY = GeometryParams(width=320, height=256, scale=2, fit="crop")
STRETCHED = GeometryParams(width=320, height=256, scale=2, fit="stretch")
QUARTER = 0.25  # pixels of the target
CLIPS = {"slow": 0, "fast": 1, "still": 2}


def simulated(index, *, seed=7, frames=2, geometry=GEOMETRY):
    return SimulatedClip(index, seed, (160, 120), frames, 10, geometry)


def linear(frame, clip):
    """Green light before the camera's gamma: blur is even-handed there, while gamma pushes edges to the dark side."""
    return ((frame / 255) ** clip.recipe()["camera"]["gamma"]).astype(np.float32)


def derivative(picture, *, along_x, along_y):
    for axis in [1] * along_x + [0] * along_y:
        picture = np.gradient(picture, axis=axis)
    return picture


def small_shift(blurred, sharp):
    """(x, y) by which `blurred` lies beside `sharp`, if that is little.

    Least squares of `blurred` on the derivatives of `sharp`: a blur is in the even ones, a shift in the first.
    """
    orders = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    a, b = (cv2.GaussianBlur(picture, (0, 0), 2) for picture in (blurred, sharp))
    inner = np.s_[16:-16, 16:-16]
    columns = [derivative(b, along_x=x, along_y=y)[inner].ravel() for x, y in orders] + [np.ones(a[inner].size)]
    factors = np.linalg.lstsq(np.stack(columns, axis=1), a[inner].ravel(), rcond=None)[0]
    return -factors[1:3] / factors[0]


def moved(picture, shift):
    towards = np.float32([[1, 0, shift[0]], [0, 1, shift[1]]])
    return cv2.warpAffine(picture, towards, picture.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def shift_between(raw, truth, clip):
    """(x, y) in pixels of the target by which a raw frame, brought to target size, lies beside its truth."""
    seen = enlarge(linear(raw, clip), geometry=clip.geometry, kernel="bicubic")[..., 1]
    ideal, shift = linear(truth, clip)[..., 1], np.zeros(2)
    for _ in range(4):
        shift = shift + small_shift(seen, moved(ideal, shift))
    return shift


@pytest.fixture(scope="module", params=CLIPS)
def clip_and_frames(request):
    clip = simulated(CLIPS[request.param])
    return clip, list(clip.record())


def test_raw_and_truth_are_aligned_to_a_quarter_of_a_pixel_moving_or_not(clip_and_frames):
    clip, frames = clip_and_frames
    for raw, truth in frames:
        assert np.abs(shift_between(raw, truth, clip)).max() < QUARTER


@pytest.mark.parametrize("shift", [(0.5, 0), (0, -0.5), (1.5, 1)], ids=str)
def test_a_misalignment_would_be_found(clip_and_frames, shift):
    clip, ((raw, truth), *_) = clip_and_frames
    found = shift_between(raw, moved(truth, shift), clip)
    np.testing.assert_allclose(found, np.negative(shift), atol=0.15)
    assert np.abs(found).max() > QUARTER


def test_raw_and_truth_are_aligned_where_the_frame_is_stretched():
    clip = simulated(1, seed=8, geometry=STRETCHED, frames=1)
    ((raw, truth),) = clip.record()
    assert np.abs(shift_between(raw, truth, clip)).max() < QUARTER


def test_one_camera_moves_and_another_stands_still():
    moving, still = (list(simulated(index).record()) for index in (1, 2))
    assert np.abs(moving[0][1].astype(int) - moving[1][1]).mean() > 3
    np.testing.assert_array_equal(still[0][1], still[1][1])
    assert (still[0][0] != still[1][0]).any()  # its noise is new in every frame


@pytest.mark.parametrize("index", range(9))
def test_the_truth_never_enlarges_a_photograph(index):
    clip = simulated(index, frames=25)
    view, wall = clip.truth_view(), np.empty((3, 1627, 2200))
    for pose, _ in clip._moments(wall, view):
        assert float(pose[0, 2]) * min(view.pitch_x, view.pitch_y) >= 1


def test_the_wall_hangs_photographs_side_by_side_without_scaling_them():
    wall = demo.hang_wall(simulated(0).generator(2)).numpy()
    for _, names in demo.ROWS[:2]:
        patch = demo._hang_photo(names[0], 300)[100:140, 100:140].astype(np.float32) / 255
        linear_patch = np.ascontiguousarray(patch**camera.SCENE_GAMMA)
        found = cv2.matchTemplate(np.ascontiguousarray(wall.transpose(1, 2, 0)), linear_patch, cv2.TM_SQDIFF)
        assert found.min() < 1e-2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(recorded_once, tmp_path):
    again, other = tiny_project(tmp_path / "again"), tiny_project(tmp_path / "other")
    capture(again.paths, again.params)
    capture(other.paths, other.change(seed=8, capture={"demo": {"clips": 1}}))
    once = tree(recorded_once.paths.raw, recorded_once.paths.truth)
    assert tree(again.paths.raw, again.paths.truth) == once
    for name, data in tree(other.paths.raw, other.paths.truth).items():
        assert data != once[name]


def test_each_drawn_parameter_is_written_down(recorded_once):
    for clip in find_clips(recorded_once.paths.raw):
        known = read_json(clip / "clip.json", made_by="capture")
        simulated = known["simulated"]
        assert simulated["camera"].keys() == camera.RANGES.keys()
        assert simulated["motion"].keys() == demo.RANGES.keys()
        for name, (low, high) in camera.RANGES.items():
            assert low * 0.999 - 1e-6 <= simulated["camera"][name] <= high * 1.001 + 1e-6
        assert simulated["seed"] == recorded_once.params.seed
        assert known["size"] == [80, 60]
        assert known["fps_asked"] == 10


def test_a_demo_clip_has_as_many_truths_as_frames(recorded_once):
    clips = find_clips(recorded_once.paths.raw)
    assert len(clips) == 3
    for clip in clips:
        names = [path.name for path in find_frames(clip)]
        assert len(names) == 3
        assert [path.name for path in find_frames(recorded_once.paths.truth / clip.name)] == names
        assert read_frame(recorded_once.paths.truth / clip.name / names[0]).shape == (128, 160, 3)


def times(*folders):
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*.png")}


def test_new_demo_parameters_replace_simulated_clips_and_touch_no_recording(recorded):
    mine = make_clip(recorded.paths, "mine", [photo(60, 80)], source="video")
    strange = make_clip(recorded.paths, "demo-77", [photo(60, 80)], source="camera")
    before = tree(mine, strange), times(mine, strange)
    capture(recorded.paths, recorded.change(capture={"demo": {"clips": 2, "frames": 1}}))
    assert (tree(mine, strange), times(mine, strange)) == before
    assert [clip.name for clip in find_clips(recorded.paths.raw)] == ["demo-00", "demo-01", "demo-77", "mine"]
    assert [clip.name for clip in find_clips(recorded.paths.truth)] == ["demo-00", "demo-01"]
    assert len(find_frames(recorded.paths.raw / "demo-00")) == 1
    capture(recorded.paths, recorded.change(capture={"source": "inbox"}))
    assert (tree(mine, strange), times(mine, strange)) == before
    assert [clip.name for clip in find_clips(recorded.paths.raw)] == ["demo-77", "mine"]
    assert find_clips(recorded.paths.truth) == []


def test_clips_that_are_up_to_date_are_not_written_again_and_damaged_ones_are(recorded):
    shutil.rmtree(recorded.paths.truth / "demo-01")
    good = [folder / name for folder in (recorded.paths.raw, recorded.paths.truth) for name in ("demo-00", "demo-02")]
    before = times(*good)
    capture(recorded.paths, recorded.params)
    assert times(*good) == before
    assert len(find_frames(recorded.paths.truth / "demo-01")) == 3


def test_a_killed_demo_ends_with_the_same_files(project: Project, recorded_once):
    process = project.fork("capture")
    until(lambda: not process.is_alive() or list(project.paths.raw.glob(".*.part/*.png")))
    process.kill()
    process.join()
    assert len(find_clips(project.paths.raw)) < 3
    capture(project.paths, project.params)
    assert tree(project.paths.raw, project.paths.truth) == tree(recorded_once.paths.raw, recorded_once.paths.truth)


def test_the_real_clip_has_no_truth(project):
    project.paths.demo_clip.parent.mkdir(parents=True)
    project.paths.demo_clip.symlink_to(ROOT / "data/demo/box.mp4")
    capture(project.paths, project.change(capture={"demo": {"clips": 0, "real_frames": 2}}))
    (clip,) = find_clips(project.paths.raw)
    assert clip.name == "demo-real"
    assert find_clips(project.paths.truth) == []
    frame, *_ = Video(project.paths.demo_clip).frames()
    np.testing.assert_array_equal(read_frame(find_frames(clip)[0]), frame)
    assert len(find_frames(clip)) == 2
    assert "licence" in read_json(clip / "clip.json", made_by="capture")
