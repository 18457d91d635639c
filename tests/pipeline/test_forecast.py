"""The forecast names the frames that the teacher would really compute, and holds until something changes."""

import shutil

import pytest
from making import json_lines, make_clip, photo

from benchmarks.random_weights import write_random_restorer
from pipeline.capture.stage import adopt
from pipeline.core.errors import SharpcamError
from pipeline.forecast import Rates, forecast, in_a_sentence, known_forecast, known_rates
from pipeline.teacher.stage import teacher


def made(project):
    forecast(project.paths)
    return known_forecast(project.paths, project.params)


def test_what_is_done_costs_nothing(recorded):
    result = made(recorded)
    assert (result.frames, result.seconds, result.bytes) == (0, 0, 0)
    assert "nothing to do: all 9 frames" in in_a_sentence(result)


def test_new_frames_are_what_the_teacher_then_computes(recorded, capsys):
    make_clip(recorded.paths, "desk", [photo(60, 80, seed=seed) for seed in range(2)])
    result = made(recorded)
    assert (result.frames, result.total, result.chain) == (2, 11, "classical")
    assert result.cache_bytes == 0  # no network in the chain
    before = len(json_lines(recorded.paths.logs / "teacher.jsonl"))
    taken = sum(path.stat().st_size for path in recorded.paths.teacher.rglob("*.png"))
    teacher(recorded.paths, recorded.params)
    assert len(json_lines(recorded.paths.logs / "teacher.jsonl")) - before == result.frames
    grown = sum(path.stat().st_size for path in recorded.paths.teacher.rglob("*.png")) - taken
    assert 0.5 * grown < result.bytes / 2 < 2 * grown
    sentence = in_a_sentence(result)
    assert sentence.startswith('The teacher has 2 of 11 frames to compute with the chain "classical": about ')
    assert known_forecast(recorded.paths, recorded.params) is None  # the teacher has run since


def test_a_chain_with_networks_needs_room_for_their_results(recorded):
    write_random_restorer(recorded.paths.bundled / "restorer.safetensors", width=8)
    recorded.change(teacher={"chain": "bundled"})
    result = made(recorded)
    assert result.frames == 9
    assert result.cache_bytes == recorded.params.teacher.cache_gb * 1e9
    assert "of its networks' results" in in_a_sentence(result)


def test_a_forecast_holds_until_parameters_or_clips_change(recorded):
    made(recorded)
    assert known_forecast(recorded.paths, recorded.change(train={"epochs": 9})) is not None
    assert known_forecast(recorded.paths, recorded.change(teacher={"cache_gb": 1})) is None
    recorded.change(teacher={"cache_gb": 4})
    assert known_forecast(recorded.paths, recorded.params) is not None
    shutil.rmtree(recorded.paths.raw / "demo-00")
    assert known_forecast(recorded.paths, recorded.params) is None


def test_without_frames_there_is_nothing_to_do(project):
    project.change(capture={"source": "inbox"})
    assert made(project).total == 0


def test_what_waits_in_the_inbox_counts_since_the_pipeline_adopts_it_first(recorded):
    make_clip(recorded.paths, "desk", [photo(60, 80, seed=seed) for seed in range(2)])
    recorded.paths.inbox.mkdir()
    (recorded.paths.raw / "desk").rename(recorded.paths.inbox / "desk")
    before = made(recorded)
    assert (before.frames, before.total) == (2, 11)
    adopt(recorded.paths)
    assert known_forecast(recorded.paths, recorded.params) is None
    after = made(recorded)
    assert (after.frames, after.total) == (2, 11)


def test_on_a_fresh_clone_the_demo_counts(project):
    demo = project.params.capture.demo
    result = made(project)
    assert result.frames == demo.clips * demo.frames + demo.real_frames > 0
    assert result.seconds > 0


def test_a_chain_that_cannot_run_is_one_sentence_in_the_shell(recorded):
    recorded.change(teacher={"chains": {"classical": [{"magic": {}}]}})
    answer = recorded.run("pipeline.forecast")
    assert answer.returncode == 1
    assert 'has a step "magic"' in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_rates_are_known_where_all_is_done_and_hold_for_other_frames_and_epochs(recorded):
    made(recorded)
    rates = known_rates(recorded.paths, recorded.params)
    assert min(rates.teacher_s, rates.teacher_bytes, rates.step_s, rates.validation_s) > 0
    make_clip(recorded.paths, "desk", [photo(60, 80)])
    assert known_rates(recorded.paths, recorded.change(train={"epochs": 9})) == rates
    assert known_rates(recorded.paths, recorded.change(train={"crop_px": 32})) is None


def test_time_grows_with_frames_epochs_and_crops(project):
    rates = Rates(teacher_s=2, teacher_bytes=9, step_s=0.5, validation_s=0.25)
    params = project.change(train={"epochs": 3, "crops_per_epoch": 65, "batch_size": 8})
    assert rates.seconds(frames=80, validation_frames=8, params=params) == (160, 3 * 9 * 0.5 + 3 * 8 * 0.25)


def test_without_the_weights_that_a_training_starts_from_the_teachers_forecast_holds(recorded):
    recorded.change(train={"start_from": "bundled"})
    with pytest.raises(SharpcamError, match=r"train.start_from is bundled"):
        forecast(recorded.paths)
    assert known_forecast(recorded.paths, recorded.params) is not None
