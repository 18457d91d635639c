"""A backup brings a project back as it was, is whole or none, and loses nothing where it is restored."""

import io
import json
import shutil
import sqlite3
import tarfile
from contextlib import closing

import pytest
from filelock import FileLock
from making import Project, flipped, make_clip, photo, tree

from pipeline.backup import LISTING, main
from pipeline.register import register
from pipeline.tracking.registry import versions
from pipeline.verify.command import verify

STATE = ("data", "weights", "metrics", "training_logs")


@pytest.fixture
def kept(trained, monkeypatch):
    """A project with a registered student and a clip that waits, and its backup."""
    make_clip(trained.paths, "desk", [photo(60, 80, seed=seed) for seed in range(2)])
    register(trained.paths)
    monkeypatch.chdir(trained.root)
    assert main(["kept.tar"]) == 0
    return trained


def state(root):
    return tree(*(root / name for name in STATE))


def empty_clone(kept, tmp_path, monkeypatch):
    """What Git would give of it elsewhere: parameters, and an older figure."""
    root = tmp_path / "clone"
    (root / "metrics").mkdir(parents=True)
    (root / "metrics/evaluation.json").write_text("{}")
    shutil.copy(kept.root / "params.yaml", root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    return Project(root)


def test_a_project_comes_back_as_it_was_and_what_was_there_is_kept(kept, tmp_path, monkeypatch, capsys):
    clone = empty_clone(kept, tmp_path, monkeypatch)
    assert main(["--restore", str(kept.root / "kept.tar")]) == 0
    assert state(clone.root) == state(kept.root)
    assert "1 that differed" in capsys.readouterr().out
    (old,) = (clone.root / ".cache/replaced").rglob("evaluation.json")
    assert old.read_text() == "{}"
    assert [version.number for version in versions(clone.paths)] == [1]
    assert verify(clone.paths) == []


def test_it_is_restored_twice_and_then_nothing_differs_but_the_runs(kept, tmp_path, monkeypatch):
    clone = empty_clone(kept, tmp_path, monkeypatch)
    for _ in range(2):
        assert main(["--restore", str(kept.root / "kept.tar")]) == 0
    assert state(clone.root) == state(kept.root)
    assert len([file for file in (clone.root / ".cache/replaced").rglob("*") if file.is_file()]) <= 2


def test_files_that_are_equal_are_stored_once(kept):
    with tarfile.open(kept.root / "kept.tar") as archive:
        names = archive.getnames()
        listed = json.load(archive.extractfile(LISTING))["files"]
    assert len(names) == len(set(names)) == len({each["sha256"] for each in listed}) + 1


def test_the_runs_are_those_of_one_moment_while_others_write(kept):
    with closing(sqlite3.connect(kept.root / "mlflow.db")) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE runs SET name = 'half'")
        assert main(["again.tar"]) == 0
        database.rollback()
    with tarfile.open(kept.root / "again.tar") as archive:
        listed = {each["name"]: each["sha256"] for each in json.load(archive.extractfile(LISTING))["files"]}
        (kept.root / "copy.db").write_bytes(archive.extractfile(listed["mlflow.db"]).read())
    with closing(sqlite3.connect(kept.root / "copy.db")) as database:
        assert database.execute("SELECT count(*) FROM runs WHERE name = 'half'").fetchone() == (0,)


@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], flipped, lambda _: b"no archive"])
def test_a_backup_that_was_harmed_restores_nothing(kept, tmp_path, monkeypatch, capsys, harm):
    archive = tmp_path / "harmed.tar"
    archive.write_bytes(harm((kept.root / "kept.tar").read_bytes()))
    clone = empty_clone(kept, tmp_path, monkeypatch)
    before = state(clone.root)
    assert main(["--restore", str(archive)]) == 1
    assert "harmed.tar" in capsys.readouterr().err
    assert state(clone.root) == before


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "app/main.py", "data/../../outside", "data//x"])
def test_a_name_outside_of_the_projects_state_is_refused(trained, tmp_path, monkeypatch, capsys, name):
    listed = {"files": [{"name": name, "sha256": "0", "bytes": 0, "mode": 0o644}]}
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        info = tarfile.TarInfo(LISTING)
        data = json.dumps(listed).encode()
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    monkeypatch.chdir(trained.root)
    assert main(["--restore", str(tmp_path / "evil.tar")]) == 1
    assert "which no backup does" in capsys.readouterr().err


def test_while_a_stage_runs_nothing_is_backed_up(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained.root)
    locks = trained.root / ".cache/locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / "teacher.lock"):
        assert main(["kept.tar"]) == 1
    assert 'The stage "teacher" runs' in capsys.readouterr().err
    assert not (trained.root / "kept.tar").exists()
