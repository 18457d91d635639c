"""Page: every parameter with its meaning and limits, and what a change of it makes stale."""

from typing import Any

import streamlit as st

from app.jobs import unfinished
from app.jobs.show import begin, show_job
from app.last_run import differences, downstream
from app.parameters.fields import Field, fields, section_comments
from app.parameters.file import ChangedMeanwhileError, problems, read_text, save, typed_as_yaml, with_values
from app.parameters.form import show_sections
from app.parameters.presets import presets
from app.parameters.yaml_text import as_yaml, parse
from app.roles import may_operate
from app.stages import estimate_with
from app.text import as_text
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256_of_text
from pipeline.core.params import find_problems
from pipeline.core.paths import Paths

BASE, DRAFT, BROKEN = "parameters-base", "parameters-draft", "parameters-broken"  # in the session's state


def show_page(paths: Paths) -> None:
    """The form; where params.yaml is broken, its text."""
    st.title("Parameters")
    try:
        text = read_text(paths)
        if wrong := problems(text):
            show_broken(text, wrong, paths)
        else:
            show_form(text, paths)
    except SharpcamError as error:
        st.error(as_text(error))


def show_broken(text: str, wrong: list[str], paths: Paths) -> None:
    """The whole file to be fixed by hand, with what is wrong on which line."""
    st.error("params.yaml cannot be read, and nothing can run until it is fixed:\n" + _as_list(wrong))
    key = f"{BROKEN}-{sha256_of_text(text)}"  # what an editor saves meanwhile is shown, not overwritten
    fixed = st.text_area("params.yaml", text, height=500, key=key, disabled=not may_operate())
    if not may_operate():
        return
    if fixed != text and (still := problems(fixed)):
        st.warning("Not yet:\n" + _as_list(still))
    elif st.button("Save", type="primary", disabled=fixed == text):
        save(paths, fixed, based_on=text)
        st.rerun()


def _as_list(sentences: list[str]) -> str:
    return "\n".join(f"- {as_text(sentence)}" for sentence in sentences)


def show_form(text: str, paths: Paths) -> None:
    """Presets, what has been changed and what that makes stale, and a widget for each parameter."""
    base = settle_base(text)
    known = fields(base)
    if may_operate():
        show_presets()
    draft = take_draft(known)
    changed, problem = edited_text(base, draft)
    show_changes(base, changed, draft, problem, paths)
    wrong = find_problems(parse(changed))
    show_sections(known, section_comments(base), wrong)


def settle_base(text: str) -> str:
    """The text that the form began with: params.yaml as it is, unless somebody changed it while this form is edited."""
    state = st.session_state
    base: str = state.setdefault(BASE, text)
    if base == text:
        return base
    try:
        edited_text(text, state.get(DRAFT, {}))
    except SharpcamError:
        state[DRAFT] = {}
    if not state.get(DRAFT):
        begin_anew(text)
        return text
    st.warning(
        f"params.yaml has been changed meanwhile, by another tab or an editor ({', '.join(_differing(base, text))}). "
        "Your own changes below are not saved yet."
    )
    mine, theirs = st.columns(2)
    mine.button("Reapply my changes", on_click=begin_anew, args=(text, dict(state[DRAFT])), width="stretch")
    theirs.button("Discard my changes", on_click=begin_anew, args=(text,), width="stretch")
    return base


def _differing(base: str, text: str) -> list[str]:
    before, after = ({field.key: field.value for field in fields(each)} for each in (base, text))
    return [key for key in after if before[key] != after[key]] or ["comments"]


def begin_anew(text: str, draft: dict[str, Any] | None = None) -> None:
    """Fill the form from `text`, with the values of `draft` on top."""
    for key in [key for key in st.session_state if str(key).startswith("param:")]:
        del st.session_state[key]
    st.session_state[BASE] = text
    st.session_state[DRAFT] = draft or {}


def show_presets() -> None:
    """A button for each preset; it fills in the form and saves nothing."""
    st.caption("A preset fills in the form; nothing is saved before you press Save.")
    known = presets()
    for column, (name, preset) in zip(st.columns(len(known)), known.items(), strict=True):
        column.button(name.capitalize(), on_click=fill_in, args=(preset.values,), width="stretch")
        column.caption(preset.about)


def fill_in(values: dict[str, Any]) -> None:
    """Put `values` into the widgets."""
    for key, value in values.items():
        st.session_state[f"param:{key}"] = value


def take_draft(known: list[Field]) -> dict[str, Any]:
    """What the viewer changed: dotted key -> value. Kept apart from the widgets, whose state goes with the page."""
    state = st.session_state
    draft = state.get(DRAFT, {})
    values = {each.key: state.setdefault(f"param:{each.key}", draft.get(each.key, each.value)) for each in known}
    state[DRAFT] = {each.key: values[each.key] for each in known if values[each.key] != each.value}
    return dict(state[DRAFT])


def edited_text(base: str, draft: dict[str, Any]) -> tuple[str, str]:
    """`base` with the draft's values, or as it is and why not."""
    kinds = {each.key: each.kind for each in fields(base)}
    try:
        pieces = {k: typed_as_yaml(k, v) if kinds[k] == "yaml" else as_yaml(v) for k, v in draft.items()}
        return with_values(base, pieces), ""
    except SharpcamError as error:
        return base, str(error)


def show_changes(base: str, changed: str, draft: dict[str, Any], problem: str, paths: Paths) -> None:
    """What is not saved yet, what differs from the last run and the stages that makes stale."""
    content = parse(changed)
    wrong = [problem] if problem else list(find_problems(content).values())
    with st.container(border=True):
        if wrong:
            st.error("This cannot be saved:\n" + _as_list(wrong))
        elif draft:
            st.markdown(f"**Not saved yet:** {', '.join(f'`{key}`' for key in draft)}")
        if may_operate():
            with st.container(horizontal=True):
                pressed = st.button("Save", type="primary", disabled=bool(wrong) or not draft)
                st.button("Discard", disabled=not draft, on_click=begin_anew, args=(base,))
            if pressed:
                store(changed, base, paths)
        if not wrong:
            show_stale(content, draft, paths)


def store(changed: str, base: str, paths: Paths) -> None:
    """Save, and begin anew from what is saved; what somebody else changed meanwhile is never lost."""
    try:
        save(paths, changed, based_on=base)
    except ChangedMeanwhileError:
        st.rerun()  # says so, and offers both
    except SharpcamError as error:
        st.error(as_text(error))
        return
    begin_anew(changed)
    st.toast("params.yaml is saved.")
    st.rerun()


def show_stale(content: dict[str, Any], draft: dict[str, Any], paths: Paths) -> None:
    """What differs from the last run of each stage, and which stages a run would begin with."""
    try:
        found = differences(content, paths)
    except SharpcamError as error:
        st.error(f"{as_text(error)} Until then it is not known what a change makes stale.")
        return
    if not found:
        st.caption("All results so far were made with these parameters.")
        return
    direct = {stage for each in found for stage in each.stages}
    rest = downstream(direct, paths)
    follow = f"; {', '.join(rest)} may have to follow." if rest else "."
    cost = estimate_with(content, [*sorted(direct), *rest], paths)
    st.markdown(f"**Stale with these parameters:** {', '.join(sorted(direct))}{follow} Duration of a run: {cost}.")
    rows = [
        {
            "parameter": each.key + (" (not saved)" if each.key in draft else ""),
            "last run": each.then,
            "now": each.now,
            "makes stale": ", ".join(each.stages),
        }
        for each in found
    ]
    st.dataframe(rows, hide_index=True, height="content")
    if not draft and may_operate():
        offer_run(paths)


def offer_run(paths: Paths) -> None:
    """Run the pipeline with what was saved, and show how far it is."""
    running = unfinished(paths, lane="pipeline")
    if running:
        show_job(running[0], paths)
    elif st.button("Run the pipeline", type="primary", icon=":material/play_arrow:", key="run"):
        begin("repro", paths)


show_page(Paths())
