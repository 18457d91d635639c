"""Page: the clips, their pictures and versions, adding some, and what all of it takes on disk."""

import streamlit as st

from app.data.add_view import show_add
from app.data.clips_view import show_clips
from app.data.disk_view import show_disk
from app.data.job_view import show_last_job
from app.data.versions_view import show_versions
from pipeline.core.paths import Paths

SECTIONS = {"Clips": show_clips, "Add a clip": show_add, "Versions": show_versions, "Disk": show_disk}


def show_page(paths: Paths) -> None:
    """The part that is chosen; only that one costs time."""
    st.title("Data")
    chosen = st.segmented_control(
        "Part",
        list(SECTIONS),
        default="Clips",
        required=True,
        label_visibility="collapsed",
        bind="query-params",
        key="part",
    )
    show_last_job(paths)
    SECTIONS[chosen or "Clips"](paths)


show_page(Paths())
