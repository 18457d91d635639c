"""The picture of the live page in a real Chromium, its pixels held to Python's."""

from pathlib import Path

import chromium as chromiums
from making import until
from player import (
    ALONE,
    PHOTO,
    SMALL,
    WASM,
    Open,
    bicubics,
    difference,
    open_picture,
    player_pages,
    pythons,
    said,
    shown,
    snapshot,
    start_camera,
)
from playwright.sync_api import Browser, Playwright, expect

from benchmarks.player_site import write_camera
from pipeline.core.params import GeometryParams


def test_a_photograph_on_the_canvas_is_pythons_within_one_grey_level(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE)
    open_picture(page, PHOTO)
    assert page.evaluate("crossOriginIsolated")
    expect(page.locator(".figures")).to_contain_text("WASM, 2 threads")
    expected = pythons(student, PHOTO)
    assert difference(expected, bicubics(PHOTO)) > 10  # it does something
    assert difference(shown(page), expected) <= 1


def test_the_cameras_frame_on_the_canvas_is_pythons(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE | {"calm": 0})
    start_camera(page)
    page.get_by_role("button", name="Pause").click()
    pictures = snapshot(page)
    raw = pictures["raw.png"]
    assert raw.shape == (480, 640, 3)
    assert difference(pictures["student.png"], pythons(student, raw)) <= 1
    assert difference(pictures["bicubic.png"], bicubics(raw)) <= 1
    until(lambda: (shown(page) == pictures["student.png"]).all())


def test_webgpu_keeps_the_frame_and_shows_pythons_picture(chromium_webgpu: Browser, tiny: Path, tmp_path: Path) -> None:
    geometry = GeometryParams(**SMALL | {"width": 160, "height": 128})
    with player_pages(chromium_webgpu, tmp_path) as open_player:
        page = open_player([tiny], settings=WASM | {"engine": "webgpu"})
        open_picture(page, PHOTO)
        expect(page.locator(".figures")).to_contain_text("WebGPU")
        page.get_by_role("button", name="Pause").click()
        pictures = snapshot(page)
        assert difference(pictures["raw.png"], PHOTO) == 0
        assert difference(pictures["bicubic.png"], bicubics(PHOTO, geometry)) <= 1
        assert difference(pictures["student.png"], pythons(tiny, PHOTO)) <= 1
        split = shown(page)
        middle = split.shape[1] // 2
        assert difference(split[:, :middle], pictures["bicubic.png"][:, :middle]) == 0
        assert difference(split[:, middle:], pictures["student.png"][:, middle:]) == 0


def test_a_killed_gpu_falls_back_and_the_camera_goes_on(playwright: Playwright, tiny: Path, tmp_path: Path) -> None:
    camera = write_camera(tmp_path / "camera.y4m", size=(80, 64), frames=4)
    browser = chromiums.launch(playwright, *chromiums.SOFTWARE_WEBGPU, camera=camera)
    with player_pages(browser, tmp_path) as open_player:
        page = open_player([tiny], settings=WASM | {"engine": "webgpu"})
        start_camera(page)
        expect(page.locator(".figures")).to_contain_text("WebGPU")
        browser.new_browser_cdp_session().send("Browser.crashGpuProcess")
        expect(page.locator(".figures")).to_contain_text("WASM")
        expect(page.locator(".notes")).to_contain_text("WASM is used.")
        assert said(page) == ""
        assert page.evaluate("streams.map((stream) => stream.active)") == [True]
    browser.close()


def test_an_emulated_gpu_is_not_taken_by_itself(chromium_webgpu: Browser, student: Path, tmp_path: Path) -> None:
    with player_pages(chromium_webgpu, tmp_path) as open_player:
        page = open_player([student], settings=WASM | {"engine": "auto"})
        open_picture(page, PHOTO)
        expect(page.locator(".figures")).to_contain_text("WASM")
        expect(page.locator(".notes")).to_contain_text("only emulated")
