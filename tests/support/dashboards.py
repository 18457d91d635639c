"""A dashboard of a project as a process of its own."""

import shutil
import socket
import subprocess
import sys
from urllib.error import URLError
from urllib.request import urlopen

from making import ROOT, Project, until
from playwright.sync_api import Locator

ALL_LOADED = "pictures => pictures.every((picture) => picture.complete && picture.naturalWidth > 0)"


def start_dashboard(project: Project, *, port: int | None = None) -> tuple[str, "subprocess.Popen[str]"]:
    """The dashboard of a project as a process of its own, once it answers; its words are in logs/dashboard.log."""
    shutil.copytree(ROOT / ".streamlit", project.root / ".streamlit", dirs_exist_ok=True)
    (project.root / "logs").mkdir(exist_ok=True)
    port = port or free_port()
    arguments = ["run", str(ROOT / "app/server.py"), f"--server.port={port}", "--server.fileWatcherType=none"]
    with (project.root / "logs/dashboard.log").open("w") as said:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", *arguments],
            cwd=project.root,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
    address = f"http://localhost:{port}"
    until(lambda: server.poll() is not None or answers(address))
    if server.poll() is not None:
        raise RuntimeError((project.root / "logs/dashboard.log").read_text())
    return address, server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except (URLError, OSError):
        return False


def loaded(pictures: Locator) -> bool:
    """Whether all of the pictures have come. Playwright's wait_for_function asks again by eval, which pages refuse."""
    return bool(pictures.evaluate_all(ALL_LOADED))
