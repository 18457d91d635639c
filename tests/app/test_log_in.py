"""What a request over HTTP may do, by the cookie that Streamlit has signed; and what a stranger sees of the pages."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from identities import ADA, BOB, LOG_IN, OPERATORS
from making import ROOT, Project
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.auth_util import set_cookie_with_chunks
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from app.hosts import READING
from app.live.routes import ROUTES
from app.server import MIDDLEWARE
from pipeline.core.hashing import sha256_of_text

OWN = "http://localhost:8501"
SECRET = "0123456789abcdef0123456789abcdef"
UPLOAD = "/_stcore/upload_file/a/b"  # Streamlit's own, for files of any session
MODEL = f"/registry/{'ab' * 32}/student_sr.json"
CHANGES = [
    (method, re.sub(r"\{index.*?\}", "0", re.sub(r"\{id.*?\}", "a", getattr(route, "path", ""))))
    for route in ROUTES
    for method in sorted((getattr(route, "methods", None) or set()) - READING)
]


async def answer(_: Request) -> Response:
    return Response("done")


@pytest.fixture
def browser(project: Project, shared: Callable[[str], None]) -> TestClient:
    """What stands before the dashboard, and routes; Streamlit begins only once in a process."""
    shared(LOG_IN + OPERATORS)
    inside = [Route(path, answer, methods=["PUT", "GET"]) for path in (UPLOAD, "/media/a.png", "/data")]
    return TestClient(Starlette(routes=[*ROUTES, *inside], middleware=MIDDLEWARE), base_url=OWN)


def log_in(browser: TestClient, user: dict[str, Any], *, secret: str = SECRET) -> None:
    """Keep the cookie that Streamlit would set."""

    def keep(name: str, value: str) -> None:
        browser.cookies.set(name, create_signed_value(secret, name, value).decode())

    def signed(name: str, value: str) -> bytes:
        return create_signed_value(secret, name, value)

    set_cookie_with_chunks(keep, signed, USER_COOKIE_NAME, user | {"origin": OWN}, cookie_attr_size=100)


def test_every_route_that_changes_something_is_known() -> None:
    assert {path for _, path in CHANGES} == {"/capture/begin", "/capture/a/end", "/capture/a/0", "/capture/a"}


@pytest.mark.parametrize(("method", "path"), [*CHANGES, ("PUT", UPLOAD), ("PATCH", "/anything"), ("POST", "/data")])
def test_changes_are_for_operators(browser: TestClient, project: Project, method: str, path: str) -> None:
    assert browser.request(method, path).status_code == 401
    log_in(browser, BOB)
    refused = browser.request(method, path)
    assert (refused.status_code, "is for operators" in refused.json()["error"]) == (403, True)
    log_in(browser, ADA, secret="a secret of somebody else's, of 32 letters")
    assert browser.request(method, path).status_code == 401
    log_in(browser, ADA)
    passed = browser.request(method, path)
    assert passed.status_code != 401
    assert "operators" not in passed.text
    assert not list(project.paths.inbox.glob("*"))


def test_pictures_and_students_are_for_who_has_logged_in(browser: TestClient) -> None:
    assert {browser.get(path).status_code for path in ("/media/a.png", MODEL, "/_stcore/metrics")} == {401}
    assert {browser.get(path).status_code for path in ("/data", "/live/web/player.mjs")} == {200}
    log_in(browser, BOB)
    assert [browser.get(path).status_code for path in ("/media/a.png", MODEL)] == [200, 404]


def test_a_user_with_many_claims_is_known_too(browser: TestClient) -> None:
    log_in(browser, ADA | {"groups": [sha256_of_text(str(number)) for number in range(99)]})
    assert len(browser.cookies) > 1
    assert browser.put(UPLOAD).text == "done"


@pytest.mark.parametrize("cookie", ["", "x", "ÿ", json.dumps(ADA), "a.b.c", "chunks-3"])
def test_a_cookie_that_nobody_signed_is_none(browser: TestClient, cookie: str) -> None:
    headers = {"cookie": f"{USER_COOKIE_NAME}={cookie}".encode()}
    assert browser.put(UPLOAD, headers=headers).status_code == 401


def test_a_stranger_sees_one_button_and_no_page(shared: Callable[[str], None]) -> None:
    shared(LOG_IN + OPERATORS)
    page = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=60).run()
    assert not page.exception
    assert [title.value for title in page.title] == ["sharpcam"]
    assert [button.label for button in page.button] == ["Log in"]
    assert len(page.main.children) == 2


@pytest.mark.parametrize(("user", "role", "told"), [(BOB, "viewer", 1), (ADA, "operator", 0)])
def test_who_is_logged_in_is_told_so_and_a_viewer_why_there_are_no_buttons(
    project: Project, shared: Callable[[str], None], user: dict[str, Any], role: str, told: int
) -> None:
    shared(LOG_IN + OPERATORS)
    page = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=60)
    page.user = user
    page.run()
    assert not page.exception
    assert page.sidebar.text[0].value == f"{user['email']}, {role}"
    assert [button.label for button in page.sidebar.button] == ["Log out"]
    assert sum("You may look at everything." in caption.value for caption in page.caption) == told
