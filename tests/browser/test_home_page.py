"""Home in a real Chromium: a picture with a divider, and a button that leads on."""

import shutil

from dashboards import loaded
from making import make_clip, photo, until
from playwright.sync_api import expect
from small_pipeline import give_pipeline


def test_home_shows_the_own_frame_before_and_after_and_its_button_leads_to_live(trained, dashboard, page):
    give_pipeline(trained)
    make_clip(trained.paths, "desk", [photo(60, 80)] * 3, size=[80, 60])
    page.goto(dashboard(trained))
    expect(page.get_by_text("desk, frame 1. Drag the line")).to_be_visible()
    until(lambda: loaded(page.locator(".view img")))
    divider = page.get_by_role("slider", name="Divider")
    divider.focus()
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    shutil.rmtree(trained.paths.raw / "desk")
    page.reload()
    page.get_by_role("button", name="Try it on your camera").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Live")
