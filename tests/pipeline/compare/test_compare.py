"""Students on the same frames: which frames these are, who is measured, and what is kept of it."""

import pytest
from making import Project, make_clip, photo

from pipeline.compare.__main__ import compare
from pipeline.compare.contenders import find, learned_by, of_run
from pipeline.compare.frames import LEAST, MOST, common_frames, spread
from pipeline.compare.measure import measure
from pipeline.compare.results import BICUBIC, TEACHER, TRUTH, Result, Results, comparable_ms
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.split_file import read_split
from pipeline.register import register
from pipeline.tracking.past_runs import all_runs


def validate(project: Project, clips: dict[str, int]) -> None:
    """Have clips of so many frames, all of which validate, and a teacher's picture of each."""
    for name, count in clips.items():
        frames = [photo(8, 8, seed=seed) for seed in range(count)]
        make_clip(project.paths, name, frames)
        for file in (project.paths.raw / name).glob("*.png"):
            picture = project.paths.teacher / name / file.name
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(file.read_bytes())
    stems = {name: [f"{index:06d}" for index in range(count)] for name, count in clips.items()}
    write_json(project.paths.split, {"training": {"other": ["000000"]}, "validation": stems})


def test_every_camera_has_frames_among_them_in_pairs_that_follow_each_other(project):
    validate(project, {"desk": 20, "garden": 5})
    found = common_frames([], project.params.geometry, project.paths)
    assert found.cameras == {"desk": MOST // 2, "garden": 5}
    assert found.describe() == "the same 11 frames: 6 of desk, 5 of garden"
    stems = [int(place.stem) for place in found.places if place.clip == "desk"]
    assert all(second == first + 1 for first, second in zip(stems[::2], stems[1::2], strict=True))
    assert stems[-1] > 12, "they are spread over all of the clip"


def test_with_many_cameras_each_keeps_enough_to_see_flicker(project):
    validate(project, {f"room{number}": 4 for number in range(10)})
    assert set(common_frames([], project.params.geometry, project.paths).cameras.values()) == {LEAST}


def test_frames_that_one_of_them_has_learned_are_left_out(project):
    validate(project, {"desk": 6})
    stems = read_split(project.paths).validation["desk"]
    found = common_frames([{}, {"desk": stems[:4]}], project.params.geometry, project.paths)
    assert [place.stem for place in found.places] == stems[4:]
    assert found.key != common_frames([], project.params.geometry, project.paths).key
    with pytest.raises(SharpcamError, match="every frame that validates now trained one of them"):
        common_frames([{"desk": stems}], project.params.geometry, project.paths)


def test_without_frames_it_is_said_what_to_do(project):
    with pytest.raises(SharpcamError, match=r"no validation frames yet\. Run the pipeline once"):
        common_frames([], project.params.geometry, project.paths)
    write_json(project.paths.split, {"training": {"other": ["000000"]}, "validation": {"desk": ["000000"]}})
    with pytest.raises(SharpcamError, match=r'not on this machine\. Run "dvc pull"'):
        common_frames([], project.params.geometry, project.paths)


def test_a_few_places_are_all_taken():
    assert spread([], 4) == []


def test_a_run_is_measured_by_its_weights_and_as_a_version_once_it_is_one(trained):
    (run,) = all_runs(trained.paths)
    assert run.name.startswith("student_s · classical · demo · ")
    weights = of_run(run, [], trained.paths)
    assert weights.learned == read_split(trained.paths).training
    frames = common_frames([weights.learned], trained.params.geometry, trained.paths)
    measure([weights], frames, trained.params.geometry, trained.paths)
    results = Results(frames, trained.paths)
    by_weights = results.of(weights.key)
    register(trained.paths)
    (version,) = find([f"run:{run.id}"], trained.paths)
    assert version.name == "version:1"
    compare(["version:1", "student_sr"], trained.paths)
    by_version = results.of(version.key)
    assert by_version.measure("psnr") == pytest.approx(by_weights.measure("psnr"), abs=0.02)
    assert (by_weights.ms, by_version.ms > 0) == (None, True)
    assert {"psnr", "ssim", "l1"} <= by_version.scores[TRUTH].keys()
    evaluation = read_json(trained.paths.evaluation, made_by="evaluate")
    if len(frames.places) == evaluation["frames"]:
        assert by_version.measure("psnr") == evaluation["methods"]["student"]["teacher"]["psnr"]
    for place in frames.shown:
        for key in (weights.key, version.key, BICUBIC, TEACHER, TRUTH):
            assert results.picture(place, key).exists()


def test_speeds_of_a_busy_and_of_a_quiet_hour_are_made_comparable():
    found = {
        "quiet": Result({}, {}, ms=40.0, calibration_ms=10.0),
        "busy": Result({}, {}, ms=120.0, calibration_ms=30.0),
        "never timed": Result({}, {}),
    }
    assert comparable_ms(found) == {"quiet": 40.0, "busy": 40.0}


def test_what_a_run_trained_on_is_not_guessed(trained):
    (run,) = all_runs(trained.paths)
    for split in trained.root.glob("mlruns/**/split.json"):
        split.unlink()
    assert learned_by(run, trained.paths) is None


def test_a_student_that_is_gone_is_a_result_with_its_reason(trained):
    (run,) = all_runs(trained.paths)
    for weights in trained.root.glob("mlruns/**/student_sr.pth"):
        weights.unlink()
    gone = of_run(run, [], trained.paths)
    frames = common_frames([], trained.params.geometry, trained.paths)
    measure([gone], frames, trained.params.geometry, trained.paths)
    assert "its files are gone" in Results(frames, trained.paths).of(gone.key).problem
