"""Waiting for what takes seconds off the page's thread, so that no click has to."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import streamlit as st

Result = TypeVar("Result")
TICK_S = 0.1


@st.cache_resource(show_spinner=False)
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="page")


def waited_for(work: Callable[[], Result], *, words: str) -> Result:
    """What `work` gives, computed elsewhere; `words` are shown meanwhile, and a click elsewhere ends the waiting."""
    future = _workers().submit(work)
    wait([future], TICK_S)
    if not future.done():
        with st.spinner(words):
            here = st.empty()
            while not future.done():
                wait([future], TICK_S)
                here.empty()  # Streamlit stops a script only where it calls
    return future.result()
