"""A live page that stays open: paused, hidden, slow, left, with another student or engine."""

import re
from pathlib import Path

import numpy as np
import pytest
from making import until
from player import (
    ALONE,
    PHOTO,
    WASM,
    Open,
    difference,
    open_picture,
    pythons,
    resized,
    shown,
    shows,
    snapshot,
    start_camera,
)
from playwright.sync_api import Page, Route, expect


def test_the_camera_is_let_go_on_leaving(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=WASM)
    start_camera(page)
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("streams.map((stream) => stream.active)") == [False]
    start_camera(page)
    page.evaluate("player.destroy()")
    assert page.evaluate("streams.map((stream) => stream.active)") == [False, False]
    assert page.locator(".sharpcam").count() == 0
    while page.workers:  # until the test's own limit
        page.wait_for_timeout(50)


def test_a_paused_picture_stays_paused_under_another_student_and_engine(
    open_player: Open, student: Path, other: Path
) -> None:
    page = open_player([student, other], settings=ALONE)
    start_camera(page)
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    page.locator("[data-name=model]").select_option("second")
    expect(page.locator(".figures")).to_contain_text("second")
    expected = pythons(other, snapshot(page)["raw.png"])
    assert shows(page, expected)  # one frame, by the new student
    page.get_by_text("Advanced").click()
    page.get_by_label("Engine").select_option("webgpu")
    expect(page.locator(".notes")).to_contain_text("WASM is used.")
    until(lambda: shows(page, expected), patience_s=20)
    expect(pause).to_have_attribute("aria-pressed", "true")
    pause.click()
    page.wait_for_function("states.at(-1)?.fps > 0")
    pause.click()
    page.get_by_label("Camera size").select_option("320x240")
    page.wait_for_function("streams.length === 2")
    expect(pause).to_have_attribute("aria-pressed", "false")  # it was another source's picture


def test_a_snapshot_or_film_of_a_student_that_is_still_being_loaded_is_a_sentence(
    open_player: Open, student: Path, other: Path
) -> None:
    page = open_player([student, other], settings=WASM)
    held: list[Route] = []
    page.route("**/second.onnx", lambda route: held.append(route))
    start_camera(page)
    page.locator("[data-name=model]").select_option("second")
    for button in ("Snapshot", "Film"):
        expect(page.locator(".notes")).to_have_text(re.compile("being loaded and tested"))
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator(".notes")).to_contain_text("There is no picture yet")
        page.evaluate("document.querySelector('.notes').textContent = 'being loaded and tested'")
    until(lambda: held or page.wait_for_timeout(50))
    held[0].continue_()
    expect(page.locator(".notes")).not_to_contain_text("loaded")
    expect(page.locator(".figures")).to_contain_text("second")  # its first frame is there
    snapshot(page)


def test_new_options_leave_the_camera_on_and_the_viewers_choices_alone(
    open_player: Open, student: Path, other: Path
) -> None:
    page = open_player([student, other], settings=WASM)
    start_camera(page)
    page.get_by_label("View").select_option("single")
    page.evaluate("player.update(options)")  # a rerun
    expect(page.get_by_label("View")).to_have_value("single")
    page.wait_for_function("states.at(-1)?.settings.view === 'single'")
    page.get_by_label("View").select_option("side")
    told_before = "player.update({...options, settings: {...options.settings, view: 'single'}})"
    page.evaluate(told_before)
    expect(page.get_by_label("View")).to_have_value("side")
    page.evaluate("player.update({...options, settings: {...options.settings, model: 'second'}})")
    expect(page.locator(".tag.right")).to_have_text("second")
    expect(page.locator(".figures")).to_contain_text("second")
    assert page.evaluate("streams.length") == 1
    assert page.evaluate("streams[0].active") is True


def test_a_student_trained_anew_takes_the_place_of_the_one_that_runs(
    open_player: Open, student: Path, other: Path
) -> None:
    page = open_player([student, other], settings=ALONE)
    open_picture(page, PHOTO)
    page.evaluate("player.update({...options, models: [{...options.models[1], name: 'first', title: 'anew'}]})")
    expect(page.locator(".tag.right")).to_have_text("anew")
    until(lambda: difference(shown(page), pythons(other, PHOTO)) <= 1)


def test_a_hidden_page_rests(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=WASM)
    start_camera(page)
    change = """(state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(change, "hidden")
    page.wait_for_function("states.at(-1)?.fps === null")
    page.evaluate(change, "visible")
    page.wait_for_function("states.at(-1)?.fps > 0")


def test_a_network_too_slow_for_any_rate_reads_a_smaller_frame_and_says_so(open_player: Open, student: Path) -> None:
    huge = resized(student, "huge", 2560, 2048)
    page = open_player([huge], settings=WASM | {"inputSize": "auto", "targetFps": 30})
    start_camera(page)
    page.wait_for_function("states.at(-1)?.input?.[0] < 1280")
    expect(page.locator(".tag.right")).to_have_text(re.compile(r"^huge, reading \d\d %$"))
    expect(page.locator(".notes")).to_contain_text("may show less than the camera")
    assert page.evaluate("states.every(({fps}, i) => i === 0 || fps !== undefined)")


def test_reports_come_every_two_seconds_at_most(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=WASM)
    page.evaluate("window.times = []; states.push = (state) => times.push(performance.now())")
    start_camera(page)
    page.wait_for_function("times.length >= 3")
    times = page.evaluate("times")
    assert min(np.diff(times)) > 1500  # timers drift


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_thousand_frames_make_nothing_grow(open_player: Open, tiny: Path) -> None:
    nothing_grows(open_player([tiny], settings=WASM), frames=2000)


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_ten_thousand_frames_make_nothing_grow(open_player: Open, tiny: Path) -> None:
    nothing_grows(open_player([tiny], settings=WASM), frames=10_000)


def nothing_grows(page: Page, *, frames: int) -> None:
    """Run the camera for so many frames; neither memory nor the time of a frame may follow their number."""
    start_camera(page)
    page.evaluate("""() => {
        states.frames = 0;
        const add = player.session.window.add.bind(player.session.window);
        player.session.window.add = (frame) => { states.frames += 1; add(frame); };
    }""")
    measured = []
    for wanted in (200, 200 + frames):
        page.wait_for_function(f"states.frames >= {wanted}", timeout=250 * wanted + 60_000)
        memory = page.evaluate("performance.measureUserAgentSpecificMemory().then(({bytes}) => bytes)")
        measured.append((page.evaluate("states.at(-1).p50_ms"), memory))
    (early_ms, early_bytes), (late_ms, late_bytes) = measured
    print(f"p50 {early_ms:.0f} and {late_ms:.0f} ms, {early_bytes / 1e6:.0f} and {late_bytes / 1e6:.0f} MB")
    assert late_ms < 3 * early_ms + 50  # other work on the machine; a queue would make it hundreds of frames
    assert late_bytes < early_bytes + 30e6
