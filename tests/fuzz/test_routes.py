"""Requests of any kind to every route of the dashboard's own: an answer, never an error of the server, never a file
outside of its folder; and the headers on each answer."""

from typing import Any
from urllib.parse import quote

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some
from making import Project, photo
from mangled import FENCE, Change, as_json, fuzzed, mangled_bytes, mangled_record, several_bytes, several_values
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.isolation import ISOLATION
from app.live import access, routes
from app.live.inbox import Inbox, Limits
from app.server import MIDDLEWARE
from pipeline.core.frames import encode_frame

OWN = "http://localhost:8501"
ANNOUNCED = {"name": "desk", "frames": 2, "width": 40, "height": 30, "fps": 5, "mime": "image/png"}
PLACES = [
    "/",
    "/live/web/player.mjs",
    "/live/web/../../../../params.yaml",
    "/live/web/%2e%2e/%2e%2e/routes.py",
    "/live/engine/layers-simd.wasm",
    "/live/ort/ort.mjs",
    "/live/sample/box.webm",
    f"/registry/{'ab' * 32}/student_sr.json",
    "/capture/begin",
    "/capture/0123456789abcdef/0",
    "/capture/0123456789abcdef/end",
    "/capture/0123456789abcdef",
    "/_stcore/upload_file/x/y",
]
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"]
printable = some.text(some.characters(min_codepoint=33, max_codepoint=126), max_size=40)


@pytest.fixture
def inbox(project: Project, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    made = Inbox(project.paths.inbox, limits=Limits(frames=50), idle_s=0)
    monkeypatch.setattr(routes, "INBOX", made)
    given_options, asked = {"server.address": "127.0.0.1"}, st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: given_options.get(name) or asked(name))
    return made


@pytest.fixture
def browser(inbox: Inbox) -> TestClient:
    """The dashboard's own routes behind all that stands before them, as a page of it asks."""
    headers = {"origin": OWN, access.TOKEN_HEADER: access.issue("one")}
    return TestClient(Starlette(routes=routes.ROUTES, middleware=MIDDLEWARE), base_url=OWN, headers=headers)


def check(answer: Any) -> None:
    assert answer.status_code < 500 or answer.status_code in (502, 507), answer.text
    for name, value in ISOLATION.items():
        assert answer.headers[name] == value
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors" in answer.headers["content-security-policy"]


def test_no_request_breaks_the_server(browser: TestClient, project: Project) -> None:
    @fuzzed
    @given(
        some.sampled_from(METHODS),
        some.sampled_from(PLACES) | some.builds("/{}".format, printable),
        some.dictionaries(
            some.sampled_from(["origin", "host", "range", "accept-encoding", "if-none-match", "if-range", "cookie"])
            | some.just(access.TOKEN_HEADER),
            printable | some.sampled_from(["bytes=0-", "bytes=5-1", "bytes=-9", "http://[", "http://[::1", "null"]),
            max_size=3,
        ),
        some.binary(max_size=200),
    )
    def try_request(method: str, place: str, headers: dict[str, str], body: bytes) -> None:
        with FENCE.around(project.root):
            request = browser.build_request(method, OWN, headers=headers, content=body)
            request.url = request.url.copy_with(raw_path=quote(place, safe="/%?.:").encode())
            check(browser.send(request))

    try_request()


def test_no_announcement_breaks_the_server(browser: TestClient, project: Project) -> None:
    @fuzzed
    @given(several_values)
    def try_announcement(changes: list[Change]) -> None:
        with FENCE.around(project.root):
            answer = browser.post("/capture/begin", content=as_json(mangled_record(ANNOUNCED, changes)))
            check(answer)
            if answer.status_code == 200:
                check(browser.delete(f"/capture/{answer.json()['id']}"))

    try_announcement()


def test_no_frame_breaks_the_server(browser: TestClient, project: Project) -> None:
    frame = encode_frame(photo(30, 40))

    @fuzzed
    @given(several_bytes, some.integers(-1, 3))
    def try_frame(changes: list[Change], index: int) -> None:
        data = mangled_bytes(frame, changes, head=60)
        with FENCE.around(project.root):
            upload = browser.post("/capture/begin", json=ANNOUNCED).json()["id"]
            check(browser.put(f"/capture/{upload}/{index}", content=data))
            check(browser.post(f"/capture/{upload}/end"))
            check(browser.delete(f"/capture/{upload}"))

    try_frame()
