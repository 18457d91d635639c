"""`sharpcam live`: a page and its files from an empty folder, opened where there is a screen, ended by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

from app.isolation import ISOLATION
from app.launch import Reach
from app.live import assets, serve
from pipeline.core.errors import SharpcamError

Live = tuple[str, "subprocess.Popen[str]", Path]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Its address, process, and the folder that it was started in; the browser is a script that notes the address."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "browser").write_text(f'#!/bin/sh\necho "$1" >{tmp_path / "opened"}\n')
    (tmp_path / "browser").chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "sharpcam", "live", "--port", "8650"],
        cwd=folder,
        env=os.environ | {"BROWSER": str(tmp_path / "browser"), "SHARPCAM_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert line.startswith("Live: http://127.0.0.1:86"), line
        yield line.split()[1], process, folder
    finally:
        process.kill()
        process.communicate()


def test_all_that_the_page_asks_for_is_there_and_ctrl_c_ends_it(
    live: tuple[str, "subprocess.Popen[str]", Path],
) -> None:
    address, process, folder = live

    def get(path: str) -> bytes:
        with urlopen(f"{address}{path}", timeout=30) as answer:
            assert all(answer.headers[name] == value for name, value in ISOLATION.items())
            return bytes(answer.read())

    assert b"options.json" in get("/")
    options = json.loads(get("/options.json"))
    assert [model["name"] for model in options["models"]] == [f"bundled:student_{size}" for size in "mls"]
    assert (options["models"][0]["name"], options["light"]) == ("bundled:student_m", "bundled:student_s")
    assert options["capture"] is None
    wanted = [f"{options['base']['web']}worker.mjs", "/web/player.mjs", options["sample"]["url"]]
    wanted += [f"{options['base']['ort']}{name}" for name in assets.FILES]
    wanted += [f"{options['base']['engine']}{file.name}" for file in assets.ENGINE.iterdir()]
    wanted += [model[file] for model in options["models"] for file in ("contract", "onnx")]
    assert all(get(path) for path in wanted)
    assert (folder.parent / "opened").read_text().strip() == address
    process.send_signal(signal.SIGINT)
    said, complaints = process.communicate(timeout=30)
    assert said.endswith("\nStopped.\n")
    assert not complaints
    assert process.returncode == 0
    assert not list(folder.iterdir())


def test_a_runtime_by_hand_is_unpacked_and_a_missing_one_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(assets, "unpack", done.append)
    monkeypatch.setattr(assets, "fetch_archive", lambda: done.append("fetched"))
    monkeypatch.setattr(assets, "are_there", lambda: False)
    serve.get_runtime(Path("file.tgz"))
    serve.get_runtime(None)
    assert done == [Path("file.tgz"), "fetched"]
    monkeypatch.setattr(assets, "are_there", lambda: True)
    serve.get_runtime(None)
    assert len(done) == 2


def test_without_its_runtime_it_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise SharpcamError("npm could not fetch it.")

    monkeypatch.setattr(assets, "are_there", lambda: False)
    monkeypatch.setattr(assets, "fetch_archive", fail)
    assert serve.main(["--no-browser"]) == 1
    assert capsys.readouterr().err == "sharpcam: npm could not fetch it.\n"


@pytest.mark.parametrize(
    ("environment", "expected"), [({}, False), ({"DISPLAY": ":0"}, True), ({"BROWSER": "x"}, True)]
)
def test_no_browser_is_opened_in_a_terminal(
    environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in serve.SCREENS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert serve.has_screen() is (expected or sys.platform in ("darwin", "win32"))


def test_a_page_of_a_stranger_reaches_nothing_by_another_name() -> None:
    own = TestClient(serve.page_app(Reach()), base_url="http://127.0.0.1:8600")
    page = own.get("/")
    assert page.status_code == HTTPStatus.OK
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    refused = own.get("/options.json", headers={"Host": "evil.example:8600"})
    assert refused.status_code == HTTPStatus.MISDIRECTED_REQUEST
    assert "--allow-host" in refused.text
    behind_proxy = TestClient(serve.page_app(Reach(allowed=("cam.example",))), base_url="http://cam.example")
    assert behind_proxy.get("/").status_code == HTTPStatus.OK
