"""Folders of DVC's queued experiments keep what outlives them in the project."""

import shutil

import pytest

from pipeline.core.queued import FOLDERS, keep_in_project, project_of


@pytest.fixture
def experiment(tmp_path):
    """The folder in which DVC runs an experiment of the project tmp_path."""
    folder = tmp_path / ".dvc/tmp/exps/tmpx1"
    folder.mkdir(parents=True)
    return folder


def test_only_a_folder_of_dvcs_queue_has_a_project(experiment, tmp_path):
    assert project_of(experiment) == tmp_path
    assert project_of(experiment.parent / "standalone/tmpx2") == tmp_path
    assert project_of(experiment.parent) is None
    assert project_of(tmp_path) is None


def test_what_an_experiment_writes_outlives_its_folder(experiment, tmp_path):
    keep_in_project(experiment)
    keep_in_project(experiment)  # as each of its stages does
    names = [*FOLDERS, "mlflow.db"]
    for name in names:
        (experiment / name / "kept" if name in FOLDERS else experiment / name).write_text(name)
    assert not (experiment / ".cache/locks").exists()
    shutil.rmtree(experiment)
    for name in names:
        assert (tmp_path / name / "kept" if name in FOLDERS else tmp_path / name).read_text() == name


def test_any_other_folder_stays_as_it_is(tmp_path):
    keep_in_project(tmp_path)
    assert list(tmp_path.iterdir()) == []
