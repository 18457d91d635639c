"""In a real Chromium: every page asks nobody but its own server, and fits a narrow screen."""

import re
from urllib.parse import urlsplit

import pytest
from axe import serious
from making import ROOT
from playwright.sync_api import expect
from small_pipeline import give_pipeline

from benchmarks.player_site import served
from pipeline.compare.__main__ import compare
from pipeline.tracking.past_runs import all_runs

NARROW = {"width": 390, "height": 800}
PAGES = sorted(file.stem for file in (ROOT / "app/pages").glob("*.py"))
SESSION = """(address) => new Promise((done) => {
    const socket = new WebSocket(address, ["streamlit"]);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
})"""
DONE = "[data-testid=stApp][data-test-script-state=notRunning]"


@pytest.fixture
def compared(trained):
    """A project whose students are measured already: else the pages Models and Runs would have it done by a job."""
    (run,) = all_runs(trained.paths)
    compare([f"run:{run.id}", "student_sr"], trained.paths)
    return trained


@pytest.fixture
def asked(page):
    """The hosts that the page asked for anything."""
    hosts = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    return hosts


@pytest.fixture
def forbidden(page):
    """What the browser says that the page's own Content-Security-Policy forbids."""
    said = []
    page.on("console", lambda message: said.append(message.text) if "Content Security" in message.text else None)
    return said


def test_every_page_stays_at_home_and_fits_a_narrow_screen(compared, dashboard, page, asked, forbidden):
    address = dashboard(compared)
    page.set_viewport_size(NARROW)
    for name in PAGES:
        page.goto(f"{address}/{'' if name == 'home' else name}")
        expect(page.get_by_role("heading", level=1)).to_have_text("sharpcam" if name == "home" else name.capitalize())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert not re.search("the page [A-Z]", page.inner_text("body")), "a step ends with a link to the next one"
    assert asked - {None} == {"localhost"}  # data: and blob: addresses have no host
    assert forbidden == []


def test_a_page_of_a_stranger_can_neither_frame_the_dashboard_nor_open_a_session(trained, dashboard, page, tmp_path):
    address = dashboard(trained)
    (tmp_path / "index.html").write_text(f'<iframe src="{address}"></iframe>')
    with served(tmp_path, headers={}) as stranger:
        page.goto(stranger.replace("localhost", "127.0.0.1"))
        expect(page.frame_locator("iframe").locator("#sub-frame-error-details")).to_be_visible()  # Chromium's own page
        stream = f"{address.replace('http', 'ws')}/_stcore/stream"
        assert page.evaluate(SESSION, stream) == "refused"
        page.goto(address)
        assert page.evaluate(SESSION, stream) == "open"


@pytest.mark.slow
def test_a_page_that_is_switched_to_comes_while_the_one_before_still_asks(trained, dashboard, page):
    page.goto(f"{dashboard(give_pipeline(trained))}/pipeline")  # whose fragments run every second or two
    for turn in range(12):
        expect(page.locator("[data-stage]").first).to_be_visible()
        page.wait_for_timeout(150 * turn)
        for name in ("Home", "Pipeline"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("heading", level=1)).to_have_text("sharpcam" if name == "Home" else name)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_serious_on_any_page(compared, dashboard, page, scheme):
    address = dashboard(compared)
    page.emulate_media(color_scheme=scheme)
    found = {}
    for name in PAGES:
        page.goto(f"{address}/{'' if name == 'home' else name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(DONE)).to_be_visible()
        found[name] = serious(page)
    assert found == {name: [] for name in PAGES}
