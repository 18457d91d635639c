"""A store that is gone in the middle of `dvc push`: an error without a traceback, nothing of the project is lost, and
the next push completes what the first one began."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from urllib.request import Request, urlopen

import pytest
from dashboards import free_port
from making import git, kill, tree, until

FILES = 60
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_MAX_ATTEMPTS": "1"}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Line:
    """The way to the store, which can be cut, and laid again; the store itself keeps what it has."""

    def __init__(self, store: int) -> None:
        self.store, self.port = store, free_port()
        self.seen = b""  # the first bytes of each request to it
        self._open: list[socket.socket] = []

    def lay(self) -> None:
        self._open = [socket.create_server(("127.0.0.1", self.port))]
        Thread(target=self._listen, args=self._open, daemon=True).start()

    def cut(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _listen(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near = listening.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.store))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                self.seen += data[:4]
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    @property
    def puts(self) -> int:
        return self.seen.count(b"PUT ")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """The way to a store with an empty bucket."""
    port = free_port()
    with (tmp_path / "store.log").open("w") as log:
        store = subprocess.Popen(
            [str(Path(sys.executable).with_name("moto_server")), "--port", str(port)], stdout=log, stderr=log, text=True
        )
    made = Line(port)
    try:
        until(lambda: "Running on" in (tmp_path / "store.log").read_text())
        urlopen(Request(f"http://127.0.0.1:{port}/sharpcam", method="PUT"), timeout=60).close()
        made.lay()
        yield made
    finally:
        made.cut()
        kill(store)


def begin(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.Popen(
        command, cwd=folder, env=os.environ | KEYS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def dvc(folder: Path, *words: str) -> None:
    said = "".join((process := begin(folder, *words)).communicate())
    assert process.returncode == 0, said


def pushed_by(folder: Path, line: Line) -> Path:
    """A repository of frames that is to be pushed over that line."""
    (folder / "data").mkdir(parents=True)
    for number in range(FILES):
        (folder / f"data/{number:06d}.png").write_bytes(bytes([number]) * 20_000)
    git(folder, "init", "-q")
    dvc(folder, "init", "-q")
    dvc(folder, "remote", "add", "-d", "store", "s3://sharpcam/dvc")
    dvc(folder, "remote", "modify", "store", "endpointurl", f"http://127.0.0.1:{line.port}")
    dvc(folder, "add", "data")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "frames")
    return folder


def test_a_store_that_goes_in_the_middle_of_a_push_costs_nothing(line: Line, tmp_path: Path) -> None:
    project = pushed_by(tmp_path / "project", line)
    before = tree(project / "data", project / ".dvc/cache")
    push = begin(project, "push", "--jobs", "2")
    until(lambda: line.puts >= FILES // 4)
    line.cut()
    _, said = push.communicate()
    assert push.returncode not in (0, -9)
    assert "Traceback" not in said
    assert "failed to push" in said or "endpoint" in said.lower(), said
    assert tree(project / "data", project / ".dvc/cache") == before

    line.seen = b""
    line.lay()
    dvc(project, "push")
    assert 0 < line.puts < FILES  # the rest
    git(tmp_path, "clone", "-q", str(project), "clone")
    dvc(tmp_path / "clone", "pull")
    assert tree(tmp_path / "clone/data") == tree(project / "data")
