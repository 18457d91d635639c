"""Waiting for work that is done elsewhere."""

import time

import pytest

from app.waiting import waited_for


def slowly() -> str:
    time.sleep(0.3)
    return "done"


def in_vain() -> str:
    raise TimeoutError("nobody answers")


def test_what_the_work_gives_or_raises_is_given_on() -> None:
    assert waited_for(slowly, words="Working…") == "done"
    with pytest.raises(TimeoutError, match="nobody answers"):
        waited_for(in_vain, words="Working…")
