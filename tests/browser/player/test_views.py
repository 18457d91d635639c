"""What the live page can show side by side, under a lens, in a snapshot or a film."""

from pathlib import Path

import av
import numpy as np
import pytest
from making import until
from player import (
    ALONE,
    PHOTO,
    SMALL,
    WASM,
    Open,
    bicubics,
    constant_model,
    difference,
    downloaded,
    open_file,
    open_picture,
    open_picture_anew,
    player_pages,
    pythons,
    refused,
    shown,
    snapshot,
    start_camera,
    write_student,
)
from playwright.sync_api import expect

from pipeline.core.frames import encode_frame
from pipeline.core.params import GeometryParams


def test_the_split_follows_mouse_and_keys(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=WASM)
    open_picture(page, PHOTO)
    left, right = bicubics(PHOTO), pythons(student, PHOTO)
    handle = page.get_by_role("slider", name="Where the two pictures meet")
    handle.focus()
    page.keyboard.press("End")
    until(lambda: difference(shown(page), left) <= 1)
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    expect(handle).to_have_attribute("aria-valuenow", "10")
    box = page.locator(".stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 60)
    page.mouse.up()
    expect(handle).to_have_attribute("aria-valuenow", "75")
    until(lambda: difference(shown(page)[:, :238], left[:, :238]) <= 1)
    assert difference(shown(page)[:, 242:], right[:, 242:]) <= 1


def test_presets_set_what_stands_under_advanced_and_say_when_they_hold(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE | {"inputSize": "auto"})
    preset = {name: page.get_by_role("button", name=name, exact=True) for name in ("Fast", "Balanced", "Best")}
    expect(preset["Balanced"]).to_have_attribute("aria-pressed", "true")
    preset["Best"].click()
    expect(preset["Balanced"]).to_have_attribute("aria-pressed", "false")
    expect(preset["Best"]).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Advanced").click()
    expect(page.get_by_label("Input size")).to_have_value("1")
    expect(page.get_by_label("Target frame rate")).to_have_value("6")
    page.get_by_label("Input size").select_option("0.5")
    for button in preset.values():
        expect(button).to_have_attribute("aria-pressed", "false")


def test_two_students_side_by_side_on_the_same_frame(open_player: Open, student: Path, other: Path) -> None:
    page = open_player([student, other], settings=WASM | {"view": "side", "compareWith": "second"})
    open_picture(page, PHOTO)
    picture = shown(page)
    assert picture.shape == (240, 640, 3)
    assert difference(picture[:, :320], pythons(other, PHOTO)) <= 1
    assert difference(picture[:, 320:], pythons(student, PHOTO)) <= 1
    assert page.locator(".tag").all_inner_texts() == ["second", "first"]


def test_students_of_different_scales_are_not_compared(open_player: Open, student: Path, tmp_path: Path) -> None:
    geometry = {"width": 640, "height": 512, "scale": 4, "fit": "crop"}
    four = write_student(tmp_path / "four.onnx", constant_model(1, scale=4), geometry=geometry, scale=4)
    page = open_player([student, four], settings=WASM | {"compareWith": "four"})
    open_file(page, "photo.png", "image/png", encode_frame(PHOTO))
    assert "four gives 640x512 where 320x256 is shown" in refused(page)
    page.locator("[data-name=model]").select_option("four")
    page.locator("[data-name=compareWith]").select_option("bicubic")
    open_picture_anew(page)
    assert difference(shown(page)[:, 330:], pythons(four, PHOTO)[:, 330:]) <= 1


@pytest.mark.parametrize("engine", ["wasm", pytest.param("webgpu", marks=pytest.mark.slow)])  # by an emulated GPU
def test_a_snapshot_of_two_students_holds_bicubic_too(
    request: pytest.FixtureRequest, engine: str, tiny: Path, tiny_other: Path, tmp_path: Path
) -> None:
    browser = request.getfixturevalue("chromium_webgpu" if engine == "webgpu" else "chromium")
    geometry = GeometryParams(**SMALL | {"width": 160, "height": 128})
    with player_pages(browser, tmp_path) as open_player:
        settings = WASM | {"engine": engine, "view": "side", "compareWith": "tiny_other"}
        page = open_player([tiny, tiny_other], settings=settings)
        open_picture(page, PHOTO)
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Snapshot").click()
        expect(page.locator(".kept a")).to_have_text(["Raw", "Bicubic", "tiny_other", "tiny"])
        assert difference(downloaded(page, "Bicubic"), bicubics(PHOTO, geometry)) <= 1
        for contract in (tiny, tiny_other):
            assert difference(downloaded(page, contract.stem), pythons(contract, PHOTO)) <= 1
        page.get_by_label("View").select_option("single")  # and what is compared is still there to be shown
        page.get_by_label("View").select_option("side")
        left = pythons(tiny_other, PHOTO)
        width = left.shape[1]
        until(lambda: shown(page).shape[1] == 2 * width)
        assert difference(shown(page)[:, :width], left) <= 1


def test_a_mirrored_front_camera_keeps_bicubic_on_the_left(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=WASM | {"mirror": "auto", "split": 0.25})
    start_camera(page)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(1000)  # the frame that was on its way is shown too
    pictures = snapshot(page)
    assert page.locator(".screen canvas").evaluate("(c) => getComputedStyle(c).transform").startswith("matrix(-1")
    column = round(0.75 * pictures["student.png"].shape[1])
    until(lambda: difference(shown(page)[:, :column], pictures["student.png"][:, :column]) == 0, patience_s=20)
    assert difference(shown(page)[:, column:], pictures["bicubic.png"][:, column:]) == 0


def test_the_lens_shows_what_lies_under_it(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE)
    open_picture(page, PHOTO)
    page.get_by_role("button", name="Lens").click()
    page.locator(".stage").hover(position={"x": 300, "y": 200})
    pixels = "(lens) => [...lens.getContext('2d').getImageData(0, 0, 176, 176).data.slice(0, 4000)]"
    until(lambda: np.std(page.locator(".lens").evaluate(pixels)) > 5)


def test_a_film_is_recorded_in_the_browser(open_player: Open, student: Path, tmp_path: Path) -> None:
    page = open_player([student], settings=WASM)
    start_camera(page)
    page.get_by_role("button", name="Film").click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop filming").click()
    link = page.get_by_role("link", name="Film")
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename.endswith("-film.webm")
    with av.open(str(download.value.path())) as film:
        assert film.duration is not None, "players could not wind it"
        decoded = list(film.decode(video=0))
        assert film.duration >= decoded[-1].time * av.time_base > 0
    frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
    assert len(frames) > 2
    assert frames[-1].shape == (248, 332, 3)  # a camera of 640x480 with the pixels that 320x256 has room for
    assert frames[-1].std() > 10
