"""The Live page in a real Chromium with a camera: what it shows, what it keeps, and when it lets the camera go."""

import re
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from dashboards import start_dashboard
from dialled import write_dialled
from making import ROOT, Project, kill, photo, until
from player import (
    WIDE,
    difference,
    frames_come,
    open_picture,
    pythons,
    random_student,
    snapshot,
    start_camera,
    write_student,
)
from playwright.sync_api import Page, expect

from pipeline.capture.stage import adopt
from pipeline.core.clips import find_frames
from pipeline.core.frames import read_frame

COUNT_CAMERAS = """
window.tracks = [];
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await ask(wish);
    window.tracks.push(...stream.getTracks());
    return stream;
};
"""


@pytest.fixture(scope="module")
def project(begun_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a student of its own, without dials, and a bundled one, with them."""
    made = Project(tmp_path_factory.mktemp("live") / "project")
    shutil.copytree(begun_once.root, made.root)
    write_student(made.paths.student_onnx, random_student(seed=1))
    write_dialled(made.paths.bundled / "student_s.onnx", seed=2)
    made.paths.demo_clip.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/demo/box.webm", made.paths.demo_clip.parent)
    return made


@pytest.fixture(scope="module")
def address(project: Project) -> Iterator[str]:
    """The page on a server that nobody has visited before."""
    home, server = start_dashboard(project)
    yield f"{home}/live"
    kill(server)


@pytest.fixture
def live(page: Page, address: str) -> Page:
    """The page, its camera not started, nor its sample."""
    page.add_init_script(COUNT_CAMERAS)
    page.emulate_media(reduced_motion="reduce")
    page.goto(address)
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()
    return page


def cameras(live: Page) -> list[str]:
    """The state of every camera stream that was opened since the page was loaded."""
    return list(live.evaluate("window.tracks.map((track) => track.readyState)"))


def test_a_picture_runs_and_its_figures_reach_the_page(live: Page) -> None:
    expect(live.get_by_role("link", name="Home")).to_be_visible()  # the menu, for the first visitor too
    assert live.evaluate("crossOriginIsolated")
    start_camera(live)
    expect(live.get_by_test_id("stMetric").first).to_contain_text("Frames a second")
    expect(live.locator(".js-plotly-plot")).to_have_count(2)
    assert cameras(live) == ["live"]


def test_the_picture_is_that_of_python(live: Page, project: Project) -> None:
    frame = photo(120, 160)
    live.get_by_text("Advanced").click()
    live.get_by_label("Input size").select_option("1")
    open_picture(live, frame)
    pictures = snapshot(live)
    assert np.array_equal(pictures["raw.png"], frame)
    assert difference(pictures["student.png"], pythons(project.paths.contract, frame)) <= 1


def test_the_sample_plays_at_once_without_a_camera(live: Page) -> None:
    live.get_by_role("button", name="Play the sample").click()
    frames_come(live)
    live.emulate_media(reduced_motion="no-preference")
    live.reload()
    frames_come(live)
    assert cameras(live) == []


def test_the_camera_is_off_after_leaving_the_page(live: Page) -> None:
    start_camera(live)
    live.get_by_role("link", name="Home").click()
    until(lambda: set(cameras(live)) == {"ended"})


def test_a_rerun_or_another_model_leaves_the_camera_on(live: Page) -> None:
    start_camera(live)
    live.locator("section.main, [data-testid=stMain]").first.press("r")
    live.get_by_label("Compared with").select_option(index=1)
    frames_come(live)
    expect(live).to_have_url(re.compile("compareWith=bundled"))
    expect(live.locator(".tag.left")).to_have_text("Bundled student_s")
    assert cameras(live) == ["live"]


def test_the_cameras_dials_are_shown_and_a_slider_stays_where_it_is_put(live: Page) -> None:
    live.locator("[data-name=model]").select_option("bundled:student_s")
    start_camera(live)
    expect(live.locator(".dials .camera")).to_have_text(re.compile(r"^Camera: .*noise \d"))
    live.get_by_role("slider", name="Denoise").fill("0.9")
    live.wait_for_timeout(2500)  # the page is told and runs again
    live.locator("section.main, [data-testid=stMain]").first.press("r")
    frames_come(live)
    expect(live.get_by_role("slider", name="Denoise")).to_have_value("0.9")
    automatic = live.get_by_role("button", name="Automatic: Denoise")
    expect(automatic).to_have_attribute("aria-pressed", "false")
    automatic.click()
    expect(automatic).to_have_attribute("aria-pressed", "true")
    assert cameras(live) == ["live"]


def test_another_resolution_restarts_the_camera_once(live: Page) -> None:
    start_camera(live)
    live.get_by_text("Advanced").click()
    live.get_by_label("Camera size").select_option("320x240")
    until(lambda: cameras(live) == ["ended", "live"])
    frames_come(live)
    assert cameras(live) == ["ended", "live"]


def test_a_refresh_lets_the_camera_go_and_keeps_the_choice(live: Page) -> None:
    start_camera(live)
    live.get_by_label("Compared with").select_option(index=1)
    expect(live).to_have_url(re.compile("compareWith=bundled"))
    live.reload()
    expect(live.get_by_role("button", name="Start the camera")).to_be_visible()
    assert cameras(live) == []
    expect(live.get_by_label("Compared with")).to_have_value("bundled:student_s")


def ask_for_recording(live: Page, *, name: str, frames: int) -> None:
    live.get_by_text("Record a clip of this camera").click()
    live.get_by_label("Name").fill(name)
    live.get_by_label("Frames", exact=True).fill(str(frames))
    live.get_by_label("A second", exact=True).fill("10")
    live.locator(".training").get_by_label("I agree").check()
    live.locator(".training form").get_by_role("button", name="Record the clip").click()


def test_what_the_browser_records_is_adopted_for_training(live: Page, project: Project) -> None:
    start_camera(live)
    ask_for_recording(live, name="desk", frames=3)
    until(lambda: (project.paths.inbox / "desk").is_dir() or live.wait_for_timeout(100))
    adopt(project.paths)
    frames = [read_frame(path) for path in find_frames(project.paths.raw / "desk")]
    assert [frame.shape for frame in frames] == [(480, 640, 3)] * 3
    expect(live.get_by_text("3 frames are stored as desk")).to_be_visible()
    live.locator(".training form").get_by_role("button", name="Record the clip").click()
    expect(live.get_by_text('There is a clip "desk" already')).to_be_visible()


def test_a_recording_that_is_cut_off_leaves_nothing(live: Page, project: Project) -> None:
    start_camera(live)
    ask_for_recording(live, name="cut", frames=500)
    until(lambda: list(project.paths.inbox.glob(".cut.upload/*.png")) or live.wait_for_timeout(100))
    live.get_by_role("button", name="Cancel").click()
    until(lambda: not list(project.paths.inbox.glob("*cut*")) or live.wait_for_timeout(100))


@pytest.mark.slow
def test_clean_in_the_address_shows_nothing_but_the_picture(page: Page, address: str) -> None:
    page.add_init_script(COUNT_CAMERAS)
    page.goto(f"{address}?clean=1&view=single")
    canvas = page.locator(".screen canvas")
    until(lambda: canvas.count() and canvas.evaluate("(shown) => shown.width") > 300)
    box = page.locator(".sharpcam").bounding_box()
    assert box == {"x": 0, "y": 0, **WIDE}
    assert page.evaluate("document.elementFromPoint(60, 60).closest('[data-testid=stSidebar]')") is None
    assert page.locator(".sharpcam").inner_text().strip() == ""
    expect(page).to_have_url(re.compile("view=single"))
    assert cameras(page) == ["live"]
