"""Calm on the live page in a real Chromium: a noisy camera's picture flickers less, and the rest stays as it was."""

from itertools import pairwise
from pathlib import Path

import chromium as chromiums
import numpy as np
import pytest
from calmed import noisy
from making import photo, until
from player import (
    ALONE,
    PHOTO,
    Open,
    bicubics,
    constant_model,
    difference,
    open_picture,
    player_pages,
    shown,
    snapshot,
    start_camera,
    write_student,
)
from playwright.sync_api import Page, Playwright, expect

SIZE = (128, 160)
FRAMES = 24
FLAGS = {"wasm": (), "webgpu": chromiums.SOFTWARE_WEBGPU}


def write_noisy_camera(path: Path) -> Path:
    """A grey scene with other noise in each frame, as the raw video that Chromium's fake camera reads."""
    height, width = SIZE
    scene = photo(height, width)[..., :1] // 2 + 60
    colours = bytes([128]) * (height * width // 2)
    with path.open("wb") as clip:
        clip.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for index in range(FRAMES):
            clip.write(b"FRAME\n" + noisy(scene, index).tobytes() + colours)
    return path


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of a student that doubles each pixel, so that what it was given can be seen."""
    return write_student(tmp_path_factory.mktemp("doubling") / "doubling.onnx", constant_model(1.0))


def flicker(page: Page, *, shots: int = 7) -> float:
    """The mean change from one look at the picture to the next, grey levels; the settings have had their effect."""
    page.wait_for_timeout(1500)
    pictures = []
    for _ in range(shots):
        pictures.append(shown(page).astype(np.int16))
        page.wait_for_timeout(130)
    return float(np.mean([np.abs(one - other).mean() for one, other in pairwise(pictures)]))


@pytest.mark.parametrize("engine", ["wasm", pytest.param("webgpu", marks=pytest.mark.slow)])  # by an emulated GPU
def test_a_noisy_camera_flickers_less(playwright: Playwright, doubling: Path, tmp_path: Path, engine: str) -> None:
    camera = write_noisy_camera(tmp_path / "camera.y4m")
    browser = chromiums.launch(playwright, *FLAGS[engine], camera=camera)
    with player_pages(browser, tmp_path) as open_player:
        page = open_player([doubling], settings=ALONE | {"engine": engine, "resolution": "160x120"})
        start_camera(page)
        expect(page.locator(".figures")).to_contain_text("WASM" if engine == "wasm" else "WebGPU")
        slider = page.get_by_role("slider", name="Calm")
        expect(slider).to_have_value("1")
        calm = flicker(page)
        slider.fill("0")
        raw = flicker(page)
        slider.fill("1")
        again = flicker(page)
        assert raw > 3
        assert calm < 0.5 * raw
        assert again < 0.5 * raw
        a_pause_changes_nothing(page)
    browser.close()


def a_pause_changes_nothing(page: Page) -> None:
    """A picture that rests is not fused with itself; raw and bicubic are the camera's own frame."""
    strength = page.get_by_role("slider", name="Strength")
    page.get_by_role("button", name="Pause").click()
    for value in ("0", "1"):  # the video may rest at a frame that came after the last one that was shown
        strength.fill(value)
        page.wait_for_timeout(1500)
    pictures = snapshot(page)
    assert difference(pictures["bicubic.png"], bicubics(pictures["raw.png"])) <= 1
    assert np.abs(pictures["student.png"][::2, ::2].astype(int) - pictures["raw.png"]).mean() > 2  # it is another one
    until(lambda: np.array_equal(shown(page), pictures["student.png"]))
    strength.fill("0")
    until(lambda: difference(shown(page), pictures["bicubic.png"]) <= 1)
    strength.fill("1")
    until(lambda: np.array_equal(shown(page), pictures["student.png"]))


def test_a_photograph_is_shown_as_it_is(open_player: Open, doubling: Path) -> None:
    page = open_player([doubling], settings=ALONE)
    open_picture(page, PHOTO)
    first = shown(page)
    page.wait_for_timeout(600)  # it was shown anew twice
    assert np.array_equal(shown(page), first)
    page.get_by_role("slider", name="Calm").fill("0")
    page.wait_for_timeout(600)
    assert np.array_equal(shown(page), first)


def test_the_slider_is_remembered_and_goes_by_keys(open_player: Open, doubling: Path) -> None:
    page = open_player([doubling], settings=ALONE | {"calm": 0.5})
    start_camera(page)
    slider = page.get_by_role("slider", name="Calm")
    expect(slider).to_have_attribute("aria-valuetext", "0.50")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.55")
    page.wait_for_function("states.at(-1)?.settings.calm === 0.55")
