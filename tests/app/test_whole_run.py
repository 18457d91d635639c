"""One bar over all stages of a run."""

import os
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from app.jobs.progress import Progress, Standing
from app.stages import Pipeline, Stage
from app.whole_run import whole_run
from pipeline.core.files import write_json
from pipeline.core.progress import REGISTER

TRAIN = Stage("train", ("teacher",), "running", expected_s=100.0, progress=Progress("train", 0.5, 30.0))
STAGES = (Stage("teacher", (), "fresh", expected_s=50.0), TRAIN, Stage("export", ("train",), "fresh", expected_s=20.0))


def job(stage=None, *arguments, **more):
    return SimpleNamespace(arguments=arguments, seconds=30.0, standing=Standing(stage, **more))


ALL = job("train")


def test_what_is_left_is_the_stage_at_work_and_all_that_follow_it(project):
    run = whole_run(ALL, Pipeline(STAGES), project.paths)
    assert run.left_s == pytest.approx(120), "its bar does not know of what comes after the last batch"
    assert run.share == pytest.approx(0.2)
    assert run.describe() == "Whole run: 20% · about 2 min left · 2 stages to go"
    begun = project.paths.cache / "locks/train.json"
    write_json(begun, {})
    os.utime(begun, (time.time() - 1000,) * 2)
    assert whole_run(ALL, Pipeline(STAGES), project.paths).left_s == pytest.approx(50), "it takes longer than expected"


def test_between_two_stages_the_bar_is_that_of_those_to_come(project):
    done = tuple(replace(stage, state="fresh", progress=None) for stage in STAGES)
    run = whole_run(job("train", status=0), Pipeline(done), project.paths)
    assert (run.left_s, run.stages_left) == (20.0, ("export",))
    assert run.describe() == "Whole run: 60% · about 20 s left · the last stage"


def test_registering_is_the_end_of_the_run(project):
    run = whole_run(job(REGISTER), Pipeline(STAGES), project.paths)
    assert run.describe() == "Whole run: 99% · the student is being registered"


def test_before_the_first_stage_or_with_a_stage_never_run_nothing_is_made_up(project):
    assert whole_run(job(), Pipeline(STAGES[:1]), project.paths) is None
    assert whole_run(job("train", "train"), Pipeline(STAGES), project.paths) is None
    unknown = (*STAGES, Stage("evaluate", ("export",), "never run"))
    run = whole_run(ALL, Pipeline(unknown), project.paths)
    assert (run.left_s, run.share) == (None, 0.0)
    assert run.describe() == "Whole run: 3 stages to go; how long is known once each has run here once"
