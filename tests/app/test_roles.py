"""Who is an operator, a viewer, a stranger; and settings that are wrong."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from identities import ADA, BOB, LOG_IN, OPERATORS
from streamlit import config

from app.hosts import HOSTS
from app.log_in import check_settings, providers
from app.roles import EVERYONE, Role, describe, role, role_of
from pipeline.core.errors import SharpcamError

Settings = Callable[[str], None]


def test_where_only_this_machine_reaches_it_everybody_is_an_operator(shared: Settings) -> None:
    shared(LOG_IN + OPERATORS)
    assert role_of({}) is Role.STRANGER
    for address in ("127.0.0.1", "::1", "localhost"):
        config.set_option("server.address", address)
        assert role_of({}) is Role.OPERATOR


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.7", "cam.example.org", None])
@pytest.mark.usefixtures("shared")
def test_without_a_log_in_everybody_is_a_viewer(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_option("server.address", address)
    for user in ({}, ADA, {"email": "ada@example.org"}):
        assert role_of(user) is Role.VIEWER
    assert "change nothing. docs/security.md says how" in describe()
    monkeypatch.setenv(EVERYONE, "on")
    assert role_of({}) is Role.OPERATOR
    assert "Everybody who reaches the dashboard may run, change and delete everything." in describe()


def test_behind_a_proxy_on_this_machine_there_are_roles_too(shared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_option("server.address", "127.0.0.1")
    monkeypatch.setenv(HOSTS, "cam.example.org")
    assert role_of({}) is Role.VIEWER


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({}, Role.STRANGER),
        ({"is_logged_in": False}, Role.STRANGER),
        (ADA | {"is_logged_in": "True"}, Role.STRANGER),  # as a header of a proxy would have it
        (BOB, Role.VIEWER),
        (ADA, Role.OPERATOR),
        (ADA | {"email_verified": "true"}, Role.OPERATOR),
        (ADA | {"email_verified": False}, Role.VIEWER),
        ({name: value for name, value in ADA.items() if name != "email_verified"}, Role.VIEWER),
        (BOB | {"sub": "ada@example.org"}, Role.VIEWER),
        (BOB | {"name": "ada@example.org", "preferred_username": "ada@example.org"}, Role.VIEWER),
        (BOB | {"email": "c3"}, Role.VIEWER),
        (BOB | {"sub": "c3"}, Role.OPERATOR),
        (BOB | {"sub": "C3"}, Role.VIEWER),
        ({"is_logged_in": True}, Role.VIEWER),
    ],
)
def test_operators_are_those_that_the_settings_name(shared: Settings, user: dict[str, Any], expected: Role) -> None:
    shared(LOG_IN + OPERATORS)
    assert role_of(user) is expected
    assert "to run, change and delete is for operators: ada@example.org, c3." in describe()


def test_where_everyone_operates_a_stranger_logs_in_first(shared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shared(LOG_IN)
    assert role_of(BOB) is Role.VIEWER
    assert "Whoever logs in may look at everything and change nothing." in describe()
    monkeypatch.setenv(EVERYONE, "on")
    assert [role_of(user) for user in ({}, BOB)] == [Role.STRANGER, Role.OPERATOR]


@pytest.mark.parametrize("text", ['operators = "ada@example.org, c3"', 'operators = ["ada@example.org", "c3", ""]'])
def test_a_text_with_commas_is_a_list(shared: Settings, text: str) -> None:
    shared(f"{LOG_IN}[sharpcam]\n{text}")
    assert role_of(ADA) is Role.OPERATOR
    assert role_of({"is_logged_in": True, "email_verified": True, "email": "", "sub": ""}) is Role.VIEWER


def test_who_runs_a_program_on_this_machine_needs_no_role(shared: Settings) -> None:
    shared(LOG_IN)
    assert role() is Role.OPERATOR


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[auth", "cannot be read as TOML"),
        ("auth = 1", "is not a section"),
        (LOG_IN + "[sharpcam]\noperator = ['a']", "takes operators, not operator"),
        (LOG_IN + "[sharpcam]\noperators = 3", "is not a list such as"),
        (LOG_IN + "[sharpcam]\noperators = [3]", "is not a list such as"),
        (LOG_IN.replace("client_secret", "secret"), "client_secret"),
        (LOG_IN.replace("0123456789abcdef", "x"), "has less than 32 characters"),
        ("[auth]\ncookie_secret = '0123456789abcdef0123456789abcdef'", "redirect_uri"),
    ],
)
def test_wrong_settings_are_one_sentence(shared: Settings, text: str, sentence: str) -> None:
    shared(text)
    with pytest.raises(SharpcamError, match=re.escape(sentence)) as error:
        check_settings()
    assert "\n" not in str(error.value)


def test_settings_that_are_no_text_at_all(shared: Settings, tmp_path: Any) -> None:
    shared("")
    (tmp_path / "secrets.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SharpcamError, match="cannot be read as TOML"):
        role_of({})


def test_providers_may_have_names(shared: Settings) -> None:
    shared(LOG_IN + "client_kwargs = { prompt = 'login' }")
    assert providers() == ["default"]
    head, values = LOG_IN.split("client_id")
    shared(f"{head}[auth.google]\nclient_id{values}[auth.okta]\nclient_id{values}")
    assert providers() == ["google", "okta"]
    check_settings()
    shared(f"{LOG_IN}[auth.okta]\nclient_id{values}")
    assert providers() == ["default", "okta"]
