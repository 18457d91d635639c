"""The clean-up lists before it removes, removes what it listed and nothing else, in DVC's cache and in MLflow too."""

import pytest
from filelock import FileLock
from making import git, tree

from pipeline.cleanup import list_file, make_list, remove
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.tracking.client import deleted_runs, mlflow_client


@pytest.fixture
def cluttered(project):
    for name, size in (("frames/a.npy", 1000), ("frames/b.npy", 2000), ("trash/desk-1/raw/000000.png", 500)):
        path = project.paths.cache / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return project


def test_a_list_names_everything_with_its_size_and_removes_nothing(cluttered):
    before = tree(cluttered.paths.cache)
    listed = make_list(cluttered.paths)
    assert listed["frames"]["items"] == {"frames/a.npy": 1000, "frames/b.npy": 2000}
    assert listed["trash"]["items"] == {"trash/desk-1": 500}
    assert listed["dvc"]["items"] == listed["mlflow"]["items"] == {}
    after = tree(cluttered.paths.cache)
    assert {name: data for name, data in after.items() if "cleanup.json" not in name} == before


def test_what_the_page_enhance_made_and_measured_engines_can_go(cluttered):
    for name in ("enhance/0a1b/out/a.png", "engines/a.json"):
        (cluttered.paths.cache / name).parent.mkdir(parents=True)
        (cluttered.paths.cache / name).write_bytes(bytes(700))
    listed = make_list(cluttered.paths)
    assert listed["enhance"]["items"] == {"enhance/0a1b": 700}
    assert listed["engines"]["items"] == {"engines/a.json": 700}
    remove(["enhance", "engines"], cluttered.paths)
    assert not list((cluttered.paths.cache / "enhance").iterdir())
    assert not list((cluttered.paths.cache / "engines").iterdir())


def test_only_what_is_chosen_goes(cluttered):
    make_list(cluttered.paths)
    remove(["frames"], cluttered.paths)
    assert not list((cluttered.paths.cache / "frames").iterdir())
    assert (cluttered.paths.cache / "trash/desk-1/raw/000000.png").exists()
    assert read_json(list_file(cluttered.paths), made_by="cleanup")["frames"]["items"] == {}


def test_what_came_after_the_list_was_shown_stays(cluttered):
    make_list(cluttered.paths)
    (cluttered.paths.cache / "frames/c.npy").write_bytes(b"new")
    before = tree(cluttered.paths.cache)
    with pytest.raises(SharpcamError, match="more has come since"):
        remove(["frames"], cluttered.paths)
    assert tree(cluttered.paths.cache) == before


def test_while_a_stage_runs_nothing_is_removed(cluttered):
    make_list(cluttered.paths)
    (cluttered.paths.cache / "locks").mkdir(parents=True, exist_ok=True)
    with FileLock(cluttered.paths.cache / "locks/train.lock"), pytest.raises(SharpcamError, match='"train" runs'):
        remove(["frames"], cluttered.paths)
    assert (cluttered.paths.cache / "frames/a.npy").exists()


def test_without_a_list_it_says_so(project):
    with pytest.raises(SharpcamError, match="Nothing was listed yet"):
        remove(["frames"], project.paths)


def dvc_project(project):
    """One version of a file in a commit, one in an experiment, one that nothing names, one in the working tree."""
    (project.root / ".gitignore").write_text(".cache\n")
    made = """
from pathlib import Path
from dvc.repo import Repo
import subprocess

with Repo.init() as repo:
    for text in ("first", "tried", "second", "third"):
        Path("data.txt").write_text(text)
        repo.add("data.txt")
        if text == "first":
            subprocess.run(["git", "add", "-A"], check=True)
            identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
            subprocess.run(["git", *identity, "commit", "-qm", "first"], check=True)
        if text == "tried":
            repo.experiments.save(name="a-try")
"""
    answer = project.call("python", "-c", made)
    assert answer.returncode == 0, answer.stderr
    assert git(project.root, "status", "--porcelain") != ""


def test_of_dvcs_cache_goes_what_no_commit_and_no_file_names(project):
    dvc_project(project)
    files = project.root / ".dvc/cache/files"
    kept = set(tree(files).values())
    assert kept == {b"first", b"tried", b"second", b"third"}
    listed = make_list(project.paths)["dvc"]
    assert listed["problem"] == ""
    assert list(listed["items"].values()) == [len(b"second")]
    assert set(tree(files).values()) == kept
    remove(["dvc"], project.paths)
    assert set(tree(files).values()) == {b"first", b"tried", b"third"}


@pytest.mark.usefixtures("with_database")
def test_of_mlflow_go_the_runs_that_were_deleted(project):
    store = mlflow_client()
    experiment = store.create_experiment("sharpcam", artifact_location=str(project.root / "mlruns/1"))
    gone, kept = (store.create_run(experiment, run_name=name).info for name in ("gone", "kept"))
    for run in (gone, kept):
        store.log_text(run.run_id, "words", "note.txt")
    store.delete_run(gone.run_id)
    assert make_list(project.paths)["mlflow"]["items"] == {f"{gone.run_id} gone": len("words")}
    remove(["mlflow"], project.paths)
    assert [run.info.run_name for run in store.search_runs([experiment])] == ["kept"]
    assert deleted_runs() == {}
    assert [path.parts[-3] for path in project.root.glob("mlruns/1/*/artifacts/note.txt")] == [kept.run_id]


@pytest.mark.usefixtures("with_database")
def test_a_deleted_run_whose_student_is_registered_stays(project):
    store = mlflow_client()
    experiment = store.create_experiment("sharpcam", artifact_location=str(project.root / "mlruns/1"))
    run = store.create_run(experiment).info
    store.create_registered_model("student")
    store.create_model_version("student", source=run.artifact_uri, run_id=run.run_id)
    store.delete_run(run.run_id)
    assert deleted_runs() == {}


def test_from_the_shell_it_lists_and_removes(cluttered):
    answer = cluttered.run("pipeline.cleanup")
    assert answer.returncode == 0, answer.stderr
    assert "frames    Decoded frames of an earlier sharpcam: 2 things, 0.0 MB" in answer.stdout
    answer = cluttered.run("pipeline.cleanup", "--remove", "trash")
    assert answer.returncode == 0, answer.stderr
    assert not (cluttered.paths.cache / "trash/desk-1").exists()
    assert cluttered.run("pipeline.cleanup", "--remove", "everything").returncode == 2
