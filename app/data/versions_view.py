"""DVC's version of each data set, and what changed in it since a commit."""

import streamlit as st

from app.data.versions import by_clip, changes, current, earlier, is_here, listing
from app.text import as_text
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

SHOWN = 200  # files that are named


def show_versions(paths: Paths) -> None:
    """The versions in dvc.lock, and one of them against an older one."""
    try:
        found = current(paths)
    except SharpcamError as error:
        st.error(as_text(error))
        return
    if not found:
        st.info("DVC knows no version yet. Run the pipeline once: dvc.lock then names what each stage wrote.")
        return
    rows = [
        {"data set": path, "version": out["md5"][:12], "files": out.get("nfiles", 1), "MB": out.get("size", 0) / 1e6}
        for path, out in found.items()
    ]
    st.dataframe(rows, hide_index=True, column_config={"MB": st.column_config.NumberColumn(format="%.1f")})
    folders = [path for path, out in found.items() if out["md5"].endswith(".dir")]
    if folders:
        show_changes(st.selectbox("What changed in", folders), found, paths)


def show_changes(data_set: str, found: dict[str, dict[str, str]], paths: Paths) -> None:
    """Which clips and files are others than in an older version."""
    known = [version for version in earlier(data_set, paths) if version.md5 != found[data_set]["md5"]]
    older = [version for version in known if is_here(version.md5, paths)]
    if not older:
        elsewhere = ' Those that commits name are not on this machine; "dvc fetch" brings them where a remote has them.'
        st.caption(f"There is no older version here to compare with.{elsewhere if known else ''}")
        return
    since = st.selectbox("since", older, format_func=lambda version: version.title)
    try:
        difference = changes(listing(since.md5, paths), listing(found[data_set]["md5"], paths))
    except SharpcamError as error:
        st.warning(as_text(error))
        return
    st.dataframe(by_clip(difference), hide_index=True)
    with st.expander(f"{difference.count} files"):
        for what in ("added", "removed", "changed"):
            names = getattr(difference, what)
            if names:
                st.markdown(f"**{what}** ({len(names)})")
                st.code("\n".join(names[:SHOWN]) + ("\n…" if len(names) > SHOWN else ""), language=None)
