"""One clip: a frame of it beside teacher and truth, what the checks found, and what can be done with it."""

from pathlib import Path

import streamlit as st

from app.compare import show_slider
from app.data.camera_view import show_camera
from app.data.clips import Clip, delete, rename, set_left_out
from app.data.job_view import attempt
from app.links import show_link
from app.roles import may_operate
from app.text import as_text
from pipeline.checks import Finding, find, known_measures
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import encode_frame, read_frame
from pipeline.core.geometry import crop
from pipeline.core.params import GeometryParams, Params
from pipeline.core.paths import Paths

CHOSEN, ASKED = "data-clip", "data-asked"  # in the session: the clip looked at, the one whose deletion is asked for
SHOWN = 20  # frames of a finding that are named


def findings(clip: Clip, params: Params | None, paths: Paths) -> list[Finding] | None:
    """What the checks found in a clip as it is now; None where it was not checked since it changed."""
    if params is None or clip.waiting:
        return None
    measures = known_measures(clip.folder, paths, params.geometry)
    return None if measures is None else find(measures, params.geometry)


def choose(clips: list[Clip]) -> Clip:
    """The clip that is looked at."""
    names = [clip.name for clip in clips]
    if st.session_state.get(CHOSEN) not in names:
        st.session_state[CHOSEN] = names[0]
    return clips[names.index(st.selectbox("Clip", names, key=CHOSEN, help="Or press its tile above."))]


def show_clip(clip: Clip, params: Params | None, paths: Paths) -> None:
    """One clip: what to do with it, a frame of it beside teacher and truth, what the checks found."""
    if may_operate():
        show_actions(clip, paths)
    if not clip.frames:
        st.warning(f"{as_text(clip.folder)} holds no frame.")
        return
    for found in findings(clip, params, paths) or []:
        named = ", ".join(found.frames[:SHOWN]) + (" …" if len(found.frames) > SHOWN else "")
        st.warning(f"{as_text(found.sentence)} ({as_text(named)})", icon=":material/search:")
    show_camera(clip.folder, paths)
    last = len(clip.frames) - 1
    key = f"data-frame-{clip.name}"
    index = min(st.slider("Frame", 0, last, key=key) if last else 0, last)
    show_pictures(clip, clip.frames[index], params, paths)


def show_pictures(clip: Clip, frame: Path, params: Params | None, paths: Paths) -> None:
    """raw | teacher | truth, those that there are."""
    try:
        raw = cropped(frame, params.geometry if params else None)
    except SharpcamError as error:
        st.error(as_text(error))
        return
    others = {"teacher": paths.teacher / clip.name / frame.name, "truth": paths.truth / clip.name / frame.name}
    pictures = {"raw": raw} | {title: path for title, path in others.items() if path.exists()}
    show_slider(pictures, key="data-compare", second="teacher")
    if not others["teacher"].exists():
        st.caption("The teacher has not enhanced this frame yet.")


def cropped(frame: Path, geometry: GeometryParams | None) -> bytes:
    """The part of a raw frame that teacher and student see, as PNG."""
    picture = read_frame(frame)
    return encode_frame(crop(picture, geometry=geometry) if geometry else picture)


def show_actions(clip: Clip, paths: Paths) -> None:
    """Leave out or take in, rename, delete."""
    with st.container(horizontal=True):
        if not clip.waiting:
            label = "Take into training again" if clip.left_out else "Leave out of training"
            if st.button(label) and attempt(lambda: set_left_out(clip.name, not clip.left_out, paths)):
                st.toast(f"split.leave_out in params.yaml is changed: {as_text(clip.name)}.")
                st.rerun()
        with st.popover("Rename", disabled=clip.simulated):
            new = st.text_input("New name", clip.name, key=f"data-rename-{clip.name}")
            if st.button("Rename it", disabled=new == clip.name) and attempt(lambda: rename(clip, new, paths)):
                st.session_state.pop(CHOSEN, None)
                st.rerun()
        if st.button("Delete", disabled=clip.simulated):
            st.session_state[ASKED] = clip.folder
    if st.session_state.get(ASKED) == clip.folder:
        confirm_delete(clip, paths)
    if clip.simulated:
        st.caption("Clips of the demo follow capture.demo in the parameters; they can be left out, not deleted.")
        show_link("parameters.py", "Change the demo")


def confirm_delete(clip: Clip, paths: Paths) -> None:
    """The second question."""
    with st.container(border=True):
        st.write(
            f"**{as_text(clip.name)}** with its {len(clip.frames)} frames and its teacher pictures goes to the trash. "
            "You get it back under “Deleted clips” on this page, until a clean-up empties that; after that, "
            "the commands under a training in Runs bring back the data that it was made of."
        )
        with st.container(horizontal=True):
            sure = st.button("Delete it", type="primary")
            if st.button("Keep it") or (sure and attempt(lambda: delete(clip, paths))):
                del st.session_state[ASKED]
                st.rerun()
