"""The registered versions: champion and candidate, and the two steps between them."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import streamlit as st

from app.cameras import camera_columns
from app.links import show_link
from app.roles import may_operate, operators_only
from app.text import as_text
from app.waiting import waited_for
from pipeline import promote
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.tracking.registry import Version

NUMBERS = {  # column -> tag
    "PSNR (dB)": "evaluation.student.teacher.psnr",
    "int8 PSNR (dB)": "evaluation.student_int8.teacher.psnr",
    "SSIM": "evaluation.student.teacher.ssim",
    "PSNR to truth (dB)": "evaluation.student.truth.psnr",
    "flicker": "evaluation.student.truth.flicker",
}


def show_what_was_done() -> None:
    """What the last press of a button did, or why it did not."""
    for kind in ("success", "error"):
        if said := st.session_state.pop(f"promote_{kind}", None):
            getattr(st, kind)(said)
            if kind == "success":
                show_link("live.py", "Look at your camera through it")


@operators_only
def promote_version(version: Version, paths: Paths, *, force: bool) -> None:
    """Make it the champion, in spite of an objection where forced."""
    act(partial(promote.promote, str(version.number), paths, force=force))


@operators_only
def go_back(paths: Paths) -> None:
    """Make the former champion the champion again."""
    act(partial(promote.back, paths))


def act(work: Callable[[], str]) -> None:
    """Do what a button asks, tell it on the page that follows."""
    try:
        st.session_state["promote_success"] = waited_for(work, words="Telling the registry…")
    except SharpcamError as error:
        st.session_state["promote_error"] = str(error)
    st.rerun()


def made(version: Version) -> datetime:
    """When it was registered, in the server's time."""
    return datetime.fromtimestamp(version.created_ms // 1000)


def offer_promotion(versions: list[Version], candidate: Version | None, champion: Version | None, paths: Paths) -> None:
    """Any other version may be promoted; an objection is said before, and asks for another word."""
    others = [version for version in versions if version != champion]
    if not may_operate():
        return
    if champion and candidate in (None, champion):
        st.caption(f"Version {champion.number} is the champion already.")
    with st.popover("Promote …", icon=":material/trophy:", disabled=not others):
        if not others:
            return

        chosen = st.selectbox(
            "Version",
            others,
            index=others.index(candidate) if candidate in others else 0,
            format_func=lambda version: f"{version.number} ({version.tags.get('model', '')})",
            key="promoted",
        )
        reason = promote.objection(chosen, champion)
        if reason:
            st.warning(as_text(reason))
        else:
            what = f"replaces version {champion.number}" if champion else "becomes the first champion"
            st.write(f"Version {chosen.number} {what}.")
        words = "Promote all the same" if reason else f"Promote version {chosen.number}"
        if st.button(words, type="secondary" if reason else "primary", key="promote"):
            promote_version(chosen, paths, force=bool(reason))


def offer_way_back(versions: list[Version], paths: Paths) -> None:
    """The champion before this one, where there was one."""
    if not may_operate():
        return
    try:
        former = promote.former_champion(versions, paths)
    except SharpcamError:
        return
    if former is None:
        return
    with st.popover("Go back …", icon=":material/undo:"):
        st.write(f"Version {former.number} becomes the champion again.")
        if st.button(f"Go back to version {former.number}", type="primary", key="back"):
            go_back(paths)


def show_versions(versions: list[Version]) -> None:
    """All versions with their numbers."""
    st.subheader("Versions")
    rows = []
    numbers = camera_columns(version.tags for version in versions) | NUMBERS
    for version in versions:
        row: dict[str, Any] = {"version": version.number, "is": " ".join(version.aliases)}
        row |= {"model": version.tags.get("model", ""), "gate": version.tags.get("gate", "")}
        row |= {name: version.figure(tag) for name, tag in numbers.items() if tag in version.tags}
        row |= {"commit": version.tags.get("git.commit", "")[:8], "registered": made(version)}
        row |= {"run": version.run_id[:8], "data": version.tags.get("data_sha256", "")[:8]}
        rows.append(row)
    when = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    st.dataframe(rows, hide_index=True, placeholder="-", column_config={"registered": when})
    st.caption(
        "PSNR and SSIM are against the teacher, on whole frames that trained nothing. Versions with the same data "
        "were measured on the same frames and can be compared."
    )
