"""Home in a real Chromium: a picture with a divider, and a button that leads on."""

from dashboards import loaded
from making import make_clip, photo, until
from playwright.sync_api import expect


def test_home_shows_the_own_frame_before_and_after_and_its_button_leads_on(trained, dashboard, page):
    make_clip(trained.paths, "desk", [photo(60, 80)] * 3, size=[80, 60])
    (trained.paths.cache / "live-opened").unlink(missing_ok=True)
    page.goto(dashboard(trained))
    expect(page.get_by_text("desk, frame 1. Drag the line")).to_be_visible()
    until(lambda: loaded(page.locator(".view img")))
    divider = page.get_by_role("slider", name="Divider")
    divider.focus()
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    page.get_by_role("button", name="Record a clip").or_(page.get_by_role("button", name="Run what is not")).wait_for()
