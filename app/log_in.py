"""Streamlit's log-in, by OpenID Connect: its page, who is here, and what a request may ask of the server.

Streamlit keeps a user in a signed cookie. A page's session reads it once; each request over HTTP, such as an upload, is
asked for it here.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks, validate_auth_credentials
from streamlit.errors import StreamlitAuthError
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from app import roles
from app.hosts import READING
from app.roles import Role
from app.text import as_text
from pipeline.core.errors import SharpcamError

OF_USERS = ("/media/", "/registry/", "/_stcore/metrics")  # pictures, students, sessions; all else that is read is code
LEAST_SECRET = 32  # characters
DEFAULT = "default"  # the provider whose values stand in [auth] itself


def providers() -> list[str]:
    """The names of those by whom one may log in: DEFAULT, and those of sections within [auth]."""
    known = roles.log_in_settings()
    named = [name for name, value in known.items() if isinstance(value, Mapping) and "client_id" in value]
    return [DEFAULT, *named] if "client_id" in known or not named else named


def check_settings() -> None:
    """Raise SharpcamError where the settings of roles, or of the log-in, are not complete."""
    roles.operators()
    if not roles.has_log_in():
        return
    if len(str(roles.log_in_settings().get("cookie_secret", ""))) < LEAST_SECRET:
        raise SharpcamError(
            f"cookie_secret in {roles.SETTINGS} has less than {LEAST_SECRET} characters: who guesses it is anybody. "
            'Write there what this prints: python -c "import secrets; print(secrets.token_hex())"'
        )
    for provider in providers():
        try:
            validate_auth_credentials(provider)
        except StreamlitAuthError as error:
            said = " ".join(str(error).split())
            raise SharpcamError(f"{said} docs/security.md has a complete example.") from None


def show_log_in() -> None:
    """What a stranger sees of every page."""
    st.title("sharpcam")
    for provider in providers():
        label = "Log in" if provider == DEFAULT else f"Log in with {as_text(provider.capitalize())}"
        if st.button(label, type="primary", icon=":material/login:", key=f"log-in-{provider}"):
            st.login(provider)


def show_who(role: Role) -> None:
    """Who is logged in, in the sidebar; to a viewer, above the page, what is not for them."""
    if roles.is_shared() and roles.has_log_in():
        name = st.user.get("email") or st.user.get("name") or st.user.get("sub")
        st.sidebar.text(f"{name}, {role.value}")
        if st.sidebar.button("Log out", icon=":material/logout:", key="log-out"):
            st.logout()
    if role is Role.VIEWER:
        st.caption(f":material/visibility: You may look at everything. {as_text(roles.refusal())}")


def user_of(cookies: Mapping[str, str]) -> dict[str, Any]:
    """Whom the cookies of a request name; empty where their signature is not this server's, or is too old."""

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(get_cookie_secret(), name, value.encode("latin-1", "replace")) if value else None

    known = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    return dict(json.loads(known)) if known else {}


class OnlyWhoMay:
    """ASGI middleware: requests that change something are for operators, and pictures for who has logged in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = _refusal(scope) if scope["type"] == "http" else None
        await (refused or self.app)(scope, receive, send)


def _refusal(scope: Scope) -> ASGIApp | None:
    changes = scope["method"] not in READING
    if not changes and not any(part in scope["path"] for part in OF_USERS):
        return None
    role = roles.role_of(user_of(HTTPConnection(scope).cookies))
    if role is Role.STRANGER:
        return JSONResponse({"error": "Log in first, and try again."}, HTTPStatus.UNAUTHORIZED)
    if changes and role is not Role.OPERATOR:
        return JSONResponse({"error": roles.refusal()}, HTTPStatus.FORBIDDEN)
    return None
