"""Runs and registry on an MLflow server: the same as in a local database, files fetched over http."""

import socket
import subprocess
import sys

import pytest
from making import until
from tracked import FRAME, make_run, make_version

from app.leftovers import end_group
from pipeline.promote import back, promote
from pipeline.tracking import past_runs, registry
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.past_runs import all_runs, curves, pictures

pytestmark = pytest.mark.slow


@pytest.fixture
def server(project, empty_database, monkeypatch):
    """An MLflow server of the test's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{project.root / 'server.db'}"]
    command += ["--artifacts-destination", str(project.root / "artifacts")]
    with (project.root / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=project.root, stdout=log, stderr=log, start_new_session=True)
    until(lambda: process.poll() is not None or answers(port))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    yield
    end_group(process.pid)  # MLflow starts its server and its jobs as processes of their own
    process.wait(timeout=60)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_of_a_server_only_what_changed_is_read_until_all_of_it_is(server, project, tmp_path, monkeypatch):
    first = [make_run(tmp_path / "tmp", status=status) for status in ("FINISHED", "RUNNING")]
    assert {run.id for run in all_runs(project.paths)} == set(first)
    asked = []
    monkeypatch.setattr(past_runs, "_ask", lambda query="", ask=past_runs._ask: asked.append(query) or ask(query))
    monkeypatch.setattr(past_runs, "LATELY_MS", -1)
    store = mlflow_client()
    store.set_terminated(first[1], "FAILED")
    third = make_run(tmp_path / "tmp", status="RUNNING")
    assert {run.id: run.status for run in all_runs(project.paths)} == {
        first[0]: "FINISHED",
        first[1]: "FAILED",
        third: "RUNNING",
    }
    assert len(asked) == 2
    assert "" not in asked
    store.delete_run(first[0])
    assert len(all_runs(project.paths)) == 3
    monkeypatch.setattr(past_runs, "WHOLE_S", 0)
    assert [run.id for run in all_runs(project.paths)] == [third, first[1]]
    assert asked[-1] == ""


def test_a_server_serves_runs_pictures_and_versions(server, project, tmp_path):
    run_id = make_run(tmp_path / "tmp", psnr=31.0)
    (run,) = all_runs(project.paths)
    assert run.id == run_id
    assert [step for step, _ in curves(run, project.paths)["val_psnr"]] == [0, 1, 2]
    assert list(pictures(run, project.paths)[FRAME]) == ["best", "bicubic", "epoch-0000", "teacher"]

    folder = tmp_path / "student"
    folder.mkdir()
    (folder / "student_sr.onnx").write_bytes(b"a student")
    for _ in range(2):
        number = make_version(folder, run_id=run_id)
    assert [version.number for version in registry.versions(project.paths)] == [2, 1]
    promote("1", project.paths)
    promote(str(number), project.paths)
    assert back(project.paths) == "Version 1 is the champion again, in place of version 2."
    assert (registry.download(1, tmp_path / "there") / "student_sr.onnx").read_bytes() == b"a student"
