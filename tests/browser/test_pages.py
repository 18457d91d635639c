"""In a real Chromium: every page asks nobody but its own server, and fits a narrow screen."""

from urllib.parse import urlsplit

import pytest
from axe import serious
from making import ROOT
from playwright.sync_api import expect

NARROW = {"width": 390, "height": 800}
PAGES = sorted(file.stem for file in (ROOT / "app/pages").glob("*.py"))
DONE = "[data-testid=stApp][data-test-script-state=notRunning]"


@pytest.fixture
def asked(page):
    """The hosts that the page asked for anything."""
    hosts = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    return hosts


def test_every_page_stays_at_home_and_fits_a_narrow_screen(trained, dashboard, page, asked):
    address = dashboard(trained)
    page.set_viewport_size(NARROW)
    for name in PAGES:
        page.goto(f"{address}/{'' if name == 'home' else name}")
        expect(page.get_by_role("heading", level=1)).to_have_text("sharpcam" if name == "home" else name.capitalize())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert asked - {None} == {"localhost"}  # data: and blob: addresses have no host


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_serious_on_any_page(trained, dashboard, page, scheme):
    address = dashboard(trained)
    page.emulate_media(color_scheme=scheme)
    found = {}
    for name in PAGES:
        page.goto(f"{address}/{'' if name == 'home' else name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(DONE)).to_be_visible()
        found[name] = serious(page)
    assert found == {name: [] for name in PAGES}
