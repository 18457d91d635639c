"""Runs in a real MLflow store: what they hold, how they end, and what becomes of those left behind."""

import os
import platform
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import psutil
import pytest
from making import FORKS, PATIENCE_S, until

from pipeline.core.errors import SharpcamError
from pipeline.tracking.client import kept, mlflow_client, tracking_uri
from pipeline.tracking.figures import flatten
from pipeline.tracking.run import PROCESS_TAGS, STUDENT_TAG, run_of_student, start_run

pytestmark = pytest.mark.usefixtures("with_database")
PARAMS = {"seed": 7, "train": {"epochs": 3, "crop": {"px": 48}}, "note": "x" * 9000}


@pytest.fixture
def store(with_database):
    return mlflow_client()


def status(store, run):
    return store.get_run(run.id).info.status


def start(**more):
    return start_run(name="student_s", params=PARAMS, **more)


def ended_process():
    process = subprocess.Popen(["sleep", "60"])
    born = psutil.Process(process.pid).create_time()
    process.kill()
    process.wait()
    return str(process.pid), repr(born)


def leave_running(*, host, pid, born):
    """A run as a process on `host` leaves it when it is killed."""
    run = start()
    for tag, value in zip(PROCESS_TAGS, (host, pid, born), strict=True):
        run.set_tag(tag, value)
    return run


def test_a_run_holds_all_parameters_and_tags(store):
    run = start(tags={"git.commit": "abc"})
    data = store.get_run(run.id).data
    assert data.params["seed"] == "7"
    assert data.params["train.epochs"] == "3"
    assert data.params["train.crop.px"] == "48"
    assert data.params["note"] == "x" * 6000
    assert data.tags["git.commit"] == "abc"
    assert status(store, run) == "RUNNING"


@pytest.mark.parametrize("word", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_ends_as_it_is_told(store, word):
    run = start()
    run.end(word)
    assert status(store, run) == word


def test_metrics_are_there_at_once_to_the_last_digit(store):
    run = start()
    run.log_metrics({"val_psnr": 30.123456789012345}, step=4)
    (point,) = store.get_metric_history(run.id, "val_psnr")
    assert (point.value, point.step) == (30.123456789012345, 4)
    assert run.logged_steps("val_psnr") == {4}


def test_files_and_folders_go_to_the_run(store, tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("a.txt", "folder/b.txt"):
        (tmp_path / name).write_text(name)
    run = start()
    run.log_artifact(tmp_path / "a.txt")
    run.log_artifact(tmp_path / "folder", folder="inside")
    assert {file.path for file in store.list_artifacts(run.id)} == {"a.txt", "inside"}
    assert [file.path for file in store.list_artifacts(run.id, "inside")] == ["inside/b.txt"]


def test_a_run_that_was_killed_is_gone_on_with(store):
    run = start()
    run.log_metrics({"val_psnr": 20}, step=0)
    run.end("KILLED")
    again = start(resume_id=run.id)
    assert again.id == run.id
    assert status(store, again) == "RUNNING"
    again.end("FINISHED")
    assert len(store.get_metric_history(run.id, "val_psnr")) == 1


def test_a_run_that_was_deleted_meanwhile_is_a_new_one(store):
    run = start()
    store.delete_run(run.id)
    assert start(resume_id=run.id).id != run.id
    assert start(resume_id="0" * 32).id != "0" * 32


def test_the_next_start_settles_a_run_whose_process_is_gone(store):
    pid, born = ended_process()
    lost = leave_running(host=platform.node(), pid=pid, born=born)
    start()
    assert status(store, lost) == "KILLED"


def test_a_number_that_another_process_has_now_is_no_reason_to_wait(store):
    here = psutil.Process()
    lost = leave_running(host=platform.node(), pid=str(here.pid), born=repr(here.create_time() - 100))
    start()
    assert status(store, lost) == "KILLED"


@pytest.mark.parametrize("host", [platform.node(), "another-machine"])
def test_a_run_that_lives_or_is_elsewhere_is_left_alone(store, host):
    here = psutil.Process()
    pid, born = (str(here.pid), repr(here.create_time())) if host == platform.node() else ended_process()
    run = leave_running(host=host, pid=pid, born=born)
    start()
    assert status(store, run) == "RUNNING"


def test_a_run_of_somebody_elses_program_is_left_alone(store):
    run = store.create_run("0")
    start()
    assert store.get_run(run.info.run_id).info.status == "RUNNING"


def test_a_store_that_does_not_exist_is_one_sentence(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    with pytest.raises(SharpcamError, match=r"MLflow at nonsense://nowhere does not answer .*Correct MLFLOW"):
        start()


def test_runs_are_kept_in_the_project_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri() == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri() == "http://127.0.0.1:5000"


def test_a_database_of_another_program_is_one_sentence_and_stays_as_it_was(tmp_path, monkeypatch):
    file = tmp_path / "notes.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE alembic_version (version_num)")
        database.execute("INSERT INTO alembic_version VALUES ('of another program')")
        database.commit()
    before = file.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    with pytest.raises(
        SharpcamError, match=r"notes\.db is not a database of MLflow\. Move it away, or set MLFLOW_TRACK"
    ):
        start()
    assert file.read_bytes() == before


def test_what_is_read_is_given_also_where_it_cannot_be_kept(full_disk, tmp_path):
    assert kept(tmp_path / "cache" / "runs.json", lambda: ["read"]) == ["read"]


def test_nested_parameters_have_dotted_names():
    assert flatten({"a": {"b": {"c": 1}, "d": None}, "e": [1, 2]}) == {
        "a.b.c": "1",
        "a.d": "None",
        "e": "[1, 2]",
    }


def test_the_run_of_a_student_is_found_by_its_hash(project, store):
    assert run_of_student("abc") is None
    run, gone = start(), start()
    for made in (run, gone):
        made.set_tag(STUDENT_TAG, "abc")
    store.delete_run(gone.id)
    assert run_of_student("abc").id == run.id
    assert run_of_student("abd") is None


def test_mlflows_own_switch_has_the_system_watched(store, monkeypatch):
    quiet = start()
    assert quiet._monitor is None
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    run = start()
    until(lambda: "system/cpu_utilization_percentage" in store.get_run(run.id).data.metrics)
    run.end("FINISHED")
    assert status(store, run) == "FINISHED"


def test_a_signal_in_the_middle_of_a_write_waits_until_the_store_has_answered(store, monkeypatch):
    run = start()
    write = run._client.log_batch

    def struck(*arguments, **more):
        os.kill(os.getpid(), signal.SIGTERM)
        return write(*arguments, **more)

    monkeypatch.setattr(run._client, "log_batch", struck)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with pytest.raises(SystemExit, match="143"):
            run.log_metrics({"val_psnr": 30.0, "val_loss": 0.5})
    finally:
        signal.signal(signal.SIGTERM, before)
    run.end("KILLED")
    assert store.get_run(run.id).data.metrics == {"val_psnr": 30.0, "val_loss": 0.5}
    assert status(store, run) == "KILLED"


def _first_word(uri, folder, outcomes):
    os.chdir(folder)
    os.environ["MLFLOW_TRACKING_URI"] = uri
    try:
        outcomes.put(start().id)
    except BaseException as error:
        outcomes.put(error)


def test_two_trainings_that_begin_at_once_make_one_database(tmp_path):
    uri, outcomes = f"sqlite:///{tmp_path / 'new.db'}", FORKS.Queue()
    both = [FORKS.Process(target=_first_word, args=(uri, str(tmp_path), outcomes)) for _ in range(2)]
    for process in both:
        process.start()
    found = [outcomes.get(timeout=PATIENCE_S) for _ in both]
    for process in both:
        process.join()
    assert all(isinstance(run, str) for run in found), found
    assert found[0] != found[1]
