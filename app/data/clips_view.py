"""All clips: on a wall, as a table, those set aside and those in the trash, and the one that was chosen."""

import base64
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import streamlit as st

from app.data import thumbnails
from app.data.clip_view import CHOSEN, choose, findings, show_clip
from app.data.clips import Clip, all_clips, deleted, parts, restore
from app.data.job_view import ask_for, attempt
from app.data.wall import Tile, show_wall
from app.links import show_link
from app.roles import may_operate
from app.text import as_text
from pipeline.checks import Finding
from pipeline.core.clips import find_clips
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.forecast import in_a_sentence, known_forecast

REFRESH_S = 1.0
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


@st.cache_data(max_entries=2000, show_spinner=False)
def as_url(thumbnail: Path) -> str:
    """The picture itself as a data URL; a thumbnail never changes under its name."""
    return "data:image/jpeg;base64," + base64.b64encode(thumbnail.read_bytes()).decode()


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
