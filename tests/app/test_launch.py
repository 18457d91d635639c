"""`python -m app.launch` for real: both servers answer, a taken port is passed over, Ctrl-C ends all."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from app import launch

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
        if match := re.match(r"(.+?): +(http://\S+)", line):
            found[match[1]] = match[2]
        if "Ctrl-C" in line:
            break
    return found


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
        assert len(children) >= 2
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        deadline = time.monotonic() + 10
        while any(child.is_running() for child in children) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(child.is_running() for child in children)
    finally:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
