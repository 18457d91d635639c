"""Links from one step to the next."""

from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitAPIException

ICON = ":material/arrow_forward:"


def show_link(page: str, label: str) -> None:
    """A link to another page, a file in app/pages, where the dashboard has it."""
    with suppress(StreamlitAPIException):
        st.page_link(f"pages/{page}", label=label, icon=ICON)
