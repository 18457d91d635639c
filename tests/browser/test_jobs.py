"""A person at the pipeline's page in a real browser: runs, watches, refreshes, stops; and a restarted server."""

import re
from collections.abc import Callable, Iterator

import pytest
from making import Project, kill, until
from playwright.sync_api import Locator, Page, expect
from small_pipeline import give_pipeline, hold, waits_in

from app.jobs import cancel, jobs, unfinished
from browser.conftest import start_dashboard

PATIENCE_MS = 90_000


@pytest.fixture
def small(project: Project) -> Iterator[Project]:
    """Three stages; what a test leaves running is stopped."""
    yield give_pipeline(project)
    (project.root / "hold").unlink(missing_ok=True)
    for job in unfinished(project.paths):
        cancel(job)
    until(lambda: not unfinished(project.paths))


def stage(page: Page, name: str) -> Locator:
    return page.locator(f'[data-stage="{name}"]')


def expect_state(page: Page, name: str, words: str) -> None:
    expect(stage(page, name)).to_contain_text(re.compile(words), timeout=PATIENCE_MS)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click(timeout=PATIENCE_MS)


@pytest.mark.timeout(400)
def test_stages_are_run_watched_refreshed_and_found_again_after_a_restart(small: Project, page: Page) -> None:
    address, server = start_dashboard(small)
    try:
        release = hold(small.paths)
        page.goto(f"{address}/pipeline")
        expect(page.get_by_role("link", name="Pipeline")).to_be_visible(timeout=PATIENCE_MS)
        expect_state(page, "capture", "never run")
        press(page, "Run")
        until(lambda: waits_in("capture", small.paths))
        expect_state(page, "capture", r"running \d+%")
        expect(page.get_by_role("log").first).to_contain_text("green words", timeout=PATIENCE_MS)

        page.reload()  # in the middle
        expect_state(page, "capture", r"running \d+%")
        expect(page.get_by_role("button", name="Queue")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        kill(server)
    (job,) = unfinished(small.paths)
    assert job.state == "running"

    address, server = start_dashboard(small)
    try:
        page.goto(f"{address}/pipeline")
        expect_state(page, "capture", r"running \d+%")
        release.unlink()
        for name in ("capture", "teacher", "train"):
            expect_state(page, name, "fresh")
        expect(page.get_by_text("Nothing to do")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text(re.compile("1 · Pipeline · done"))).to_be_visible(timeout=PATIENCE_MS)

        epochs = small.params.train.epochs
        small.change(train={"epochs": 9})
        expect_state(page, "train", f"train.epochs: {epochs} → 9")
        expect_state(page, "teacher", "fresh")
        expect(page.get_by_text("Run will execute train")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        kill(server)


@pytest.mark.timeout(300)
def test_a_job_is_stopped_gently_and_a_held_one_is_killed(
    small: Project, page: Page, dashboard: Callable[[Project], str]
) -> None:
    release = hold(small.paths)
    address = dashboard(small)
    page.goto(address)
    press(page, "Begin with the demo")
    until(lambda: waits_in("capture", small.paths))
    press(page, "Stop")
    expect(page.get_by_text("is asked to stop")).to_be_visible(timeout=PATIENCE_MS)
    release.unlink()
    until(lambda: jobs(small.paths)[0].state == "cancelled")
    expect(page.get_by_text("Nothing has run yet")).to_be_visible(timeout=PATIENCE_MS)

    hold(small.paths)
    (small.root / "capture.frames").unlink()
    press(page, "Begin with the demo")
    until(lambda: waits_in("capture", small.paths))
    press(page, "Stop")
    press(page, "Kill at once")
    until(lambda: jobs(small.paths)[0].state == "killed")
    expect(page.get_by_text("Nothing has run yet")).to_be_visible(timeout=PATIENCE_MS)
