"""Page: drop pictures and videos, see them grow, compare before and after, take one or all home."""

import streamlit as st

from app.enhance.calls import GIVEN, Call, calls
from app.enhance.form import CHOSEN, show_form
from app.enhance.results import show_pair, show_results
from app.jobs.show import show_job
from app.roles import may_operate
from pipeline.core.paths import Paths


def show_page(paths: Paths) -> None:
    """What to enhance, and what became of the calls before."""
    st.title("Enhance")
    if may_operate():
        show_form(paths)
    found = calls(paths)
    if not found:
        st.caption("Whatever a camera gave, in PNG, JPEG, WebP, TIFF or a video; your files are kept as they are.")
        return
    by_number = {call.job.number: call for call in found}
    if st.session_state.get(CHOSEN) not in by_number:
        st.session_state[CHOSEN] = found[0].job.number
    number = st.selectbox("Call", list(by_number), format_func=lambda number: words_for(by_number[number]), key=CHOSEN)
    call = by_number[number]
    if not call.job.over:
        show_job(call.job, paths)
        if pairs := call.pairs():
            show_pair(call, pairs)
        return
    show_results(call)
    with st.expander("Log", expanded=not call.rows()):
        show_job(call.job, paths)


def words_for(call: Call) -> str:
    """A call in the list."""
    names = sorted(path.name for path in (call.folder / GIVEN).iterdir())
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{call.job.number} · {names[0] if names else 'no file'}{more}"


show_page(Paths())
