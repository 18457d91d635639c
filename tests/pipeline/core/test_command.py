"""One run of a stage at a time, and errors in words."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from filelock import FileLock
from making import kill, until

from pipeline.core.command import no_stage_runs, only_once, process_is_gone, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.paths import Paths

HOLD = """
import pathlib, time
from pipeline.core.paths import Paths
from pipeline.core.command import only_once
with only_once("teacher", paths=Paths()):
    pathlib.Path("held").touch()
    while not pathlib.Path("let-go").exists():
        time.sleep(0.01)
"""
WORK = """
import pathlib, sys, time
from pipeline.core.command import run_stage
def work(paths, params):
    try:
        pathlib.Path("begun").touch()
        time.sleep(60)
    finally:
        pathlib.Path("closed").touch()
sys.exit(run_stage("work", work))
"""


def python(root, code):
    return subprocess.Popen([sys.executable, "-c", code], cwd=root)


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock and is watched by this one."""
    process = python(tmp_path, HOLD)
    until((tmp_path / "held").exists)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def orphan(tmp_path):
    """A process that holds the lock, below a shell that was killed."""
    code = HOLD.replace('"', "'")
    shell = subprocess.Popen(["sh", "-c", f'"{sys.executable}" -c "{code}" & wait'], cwd=tmp_path)
    until((tmp_path / "held").exists)
    shell.kill()
    yield shell
    (tmp_path / "let-go").touch()
    shell.wait()


def test_a_second_run_is_refused_while_somebody_watches_the_first(tmp_path, holder):
    with (
        pytest.raises(SharpcamError, match=f'"teacher" already runs as process {holder.pid}. Wait for it, or stop it'),
        only_once("teacher", paths=Paths(tmp_path)),
    ):
        pass
    assert holder.poll() is None


def test_another_stage_may_run(tmp_path, holder):
    with only_once("train", paths=Paths(tmp_path)):
        assert holder.poll() is None


def test_the_lock_goes_with_its_process(tmp_path, holder):
    holder.kill()
    holder.wait()
    with only_once("teacher", paths=Paths(tmp_path)):
        pass


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "zombie"])
def test_an_orphan_is_waited_for(tmp_path, orphan, reaped, capsys):
    if reaped:
        orphan.wait()
    started = time.monotonic()
    release = threading.Timer(0.3, (tmp_path / "let-go").touch)
    release.start()
    with only_once("teacher", paths=Paths(tmp_path)):
        assert (tmp_path / "let-go").exists()
        assert time.monotonic() - started >= 0.25
    assert "outlived its dvc and still works; waiting for it" in capsys.readouterr().out
    release.join()


def test_an_orphan_whose_dvc_died_before_it_took_the_lock_is_waited_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DVC_STAGE", "teacher")  # as dvc sets it; no ancestor of this test is a dvc
    process = python(tmp_path, HOLD)
    until((tmp_path / "held").exists)
    release = threading.Timer(0.3, (tmp_path / "let-go").touch)
    release.start()
    with only_once("teacher", paths=Paths(tmp_path)):
        assert (tmp_path / "let-go").exists()
    assert "waiting for it" in capsys.readouterr().out
    release.join()
    process.wait()


def test_a_killed_stage_that_holds_the_lock_a_moment_longer_is_waited_for(tmp_path, holder, capsys):
    dead = python(tmp_path, "input()")
    born = psutil.Process(dead.pid).create_time()
    dead.wait()
    write_json(tmp_path / ".cache/locks/teacher.json", {"process": [dead.pid, born], "watchers": []})
    release = threading.Timer(0.3, (tmp_path / "let-go").touch)
    release.start()
    with only_once("teacher", paths=Paths(tmp_path)):
        assert (tmp_path / "let-go").exists()
    assert f"process {dead.pid} was killed" in capsys.readouterr().out
    release.join()


def test_the_lock_is_let_go_after_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), only_once("teacher", paths=Paths(tmp_path)):
            raise ZeroDivisionError


def fails_with(error):
    def work():
        raise error

    return work


def test_an_error_of_the_user_is_one_sentence_and_status_1(capsys):
    assert run_command(fails_with(SharpcamError("Nothing there. Bring something."))) == 1
    assert capsys.readouterr().err == "sharpcam: Nothing there. Bring something.\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full. Free some space"),
        (errno.EDQUOT, "the disk quota is used up. Free some space"),
        (errno.EROFS, "the disk is read-only. Mount it for writing"),
        (errno.EACCES, "this user may not write there. Correct the permissions"),
        (errno.EFBIG, "a file may not grow that large here"),
        (errno.EIO, "the disk answers with an error"),
    ],
)
def test_an_error_of_the_disk_is_one_sentence_and_status_1(number, words, capsys):
    assert run_command(fails_with(OSError(number, os.strerror(number), "data/raw"))) == 1
    sentence = capsys.readouterr().err
    assert sentence.startswith("sharpcam: Could not write data/raw: ")
    assert words in sentence


def test_an_error_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_command(fails_with(ZeroDivisionError()))
    with pytest.raises(IsADirectoryError):
        run_command(fails_with(IsADirectoryError(errno.EISDIR, "is a folder")))


def test_ctrl_c_is_said_in_words(capsys):
    assert run_command(fails_with(KeyboardInterrupt())) == 130
    assert "run again to resume" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stage_that_is_asked_to_end_closes_what_it_opened(project, number, status):
    process = python(project.root, WORK)
    until((project.root / "begun").exists)
    process.send_signal(number)
    assert process.wait(20) == status
    assert (project.root / "closed").exists()
    assert '"status": "failed"' in (project.paths.logs / "durations.jsonl").read_text()


def test_a_process_is_gone_when_its_number_belongs_to_another():
    import psutil

    here = psutil.Process()
    assert not process_is_gone(here.pid, here.create_time())
    assert process_is_gone(here.pid, here.create_time() - 5)
    ended = subprocess.Popen(["true"], text=True)
    born = psutil.Process(ended.pid).create_time()
    kill(ended)
    assert process_is_gone(ended.pid, born)


def test_none_of_several_stages_begins_while_their_locks_are_held(project):
    with no_stage_runs(project.paths):
        answer = project.run("pipeline.split")
    assert answer.returncode == 1
    assert 'The stage "split" already runs' in answer.stderr


def test_a_running_stage_is_named_at_once_and_no_lock_is_kept(project):
    locks = project.paths.cache / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(locks / "split.lock"),
        pytest.raises(SharpcamError, match='The stage "split" runs'),
        no_stage_runs(project.paths),
    ):
        pass
    with no_stage_runs(project.paths):
        pass
