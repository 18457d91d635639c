"""`python -m app.launch` for real: both servers answer, a taken port is passed over, Ctrl-C ends all."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from identities import LOG_IN, OPERATORS
from making import until

from app import launch
from app.launch import Reach
from app.leftovers import end_group, end_leftovers

ROOT = Path(__file__).parents[2]


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((launch.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert launch.free_port(port) > port


def addresses(process: subprocess.Popen[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.match(r"(.+?): +(https?://\S+)", line):
            found[match[1]] = match[2]
        if "Ctrl-C" in line:
            break
    return found


def has_ended(process: psutil.Process) -> bool:
    """Whether it works no more; who should ask for its end may be gone."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.timeout(180)
def test_both_servers_answer_and_ctrl_c_stops_them(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.launch"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        found = addresses(process)
        assert set(found) == {"Dashboard", "MLflow UI"}
        with urlopen(found["Dashboard"], timeout=10) as answer:
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        with urlopen(found["MLflow UI"], timeout=10) as answer:
            assert answer.status == 200
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2  # of MLflow neither the eight of its jobs nor the one that waits for its server
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        deadline = time.monotonic() + 10
        while any(child.is_running() for child in children) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(child.is_running() for child in children)
    finally:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.timeout(180)
def test_after_kill_9_of_the_launcher_one_command_goes_on_at_the_same_address(tmp_path: Path) -> None:
    killed = start_dashboard(tmp_path)
    again = None
    try:
        before = addresses(killed)
        until(lambda: len(psutil.Process(killed.pid).children()) == 1)
        (left,) = psutil.Process(killed.pid).children()
        killed.kill()
        killed.communicate(timeout=30)
        assert left.is_running()
        again = start_dashboard(tmp_path)
        assert again.stdout is not None
        assert "left behind" in again.stdout.readline()
        assert addresses(again) == before
        assert has_ended(left)
    finally:
        for process in (killed, again) if again else (killed,):
            process.terminate()
            process.communicate(timeout=30)


@pytest.mark.timeout(180)
def test_a_second_launcher_leaves_the_servers_of_a_living_one_alone(tmp_path: Path) -> None:
    first, second = start_dashboard(tmp_path), None
    try:
        (address,) = addresses(first).values()
        second = start_dashboard(tmp_path)
        (other,) = addresses(second).values()
        assert address != other
        for each in (address, other):
            with urlopen(each, timeout=10) as answer:
                assert answer.status == 200
    finally:
        for process in (first, second) if second else (first,):
            process.terminate()
            process.communicate(timeout=30)


def test_workers_go_with_a_server_that_was_killed() -> None:
    """The leader of a group is gone, its number is not: others of the group still have it."""
    with subprocess.Popen(
        [sys.executable, "-c", "import subprocess as s; print(s.Popen(['sleep', '60']).pid, flush=True); input()"],
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        worker = psutil.Process(int(server.stdout.readline()))
        server.kill()
    assert worker.is_running()
    assert end_group(server.pid)
    assert has_ended(worker)
    assert not end_group(server.pid)


def test_a_copied_project_does_not_end_the_servers_of_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "original/logs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "original")
    code = "import subprocess as s; from app.leftovers import remember; "
    code += "left = s.Popen(['sleep', '60'], start_new_session=True, stdout=2); "
    code += "remember('dashboard', left.pid); print(left.pid)"
    launcher = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    left = psutil.Process(int(launcher.stdout))
    monkeypatch.chdir(shutil.copytree(tmp_path / "original", tmp_path / "copy"))
    assert not end_leftovers("dashboard")
    assert not has_ended(left)
    monkeypatch.chdir(tmp_path / "original")
    assert end_leftovers("dashboard")
    assert has_ended(left)


@pytest.mark.timeout(180)
def test_with_a_certificate_the_dashboard_is_https(tmp_path: Path) -> None:
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=sharpcam"]
    subprocess.run([*make, "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    process = start_dashboard(tmp_path, "--certificate", "cert.pem", "--key", "key.pem")
    try:
        (address,) = addresses(process).values()
        assert address.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        trusted.check_hostname = False
        with urlopen(address, timeout=10, context=trusted) as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        process.communicate(timeout=30)


def start_dashboard(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.launch", "--only", "dashboard", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(180)
def test_who_opens_it_to_others_is_told_how_they_get_https_and_operators(tmp_path: Path) -> None:
    process = start_dashboard(tmp_path, "--host", "0.0.0.0")
    try:
        lines = [process.stdout.readline() for _ in range(3)] if process.stdout else []
        assert "openssl req" in lines[1]
        assert "may look at everything and change nothing. docs/security.md says how" in lines[2]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_of_roles_only_those_are_told_who_open_it_to_others(shared: Callable[[str], None]) -> None:
    shared(LOG_IN + OPERATORS)
    assert launch.hints(["dashboard", "mlflow"], Reach()) == []
    assert launch.hints(["mlflow"], Reach(allowed=("cam.example.org",))) == []
    (told,) = launch.hints(["dashboard"], Reach(allowed=("cam.example.org",)))
    assert told.endswith("is for operators: ada@example.org, c3.")
    assert len(launch.hints(["dashboard"], Reach("0.0.0.0"))) == 2
    shared("[auth")
    assert launch.hints(["dashboard"], Reach()) == []
    with pytest.raises(SystemExit, match="cannot be read as TOML"):
        launch.hints(["dashboard"], Reach("0.0.0.0"))


@pytest.mark.parametrize("arguments", [["--certificate", "cert.pem"], ["--certificate", "no.pem", "--key", "no.pem"]])
def test_a_certificate_that_is_not_there_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    process = start_dashboard(tmp_path, *arguments)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "pem" in said or "key" in said
