"""What is printed under a run brings its data back, also where dvc.lock was never committed."""

import shlex
import subprocess

import pytest
from making import Project, git

from app import lineage
from pipeline.tracking.past_runs import all_runs
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
