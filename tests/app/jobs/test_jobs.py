"""Jobs as real processes: a real DVC runs real stages, stopped, killed and lost, and outliving who started them."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from making import ROOT, Project, until
from small_pipeline import HELD_FRAME, ended, give_pipeline, hold, waits_in

from app.jobs import Job, cancel, find, jobs, kill, start, unfinished
from app.jobs.keeper import is_over
from app.jobs.other_dvc import other_dvc
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths


@pytest.fixture
def paths(project: Project) -> Paths:
    return give_pipeline(project).paths


def frames(stage: str, paths: Paths) -> list[str]:
    return (paths.root / f"{stage}.frames").read_text().splitlines()


def the_process(job: Job, paths: Paths) -> psutil.Process:
    until(lambda: find(job.number, paths).process)
    process = find(job.number, paths).process
    assert process is not None
    return psutil.Process(process[0])


def test_a_job_runs_to_its_end_and_keeps_its_log(paths: Paths) -> None:
    job = ended(start("repro", ["--single-item", "capture"], paths=paths), paths)
    assert (job.state, job.status) == ("done", 0)
    assert job.seconds > 0
    assert (job.standing.stage, job.standing.ended_well) == ("capture", True)
    assert "\x1b[32mgreen words" in job.tail()
    bars = [line for line in job.tail().splitlines() if line.startswith("capture:")]
    assert len(bars) == 1  # drawn more than once, left once
    assert "5/5" in bars[0]
    assert (paths.root / "dvc.lock").exists()


def test_who_presses_twice_gets_one_job_and_others_queue(paths: Paths) -> None:
    release = hold(paths)
    first = start("repro", ["--single-item", "capture"], paths=paths)
    assert start("repro", ["--single-item", "capture"], paths=paths).number == first.number
    second = start("repro", ["--downstream", "capture"], paths=paths)
    tool = start("doctor", paths=paths)
    until(lambda: waits_in("capture", paths))
    assert ended(tool, paths).started  # not behind the pipeline
    until(lambda: find(first.number, paths).standing.progress)
    progress = find(first.number, paths).standing.progress
    assert progress is not None
    assert progress.what == "capture"
    assert 0 <= progress.share < 1
    assert find(second.number, paths).state == "queued"
    assert [job.number for job in unfinished(paths, lane="pipeline")] == [first.number, second.number]
    release.unlink()
    one, other = ended(first, paths), ended(second, paths)
    assert (one.state, other.state) == ("done", "done")
    assert one.ended is not None
    assert other.started is not None
    assert other.started >= one.ended
    assert (paths.root / "train.txt").exists()


def test_a_gentle_stop_finishes_the_frame_and_what_waits_is_dropped(paths: Paths) -> None:
    release = hold(paths)
    job = start("repro", paths=paths)
    waiting = start("repro", ["--force"], paths=paths)
    until(lambda: waits_in("capture", paths))
    cancel(waiting)
    cancel(job)
    assert find(job.number, paths).state == "running"  # in the middle of its frame
    release.unlink()
    assert ended(job, paths).state == "cancelled"
    assert ended(waiting, paths).state == "cancelled"
    assert frames("capture", paths)[-1] == f"finished {HELD_FRAME}"
    assert not (paths.root / "teacher.frames").exists()
    assert find(waiting.number, paths).started is None
    after = start("repro", ["--single-item", "capture"], paths=paths)
    assert ended(after, paths).state == "done"


def test_a_kill_ends_the_whole_family(paths: Paths) -> None:
    hold(paths)
    job = start("repro", ["--single-item", "capture"], paths=paths)
    until(lambda: waits_in("capture", paths))
    leader = the_process(job, paths)
    family = [leader, *leader.children(recursive=True)]
    assert any("code/capture.py" in member.cmdline() for member in family)
    kill(find(job.number, paths))
    over = ended(job, paths)
    assert over.state == "killed"
    assert over.status == -signal.SIGKILL
    _, left = psutil.wait_procs(family, timeout=20)
    assert not left
    assert frames("capture", paths)[-1] == f"begun {HELD_FRAME}"


def test_a_job_whose_process_vanished_is_told_as_such_and_blocks_nobody(paths: Paths) -> None:
    release = hold(paths)
    job = start("repro", ["--single-item", "capture"], paths=paths)
    until(lambda: waits_in("capture", paths))
    leader = the_process(job, paths)
    family = [leader, *leader.children(recursive=True)]
    keeper = find(job.number, paths).keeper
    assert keeper is not None
    os.kill(keeper[0], signal.SIGKILL)
    for member in family:
        member.kill()
    assert ended(job, paths).state == "vanished"
    psutil.wait_procs(family, timeout=20)  # DVC takes what nobody has reaped for one that runs
    release.unlink()
    again = ended(start("repro", ["--single-item", "capture"], paths=paths), paths)
    assert again.state == "done", again.log.read_text()


def orphan(paths: Paths) -> Job:
    """A job that is held in its first stage, and whose keeper was killed with -9."""
    job = start("repro", paths=paths)
    until(lambda: waits_in("capture", paths))
    keeper = find(job.number, paths).keeper
    assert keeper is not None
    os.kill(keeper[0], signal.SIGKILL)
    until(lambda: find(job.number, paths).orphaned)
    return job


def test_what_a_killed_keeper_leaves_works_on_and_one_press_goes_on_after_it(paths: Paths) -> None:
    release = hold(paths)
    job = orphan(paths)
    assert find(job.number, paths).state == "running"
    again = start("repro", paths=paths)
    assert again.number != job.number
    assert start("repro", paths=paths).number == again.number
    release.unlink()
    over, after = ended(job, paths), ended(again, paths)
    assert (over.state, after.state) == ("vanished", "done")
    assert "Running stage 'train'" in over.tail()  # its own stages ran to the last
    assert "Running stage" not in after.tail()


def test_an_orphan_is_stopped_gently_and_at_once_as_any_job(paths: Paths) -> None:
    hold(paths)
    job = orphan(paths)
    kill(find(job.number, paths))
    assert ended(job, paths).state == "killed"


def test_a_copy_of_a_project_has_no_hold_on_the_jobs_of_the_original(paths: Paths, tmp_path: Path) -> None:
    release = hold(paths)
    job = start("repro", ["--single-item", "capture"], paths=paths)
    until(lambda: waits_in("capture", paths))
    copy = Paths(shutil.copytree(paths.root, tmp_path / "copy"))
    its = find(job.number, copy)
    assert (its.state, its.process) == ("vanished", find(job.number, paths).process)
    cancel(its)
    kill(its)
    assert find(job.number, copy).state == "killed"
    assert find(job.number, paths).state == "running"
    release.unlink()
    assert ended(job, paths).state == "done"


def test_a_job_outlives_the_process_that_started_it_and_is_found_again(paths: Paths) -> None:
    release = hold(paths)
    code = "from app.jobs import start; from pipeline.core.paths import Paths; import time; "
    code += 'start("repro", ["--single-item", "capture"], paths=Paths()); time.sleep(600)'
    server = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    until(lambda: waits_in("capture", paths))
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    (job,) = jobs(paths)
    assert job.state == "running"
    release.unlink()
    assert ended(job, paths).state == "done"


def test_a_job_waits_for_a_dvc_that_somebody_runs_in_a_terminal(paths: Paths) -> None:
    release = hold(paths)
    terminal = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "--single-item", "capture"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: waits_in("capture", paths))
    job = start("repro", ["--single-item", "capture"], paths=paths)
    until(lambda: f"process {terminal.pid}" in find(job.number, paths).tail())
    assert find(job.number, paths).state == "queued"
    release.unlink()
    assert terminal.wait() == 0
    over = ended(job, paths)
    assert over.state == "done"
    assert "Waits for dvc" not in over.tail()


@pytest.mark.parametrize("text", ["", '{"read": {"a'])
def test_a_note_that_a_killed_dvc_wrote_by_half_stops_nobody(paths: Paths, text: str) -> None:
    notes = paths.root / ".dvc/tmp"
    notes.mkdir()
    (notes / "rwlock").write_text(text)
    job = ended(start("repro", ["--single-item", "capture"], paths=paths), paths)
    assert job.state == "done", job.tail()


@pytest.mark.parametrize(("file", "text"), [("lock", "no number"), ("rwlock", "[]"), ("rwlock", '{"write": {"a": 3}}')])
def test_what_dvc_left_behind_makes_nobody_wait(paths: Paths, file: str, text: str) -> None:
    notes = paths.root / ".dvc/tmp"
    notes.mkdir()
    (notes / file).write_text(text)
    assert other_dvc(paths) == []
    (notes / "lock").write_text(f" {os.getpid()}\n")  # given to another process since
    assert other_dvc(paths) == []


def test_nobody_waits_for_a_job_whose_folder_is_gone_or_broken(paths: Paths) -> None:
    folder = paths.logs / "jobs/000001"
    assert is_over(folder)
    folder.mkdir(parents=True)
    (folder / "request.json").write_text("broken")
    assert is_over(folder)


def test_a_failure_is_kept_with_its_exit_status_and_last_words(paths: Paths) -> None:
    (paths.root / "fail-capture").touch()
    job = ended(start("repro", paths=paths), paths)
    assert job.state == "failed"
    assert job.status not in (0, None)
    assert (job.standing.stage, job.standing.status) == ("capture", 1)
    assert "as it was told to" in job.tail()


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("rm", ["-rf", "."]),
        ("repro", ["--pull"]),
        ("repro", ["capture; touch broken-in"]),
        ("repro", ["../other/dvc.yaml:capture"]),
        ("repro", ["$(touch broken-in)"]),
        ("enhance", ["--exec=touch broken-in"]),
        ("enhance", ["a\0b"]),
    ],
)
def test_nothing_but_the_listed_is_executed(paths: Paths, command: str, arguments: list[str]) -> None:
    with pytest.raises(SharpcamError):
        start(command, arguments, paths=paths)
    assert jobs(paths) == []


def test_a_broken_folder_is_passed_over_and_said_when_asked_for(paths: Paths) -> None:
    broken = paths.logs / "jobs/000007"
    broken.mkdir(parents=True)
    (broken / "request.json").write_text('{"command": 3')
    assert jobs(paths) == []
    with pytest.raises(SharpcamError, match="Remove that folder"):
        find(7, paths)
    with pytest.raises(SharpcamError, match="no job 8"):
        find(8, paths)


def test_a_keeper_runs_no_command_that_somebody_wrote_into_its_request(paths: Paths) -> None:
    folder = paths.logs / "jobs/000001"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(
        '{"command": "sh", "arguments": ["-c", "touch broken-in"], "lane": "pipeline", "asked": 0}'
    )
    subprocess.run([sys.executable, "-m", "app.jobs.keeper", str(folder)], check=True, cwd=paths.root)
    job = find(1, paths)
    assert job.state == "failed"
    assert "no command" in job.tail()
    assert not Path("broken-in").exists()


def test_what_starts_jobs_loads_neither_dvc_nor_mlflow() -> None:
    code = "import app.jobs, app.jobs.show, app.stages, app.graph, sys; "
    code += "print({'torch', 'mlflow', 'dvc'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
