"""Who may do what on the dashboard: a viewer looks at everything, an operator also runs, changes and deletes.

Where only this machine reaches the dashboard everybody is an operator, and nobody logs in. Elsewhere `[auth]` in
.streamlit/secrets.toml sets Streamlit's log-in up, and `operators` under `[sharpcam]` there says who is one; without a
log-in everybody is a viewer. SHARPCAM_EVERYONE_OPERATES=on makes operators of all viewers.

Whatever changes something is `operators_only`; of requests over HTTP app.log_in asks the same. Streamlit is imported
where it is asked, as the keeper of a job and the launcher do without it.
"""

import os
from collections.abc import Callable, Mapping
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pipeline.core.errors import SharpcamError

EVERYONE = "SHARPCAM_EVERYONE_OPERATES"  # environment variable
SECTION, OPERATORS = "sharpcam", "operators"
SETTINGS = ".streamlit/secrets.toml"
HOW = "docs/security.md says how to name operators"

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
User = Mapping[str, Any]  # claims of OpenID Connect, and Streamlit's `is_logged_in`


class Role(Enum):
    """What somebody is to this server; a stranger has yet to log in."""

    STRANGER = "stranger"
    VIEWER = "viewer"
    OPERATOR = "operator"


class NotAllowedError(SharpcamError):
    """Somebody who is no operator wanted to change something."""


def operators_only(action: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The same action for operators; anybody else gets a NotAllowedError before it begins."""

    @wraps(action)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if not may_operate():
            raise NotAllowedError(refusal())
        return action(*args, **kwargs)

    return guarded


def may_operate() -> bool:
    """Whether whoever looks at this page is an operator."""
    return role() is Role.OPERATOR


def role() -> Role:
    """What the person is whose page this thread makes; who runs a program on this machine needs no page."""
    import streamlit as st
    from streamlit import runtime
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    if not runtime.exists():
        return Role.OPERATOR
    return role_of(st.user.to_dict() if get_script_run_ctx(suppress_warning=True) else {})


def role_of(user: User) -> Role:
    """What that user is. Raises SharpcamError where the settings cannot be read."""
    if not is_shared():
        return Role.OPERATOR
    if has_log_in() and user.get("is_logged_in") is not True:
        return Role.STRANGER
    return Role.OPERATOR if everyone_operates() or (has_log_in() and _is_named(user)) else Role.VIEWER


def _is_named(user: User) -> bool:
    """Whether the settings name the user: by an address that the provider has verified, or by its own id for them."""
    verified = str(user.get("email_verified", "")).lower() == "true"  # some providers send it as text
    address = str(user.get("email", "")).strip().lower() if verified else ""  # else anybody could claim it
    own = str(user.get("sub", ""))
    return any(name.lower() == address if "@" in name else name == own for name in operators() if name)


def is_shared() -> bool:
    """Whether others than this machine reach the dashboard; Streamlit without an address listens everywhere."""
    import streamlit as st

    from app.hosts import given_names, is_loopback

    address = st.get_option("server.address")
    return not address or not is_loopback(address) or bool(given_names())


def has_log_in() -> bool:
    """Whether Streamlit's log-in is set up. Raises SharpcamError where that cannot be read."""
    return bool(log_in_settings())


def log_in_settings() -> Mapping[str, Any]:
    """What the settings say of the log-in, as Streamlit reads it. Raises SharpcamError where that cannot be read."""
    return _settings("auth")


def everyone_operates() -> bool:
    """Whether who started the server wanted no viewers."""
    return os.environ.get(EVERYONE) == "on"


def operators() -> tuple[str, ...]:
    """The names in the settings: addresses, or ids of the provider's. Raises SharpcamError for what is no list."""
    known = _settings(SECTION)
    given = known.get(OPERATORS, [])
    names = given.replace(",", " ").split() if isinstance(given, str) else given
    if unknown := [*(known.keys() - {OPERATORS})]:
        raise SharpcamError(
            f"[{SECTION}] in {SETTINGS} takes {OPERATORS}, not {', '.join(sorted(unknown))}. Rename it."
        )
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SharpcamError(f'{OPERATORS} in {SETTINGS} is not a list such as ["ada@example.org"]. Put it right.')
    return tuple(names)


def _settings(section: str) -> Mapping[str, Any]:
    """A section of Streamlit's secrets. Raises SharpcamError where they are there, and cannot be read."""
    import streamlit as st

    try:
        is_loaded = st.secrets.load_if_toml_exists()
    except (OSError, UnicodeDecodeError):
        is_loaded = False
    if not is_loaded:
        if there := [file for file in st.get_option("secrets.files") if Path(file).exists()]:
            raise SharpcamError(f"{', '.join(there)} cannot be read as TOML. Put it right, and start again.")
        return {}
    found = st.secrets.get(section, {})
    if not isinstance(found, Mapping):
        raise SharpcamError(f"{section} in {SETTINGS} is not a section. Write [{section}] above its values.")
    return found


def refusal() -> str:
    """Why somebody who is no operator may not, and the next step."""
    asked = "Ask whoever runs this server to name you as one" if has_log_in() else HOW
    return f"Running, changing and deleting is for operators. {asked}."


def describe() -> str:
    """Who may do what on a server that others reach, for whoever starts it. Raises SharpcamError for wrong settings."""
    names = operators()
    who = "Whoever logs in" if has_log_in() else "Everybody who reaches the dashboard"
    if everyone_operates():
        return f"{who} may run, change and delete everything."
    if has_log_in() and names:
        return f"{who} may look at everything; to run, change and delete is for operators: {', '.join(names)}."
    return f"{who} may look at everything and change nothing. {HOW}; --everyone-operates makes all of them operators."
