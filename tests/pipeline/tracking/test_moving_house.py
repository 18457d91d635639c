"""A project that is moved, renamed or copied, in a real MLflow store: it finds its files, the original stays."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from making import tree
from tracked import FRAME, make_run, make_version

from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.queued import keep_in_project
from pipeline.promote import promote
from pipeline.student import catalogue
from pipeline.tracking import registry
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.past_runs import all_runs, pictures
from pipeline.tracking.places import COLUMNS, local_path
from pipeline.tracking.run import start_run

PICTURES = ["best", "bicubic", "epoch-0000", "teacher"]


@pytest.fixture
def home(project, with_database, tmp_path):
    """A project with a run, its pictures and a version."""
    (tmp_path / "student").mkdir()
    (tmp_path / "student/student_sr.onnx").write_bytes(b"a student")
    make_version(tmp_path / "student", run_id=make_run(tmp_path / "pictures"))
    return project.root


@pytest.fixture
def old_home(home):
    """The same as an earlier sharpcam left it: MLflow's own absolute places in the database."""
    with closing(sqlite3.connect("mlflow.db")) as database:
        for table, column in COLUMNS:
            database.execute(
                f"UPDATE {table} SET {column} = ? || {column} WHERE {column} LIKE 'mlruns/%'", (f"{home}/",)
            )
        database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (f"{home}/mlruns/0",))
        database.commit()
    return home


@pytest.fixture
def go_to(monkeypatch):
    """Change to another project. MLflow keeps a database open by its name in this process, so the name is full."""

    def go(folder):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")

    return go


def places():
    with closing(sqlite3.connect("mlflow.db")) as database:
        return [row[0] or "" for table, column in COLUMNS for row in database.execute(f"SELECT {column} FROM {table}")]


def is_all_there(tmp_path, numbers=(1,)):
    """Pictures of the first run and files of these versions are there, read as pages and commands read them."""
    run = all_runs(Paths())[-1]
    assert list(pictures(run, Paths())[FRAME]) == PICTURES
    assert all(file.is_file() for file in pictures(run, Paths())[FRAME].values())
    for number in numbers:
        folder = registry.download(number, tmp_path / "there")
        assert (folder / "student_sr.onnx").read_bytes() == b"a student"


def test_no_place_in_a_new_database_names_the_folder_of_the_project(home, tmp_path):
    assert not [place for place in places() if str(home) in place]
    assert len([place for place in places() if place.startswith("mlruns/")]) >= 4
    is_all_there(tmp_path)


@pytest.mark.parametrize("came", ["home", "old_home"])
def test_a_project_that_moved_finds_its_files_and_goes_on(came, request, tmp_path, go_to, capfd):
    home = request.getfixturevalue(came)
    moved = tmp_path / "with a # in its name"
    home.rename(moved)
    go_to(moved)
    capfd.readouterr()
    is_all_there(tmp_path)
    said = f"MLflow: this project was in {home} before; files of its runs are in {moved}/mlruns now."
    assert [line for line in capfd.readouterr().err.splitlines() if line.startswith("MLflow")] == (
        [said] if came == "old_home" else []
    )
    make_version(tmp_path / "student", run_id=make_run(tmp_path / "pictures", psnr=32.0), psnr=32.0)
    promote("1", Paths())
    promote("2", Paths())
    is_all_there(tmp_path, numbers=(1, 2))
    assert not home.exists()
    assert "MLflow: this project" not in capfd.readouterr().err


@pytest.mark.parametrize("came", ["home", "old_home"])
def test_the_run_of_a_queued_experiment_is_the_projects(came, request, tmp_path, go_to, capfd):
    home = request.getfixturevalue(came)
    experiment = home / ".dvc/tmp/exps/tmpx1"
    experiment.mkdir(parents=True)
    keep_in_project(experiment)
    go_to(experiment)
    run_id = make_run(tmp_path / "pictures", psnr=33.0)
    shutil.rmtree(experiment)
    go_to(home)
    assert not [place for place in places() if str(home) in place]
    is_all_there(tmp_path)
    run = all_runs(Paths())[0]
    assert run.id == run_id
    assert all(file.is_file() for file in pictures(run, Paths())[FRAME].values())
    assert "was in" not in capfd.readouterr().err


@pytest.mark.parametrize("came", ["home", "old_home"])
def test_a_copy_never_writes_into_the_original(came, request, tmp_path, go_to):
    home = request.getfixturevalue(came)
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    before = tree(home)
    go_to(copy)
    is_all_there(tmp_path)
    run_id = make_run(tmp_path / "pictures", psnr=32.0)
    make_version(tmp_path / "student", run_id=run_id, psnr=32.0)
    promote("2", Paths())
    registry.set_tags(1, {"verdict": "of the copy"})
    shutil.rmtree(copy / "mlruns/1" / all_runs(Paths())[-1].id)
    assert tree(home) == before
    is_all_there_in_original(home, go_to, tmp_path)


def is_all_there_in_original(home, go_to, tmp_path):
    go_to(home)
    is_all_there(tmp_path)
    assert [version.number for version in registry.versions(Paths())] == [1]


def test_a_copy_of_the_database_alone_writes_here_too(old_home, tmp_path, go_to):
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy("mlflow.db", copy)
    before = tree(old_home)
    go_to(copy)
    make_run(tmp_path / "pictures")
    assert tree(old_home) == before
    assert list(pictures(all_runs(Paths())[0], Paths())[FRAME]) == PICTURES


def test_a_folder_that_a_person_chose_for_an_experiment_stays(old_home, tmp_path, go_to):
    chosen = tmp_path / "team/mlruns/9"
    experiment = mlflow_client().create_experiment("of the team", artifact_location=str(chosen))
    mlflow_client().create_run(experiment)
    old_home.rename(tmp_path / "moved")
    go_to(tmp_path / "moved")
    mlflow_client()
    assert str(chosen) in places()
    assert not [place for place in places() if str(old_home) in place]


def test_files_of_a_version_that_are_gone_are_one_sentence_that_destroys_nothing(home, tmp_path):
    shutil.rmtree("mlruns/1/models")
    with pytest.raises(
        SharpcamError, match=r"files of version 1 .* are missing in .*/mlruns/.*from a backup"
    ) as missing:
        registry.download(1, tmp_path / "there")
    assert "elete" not in str(missing.value)
    with pytest.raises(SharpcamError, match="are missing in"):
        catalogue.find("version:1", Paths())
    assert list(pictures(all_runs(Paths())[0], Paths())[FRAME]) == PICTURES


def test_the_database_of_another_project_is_read_and_not_written_from_here(home, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}")
    is_all_there(tmp_path)
    before = tree(home / "mlruns")
    for write in (
        lambda: start_run(name="student_s", params={}),
        lambda: make_version(tmp_path / "student"),
    ):
        with pytest.raises(
            SharpcamError, match=rf"is the database of the project in {home}.*Unset MLFLOW_TRACKING_URI"
        ):
            write()
    assert tree(home / "mlruns") == before
    assert not (elsewhere / "mlruns").exists()


def test_a_database_in_no_project_keeps_the_places_that_mlflow_gave(project, empty_database, tmp_path, monkeypatch):
    (tmp_path / "shared").mkdir()
    shutil.copy(empty_database, tmp_path / "shared/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared/mlflow.db'}")
    make_run(tmp_path / "pictures")
    (run,) = all_runs(project.paths)
    assert run.artifacts.startswith(str(project.root))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert list(pictures(run, Paths())[FRAME]) == PICTURES


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write whatever is read-only")
def test_a_project_that_is_read_only_is_read(old_home, tmp_path):
    (old_home / "mlflow.db").chmod(0o444)
    is_all_there(tmp_path)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("mlruns/1/artifacts", "/home/p/mlruns/1/artifacts"),
        ("/other/my #1 100% photos/mlruns/1", "/other/my #1 100% photos/mlruns/1"),
        ("file:///other/my%20photos/mlruns/1", "/other/my photos/mlruns/1"),
        ("mlflow-artifacts:/1/artifacts", None),
        ("s3://bucket/mlruns/1", None),
    ],
)
def test_a_place_is_a_path_of_this_machine_or_a_servers(tmp_path, place, path):
    found = local_path(place, home=type(tmp_path)("/home/p"))
    assert (found and str(found)) == path
