"""`sharpcam live` in an empty folder: a bundled student enhances the camera, isolated, without a dashboard."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from making import kill
from player import start_camera
from playwright.sync_api import Page, expect


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the page is served."""
    command = [sys.executable, "-m", "sharpcam", "live", "--no-browser", "--port", "8680"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().removeprefix("Live: ").strip()
    kill(server)
    server.stdout.close()


def test_a_bundled_student_runs_on_the_camera(address: str, page: Page, tmp_path: Path) -> None:
    page.goto(address)
    assert page.evaluate("crossOriginIsolated")
    start_camera(page)
    expect(page.locator(".figures")).to_contain_text("WASM")
    expect(page.locator(".error")).to_be_empty()
    assert not list(tmp_path.iterdir())
