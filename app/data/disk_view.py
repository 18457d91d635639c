"""What everything takes on disk, and a clean-up that shows what it would remove before it removes it."""

from pathlib import Path

import streamlit as st

from app.data.disk import free, usage
from app.data.job_view import ask_for
from app.roles import may_operate
from app.text import as_text
from pipeline.cleanup import PARTS, Found, known_list, known_problems
from pipeline.core.paths import Paths

SHOWN = 200  # things that are named
ASKED = "data-clean"  # in the session: the parts whose removal is asked for


@st.cache_data(ttl=30, show_spinner="Counting …")
def counted(root: Path) -> dict[str, int]:
    """What the project at `root` takes; counted again after half a minute."""
    return usage(Paths(root))


def show_disk(paths: Paths) -> None:
    """Both; a viewer sees what is taken."""
    used = counted(paths.root.absolute())
    st.metric("Free on this disk", f"{free(paths) / 1e9:.1f} GB")
    rows = [{"what": what, "MB": taken / 1e6} for what, taken in sorted(used.items(), key=lambda each: -each[1])]
    st.dataframe(rows, hide_index=True, column_config={"MB": st.column_config.NumberColumn(format="%.1f")})
    if may_operate():
        show_cleanup(paths)


def show_cleanup(paths: Paths) -> None:
    """The list of what could go, or the button that has it made."""
    st.subheader("Clean-up")
    listed = known_list(paths)
    if st.button("Find files to clean up" if listed is None else "Search again"):
        ask_for("cleanup", [], paths)
    if listed is not None:
        for name, problem in known_problems(paths).items():
            st.warning(f"{PARTS[name].title}: {as_text(problem)}")
        show_list(listed, paths)


def show_list(listed: dict[str, Found], paths: Paths) -> None:
    """A box for each kind of thing, with all that would go, and the button that asks once more."""
    chosen = []
    for name, items in listed.items():
        if not items:
            continue
        part = PARTS[name]
        if st.checkbox(f"{part.title}: {len(items)} things, {sum(items.values()) / 1e6:.1f} MB", key=f"clean-{name}"):
            chosen.append(name)
        st.caption(part.price)
        with st.expander("What"):
            lines = [f"{size / 1e6:10.1f} MB  {item}" for item, size in items.items()]
            st.code("\n".join(lines[:SHOWN]) + ("\n…" if len(lines) > SHOWN else ""), language=None)
    if not any(listed.values()):
        st.caption("There is nothing to remove.")
        return
    if st.button("Remove", disabled=not chosen):
        st.session_state[ASKED] = chosen
    if chosen and st.session_state.get(ASKED) == chosen:
        confirm(chosen, paths)


def confirm(chosen: list[str], paths: Paths) -> None:
    """The second question."""
    with st.container(border=True):
        st.markdown("\n".join(f"- {PARTS[name].title}: {PARTS[name].price}" for name in chosen))
        if st.button("Remove it for good", type="primary"):
            del st.session_state[ASKED]
            counted.clear()
            ask_for("cleanup", ["--remove", *chosen], paths)
