"""Frames from a browser: a clip when all have come, otherwise nothing; every refusal is one sentence."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest
import streamlit as st
from making import Project, photo, until
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.data import thumbnails
from app.live import access, routes
from app.live.inbox import Inbox, Limits
from pipeline.capture.stage import adopt
from pipeline.core.clips import find_frames
from pipeline.core.files import write_bytes
from pipeline.core.frames import encode_frame, read_frame

ANNOUNCED = {"name": "desk", "frames": 2, "width": 40, "height": 30, "fps": 5, "mime": "image/png"}
FRAMES = [photo(30, 40, seed=seed) for seed in range(2)]


@pytest.fixture
def inbox(project: Project, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    made = Inbox(project.paths.inbox, limits=Limits(frames=50))
    monkeypatch.setattr(routes, "INBOX", made)
    return made


@pytest.fixture
def browser(inbox: Inbox) -> Iterator[TestClient]:
    with visitor("one") as client:
        yield client


def visitor(session: str) -> TestClient:
    headers = {"origin": "http://testserver", access.TOKEN_HEADER: access.issue(session)}
    return TestClient(Starlette(routes=routes.ROUTES), headers=headers)


def begin(browser: TestClient, **changes: Any) -> str:
    answer = browser.post("/capture/begin", json=ANNOUNCED | changes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def refusal(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    sentence = answer.json()["error"]
    assert sentence.endswith(".")
    return str(sentence)


def nothing_is_stored(project: Project) -> bool:
    return not list(project.paths.inbox.glob("*")) and not list(project.paths.inbox.glob(".*"))


def test_a_whole_upload_is_a_clip_that_the_capture_stage_adopts(browser: TestClient, project: Project) -> None:
    upload = begin(browser)
    for index in (1, 0, 1):  # in any order, one of them twice
        assert browser.put(f"/capture/{upload}/{index}", content=encode_frame(FRAMES[index])).status_code == 200
    assert not (project.paths.inbox / "desk").exists()
    assert browser.post(f"/capture/{upload}/end").json() == {"clip": "desk"}
    until(lambda: list(thumbnails.folder(project.paths).glob("*.jpg")))  # before anybody asks for it
    project.paths.raw.mkdir(parents=True)
    adopt(project.paths)
    clip = project.paths.raw / "desk"
    assert all(np.array_equal(read_frame(file), frame) for file, frame in zip(find_frames(clip), FRAMES, strict=True))
    known = json.loads((clip / "clip.json").read_text())
    assert known.pop("fps_reached") > 0
    assert known == {"source": "browser", "frames": 2, "size": [40, 30], "every": 1, "fps_asked": 5}
    assert nothing_is_stored(project)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frames": 10_000}, "at most 50 frames"),
        ({"frames": 0}, "frames"),
        ({"fps": 1000}, "At most 30 frames a second"),
        ({"width": 100_000}, "4096"),
        ({"width": 8, "height": 6}, "16 to 4096 pixels a side"),
        ({"mime": "image/jpeg"}, "mime"),
        ({"name": "../raw/desk"}, "letters, digits"),
        ({"name": ".hidden"}, "letters, digits"),
        ({"name": "'; rm -rf"}, "letters, digits"),
        ({"name": ""}, "cannot name a clip"),
        ({"name": "_x"}, "the first a letter or digit"),
        ({"name": "__"}, "the first a letter or digit"),
        ({"name": "demo-77"}, "begin with demo-. Choose another name"),
    ],
)
def test_an_announcement_out_of_bounds_is_refused(
    browser: TestClient, project: Project, changes: dict[str, Any], words: str
) -> None:
    assert words in refusal(browser.post("/capture/begin", json=ANNOUNCED | changes), 400)
    assert nothing_is_stored(project)


def test_frames_of_a_clip_come_one_by_one(browser: TestClient, inbox: Inbox) -> None:
    upload = begin(browser, frames=1)
    data = encode_frame(FRAMES[0])
    with inbox.receiving("one", upload):
        assert "one by one" in refusal(browser.put(f"/capture/{upload}/0", content=data), 429)
    assert browser.put(f"/capture/{upload}/0", content=b"text").status_code == 400
    assert browser.put(f"/capture/{upload}/0", content=data).status_code == 200


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b"\xff", b"[" * 4000])
def test_an_announcement_that_is_none_is_refused(browser: TestClient, body: bytes) -> None:
    assert "announced wrongly" in refusal(browser.post("/capture/begin", content=body), 400)


def png(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1].tobytes())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"text", "not a PNG file"),
        (b"", "not a PNG file"),
        (encode_frame(FRAMES[0])[:-100], "cut off"),
        (encode_frame(FRAMES[0])[:200] + bytes(100) + encode_frame(FRAMES[0])[300:], "broken"),
        (encode_frame(photo(30, 41)), "41x30"),
        (png(FRAMES[0].astype(np.uint16) * 257), "16 bits"),
        (png(FRAMES[0][..., 0]), "grey"),
        (png(np.dstack([FRAMES[0], FRAMES[0][..., :1]])), "transparent"),
        (png(np.dstack([FRAMES[0], FRAMES[0][..., :1] * 0 + 255]))[:-100], "transparent"),
    ],
)
def test_what_is_no_frame_is_refused_and_the_true_one_may_follow(
    browser: TestClient, project: Project, data: bytes, words: str
) -> None:
    upload = begin(browser, frames=1)
    assert words in refusal(browser.put(f"/capture/{upload}/0", content=data), 400)
    assert "0 of 1 frames" in refusal(browser.post(f"/capture/{upload}/end"), 409)
    assert browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0])).status_code == 200
    assert browser.post(f"/capture/{upload}/end").status_code == 200


def test_opaque_pictures_with_alpha_are_kept_without(browser: TestClient, project: Project) -> None:
    upload = begin(browser, frames=1)
    opaque = png(np.dstack([FRAMES[0][..., ::-1], np.full((30, 40), 255, np.uint8)]))
    assert browser.put(f"/capture/{upload}/0", content=opaque).status_code == 200
    browser.post(f"/capture/{upload}/end")
    assert np.array_equal(read_frame(project.paths.inbox / "desk/000000.png"), FRAMES[0])


def test_more_than_a_frame_can_hold_is_refused_while_it_comes(browser: TestClient) -> None:
    upload = begin(browser)
    assert "bytes" in refusal(browser.put(f"/capture/{upload}/0", content=bytes(1_000_000)), 413)
    assert "not announced" in refusal(browser.put(f"/capture/{upload}/2", content=b""), 400)


def test_a_clip_is_not_larger_than_the_limit(project: Project, inbox: Inbox) -> None:
    inbox.limits = Limits(bytes=len(encode_frame(FRAMES[0])) + 10)
    with visitor("one") as browser:
        upload = begin(browser)
        assert browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0])).status_code == 200
        assert browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0])).status_code == 200
        refusal(browser.put(f"/capture/{upload}/1", content=encode_frame(FRAMES[1])), 413)


def test_a_full_inbox_takes_no_other_clip_until_it_was_adopted(project: Project, inbox: Inbox) -> None:
    with visitor("one") as browser:
        upload = begin(browser, frames=1)
        browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0]))
        browser.post(f"/capture/{upload}/end")
        inbox.limits = Limits(inbox_bytes=len(encode_frame(FRAMES[0])))
        assert "inbox is full" in refusal(browser.post("/capture/begin", json=ANNOUNCED | {"name": "other"}), 507)
        adopt(project.paths)
        begin(browser, name="other")


def test_of_two_uploads_with_one_name_the_second_is_told(browser: TestClient, project: Project) -> None:
    first = begin(browser, frames=1)
    with visitor("two") as other:
        assert "under way" in refusal(other.post("/capture/begin", json=ANNOUNCED), 409)
    browser.put(f"/capture/{first}/0", content=encode_frame(FRAMES[0]))
    browser.post(f"/capture/{first}/end")
    assert "already" in refusal(browser.post("/capture/begin", json=ANNOUNCED), 409)
    project.paths.raw.mkdir(parents=True)
    adopt(project.paths)
    assert "already" in refusal(browser.post("/capture/begin", json=ANNOUNCED), 409)


def test_an_upload_belongs_to_its_session(browser: TestClient) -> None:
    upload = begin(browser)
    with visitor("two") as other:
        refusal(other.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0])), 404)
        refusal(other.post(f"/capture/{upload}/end"), 404)
        refusal(other.delete(f"/capture/{upload}"), 404)
    assert browser.delete(f"/capture/{upload}").status_code == 200
    refusal(browser.delete(f"/capture/{upload}"), 404)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": ""},
        {access.TOKEN_HEADER: ""},
        {access.TOKEN_HEADER: "one.two.three"},
    ],
)
def test_only_the_page_itself_may_send(browser: TestClient, project: Project, headers: dict[str, str]) -> None:
    answer = browser.post("/capture/begin", json=ANNOUNCED, headers=headers)
    assert "Only the live page" in refusal(answer, 403)
    assert nothing_is_stored(project)


def test_where_capture_is_off_an_older_token_is_none(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPCAM_CAPTURE", "off")
    refusal(browser.post("/capture/begin", json=ANNOUNCED), 403)


def test_a_token_expires(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + access.LASTS_S + 2)
    refusal(browser.post("/capture/begin", json=ANNOUNCED), 403)


def test_an_upload_goes_on_when_the_token_it_began_with_has_expired(
    browser: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(browser)
    began = time.time()
    with visitor("two") as other:
        monkeypatch.setattr(time, "time", lambda: began + access.LASTS_S + 2)
        refusal(browser.post("/capture/begin", json=ANNOUNCED | {"name": "other"}), 403)
        refusal(other.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0])), 404)
    elsewhere = {"origin": "https://elsewhere.example"}
    refusal(browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0]), headers=elsewhere), 403)
    for index, frame in enumerate(FRAMES):
        assert browser.put(f"/capture/{upload}/{index}", content=encode_frame(frame)).status_code == 200
    assert browser.post(f"/capture/{upload}/end").json() == {"clip": "desk"}


def test_no_upload_goes_on_for_ever(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(browser)
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + access.UPLOAD_LASTS_S + 2)
    refusal(browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0])), 403)


def test_a_token_of_another_secret_is_none(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "get_option", lambda _: "another secret")
    refusal(browser.post("/capture/begin", json=ANNOUNCED), 403)


def test_what_an_unplugged_camera_gave_is_a_clip(browser: TestClient, project: Project) -> None:
    upload = begin(browser, frames=9)
    assert "0 of 1 frames" in refusal(browser.post(f"/capture/{upload}/end?frames=1"), 409)
    for index in (0, 1):
        browser.put(f"/capture/{upload}/{index}", content=encode_frame(FRAMES[index]))
    for wrong in ("0", "1", "3", "10"):
        assert "2 of" in refusal(browser.post(f"/capture/{upload}/end?frames={wrong}"), 409)
    for wrong in ("", "-1", "2.0", "x", "9" * 30):
        assert "Reload" in refusal(browser.post(f"/capture/{upload}/end?frames={wrong}"), 400)
    assert browser.post(f"/capture/{upload}/end?frames=2").json() == {"clip": "desk"}
    clip = project.paths.inbox / "desk"
    assert all(np.array_equal(read_frame(file), frame) for file, frame in zip(find_frames(clip), FRAMES, strict=True))
    assert json.loads((clip / "clip.json").read_text())["frames"] == 2


@pytest.mark.parametrize("way", ["end", "abort"])
def test_an_upload_that_ends_while_a_frame_is_written_is_never_half_a_clip(
    project: Project, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    id_ = inbox.begin("one", ANNOUNCED | {"frames": 1}, taken=project.paths.raw)
    writing, may_go_on = Event(), Event()

    def slow(path: Path, data: bytes, *, synced: bool) -> None:
        writing.set()
        assert may_go_on.wait(10)
        write_bytes(path, data, synced=synced)

    monkeypatch.setattr("app.live.inbox.write_bytes", slow)
    with ThreadPoolExecutor() as threads:
        put = threads.submit(inbox.put, "one", id_, 0, encode_frame(FRAMES[0]))
        assert writing.wait(10)
        over = threads.submit(getattr(inbox, way), "one", id_)
        wait([over], timeout=0.2)
        may_go_on.set()
        put.result()
        over.result()
    assert [path.name for path in project.paths.inbox.glob("*/*.png")] == (["000000.png"] if way == "end" else [])
    assert not list(project.paths.inbox.glob(".*"))


def test_a_slow_line_is_not_taken_for_one_that_was_cut(browser: TestClient, project: Project, inbox: Inbox) -> None:
    upload = begin(browser, frames=1)
    (folder,) = project.paths.inbox.glob(".*.upload")

    long_ago = time.time() - 2 * inbox.idle_s
    os.utime(folder, (long_ago, long_ago))
    data = encode_frame(FRAMES[0])
    asyncio.run(_put_while_swept(inbox, upload, [data[:100], data[100:]]))
    assert browser.post(f"/capture/{upload}/end").status_code == 200


async def _put_while_swept(inbox: Inbox, upload: str, parts: list[bytes]) -> None:
    """The frame in parts; between two of them the inbox is swept."""

    async def receive() -> Any:
        part = parts.pop(0)
        if not parts:
            inbox.sweep()
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    await Starlette(routes=routes.ROUTES)(_scope(f"/capture/{upload}/0"), receive, send)


def _scope(path: str) -> dict[str, Any]:
    """A PUT of the page's own."""
    headers = {"host": "testserver", "origin": "http://testserver", access.TOKEN_HEADER: access.issue("one")}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "PUT", "path": path, "query_string": b"", "headers": raw}


def test_a_line_that_is_cut_in_the_middle_of_a_frame_leaves_nothing_of_it(inbox: Inbox, project: Project) -> None:
    id_ = inbox.begin("one", ANNOUNCED, taken=project.paths.raw)
    answers: list[Any] = []
    parts = iter([{"type": "http.request", "body": encode_frame(FRAMES[0])[:100], "more_body": True}])

    async def receive() -> Any:
        return next(parts, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        answers.append(message)

    asyncio.run(Starlette(routes=routes.ROUTES)(_scope(f"/capture/{id_}/0"), receive, send))
    assert answers[0]["status"] == 400
    assert not list(project.paths.inbox.glob(".*/*.png"))


def test_what_was_cut_off_in_the_middle_is_removed(browser: TestClient, project: Project, inbox: Inbox) -> None:
    upload = begin(browser)
    browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0]))
    inbox.sweep()
    assert not nothing_is_stored(project)
    (folder,) = project.paths.inbox.glob(".*.upload")
    long_ago = time.time() - 2 * inbox.idle_s
    os.utime(folder, (long_ago, long_ago))
    inbox.sweep()
    assert nothing_is_stored(project)
    refusal(browser.put(f"/capture/{upload}/1", content=encode_frame(FRAMES[1])), 404)
    begin(browser)  # the name is free again


def test_a_server_that_starts_removes_what_an_earlier_one_left(project: Project) -> None:
    left = project.paths.inbox / ".desk.upload"
    left.mkdir(parents=True)
    (left / "000000.png").write_bytes(encode_frame(FRAMES[0]))
    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    with TestClient(Starlette(routes=routes.ROUTES, lifespan=routes.clean_inbox)):
        pass
    assert nothing_is_stored(project)


def test_a_full_disk_is_one_sentence(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(browser)

    def full(self: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert "disk is full" in refusal(browser.put(f"/capture/{upload}/0", content=encode_frame(FRAMES[0])), 507)
