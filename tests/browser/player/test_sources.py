"""Cameras, videos and pictures that the live page takes, and those that it refuses in a sentence."""

from collections.abc import Callable
from pathlib import Path

import av
import chromium as chromiums
import numpy as np
import pytest
from making import photo, until
from player import (
    ALONE,
    PHOTO,
    WASM,
    Open,
    difference,
    frames_come,
    open_file,
    open_picture,
    player_pages,
    pythons,
    refused,
    resized,
    shown,
    snapshot,
    start_camera,
    with_sample,
)
from playwright.sync_api import Playwright, expect

from benchmarks.player_site import write_clip
from pipeline.media.orientation import upright


def test_a_video_of_the_viewers_own_and_the_sample_play(open_player: Open, student: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.webm", size=(160, 128))
    page = with_sample(open_player, student, clip, settings=ALONE)
    frames_come(page)
    page.wait_for_function("states.at(-1)?.source === 'sample' && states.at(-1).fps > 0")
    page.get_by_role("button", name="Stop").click()
    open_file(page, "own.webm", "video/webm", clip.read_bytes())
    page.wait_for_function("states.at(-1)?.source === 'file' && states.at(-1).fps > 0")
    assert shown(page).std() > 10


@pytest.mark.parametrize(("name", "mime"), [("clip.mp4", "video/mp4"), ("photo.png", "image/png")])
def test_a_file_that_cannot_be_decoded_is_a_sentence(open_player: Open, student: Path, name: str, mime: str) -> None:
    page = open_player([student], settings=WASM)
    open_file(page, name, mime, b"this is text")
    assert "cannot show that file" in refused(page)
    open_picture(page, PHOTO)  # and the next one is shown


ONE = 1 << 16
MATRICES = {
    "mirrored": (-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30),
    "quarter": (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
    "transposed": (0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_turned_or_mirrored_file_is_seen_as_it_is_shown(
    open_player: Open, student: Path, tmp_path: Path, name: str
) -> None:
    picture = np.zeros((128, 160, 3), np.uint8)
    picture[:64, :80], picture[:64, 80:], picture[64:, :80] = (230, 20, 20), (20, 230, 20), (20, 20, 230)
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.set_display_matrix(MATRICES[name])
        for _ in range(50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    page = open_player([student], settings=ALONE)
    open_file(page, "a.mp4", "video/mp4", (tmp_path / "a.mp4").read_bytes())
    frames_come(page)
    seen, expected = shown(page).astype(int), upright(picture, MATRICES[name])
    corners = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]  # inside what is cut to the target's shape
    for down, across in corners:
        ours, theirs = (each[int(down * each.shape[0]), int(across * each.shape[1])] for each in (seen, expected))
        assert np.abs(ours - theirs).max() < 60, (down, across)


def test_an_upright_and_tiny_camera_keeps_its_shape_and_is_not_enlarged_first(
    with_camera: Callable[[int, int], Open], student: Path
) -> None:
    large = resized(student, "large", 640, 512)
    page = with_camera(120, 160)([large], settings=ALONE | {"resolution": "160x120", "calm": 0})
    start_camera(page)
    expect(page.locator(".notes")).to_contain_text("The source gives 120x160, little for the student")
    page.get_by_role("button", name="Pause").click()
    pictures = snapshot(page)
    assert pictures["raw.png"].shape == (160, 120, 3)
    assert pictures["student.png"].shape == (320, 240, 3)
    assert difference(pictures["student.png"], pythons(large, pictures["raw.png"])) <= 1


def test_a_wide_camera_loses_nothing_at_its_sides(with_camera: Callable[[int, int], Open], student: Path) -> None:
    page = with_camera(1280, 720)([student], settings=ALONE | {"resolution": "1280x720", "calm": 0})
    start_camera(page)
    page.get_by_role("button", name="Pause").click()
    pictures = snapshot(page)
    assert pictures["raw.png"].shape == (720, 1280, 3)
    assert pictures["student.png"].shape == (216, 380, 3)
    assert difference(pictures["student.png"], pythons(student, pictures["raw.png"])) <= 1
    page.get_by_role("button", name="Fullscreen").click()
    until(lambda: page.evaluate("Boolean(document.fullscreenElement)"))
    box = page.locator(".screen canvas").bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(380 / 216, rel=0.01)


def test_four_thousand_pixels_are_reduced(open_player: Open, student: Path) -> None:
    frame = np.tile(photo(90, 160, seed=5), (24, 24, 1))
    page = open_player([student], settings=ALONE)
    open_picture(page, frame)
    expect(page.locator(".notes")).to_contain_text("reduced to 190x108")
    assert difference(shown(page), pythons(student, frame)) <= 1


def test_a_camera_without_a_picture_is_let_go_and_said(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=WASM)
    page.evaluate("() => { HTMLMediaElement.prototype.play = () => new Promise(() => {}); }")
    page.get_by_role("button", name="Start the camera").click()
    assert "gives no picture" in refused(page)
    assert page.evaluate("streams.map((stream) => stream.active)") == [False]


def test_no_camera_and_a_refused_one_are_sentences(playwright: Playwright, student: Path, tmp_path: Path) -> None:
    for flags, words in (((), "No camera was found"), (chromiums.FAKE_CAMERA[:1], "The camera was refused")):
        browser = chromiums.launch(playwright, *flags)
        with player_pages(browser, tmp_path / words) as open_player:
            page = open_player([student], settings=WASM)
            page.context.clear_permissions()
            page.get_by_role("button", name="Start the camera").click()
            assert words in refused(page)
        browser.close()


def test_without_https_and_headers_it_says_what_is_missing_and_plays_files(
    playwright: Playwright, student: Path, tmp_path: Path
) -> None:
    browser = chromiums.launch(playwright, "--host-resolver-rules=MAP sharpcam.example 127.0.0.1")
    context_pages = player_pages(browser, tmp_path)
    with context_pages as open_player:
        page = open_player([student], headers={}, host="sharpcam.example", settings=ALONE)
        page.get_by_role("button", name="Start the camera").click()
        assert "https" in refused(page)
        open_picture(page, PHOTO)
        expect(page.locator(".figures")).to_contain_text("WASM, 1 thread")
        expect(page.locator(".notes")).to_contain_text("hash cannot be checked")
        assert difference(shown(page), pythons(student, PHOTO)) <= 1
    browser.close()
