"""A training that waits in DVC's queue leaves its run, its student and its lineage to the project."""

import shutil
import subprocess
import sys

import pytest
import yaml
from making import ROOT, git

from pipeline.core.hashing import sha256
from pipeline.tracking.past_runs import all_runs, artifact, pictures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TRAIN = {
    "cmd": f"{sys.executable} -m pipeline.train",
    "deps": ["data/split.json"],
    "params": ["seed", "train"],
    "outs": ["weights/student_sr.pth"],
}


@pytest.fixture
def queued(recorded, with_database):
    """A project with its recordings in DVC, and a training as its only stage."""
    (recorded.root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", recorded.root / ".dvc/config")
    shutil.copy(ROOT / ".dvc/.gitignore", recorded.root / ".dvc/.gitignore")
    shutil.copy(ROOT / ".gitignore", recorded.root / ".gitignore")
    (recorded.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": TRAIN}}))
    for name in ("raw", "teacher"):
        dvc(recorded, "add", "--quiet", f"data/{name}")
    git(recorded.root, "add", "-A")
    git(recorded.root, "add", "-f", "data/split.json")
    git(recorded.root, "commit", "-qm", "recorded")
    return recorded


def dvc(project, *arguments):
    command = [sys.executable, "-m", "dvc", *arguments]
    answer = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_the_run_of_a_queued_training_is_the_projects_and_known_by_its_student(queued, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    dvc(queued, "exp", "run", "--queue", "-S", "train.epochs=2", "--name", "waited")
    dvc(queued, "exp", "run", "--run-all")
    assert list((queued.root / ".dvc/tmp/exps").glob("tmp*")) == []
    dvc(queued, "exp", "apply", "waited")
    (run,) = all_runs(queued.paths)
    assert (run.status, run.params["train.epochs"], run.tags["dvc.experiment"]) == ("FINISHED", "2", "waited")
    assert run.tags["student.sha256"] == sha256(queued.paths.student)
    assert sha256(artifact(run, queued.paths.student.name, queued.paths)) == sha256(queued.paths.student)
    assert len(pictures(run, queued.paths)) == 3
    assert not (queued.paths.cache / "frames").exists()
