"""Who may send frames: the page hands an operator's session a signed token, and a browser's request has to come from
that page."""

import os
import secrets
import time
from urllib.parse import urlsplit

import streamlit as st
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection

from app.roles import may_operate

ROLE = "capture"
LASTS_S = 2 * 3600
UPLOAD_LASTS_S = 24 * 3600  # 2000 frames at one in ten seconds take six hours
TOKEN_HEADER = "x-sharpcam-token"


def may_capture() -> bool:
    """Whether whoever looks at this page may: an operator, unless SHARPCAM_CAPTURE=off."""
    return _is_allowed() and may_operate()


def session_token() -> str:
    """This session's token. It stays the same for half its life, so that the page's data do too."""
    kept = st.session_state.get("capture_token")
    if kept is None or time.time() - kept[0] > LASTS_S / 2:
        kept = (time.time(), issue(secrets.token_hex(8)))
        st.session_state["capture_token"] = kept
    return str(kept[1])


def issue(session: str) -> str:
    """A token for `session`."""
    return _signer().dumps(session)


def holder(request: HTTPConnection, *, lasts_s: int = LASTS_S) -> str | None:
    """The session whose token the request carries; none where it comes from elsewhere, or the token is not valid or
    older than `lasts_s`."""
    if not _is_allowed():  # a token of an earlier server with the same secret
        return None
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    if not host or urlsplit(origin).netloc != host:
        return None
    try:
        return str(_signer().loads(request.headers.get(TOKEN_HEADER, ""), max_age=lasts_s))
    except BadSignature:
        return None


def _is_allowed() -> bool:
    return os.environ.get("SHARPCAM_CAPTURE") != "off"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(st.get_option("server.cookieSecret"), salt=ROLE)
