"""The jobs that the page Data asks for."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import streamlit as st

from app.jobs import find, start
from app.jobs.show import show_job
from app.text import as_text
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

JOB = "data-job"  # the number of the session's last one


def attempt(action: Callable[[], object]) -> bool:
    """Do it; what a person can cause is said in a sentence. Whether it was done."""
    try:
        action()
    except SharpcamError as error:
        st.error(as_text(error))
        return False
    except OSError as error:  # a full disk, a folder that may not be written
        st.error(f"That could not be done ({as_text(error.strerror or error)}). Fix that and try again.")
        return False
    return True


def ask_for(command: str, arguments: Sequence[str], paths: Paths) -> None:
    """Start a job and watch it."""

    def begin() -> None:
        st.session_state[JOB] = start(command, arguments, paths=paths).number

    if attempt(begin):
        st.rerun()


def show_last_job(paths: Paths) -> None:
    """The last job that this session asked for, live."""
    if JOB in st.session_state:
        with suppress(SharpcamError):  # its folder was removed
            show_job(find(st.session_state[JOB], paths), paths)
