"""Which parameters differ from the last run, as a real dvc.lock tells, and what a change makes stale."""

import pytest
import yaml

from app.dvc_files import last_runs, recipes
from app.last_run import Difference, differences, downstream
from pipeline.core.errors import SharpcamError


def content(project):
    return yaml.safe_load(project.paths.params.read_text())


def test_nothing_differs_right_after_a_run(versioned):
    assert differences(content(versioned), versioned.paths) == []


def test_a_change_is_named_with_the_stages_that_read_it(versioned):
    versioned.change(capture={"demo": {"frames": 4}}, split={"gap_frames": 2}, train={"epochs": 9})
    assert differences(content(versioned), versioned.paths) == [
        Difference("capture.demo.frames", "3", "4", ("capture",)),
        Difference("split.gap_frames", "1", "2", ("split",)),
    ]


def test_what_reads_what_a_stage_wrote_may_follow(versioned):
    assert downstream(["capture"], versioned.paths) == ["teacher", "split"]
    assert downstream(["split"], versioned.paths) == []


def test_without_a_run_there_is_nothing_to_compare_with(project):
    (project.root / "dvc.yaml").write_text("stages: {train: {cmd: x, params: [train]}}")
    assert differences(content(project), project.paths) == []


@pytest.mark.parametrize("text", ["stages: [", "<<<<<<< HEAD\nschema: 2\n=======\n", "[]", "stages: 3"])
def test_a_broken_lock_is_a_sentence(versioned, text):
    (versioned.root / "dvc.lock").write_text(text)
    with pytest.raises(SharpcamError, match=r"dvc\.lock is broken .*git checkout dvc\.lock"):
        last_runs(versioned.paths)


def test_a_missing_dvc_yaml_says_where_to_run(project):
    with pytest.raises(SharpcamError, match=r"No .*dvc\.yaml here"):
        recipes(project.paths)
