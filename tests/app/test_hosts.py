"""Who reaches the dashboard in a browser: its own pages under its own names, and no page of a stranger."""

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app import hosts
from app.hosts import HOSTS, known_names, name_in
from app.live.routes import ROUTES
from app.server import MIDDLEWARE

STREAM = "/_stcore/stream"
PATHS = ["/", "/_stcore/health", "/live/web/player.mjs", "/capture/begin", "/nowhere"]
OWN = "http://localhost:8501"


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where the dashboard listens."""
    given, asked = {"server.address": "127.0.0.1"}, st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: given.get(name) or asked(name))
    return given


async def healthy(_: Request) -> Response:
    return Response("ok")


async def stream(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@pytest.fixture
def browser(address: dict[str, str]) -> TestClient:
    """What stands before the dashboard, and its own routes; Streamlit begins only once in a process."""
    inside = [*ROUTES, Route("/", healthy), Route("/_stcore/health", healthy), WebSocketRoute(STREAM, stream)]
    return TestClient(Starlette(routes=inside, middleware=MIDDLEWARE), base_url=OWN)


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "LOCALHOST:8501", "localhost."])
def test_the_dashboard_answers_under_its_own_names(browser: TestClient, host: str) -> None:
    assert browser.get("/_stcore/health", headers={"host": host}).status_code == 200


REBOUND = ["evil.example:8501", "evil.example", "localhost.evil.example", "192.168.0.9:8501", "127.0.0.1.nip.io"]
NO_HOSTS = ["", "[", "a@localhost", "localhost/", "localhost:x", "localhost evil"]


@pytest.mark.parametrize("host", REBOUND + NO_HOSTS)
@pytest.mark.parametrize("path", PATHS)
def test_under_another_name_there_is_one_sentence(browser: TestClient, host: str, path: str) -> None:
    for method in ("GET", "POST"):
        answer = browser.request(method, path, headers={"host": host})
        assert answer.status_code == 421
        assert answer.text.startswith("This server is not known by that name.")


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8501", "origin": "http://evil.example:8501"},
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": "null"},
        {"origin": "http://localhost:8501.evil.example"},
    ],
)
def test_no_session_is_opened_for_a_page_of_a_stranger(browser: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect(f"ws://localhost:8501{STREAM}", headers=headers):
        pass


def test_a_session_is_opened_for_a_page_of_its_own(browser: TestClient) -> None:
    with browser.websocket_connect(f"ws://localhost:8501{STREAM}", headers={"origin": OWN}):
        pass


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_changed_for_a_page_of_a_stranger(browser: TestClient, method: str) -> None:
    for path in ("/capture/begin", "/_stcore/upload_file/a/b", "/"):
        for origin in ("http://evil.example", "null", "http://localhost:1"):
            answer = browser.request(method, path, headers={"origin": origin})
            assert answer.status_code == 403
            assert answer.text.startswith("Only pages of this server may do that.")


@pytest.mark.parametrize("path", [*PATHS, "/static/x"])
def test_every_answer_has_the_headers(browser: TestClient, path: str) -> None:
    for host in ("localhost:8501", "evil.example"):
        headers = browser.get(path, headers={"host": host}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "'unsafe-eval'" not in headers["content-security-policy"]
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_on_the_network_addresses_and_the_names_that_were_given_are_known(
    browser: TestClient, address: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(address, "server.address", "0.0.0.0")
    monkeypatch.setenv(HOSTS, "Cam.example.org,other")
    monkeypatch.setattr(hosts.socket, "gethostname", lambda: "Box")
    for host in ("192.168.0.9:8501", "[fe80::1]:8501", "cam.example.org", "other:80", "box:8501", "box.local:8501"):
        assert browser.get("/_stcore/health", headers={"host": host}).status_code == 200
    assert browser.get("/_stcore/health", headers={"host": "evil.example"}).status_code == 421


def test_names() -> None:
    assert known_names("127.0.0.1") == {"localhost", "127.0.0.1", "::1"}
    assert known_names("localhost") == known_names("::1") == known_names("127.0.0.1")
    assert "cam.example.org" in known_names("cam.example.org")
    assert name_in("[::1]:80") == "::1"
    assert name_in("a..") == "a"
