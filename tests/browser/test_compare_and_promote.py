"""Two runs compared and a student promoted, as a viewer does it in a real Chromium."""

from collections.abc import Callable

import pytest
from making import Project
from playwright.sync_api import Page, expect
from tracked import make_run, make_version

from pipeline.tracking import registry
from pipeline.tracking.past_runs import all_runs, curves

PATIENCE_MS = 120_000  # for a page that has to import mlflow, on a busy machine
pytestmark = pytest.mark.usefixtures("with_database")


def test_two_runs_are_compared_under_one_divider(
    project: Project, page: Page, dashboard: Callable[[Project], str]
) -> None:
    for psnr in (31.0, 33.0):
        make_run(project.root / "tmp", psnr=psnr, params={"rate": psnr})
    for run in all_runs(project.paths):  # kept from now on: the page need not wait for mlflow
        curves(run, project.paths)
    page.goto(f"{dashboard(project)}/runs")
    views = page.locator(".compare .view")
    expect(views).to_have_count(4, timeout=PATIENCE_MS)  # bicubic, both students, teacher
    page.get_by_role("button", name="Grid").click()
    expect(views).to_have_count(1)
    expect(page.get_by_role("slider", name="Divider between the pictures A and B")).to_be_visible()
    page.get_by_label("Picture A").select_option(index=1)
    page.get_by_label("Picture B").select_option(index=2)
    expect(page.locator(".compare .over img")).to_have_attribute("alt", page.get_by_label("Picture A").input_value())
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    page.get_by_role("button", name="Grid").click()
    page.get_by_role("combobox", name="Epochs").click()
    page.get_by_role("option", name="epoch 0").click()
    expect(views).to_have_count(6)
    page.locator(".compare .in").click()
    zooms = page.locator(".compare img").evaluate_all("images => images.map(image => image.style.transform)")
    assert len(set(zooms)) == 1, "all pictures are under one zoom"
    tops = views.evaluate_all("views => views.map(view => view.getBoundingClientRect().top)")
    assert tops == sorted(tops)
    assert len(set(tops)) == 3, "a row for each run, and one for bicubic and teacher"
    page.reload()
    expect(views).to_have_count(6, timeout=PATIENCE_MS)
    assert not page.get_by_text("Traceback").count()


def test_a_candidate_is_promoted_and_taken_back(
    project: Project, page: Page, dashboard: Callable[[Project], str]
) -> None:
    folder = project.root / "student"
    folder.mkdir()
    (folder / "student_sr.onnx").write_bytes(b"a student")
    for psnr in (31.0, 33.0):
        make_version(folder, psnr=psnr)
    registry.set_champion(1, before=[])
    registry.set_alias(registry.CANDIDATE, 2)
    page.goto(f"{dashboard(project)}/models")
    page.get_by_role("button", name="Promote …").click(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.get_by_text("Version 2 is the champion now in place of version 1.")).to_be_visible()
    page.get_by_role("button", name="Go back …").click()
    page.get_by_role("button", name="Go back to version 1").click()
    expect(page.get_by_text("Version 1 is the champion again, in place of version 2.")).to_be_visible()
    assert registry.holder(registry.CHAMPION, registry.versions(project.paths)).number == 1  # type: ignore[union-attr]
