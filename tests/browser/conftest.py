"""A real Chromium with a camera that shows a real clip, and dashboards in projects of their own.

Closed when this folder's tests are over: Playwright keeps an event loop running in the thread of the tests.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import chromium as chromiums
import pytest
from dashboards import start_dashboard
from making import Project, kill
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from benchmarks.player_site import write_camera

WIDE = {"width": 1400, "height": 1000}
ANSWER_MS = 60_000  # on a busy machine

expect.set_options(timeout=ANSWER_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser on two shared cores misses a deadline now and then; a test that fails twice is broken."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver. Without a Chromium the test is skipped, which CI does not accept."""
    with sync_playwright() as driver:
        if chromiums.find(driver) is None:
            reason = 'no Chromium; "python tests/support/chromium.py" installs one'
            pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
        yield driver


@pytest.fixture(scope="package")
def camera_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the demo's real clip as the raw video that Chromium's fake camera reads."""
    return write_camera(tmp_path_factory.mktemp("camera") / "camera.y4m", size=(640, 480))


@pytest.fixture(scope="package")
def chromium(playwright: Playwright, camera_clip: Path) -> Iterator[Browser]:
    """A Chromium with a camera and without WebGPU."""
    browser = chromiums.launch(playwright, camera=camera_clip)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def chromium_webgpu(playwright: Playwright, camera_clip: Path) -> Iterator[Browser]:
    """A Chromium with a camera and with WebGPU in software: right, but slow, so keep pictures at 160x120."""
    browser = chromiums.launch(playwright, *chromiums.SOFTWARE_WEBGPU, camera=camera_clip)
    yield browser
    browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a new visitor who lets the camera be used."""
    context = chromium.new_context(viewport=WIDE, permissions=["camera"])
    context.set_default_timeout(ANSWER_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def dashboard() -> Iterator[Callable[[Project], str]]:
    """`dashboard(project)` starts the project's dashboard and gives its address; ended with the test."""
    with ExitStack() as servers:

        def start(project: Project) -> str:
            address, server = start_dashboard(project)
            servers.callback(kill, server)
            return address

        yield start
