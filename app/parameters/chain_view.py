"""The chosen chain of the teacher as a list of switches."""

import streamlit as st

from app.parameters.chains import called, steps_of, switched
from app.roles import may_operate
from app.text import as_text

CHAIN, CHAINS = "param:teacher.chain", "param:teacher.chains"  # in the session's state


def show_chain() -> None:
    """A switch for each step, in the order in which they run; what is switched changes the text of all chains."""
    chain, text = st.session_state[CHAIN], st.session_state[CHAINS]
    steps = steps_of(text, chain)
    if not steps:
        return
    st.markdown(f"**Steps of {as_text(chain)}**, from the camera's frame to the teacher's picture")
    for number, step in enumerate(steps):
        key = f"step:{chain}:{number + 1}"
        st.session_state[key] = step.on
        st.toggle(
            f"{number + 1}. {called(step)}",
            key=key,
            help=as_text(f"{step.name} {step.about}"),
            on_change=switch,
            args=(chain, number),
            disabled=not may_operate(),
        )


def switch(chain: str, number: int) -> None:
    """Turn a step off, or on again."""
    st.session_state[CHAINS] = switched(st.session_state[CHAINS], chain, number)
