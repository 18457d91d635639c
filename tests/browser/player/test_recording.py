"""Frames for training out of the live page: lossless, counted, asked for."""

import json
from pathlib import Path

from player import (
    WASM,
    Open,
    start_camera,
)
from playwright.sync_api import Locator, Page, expect

from pipeline.core.clip_rules import NEW_NAME


def asked_for(page: Page, *, frames: int) -> Locator:
    """The form on Live that asks for a clip of so many frames, filled in but for the consent."""
    start_camera(page)
    page.get_by_text("Record a clip of this camera").click()
    page.get_by_label("Name").fill("desk")
    page.get_by_label("Frames", exact=True).fill(str(frames))
    return page.locator(".training form")


def test_frames_for_training_are_lossless_counted_and_asked_for(open_player: Open, student: Path) -> None:
    limits = {"frames": 50, "bytes": 10**9, "per_second": 30, "name": NEW_NAME}
    capture = {"url": "/capture", "token": "secret", "limits": limits}
    page = open_player([student], settings=WASM, capture=capture)
    sent: list[tuple[str, str, bytes | None]] = []

    def answer(route, request) -> None:
        sent.append((request.method, request.url.split("/capture/")[1], request.post_data_buffer))
        assert request.headers["x-sharpcam-token"] == "secret"
        route.fulfill(json={"id": "7", "clip": "desk"})

    page.route("**/capture/**", answer)
    form = asked_for(page, frames=3)
    page.get_by_label("A second", exact=True).fill("10")
    form.get_by_role("button", name="Record the clip").click()
    assert sent == []  # without consent nothing happens
    expect(form).to_contain_text("3 frames of this camera are sent to the server")
    expect(form).to_contain_text("data/inbox/desk")
    page.get_by_role("checkbox").check()
    page.get_by_label("Frames", exact=True).fill("4")
    expect(page.get_by_role("checkbox")).not_to_be_checked()  # it was for three
    page.get_by_label("Frames", exact=True).fill("3")
    page.get_by_role("checkbox").check()
    form.get_by_role("button", name="Record the clip").click()
    expect(page.locator(".training [role=status]")).to_contain_text("3 frames are stored as desk")
    assert [f"{method} {path}" for method, path, _ in sent] == [
        "POST begin",
        "PUT 7/0",
        "PUT 7/1",
        "PUT 7/2",
        "POST 7/end",
    ]
    announced = json.loads(sent[0][2] or b"")
    assert announced | {"name": "desk", "frames": 3, "width": 640, "height": 480, "mime": "image/png"} == announced
    assert all(body and body.startswith(b"\x89PNG") for _, _, body in sent[1:4])


def test_a_recording_refused_or_cancelled_is_a_sentence_and_taken_back(open_player: Open, student: Path) -> None:
    capture = {
        "url": "/capture",
        "token": "t",
        "limits": {"frames": 99999, "bytes": 10**9, "per_second": 30, "name": NEW_NAME},
    }
    page = open_player([student], settings=WASM, capture=capture)
    methods: list[str] = []

    def answer(route, request) -> None:
        methods.append(request.method)
        if request.method == "PUT" and request.url.endswith("/1"):
            route.abort()
        else:
            route.fulfill(json={"id": "7"})

    page.route("**/capture/**", answer)
    form = asked_for(page, frames=9000)
    page.get_by_role("checkbox").check()
    note = page.locator(".training [role=status]")
    form.get_by_role("button", name="Record the clip").click()
    expect(note).to_contain_text("The line to the server was cut")
    assert methods[-1] == "DELETE"
    form.get_by_role("button", name="Record the clip").click()
    page.get_by_role("button", name="Cancel").click()
    expect(note).to_contain_text("cancelled")


KEEP_TRACK = """() => {
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (asked) => {
        const stream = await open(asked);
        [window.track] = stream.getVideoTracks();
        return stream;
    };
}"""
UNPLUG = """() => {
    track.stop();
    track.dispatchEvent(new Event("ended"));  // what a browser does by itself where a camera is unplugged
}"""


def test_of_a_camera_that_is_unplugged_what_it_gave_is_kept(open_player: Open, student: Path) -> None:
    limits = {"frames": 9999, "bytes": 10**9, "per_second": 30, "name": NEW_NAME}
    page = open_player([student], settings=WASM, capture={"url": "/capture", "token": "t", "limits": limits})
    page.evaluate(KEEP_TRACK)
    asked: list[str] = []

    def answer(route, request) -> None:
        asked.append(f"{request.method} {request.url.split('/capture/')[1]}")
        route.fulfill(json={"id": "7", "clip": "desk"})

    page.route("**/capture/**", answer)
    form = asked_for(page, frames=9000)
    page.get_by_role("checkbox").check()
    form.get_by_role("button", name="Record the clip").click()
    note = page.locator(".training [role=status]")
    expect(note).to_contain_text("of 9000 frames")
    page.evaluate(UNPLUG)
    expect(note).to_contain_text("frames are stored as desk")
    came = sum(one.startswith("PUT") for one in asked)
    expect(note).to_have_text(
        f"The camera went away. Plug it in again, and start. {came} of 9000 frames are stored as desk."
    )
    assert asked[-1] == f"POST 7/end?frames={came}"
