"""The clips on a wall, and one of them with its pictures, its checks, and what can be done with it."""

import base64
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import streamlit as st

from app.compare import show_slider
from app.data import thumbnails
from app.data.camera_view import show_camera
from app.data.clips import (
    Clip,
    all_clips,
    delete,
    deleted,
    parts,
    rename,
    restore,
    set_left_out,
)
from app.data.job_view import ask_for, attempt
from app.data.wall import Tile, show_wall
from app.links import show_link
from app.roles import may_operate
from app.text import as_text
from pipeline.checks import Finding, find, known_measures
from pipeline.core.clips import find_clips
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json
from pipeline.core.frames import encode_frame, read_frame
from pipeline.core.geometry import crop
from pipeline.core.params import GeometryParams, Params, load_params
from pipeline.core.paths import Paths
from pipeline.forecast import in_a_sentence, known_forecast

CHOSEN, ASKED = "data-clip", "data-asked"  # in the session: the clip looked at, the one whose deletion is asked for
REFRESH_S = 1.0
SHOWN = 20  # frames of a finding that are named
TILES = 48  # shown unasked


def show_clips(paths: Paths) -> None:
    """All of it; without a clip, how to get one."""
    clips = all_clips(paths)
    params = readable_params(paths)
    if not clips:
        st.info(
            "There is no clip yet. Record your own camera, add a film or pictures under “Add a clip”, or run the "
            "pipeline, which without a camera records the simulated ones."
        )
        with st.container(horizontal=True):
            show_link("live.py", "Record your camera")
            show_link("pipeline.py", "Run the pipeline")
    show_forecast(clips, params, paths)
    if clips:
        show_all(clips, params, paths)
        show_clip(choose(clips), params, paths)
    show_set_aside(paths)
    show_trash(paths)


def readable_params(paths: Paths) -> Params | None:
    """The parameters; a broken file is said to be, and the clips are shown all the same."""
    try:
        return load_params(paths.params)
    except SharpcamError as error:
        st.warning(as_text(error))
        show_link("parameters.py", "Show the line")
        return None


def show_forecast(clips: list[Clip], params: Params | None, paths: Paths) -> None:
    """What the teacher would cost, and the buttons that find out more."""
    waiting = [clip.name for clip in clips if clip.waiting]
    known = known_forecast(paths, params) if params else None
    if known:
        st.markdown(in_a_sentence(known))
    if waiting:
        st.markdown(f"**{as_text(', '.join(waiting))}** will be adopted by the next run of the pipeline.")
    if not may_operate():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if waiting:
            show_link("pipeline.py", "Train on them")
        if waiting and st.button("Import now", type="primary"):
            ask_for("repro", ["capture"], paths)
        if not known and st.button("Estimate the teacher's run", disabled=params is None):
            ask_for("forecast", [], paths)
        if clips and st.button("Check the pairs", help="Count, size, shift, blur, exposure, near-duplicates."):
            ask_for("checks", [], paths)


def show_all(clips: list[Clip], params: Params | None, paths: Paths) -> None:
    """A tile for each clip, the user's own and newest first, and what is known of them as a table."""
    part = parts(paths)
    rows = {clip.folder: as_row(clip, part, findings(clip, params, paths)) for clip in clips}
    few = clips[:TILES]
    if len(clips) > TILES and st.toggle(f"All {len(clips)} clips", key="data-all"):
        few = clips
    middles = {clip.folder: clip.picture for clip in few if clip.picture}
    waiting = thumbnails.find(middles.values(), paths)[1]
    ticks = count() if waiting else None
    st.fragment(show_tiles, run_every=REFRESH_S if waiting else None)(few, rows, middles, paths, ticks)
    with st.expander("As a table"):
        st.dataframe(list(rows.values()), hide_index=True, key="data-table")


def show_tiles(
    clips: list[Clip],
    rows: dict[Path, dict[str, Any]],
    middles: dict[Path, Path],
    paths: Paths,
    ticks: Iterator[int] | None,
) -> None:
    """The wall; thumbnails that are still being made, while it has `ticks`, appear when they are there."""
    found, still = thumbnails.find(middles.values(), paths)
    urls = {folder: as_url(found[frame]) for folder, frame in middles.items() if frame in found}
    chosen = st.session_state.get(CHOSEN, clips[0].name if clips else None)
    tiles = [Tile(clip.name, urls.get(clip.folder), in_lines(rows[clip.folder]), clip.name == chosen) for clip in clips]
    picked = show_wall(tiles, key="data-wall")
    if picked and picked != st.session_state.get(CHOSEN):
        st.session_state[CHOSEN] = picked
        st.rerun()
    if ticks is not None and next(ticks) and not still:  # in the page's own run it would swallow a click
        st.rerun()


def in_lines(row: dict[str, Any]) -> tuple[str, ...]:
    """The same of a clip in two lines, and a third for what the checks found."""
    length = f", {row['seconds']:.0f} s" if row["seconds"] and row["seconds"] >= 1 else ""
    frames = "1 frame" if row["frames"] == 1 else f"{row['frames']} frames"
    found = row["checks"] not in ("", "fine", "not checked")
    return (f"{frames}{length}", row["part"], *([f"look at: {row['checks']}"] if found else []))


def as_row(clip: Clip, part: dict[str, str], found: list[Finding] | None) -> dict[str, Any]:
    """What the table says of a clip."""
    role = "waits in the inbox" if clip.waiting else "left out" if clip.left_out else part.get(clip.name, "new")
    checked = "not checked" if found is None else ", ".join(each.check for each in found) or "fine"
    return {
        "clip": clip.name,
        "frames": len(clip.frames),
        "seconds": clip.seconds,
        "source": clip.source,
        "size": clip.size,
        "part": role,
        "checks": "" if clip.waiting else checked,
    }


def findings(clip: Clip, params: Params | None, paths: Paths) -> list[Finding] | None:
    """What the checks found in a clip as it is now; None where it was not checked since it changed."""
    if params is None or clip.waiting:
        return None
    measures = known_measures(clip.folder, paths, params.geometry)
    return None if measures is None else find(measures, params.geometry)


@st.cache_data(max_entries=2000, show_spinner=False)
def as_url(thumbnail: Path) -> str:
    """The picture itself as a data URL; a thumbnail never changes under its name."""
    return "data:image/jpeg;base64," + base64.b64encode(thumbnail.read_bytes()).decode()


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


def show_set_aside(paths: Paths) -> None:
    """What the stage capture moved out of the inbox, and why."""
    folders = find_clips(paths.set_aside)
    if not folders:
        return
    with st.expander(f"Set aside ({len(folders)})"):
        st.write("These cannot be clips as they are. Put right, each may go back to data/inbox; else remove it.")
        for folder in folders:
            why = recall_json(folder.with_name(f"{folder.name}.json")).get("why", "")
            st.warning(as_text(f"{folder}: {why}"))


def show_trash(paths: Paths) -> None:
    """Deleted clips, each to be brought back."""
    gone = deleted(paths) if may_operate() else []
    if not gone:
        return
    with st.expander(f"Deleted clips ({len(gone)})"):
        for clip in gone:
            pressed = st.button(f"Bring back {as_text(clip.name)}", key=f"restore-{clip.folder.name}")
            if pressed and attempt(partial(restore, clip, paths)):
                st.rerun()
