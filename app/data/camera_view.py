"""What is found of the camera that recorded a clip, in words."""

from contextlib import suppress
from functools import partial
from pathlib import Path

import streamlit as st

from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.student.catalogue import bundled_contracts
from pipeline.student.clip_dials import reader_of
from pipeline.student.contract import read_contract
from pipeline.student.dials import adjectives
from pipeline.student.estimator import Estimator


def show_camera(clip: Path, paths: Paths) -> None:
    """A sentence, where sharpcam's own estimator is there; frames that cannot be read say so elsewhere."""
    with suppress(SharpcamError):
        found = waited_for(partial(describe_camera, clip, paths), words="Looking at the camera…")
        if found:
            st.caption(as_text(f"Found of this camera: {found}."))


def describe_camera(clip: Path, paths: Paths) -> str:
    """How the camera is, as the stages find it, too; empty without an estimator. Raises SharpcamError."""
    contracts = bundled_contracts(paths.bundled)
    estimator = _estimator(contracts[0], contracts[0].stat().st_mtime_ns) if contracts else None
    return adjectives(reader_of(estimator, paths).dials(clip)) if estimator else ""


@st.cache_resource(max_entries=2, show_spinner=False)
def _estimator(contract: Path, changed_ns: int) -> Estimator | None:
    """That of the students that come with sharpcam, as long as the contract is the one written at `changed_ns`."""
    del changed_ns
    return read_contract(contract).estimator
