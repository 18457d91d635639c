"""Tiny students, and the player with them in a real Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import chromium as chromiums
import pytest
from player import (
    Open,
    player_pages,
    random_student,
    resized,
    write_student,
)
from playwright.sync_api import Browser, Playwright

from benchmarks.player_site import write_camera


@pytest.fixture(scope="package")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of a tiny student."""
    return write_student(tmp_path_factory.mktemp("student") / "first.onnx", random_student(seed=1))


@pytest.fixture(scope="package")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of another one."""
    return write_student(tmp_path_factory.mktemp("other") / "second.onnx", random_student(seed=2))


@pytest.fixture(scope="package")
def tiny(student: Path) -> Path:
    """The same student for frames of 80x64: an emulated GPU is slow."""
    return resized(student, "tiny", 160, 128)


@pytest.fixture(scope="package")
def tiny_other(other: Path) -> Path:
    """The other student for such frames."""
    return resized(other, "tiny_other", 160, 128)


@pytest.fixture
def open_player(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    with player_pages(chromium, tmp_path) as start:
        yield start


@pytest.fixture
def with_camera(playwright: Playwright, tmp_path: Path) -> Iterator[Callable[[int, int], Open]]:
    """`with_camera(width, height)` is `open_player` in a Chromium with such a camera."""
    opened = []

    def start(width: int, height: int) -> Open:
        clip = write_camera(tmp_path / "camera.y4m", size=(width, height), frames=4)
        browser = chromiums.launch(playwright, camera=clip)
        pages = player_pages(browser, tmp_path)
        opened.append((pages, browser))
        return pages.__enter__()

    yield start
    for pages, browser in opened:
        pages.__exit__(None, None, None)
        browser.close()
