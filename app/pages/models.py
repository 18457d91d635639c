"""Page: the students in pictures, the one in use and how to change that, their figures side by side, their files."""

import streamlit as st

from app.models.files import show_files
from app.models.registered import show_registered
from app.models.scores import show_benchmark, show_scores
from app.models.versions import show_what_was_done
from pipeline.core.paths import Paths


def show_page(paths: Paths) -> None:
    """The whole page; where there is nothing yet, what to do."""
    st.title("Models")
    show_what_was_done()
    show_registered(paths)
    show_scores(paths)
    show_benchmark(paths)
    show_files(paths)


show_page(Paths())
