"""Adding a clip: an upload, or a camera on the server; recorded by `pipeline.capture` as a job."""

from pathlib import Path

import streamlit as st

from app.data.clips import check_name
from app.data.job_view import ask_for, attempt
from app.data.uploads import receive, remove_recorded
from app.links import show_link
from app.roles import may_operate, refusal
from app.text import as_text
from pipeline.core.paths import Paths

UPLOAD, CAMERA = "A video or pictures", "A camera on the server"


def show_add(paths: Paths) -> None:
    """The form of one of the two; to a viewer, why there is none."""
    if not may_operate():
        st.info(as_text(refusal()))
        return
    remove_recorded(paths)
    kind = st.radio("From", [UPLOAD, CAMERA], horizontal=True)
    clip = st.text_input("Name of the clip", help="Letters, digits, dots, dashes and underscores.").strip()
    first, second = st.columns(2)
    frames = int(first.number_input("Maximum length (frames)", 1, 100_000, 300))
    every = int(second.number_input("Keep every n-th frame", 1, 1000, 1))
    options = ["--clip", clip, "--frames", str(frames), "--every", str(every)]
    if kind == UPLOAD:
        add_upload(clip, options, paths)
    else:
        add_camera(clip, options, paths)
    show_link("live.py", "Record a camera on your own machine, where this browser runs")


def add_upload(clip: str, options: list[str], paths: Paths) -> None:
    """Check what was uploaded, and have it recorded."""
    limit = int(st.get_option("server.maxUploadSize"))
    files = st.file_uploader(f"One video, or pictures of one size, up to {limit} MB", accept_multiple_files=True)
    if files:
        st.caption(f"{len(files)} files, {sum(file.size for file in files) / 1e6:.1f} MB")
    if st.button("Add", type="primary", disabled=not (files and clip)):
        found: list[Path] = []
        if attempt(lambda: found.append(receive(files, clip, paths, limit_bytes=limit * 2**20))):
            ask_for("record", ["--source", str(found[0]), *options], paths)


def add_camera(clip: str, options: list[str], paths: Paths) -> None:
    """Have a camera recorded, by its index."""
    seen = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    st.caption(f"This server shows: {', '.join(seen)}" if seen else "This server shows no camera in /dev.")
    index = int(st.number_input("Index of the camera", 0, 99, 0))
    if st.button("Record", type="primary", disabled=not clip) and attempt(lambda: check_name(clip, paths)):
        ask_for("record", ["--source", str(index), *options], paths)
