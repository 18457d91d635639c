"""What is printed under a run brings its data back, also where dvc.lock was never committed."""

import shlex
import subprocess

import pytest
from making import Project, git

from app import lineage
from pipeline.tracking.past_runs import PastRun, all_runs
from pipeline.tracking.run import start_run
from pipeline.train.stage import keep_lock


@pytest.mark.usefixtures("with_database")
def test_the_lock_of_a_run_comes_back_by_its_commands(project: Project) -> None:
    lock = project.root / "dvc.lock"
    lock.write_text("stages: {}  # of then\n")
    run = start_run(name="s", params={}, tags={"git.commit": git(project.root, "rev-parse", "HEAD")})
    keep_lock(run, project.paths)
    run.end("FINISHED")
    lock.write_text("stages: {}  # of now\n")
    _, fetch, checkout, again = lineage.commands(all_runs(project.paths)[0], project.paths)
    subprocess.run(shlex.split(fetch), check=True)
    assert "of then" in lock.read_text()
    assert checkout.startswith("dvc checkout")
    assert again == "dvc repro"


@pytest.mark.usefixtures("with_database")
def test_a_run_without_a_lock_says_whose_data_would_be_used(project: Project) -> None:
    start_run(name="s", params={}, tags={"git.commit": git(project.root, "rev-parse", "HEAD")}).end("FINISHED")
    assert lineage.commands(all_runs(project.paths)[0], project.paths)[1].startswith("# the run kept no dvc.lock")


@pytest.mark.parametrize(
    "name", ["--output=stolen", "-p", "HEAD", "main", "abc", "f" * 41, "0123456\n--output=stolen", ""]
)
def test_of_a_tag_only_a_commit_in_hex_reaches_git(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("git was called")

    monkeypatch.setattr(lineage.subprocess, "run", never)
    assert lineage.parameters_at(name, project.paths) == {}
    assert lineage.commands(past_run({"git.commit": name}), project.paths) == []


def past_run(tags: dict[str, str]) -> PastRun:
    return PastRun("id", "name", "1", "FINISHED", 0, 0, {}, {}, tags, "")
