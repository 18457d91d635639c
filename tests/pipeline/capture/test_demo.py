"""The simulated camera: raw and truth show the same at the same place, from the seed alone."""

import shutil
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from aligned import QUARTER, moved, shift_between
from making import ROOT, Project, flipped, make_clip, photo, tiny_project, tree, until

from pipeline.capture import demo, wall
from pipeline.capture.demo import SimulatedClip
from pipeline.capture.stage import capture
from pipeline.core.clip_hashes import note_hashes
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import enlarge
from pipeline.core.params import GeometryParams, load_params
from pipeline.media.sources import Video
from training.camera import sensor as camera
from training.camera.drawn import Drawn

# Mean and deviation of the last raw frame and of its truth, three clips of the demo of version 0.1.
FIRST_VERSION = ((114.88, 59.43, 105.6, 71.85), (147.92, 39.59, 145.03, 46.49), (81.43, 58.9, 74.89, 66.67))
GEOMETRY = GeometryParams(width=320, height=256, scale=2, fit="crop")
STRETCHED = GeometryParams(width=320, height=256, scale=2, fit="stretch")
CLIPS = {"slow": 0, "fast": 1, "still": 2}


def tiny_demo(**changes):
    demo_params = load_params(ROOT / "params.yaml").capture.demo
    return demo_params.model_copy(update={"clips": 3, "frames": 2, **changes})


def simulated(index, *, seed=7, frames=2, geometry=GEOMETRY):
    return SimulatedClip(index, seed, (160, 120), frames, 10, geometry)


def linear(frame, clip):
    """Green light before the camera's gamma: blur is even-handed there, while gamma pushes edges to the dark side."""
    return ((frame / 255) ** clip.recipe()["camera"]["gamma"]).astype(np.float32)


def shift_of(raw, truth, clip):
    """(x, y) in pixels of the target by which a raw frame, brought to target size, lies beside its truth."""
    seen = enlarge(linear(raw, clip), geometry=clip.geometry, kernel="bicubic")[..., 1]
    return shift_between(seen, linear(truth, clip)[..., 1])


@pytest.fixture(scope="module", params=CLIPS)
def clip_and_frames(request):
    clip = simulated(CLIPS[request.param])
    return clip, list(clip.record())


def test_raw_and_truth_are_aligned_to_a_quarter_of_a_pixel_moving_or_not(clip_and_frames):
    clip, frames = clip_and_frames
    for raw, truth in frames:
        assert np.abs(shift_of(raw, truth, clip)).max() < QUARTER


@pytest.mark.parametrize("shift", [(0.5, 0), (0, -0.5), (1.5, 1)], ids=str)
def test_a_misalignment_would_be_found(clip_and_frames, shift):
    clip, ((raw, truth), *_) = clip_and_frames
    found = shift_of(raw, moved(truth, shift), clip)
    np.testing.assert_allclose(found, np.negative(shift), atol=0.15)
    assert np.abs(found).max() > QUARTER


def test_raw_and_truth_are_aligned_where_the_frame_is_stretched():
    clip = simulated(1, seed=8, geometry=STRETCHED, frames=1)
    ((raw, truth),) = clip.record()
    assert np.abs(shift_of(raw, truth, clip)).max() < QUARTER


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
    hung = wall.hang_wall(simulated(0).generator(2)).numpy()
    for _, names in wall.ROWS[:2]:
        patch = wall._hang_photo(names[0], 300)[100:140, 100:140].astype(np.float32) / 255
        linear_patch = np.ascontiguousarray(patch**camera.SCENE_GAMMA)
        found = cv2.matchTemplate(np.ascontiguousarray(hung.transpose(1, 2, 0)), linear_patch, cv2.TM_SQDIFF)
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
        assert simulated["motion"].keys() == demo.RANGES.keys()
        if simulated["kind"] == demo.BARE_SENSOR:
            assert simulated["camera"].keys() == camera.RANGES.keys()
            for name, (low, high) in camera.RANGES.items():
                assert low * 0.999 - 1e-6 <= simulated["camera"][name] <= high * 1.001 + 1e-6
        else:
            assert simulated["camera"].keys() == {field.name for field in fields(Drawn)}
        assert simulated["seed"] == recorded_once.params.seed
        assert known["size"] == [80, 60]
        assert known["fps_asked"] == 10


def test_the_demo_has_three_cameras_each_moving_and_still():
    clips = demo.simulated_clips(
        tiny_demo(clips=9), seed=7, asked=load_params(ROOT / "params.yaml").capture.camera, geometry=GEOMETRY
    ).values()
    kinds = {(clip.kind, clip.index % 3 == 2) for clip in clips}
    assert len({kind for kind, _ in kinds}) == 3
    assert len(kinds) == 6


def test_the_demo_of_one_bare_sensor_is_that_of_the_first_version():
    asked = load_params(ROOT / "params.yaml").capture.camera.model_copy(update={"width": 64, "height": 48})
    clips = demo.simulated_clips(tiny_demo(cameras=("bare_sensor",)), seed=7, asked=asked, geometry=GEOMETRY).values()
    assert {clip.kind for clip in clips} == {"bare_sensor"}
    for clip, known in zip(clips, FIRST_VERSION, strict=True):
        *_, (raw, truth) = clip.record()
        assert (raw.mean(), raw.std(), truth.mean(), truth.std()) == pytest.approx(known, abs=0.02)


def test_something_crosses_before_a_still_camera_and_the_rest_of_the_truth_stays(recorded_once):
    clip = replace(simulated(2, frames=4), kind="laptop_h264")
    truths = np.stack([truth for _, truth in clip.record()]).astype(int)
    moved_at = np.abs(np.diff(truths, axis=0)).max(axis=(0, 3)) > 2
    assert 0.02 < moved_at.mean() < 0.6
    assert not moved_at[:, :20].any()


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
    for clip in (mine, strange):
        note_hashes(clip)
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
    damaged = recorded.paths.raw / "demo-01/000001.png"
    whole = damaged.read_bytes()
    damaged.write_bytes(flipped(whole))
    good = [folder / name for folder in (recorded.paths.raw, recorded.paths.truth) for name in ("demo-00", "demo-02")]
    before = times(*good)
    capture(recorded.paths, recorded.params)
    assert times(*good) == before
    assert len(find_frames(recorded.paths.truth / "demo-01")) == 3
    assert damaged.read_bytes() == whole


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
