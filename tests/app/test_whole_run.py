"""One bar over all stages of a run."""

import os
import time
from types import SimpleNamespace

import pytest

from app.jobs.progress import Progress
from app.stages import Pipeline, Stage
from app.whole_run import whole_run
from pipeline.core.files import write_json

TRAIN = Stage("train", ("teacher",), "running", expected_s=100.0, progress=Progress("train", 0.5, 30.0))
STAGES = (Stage("teacher", (), "fresh", expected_s=50.0), TRAIN, Stage("export", ("train",), "fresh", expected_s=20.0))
ALL = SimpleNamespace(arguments=(), seconds=30.0)


def test_what_is_left_is_the_stage_at_work_and_all_that_follow_it(project):
    run = whole_run(ALL, Pipeline(STAGES), project.paths)
    assert run.left_s == pytest.approx(120), "its bar does not know of what comes after the last batch"
    assert run.share == pytest.approx(0.2)
    assert run.describe() == "Whole run: 20% · about 2 min left · 2 stages to go"
    begun = project.paths.cache / "locks/train.json"
    write_json(begun, {})
    os.utime(begun, (time.time() - 1000,) * 2)
    assert whole_run(ALL, Pipeline(STAGES), project.paths).left_s == pytest.approx(50), "it takes longer than expected"


def test_without_a_stage_at_work_or_with_a_stage_never_run_nothing_is_made_up(project):
    assert whole_run(ALL, Pipeline(STAGES[:1]), project.paths) is None
    assert whole_run(SimpleNamespace(arguments=("train",), seconds=1.0), Pipeline(STAGES), project.paths) is None
    unknown = (*STAGES, Stage("evaluate", ("export",), "never run"))
    run = whole_run(ALL, Pipeline(unknown), project.paths)
    assert (run.left_s, run.share) == (None, 0.0)
    assert run.describe() == "Whole run: 3 stages to go; how long is known once each has run here once"
