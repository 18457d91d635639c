"""The pipeline under DVC: killed with -9 in each stage it ends with the same files; the README's commands work."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml
from making import Project
from small_pipeline import give_pipeline
from whole_project import commit, make_project

STAGES = ("capture", "teacher", "split", "train", "export", "evaluate")
RESULTS = (
    "data/raw",
    "data/truth",
    "data/teacher",
    "data/split.json",
    "training_logs/training_log.csv",
    "weights/student_sr.pth",
    "weights/student_sr.onnx",
    "weights/student_sr.json",
    "metrics/evaluation.json",
    "metrics/summary.json",
    "metrics/samples",
)
LONGEST_S = 300
SEED = int(os.environ.get("SHARPCAM_SEED", time.time_ns() % 1_000_000))  # of the moments of the kills; printed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    return clean | {"DVC_NO_ANALYTICS": "1"}


def start_repro(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "logs/repro.out").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=folder,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish_repro(folder: Path) -> None:
    (folder / "logs").mkdir(exist_ok=True)
    process = start_repro(folder)
    assert process.wait(LONGEST_S) == 0, (folder / "logs/repro.out").read_text()[-3000:]


def hashes(folder: Path) -> dict[str, str]:
    files = [file for name in RESULTS for file in [folder / name, *(folder / name).rglob("*")] if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def wait_for_stage(process: subprocess.Popen[bytes], stage: str) -> psutil.Process:
    """The Python process of a stage, as soon as it runs."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline and process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if f"pipeline.{stage}" in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    pytest.fail(f"the stage {stage} was never seen")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = make_project(tmp_path_factory.mktemp("unbroken"))
    finish_repro(folder)
    return folder, hashes(folder)


@pytest.fixture(scope="module")
def committed(unbroken: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("committed") / "project"
    shutil.copytree(unbroken[0], folder, symlinks=True)
    commit(folder, "a result worth keeping")
    return folder


def run_statuses(folder: Path) -> list[str]:
    code = (
        "from pipeline.tracking.client import mlflow_client; store = mlflow_client(); "
        "found = [e.experiment_id for e in store.search_experiments()]; "
        "print(' '.join(run.info.status for run in store.search_runs(found)))"
    )
    return python(folder, "-c", code).split()


@pytest.mark.parametrize("with_stage", [False, True], ids=["dvc-alone", "dvc-and-its-stage"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_repro_ends_with_the_same_files(
    tmp_path: Path, unbroken: tuple[Path, dict[str, str]], stage: str, with_stage: bool
) -> None:
    source, expected = unbroken
    folder = tmp_path / "project"
    shutil.copytree(source, folder, symlinks=True)
    start_over_at(folder, stage)
    process = start_repro(folder)
    child = wait_for_stage(process, stage)
    moment_s = random.Random(f"{SEED} {stage} {with_stage}").uniform(0, 12 if stage == "train" else 3)
    print(f"killed {moment_s:.2f} s into {stage}; SHARPCAM_SEED={SEED} kills there again")
    time.sleep(moment_s)
    process.send_signal(signal.SIGKILL)
    if with_stage:
        for victim in (*family(child), child):
            with suppress(psutil.NoSuchProcess):  # it was done in the meantime
                victim.kill()
    process.wait()
    finish_repro(folder)
    assert hashes(folder) == expected
    statuses = run_statuses(folder)
    assert statuses.count("FINISHED") >= 1
    assert set(statuses) <= {"FINISHED", "KILLED"}


def family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def start_over_at(folder: Path, stage: str) -> None:
    """Undo `stage` and what comes after it, as if it had never run."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    for name in STAGES[STAGES.index(stage) :]:
        for output in lock["stages"].pop(name)["outs"]:
            path = folder / output["path"]
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
    shutil.rmtree(folder / ".dvc/cache/runs", ignore_errors=True)


def dvc(folder: Path, *arguments: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_a_second_repro_does_nothing_and_says_so(committed: Path) -> None:
    before = hashes(committed)
    assert "up to date" in dvc(committed, "repro")
    assert hashes(committed) == before


def test_metrics_params_and_plots_are_shown(committed: Path) -> None:
    shown = dvc(committed, "metrics", "show", "--md")
    assert "psnr_to_teacher" in shown
    assert shown.splitlines()[0].count("|") <= 9  # a table that fits a terminal
    params = (committed / "params.yaml").read_text()
    (committed / "params.yaml").write_text(params.replace("epochs: 5", "epochs: 6"))
    assert "train.epochs" in dvc(committed, "params", "diff")
    (committed / "params.yaml").write_text(params)
    dvc(committed, "plots", "show")
    shown = (committed / "dvc_plots/index.html").read_text()
    assert "val_psnr" in shown
    assert shown.count('<img src="static/') == 2 + 3  # curves and samples that need no network


def test_what_is_pushed_to_a_folder_can_be_pulled_by_a_clone(
    committed: Path, unbroken: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    dvc(committed, "remote", "add", "-f", "-d", "store", str(tmp_path / "store"))
    dvc(committed, "push")
    commit(committed, "name the remote")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(committed), str(clone)], check=True)
    dvc(clone, "pull")
    assert hashes(clone) == unbroken[1]
    assert "up to date" in dvc(clone, "repro")


def python(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-W", "ignore", *arguments]
    answer = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_an_experiment_with_another_parameter_is_run_and_kept(committed: Path) -> None:
    dvc(committed, "exp", "run", "-S", "train.epochs=2", "--name", "short")
    assert "short" in dvc(committed, "exp", "list", "--name-only")
    assert len((committed / "training_logs/training_log.csv").read_text().splitlines()) == 3


def test_code_that_was_only_moved_trains_nothing_again_once_dvc_is_told(project: Project) -> None:
    """What docs/architecture.md says of `dvc commit -f` after an update that only moved code."""
    root = give_pipeline(project).root
    finish_repro(root)
    worked = root / "train.frames"  # grows with each training
    before = worked.read_text()
    (root / "code").rename(root / "rooms")
    recipes = (root / "dvc.yaml").read_text()
    (root / "dvc.yaml").write_text(recipes.replace("code/", "rooms/"))
    dvc = [sys.executable, "-m", "dvc"]
    status = subprocess.run([*dvc, "status"], cwd=root, env=environment(), capture_output=True, check=True, text=True)
    assert "train" in status.stdout, "the lock names code that is gone"
    subprocess.run([*dvc, "commit", "-f"], cwd=root, env=environment(), check=True)
    finish_repro(root)
    assert worked.read_text() == before
