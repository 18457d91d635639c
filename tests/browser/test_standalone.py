"""The stand-alone page from any static host: with the two headers and without, small, and without a network."""

import shutil
from pathlib import Path

import pytest
from making import ROOT, Project
from player import PHOTO, difference, frames_come, open_picture, pythons, random_student, snapshot, write_student
from playwright.sync_api import Page, expect

from app.live.offline import MANIFEST
from app.standalone import headers as recommended
from app.standalone import write_standalone
from benchmarks.player_site import served


@pytest.fixture
def site(project: Project) -> Path:
    """What the command writes in a project with a bundled student."""
    write_student(project.paths.bundled / "student_s.onnx", random_student(seed=1))
    done = project.run("app.standalone", "dist")
    assert done.returncode == 0, done.stderr
    assert "python -m http.server" in done.stdout
    return project.root / "dist"


@pytest.mark.parametrize("headers", [recommended(), {}], ids=["isolated", "plain"])
def test_it_runs_with_the_headers_and_without(
    site: Path, project: Project, page: Page, headers: dict[str, str]
) -> None:
    with served(site.parent, headers=headers) as address:
        page.goto(f"{address}/{site.name}/?view=side")  # many hosts give a folder below their root
        assert page.evaluate("crossOriginIsolated") == bool(headers)
        expect(page.get_by_label("View")).to_have_value("side")
        page.get_by_text("Advanced").click()
        page.get_by_label("Input size").select_option("1")
        if not headers:
            page.get_by_label("Engine").select_option("wasm")
        open_picture(page, PHOTO)
        expect(page.locator(".figures")).to_contain_text("WASM, 1 thread " if not headers else "WASM")
        pictures = snapshot(page)
        expected = pythons(project.paths.bundled / "student_s.json", pictures["raw.png"])
        assert difference(pictures["student.png"], expected) <= 1


MOST_BYTES = 400_000  # before the first picture
LATER = ("estimator.onnx", "estimator.wasm", "box.webm")  # fetched after it; the sample clip


@pytest.fixture
def bundled(project: Project) -> Path:
    """The folder with students that ship, and the sample."""
    for file in [*ROOT.glob("weights/bundled/student_[sm].json"), *ROOT.glob("weights/bundled/student_[sm]*.???*")]:
        project.paths.bundled.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, project.paths.bundled)
    project.paths.demo_clip.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/demo/box.webm", project.paths.demo_clip.parent)
    target = project.root / "dist"
    write_standalone(target, [], project.paths)
    return target


def play(page: Page) -> None:
    frames_come(page)  # of the sample, which plays at once
    expect(page.locator(".figures")).to_contain_text("student_s")


def test_the_first_picture_is_small_and_later_ones_need_no_network(bundled: Path, page: Page) -> None:
    sent: list[tuple[str, int]] = []
    with served(bundled.parent, headers={}, sent=sent) as address:
        page.goto(f"{address}/{bundled.name}/")
        play(page)
        first = {path: size for path, size in sent if not path.endswith(LATER)}
        expect(page.locator(".dials .camera")).to_contain_text("(blur ")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        assert not [path for path, _ in sent if "/ort/" in path or path.endswith("/student_s.onnx")]
    assert sum(first.values()) < MOST_BYTES, first
    page.reload()  # nobody answers any more
    play(page)
    expect(page.locator(".dials .camera")).to_contain_text("(blur ")
    assert page.evaluate("crossOriginIsolated"), "what was kept has the headers that the host did not send"


def test_it_can_be_installed(bundled: Path, page: Page) -> None:
    with served(bundled) as address:
        page.goto(address)
        expect(page.get_by_role("button", name="Start the camera")).to_be_visible()
        devtools = page.context.new_cdp_session(page)
        found = devtools.send("Page.getAppManifest")
        wrong = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert found["url"].endswith(MANIFEST)
    assert found["errors"] == []
    assert [error["errorId"] for error in wrong] == ["in-incognito"]  # as the pages of tests are
