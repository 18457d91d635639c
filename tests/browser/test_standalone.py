"""The stand-alone page from any static host, with the two headers and without."""

from pathlib import Path

import pytest
from making import Project
from player import difference, pythons, random_student, snapshot, start_camera, write_student
from playwright.sync_api import Page, expect

from app.standalone import headers as recommended
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
        start_camera(page)
        expect(page.locator(".figures")).to_contain_text("WASM, 1 thread " if not headers else "WASM")
        page.get_by_role("slider", name="Calm").fill("0")
        page.wait_for_timeout(2000)  # of the next frames on
        pictures = snapshot(page)
        expected = pythons(project.paths.bundled / "student_s.json", pictures["raw.png"])
        assert difference(pictures["student.png"], expected) <= 1
