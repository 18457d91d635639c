"""The registry on the page Models: the overview and all versions, or what was last known of them."""

import streamlit as st

from app.links import show_link
from app.models.overview import show_overview
from app.models.versions import show_versions
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.tracking import registry
from pipeline.tracking.client import database_file, store_exists
from pipeline.tracking.registry import Version


def show_registered(paths: Paths) -> None:
    """Champion, candidate and all versions; what was last known of them, and nothing to press, without the registry."""
    try:
        versions = waited_for(lambda: read_versions(paths), words="Reading the registry…")
    except SharpcamError as error:
        known = registry.last_known_versions(paths)
        st.warning(f"{as_text(error)}" + (" Shown is what was last known." if known else ""))
        if known:
            show_versions(known)
        return
    show_overview(versions, paths)
    if not versions:
        st.info("No student is registered yet. A run of the pipeline trains one and registers it.")
        show_link("pipeline.py", "Run the pipeline")
        return
    show_versions(versions)


def read_versions(paths: Paths) -> list[Version]:
    """All versions, the newest first. Raises SharpcamError, also where the store that held some is gone."""
    if not store_exists() and registry.last_known_versions(paths):
        raise SharpcamError(f"{database_file()} is gone, and the registry was in it. Put it back from a backup.")
    return registry.versions(paths)
