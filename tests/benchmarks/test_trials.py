"""Trainings side by side: each once, gone on with where it was stopped, and judged on whole validation frames."""

import pytest
import torch

from benchmarks import ablation, students_quality, trials
from benchmarks.trials import Verdict
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame
from training.metrics import psnr
from training.models import MODELS
from training.pairs import to_picture

SMALL = ["--crops", "128", "--set", "batch_size=4"]


def folders(project):
    return sorted((project.paths.cache / "trials").iterdir())


def test_the_students_are_trained_on_the_same_crops_and_compared(recorded, capsys):
    arguments = [*SMALL, "--models", "student_s", "student_m"]
    assert students_quality.main(arguments) == 0
    first = capsys.readouterr().out
    assert "128 crops each" in first
    sizes = {name: sum(p.numel() for p in MODELS[name]().parameters()) for name in ("student_s", "student_m")}
    assert all(f"| {name} | {size:,} | " in first for name, size in sizes.items())
    assert [[file.name for file in folder.iterdir()] for folder in folders(recorded)] == [["verdict.json"]] * 2
    assert students_quality.main(arguments) == 0
    assert capsys.readouterr().out == first, "what was ended is not run again"


def test_a_trial_that_was_stopped_is_gone_on_with(recorded, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trials, "judge", stop)
        assert students_quality.main([*SMALL, "--models", "student_s"]) != 0
    assert [file.name for file in folders(recorded)[0].iterdir()] == ["last.ckpt"]
    assert students_quality.main([*SMALL, "--models", "student_s"]) == 0
    assert "going on from" in capsys.readouterr().out


def test_a_verdict_is_the_mean_over_whole_frames(recorded):
    from pipeline.train.decoded_frames import decoded_frames

    split = read_json(recorded.paths.split, made_by="split")
    parts = {part: split[part] for part in ("training", "validation")}
    frames = decoded_frames(parts, paths=recorded.paths, geometry=recorded.params.geometry)["validation"]
    verdict = trials.judge(MODELS["student_s"](), frames, recorded.paths)
    bilinear = []
    for index, name in enumerate(frames.names):
        small = to_picture(torch.from_numpy(frames.input(index).copy())[None])
        large = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear").clamp(0, 1)
        truth = to_picture(torch.from_numpy(read_frame(recorded.paths.truth / f"{name}.png"))[None])
        bilinear.append(float(psnr(large, truth)))
    assert verdict.truth_db == pytest.approx(sum(bilinear) / len(bilinear), abs=2)
    assert verdict.parameters == sum(parameter.numel() for parameter in MODELS["student_s"]().parameters())


def test_the_ablation_compares_with_its_baseline(recorded, capsys):
    assert ablation.main([*SMALL, "--seeds", "1", "2", "--trials", "spectrum, 0.2"]) == 0
    table = capsys.readouterr().out
    assert "2 seeds" in table
    assert table.count("| +0.00 |") >= 1, "the baseline gains nothing over itself"
    assert "| spectrum, 0.2 | " in table
    assert len(folders(recorded)) == 4


def test_gains_and_distances_are_differences_of_means():
    found = {
        "student_original": [Verdict(600, 30.0, None), Verdict(600, 31.0, None)],
        "student_s": [Verdict(6, 30.0, 25.0), Verdict(6, 30.5, 26.0)],
    }
    table = students_quality.table(found, crops=10)
    assert "| student_s | 6 | 30.25 | -0.25 | -0.4 | 25.50 |" in table
    assert "| student_original | 600 | 30.50 | +0.00 |  |  |" in table


@pytest.mark.parametrize("setting", ["learning_rate=fast", "epoch=3"])
def test_what_cannot_be_set_is_a_sentence(recorded, capsys, setting):
    assert students_quality.main([*SMALL, "--set", setting]) == 1
    assert f"{setting.split('=')[0]}: " in capsys.readouterr().err
