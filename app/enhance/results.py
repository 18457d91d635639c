"""What became of a call: before and after, the report, what can be downloaded."""

from pathlib import Path

import streamlit as st

from app.apart import apart
from app.compare import show_slider
from app.enhance.calls import GIVEN, Call, as_zip, camera_of, read_table
from app.roles import may_operate
from app.text import as_text
from pipeline.core.errors import SharpcamError
from pipeline.enhance.names import COMPARED, is_video


def show_results(call: Call) -> None:
    """What became of the files: before and after, the report."""
    pairs = call.pairs()
    rows = call.rows()
    for row in rows:
        if row["status"] == "failed":
            st.error(as_text(f"{row['file']}: {row['problem'].replace(str(call.folder / GIVEN) + '/', '')}"))
    if pairs:
        show_pair(call, pairs)
    if compared := read_table(call.made / COMPARED):
        st.dataframe(compared, hide_index=True)
    if rows:
        with st.expander("Times and sizes"):
            st.dataframe(rows, hide_index=True)
    if may_operate() and st.button("Remove these files", icon=":material/delete:", key="remove"):
        call.remove()
        st.rerun()


def show_pair(call: Call, pairs: dict[str, tuple[Path, Path]]) -> None:
    """One file before and after, and the way to take it home."""
    name = st.selectbox("File", list(pairs), key=f"file-{call.job.number}")
    given, made = pairs[name]
    if camera := camera_of(call.row(name)):
        st.caption(as_text(camera))
    if is_video(given):
        before, after = st.columns(2)
        before.video(str(given))
        after.video(str(made))
    else:
        show_pictures(call, name, given, made)
    with st.container(horizontal=True):
        # A run of the page would replace what the next click asks for while that is on its way.
        st.download_button(f"Download {as_text(made.name)}", made.read_bytes, made.name, key="one", on_click="ignore")
        if len(pairs) > 1:
            st.download_button("Download all", lambda: as_zip(call), "enhanced.zip", key="all", on_click="ignore")


def show_pictures(call: Call, name: str, given: Path, made: Path) -> None:
    """A picture before and after; of one that is too large to be shown, why."""
    sides = {"student": made} if "--compare" in call.job.arguments else {"before": given, "student": made}
    try:
        shown = {side: picture_of(file, file.stat().st_mtime_ns) for side, file in sides.items()}
    except SharpcamError as error:
        st.info(as_text(error))
        return
    if len(shown) == 1:
        st.image(shown["student"])
    else:
        show_slider(shown, key=f"slider-{call.job.number}-{name}")


@st.cache_data(max_entries=16, show_spinner="Making a preview…")
def picture_of(file: Path, changed_ns: int) -> bytes:
    """The preview of a picture, kept as long as `changed_ns`, when it was written, stays."""
    del changed_ns
    return apart("preview", file)
