"""The form of the page Parameters: a field for each parameter, in sections."""

import math
from typing import Any

import streamlit as st

from app.parameters.chain_view import show_chain
from app.parameters.fields import Field
from app.parameters.suggestions import suggestions
from app.roles import may_operate
from app.text import as_text

LARGEST = 2**53 - 1  # what a browser's numbers hold
COLUMNS = 3


def show_sections(known: list[Field], comments: dict[str, str], wrong: dict[str, str]) -> None:
    """A tab for each section of params.yaml; sections within it below each other."""
    sections = list(dict.fromkeys(field.section for field in known))
    tops = list(dict.fromkeys(section.partition(".")[0] for section in sections))
    for tab, top in zip(st.tabs([top or "general" for top in tops]), tops, strict=True):
        with tab:
            for section in sections:
                if section.partition(".")[0] == top:
                    show_section(section, [field for field in known if field.section == section], comments, wrong)


def show_section(section: str, known: list[Field], comments: dict[str, str], wrong: dict[str, str]) -> None:
    """The widgets of one section, with what is wrong beside each."""
    if "." in section:
        st.subheader(section.partition(".")[2].capitalize())
    if comments.get(section):
        st.caption(comments[section])
    if section in wrong:
        st.error(as_text(wrong[section]))
    small = [field for field in known if not is_large(field)]
    for start in range(0, len(small), COLUMNS):
        for column, field in zip(st.columns(COLUMNS), small[start : start + COLUMNS], strict=False):
            with column:
                show_field(field, wrong)
    if section == "teacher":
        show_chain()
    for field in filter(is_large, known):
        with st.expander(field.title, expanded=any(key.startswith(field.key) for key in wrong)):
            show_field(field, wrong)


def is_large(field: Field) -> bool:
    """Whether its text has several lines."""
    return field.kind == "yaml" and "\n" in field.value.strip()


def show_field(field: Field, wrong: dict[str, str]) -> None:
    """The widget of one parameter, its meaning and limits below it, and what is wrong with its value."""
    show_widget(field)
    about = " ".join(part for part in (field.means or field.comment, _as_sentence(field.limits)) if part)
    if about:
        st.caption(about.replace("|", r"\|"))
    for key, sentence in wrong.items():
        if key == field.key or key.startswith(f"{field.key}."):
            st.error(as_text(sentence))


def _as_sentence(limits: str) -> str:
    return f"{limits[0].upper()}{limits[1:]}." if limits else ""


def show_widget(field: Field) -> None:
    """The widget itself; its value is in the session's state under `param:<key>`."""
    key, value, name = f"param:{field.key}", st.session_state[f"param:{field.key}"], field.title
    in_file = f"{field.key} in params.yaml" + (f": {field.comment}" if field.comment else "")
    how: dict[str, Any] = {"key": key, "help": as_text(in_file), "disabled": not may_operate()}
    if field.choices:
        st.selectbox(name, field.choices, **how)
    elif suggested := suggestions(field.key):
        options = list(dict.fromkeys([*suggested, value, field.value]))
        st.selectbox(name, options, accept_new_options=True, **how)
    elif field.kind == "whole" and _fits(value):
        st.number_input(name, step=1, format="%d", placeholder="empty", **how)
    elif field.kind == "number" and _fits(value):
        st.number_input(name, step=_step(field.value), format="%g", placeholder="empty", **how)
    elif field.kind in ("whole", "number"):
        st.text_input(name, str(value), disabled=True, help="Too large for a browser: change it in params.yaml.")
    elif is_large(field):
        st.text_area(name, height=420, **how)
    else:
        st.text_input(name, **how)


def _fits(value: float | None) -> bool:
    return value is None or abs(value) <= LARGEST


def _step(value: float | None) -> float:
    """How far one press of + goes: a tenth of the value's size."""
    return 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 0.1
