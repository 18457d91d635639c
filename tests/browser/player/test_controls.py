"""The controls over the picture: keys, fading, nothing but the picture, and what is asked before leaving."""

from pathlib import Path

import pytest
from making import until
from player import ALONE, PHOTO, Open, frames_come, open_picture, shown, start_camera, with_sample
from playwright.sync_api import expect

from benchmarks.player_site import write_clip

FADED = "getComputedStyle(document.querySelector('.bar')).opacity === '0'"


def test_keys_do_what_the_buttons_do_and_leave_fields_alone(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE)
    page.keyboard.press("l")  # there is no picture yet
    open_picture(page, PHOTO)
    expect(page.get_by_role("button", name="Lens")).to_have_attribute("aria-pressed", "false")
    for key, name in {" ": "Pause", "l": "Lens"}.items():
        page.keyboard.press(key)
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    page.get_by_label("View").focus()
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Lens")).to_have_attribute("aria-pressed", "true")
    page.locator("h1").click()
    page.keyboard.press("s")
    expect(page.locator(".kept a")).to_have_count(3)


@pytest.mark.slow
def test_controls_lie_over_the_picture_fade_and_come_back(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE)
    open_picture(page, PHOTO)
    bar, stage = page.locator(".bar").bounding_box(), page.locator(".stage").bounding_box()
    assert bar
    assert stage
    assert stage["y"] < bar["y"]
    assert bar["y"] + bar["height"] < stage["y"] + stage["height"]
    page.mouse.move(1, 1)
    until(lambda: page.evaluate(FADED))
    page.mouse.move(stage["x"] + 50, stage["y"] + 50)
    until(lambda: not page.evaluate(FADED))
    page.mouse.move(1, 1)
    page.get_by_role("button", name="Pause").focus()
    page.evaluate("document.querySelector('.theatre').dataset.faded = ''")
    page.wait_for_timeout(600)  # as long as they take to fade
    assert not page.evaluate(FADED), "who uses keys sees where the focus is"


@pytest.mark.slow
def test_on_a_phone_the_picture_fills_the_width_and_nothing_covers_it(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE)
    page.set_viewport_size({"width": 390, "height": 800})
    open_picture(page, PHOTO)
    bar, stage = page.locator(".bar").bounding_box(), page.locator(".stage").bounding_box()
    assert bar
    assert stage
    assert (stage["x"], stage["width"]) == (0, 390)
    assert bar["y"] >= stage["y"] + stage["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_clean_shows_the_camera_and_nothing_else(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE | {"clean": True, "view": "upside-down"})
    until(lambda: page.locator(".screen canvas").count() and shown(page).std() > 10)
    assert page.evaluate("document.elementFromPoint(9, 9).closest('.sharpcam') !== null")  # nothing of the page around
    assert page.locator(".sharpcam").inner_text().strip() == ""
    assert page.locator("[data-name=view]").input_value() == "split"  # an address may say anything
    box = page.locator(".stage").bounding_box()
    assert box
    assert round(box["height"]) == page.evaluate("innerHeight")


@pytest.mark.slow
def test_the_sample_plays_at_once_and_leads_to_the_camera(open_player: Open, student: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.webm", size=(160, 120))
    page = with_sample(open_player, student, clip)
    frames_come(page)
    assert page.evaluate("streams.length") == 0
    start_camera(page)
    until(lambda: page.evaluate("streams.length") == 1)
    expect(page.get_by_role("button", name="Start the camera")).to_be_hidden()


@pytest.mark.slow
def test_nothing_moves_by_itself_for_who_asked_for_that(open_player: Open, student: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.webm", size=(160, 120))
    page = with_sample(open_player, student, clip)
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    expect(page.get_by_role("button", name="Play the sample")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()


@pytest.mark.slow
def test_who_leaves_while_filming_is_asked(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE)
    asked: list[str] = []

    def stay(dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<a href=\"?elsewhere\">Elsewhere</a>')")
    open_picture(page, PHOTO)
    page.get_by_role("button", name="Film").click()
    page.get_by_role("link", name="Elsewhere").click()
    assert asked == ["confirm"]
    page.get_by_role("button", name="Stop filming").click()
    page.get_by_role("link", name="Film").wait_for()
    page.get_by_role("link", name="Elsewhere").click()
    page.wait_for_url("**/?elsewhere")
    assert asked == ["confirm"]
