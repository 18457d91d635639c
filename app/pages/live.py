"""Page: the student on the viewer's own camera, inside the browser. The server hands out files and plots figures, and
trains a student on what the viewer records.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from app.home.steps import note_live
from app.jobs import find, start
from app.links import show_link
from app.live import assets, mine, options
from app.live.access import may_capture, session_token
from app.live.figures_view import show_figures
from app.live.mine_view import DECIDED, choose, show_mine
from app.live.routes import INBOX
from app.roles import may_operate
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

LOCAL = {"localhost", "127.0.0.1", "::1"}
MODELS = ("model", "compareWith")
IN_ADDRESS = (*MODELS, "view", "mirror", "inputSize", "targetFps")  # the address keeps these, this session all settings
CLEAN = "clean"  # "?clean=1": nothing but the picture, as for a program that films a window
FORECAST, SHOWN, RECORDED = "live-forecast", "live-pair", "live-recorded"  # in the session
TICK_S = 1.0
BOOTSTRAP = """
const players = new WeakMap();
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
    const known = players.get(parentElement);
    if (known) known.then((player) => player?.update(data.options));
    else players.set(parentElement, start(parentElement, data, setStateValue, setTriggerValue));
    return () => players.get(parentElement)?.then((player) => player?.destroy());
}
async function start(parent, { player, options }, setStateValue, setTriggerValue) {
    try {
        const { mount } = await import(new URL(player, location.origin).href);
        const report = (state) => setStateValue("report", state);
        return mount(parent, options, report, (wish) => setTriggerValue("wish", wish));
    } catch (error) {
        parent.append(`The player could not be loaded (${error.message}). Is the server running? Reload the page.`);
    }
}
"""

player = st.components.v2.component("sharpcam_live", js=BOOTSTRAP)


def show_page(paths: Paths) -> None:
    """The whole page; where something is missing, what to do."""
    st.title("Live")
    if may_operate():
        note_live(paths)
    with st.container(key="above"):  # whatever is said there, the player keeps its place below, and the camera stays on
        show_reach()
        shown = show_above(paths)
    if shown:
        every_s = TICK_S if forecast_runs(paths) else None
        st.fragment(show_player, run_every=every_s)(shown, paths)


@dataclass(frozen=True)
class Shown:
    """What the player begins with."""

    models: Sequence[mine.Entry]
    settings: dict[str, Any]
    made: mine.Mine | None  # a student of the viewer's own camera, on its way or to be decided on
    pair: tuple[str, str] | None  # (before, after) where that is done


def show_above(paths: Paths) -> Shown | None:
    """What is to be said before the picture; None where there can be no player."""
    if not assets.are_there():
        st.info(f"{assets.MISSING}, then reload this page.")
        return None
    wanted = [name for setting, name in settings().items() if setting in MODELS]
    models, notes = waited_for(lambda: options.models(paths, asked=wanted), words="Looking for students…")
    made = mine.last(paths)
    pair = pair_to_show(made, models, paths)
    asked, missing = options.named(settings(), models)
    for note in notes + missing:
        st.caption(as_text(note))
    if not models:
        st.info("There is no student to run yet. A run of the pipeline trains one.")
        show_link("pipeline.py", "Run the pipeline")
        return None
    show_mine(made, models, paths)
    show_recorded()
    return Shown(models, asked, made, pair)


def pair_to_show(made: mine.Mine | None, models: Sequence[mine.Entry], paths: Paths) -> tuple[str, str] | None:
    """The students before and after what was learned last; the player shows them once to each session."""
    job = mine.job_of(made, paths) if made else None
    if made is None or job is None or not job.over:
        return None
    found = mine.pair(made, models, paths)
    if found and st.session_state.get(SHOWN) != made.job:
        st.session_state[SHOWN] = made.job
        choose(model=found[1], compared=found[0])
    return found


def forecast_runs(paths: Paths) -> bool:
    """Whether what a student of one's own will cost is being measured."""
    with suppress(SharpcamError, KeyError):
        return not find(st.session_state[FORECAST], paths).over
    return False


def forecast_problem(paths: Paths) -> str:
    """Why it could not be measured, where that was tried."""
    with suppress(SharpcamError, KeyError):
        job = find(st.session_state[FORECAST], paths)
        if job.over and job.state != "done":
            return (job.tail().strip().splitlines() or ["What it will cost could not be measured."])[-1]
    return ""


def show_reach() -> None:
    """Browsers give a camera, threads and the GPU only to https and to their own machine."""
    address = urlsplit(st.context.url or "")
    if address.scheme == "http" and address.hostname not in LOCAL:
        st.warning(
            "This address is plain http, so this browser gives it no camera, no GPU and no threads; clips and pictures "
            "still play. For a camera, open the page on the server's own machine, or start the dashboard with a "
            "certificate: `python -m app.launch --host 0.0.0.0 --certificate cert.pem --key key.pem`"
        )


def settings() -> dict[str, Any]:
    """What this viewer chose before, in this session or by the page's address."""
    chosen = {name: st.query_params[name] for name in IN_ADDRESS if name in st.query_params}
    known: dict[str, Any] = st.session_state.setdefault("live_settings", {})
    return known | chosen


def show_player(shown: Shown, paths: Paths) -> None:
    """The player and its figures. Runs again with each report, and the camera stays on."""
    capture = options.capture(session_token(), INBOX.limits) if may_capture() else None
    data = {
        "player": options.PLAYER,
        "options": {
            "models": shown.models,
            "light": options.light(shown.models),
            "base": options.BASE,
            "sample": options.sample(paths),
            "capture": capture,
            "mine": offer(shown, paths) if capture else None,
            "settings": shown.settings | ({CLEAN: True} if st.query_params.get(CLEAN) == "1" else {}),
        },
    }
    said = player(key="live", data=data, on_report_change=lambda: None, on_wish_change=lambda: None)
    if said.wish:
        follow(said.wish, shown.models, paths)
    if said.report:
        remember(said.report.get("settings", {}))
    show_figures(said.report)


def offer(shown: Shown, paths: Paths) -> dict[str, Any] | None:
    """A student of one's own, as the player proposes it; nothing while one is being made."""
    job = mine.job_of(shown.made, paths) if shown.made else None
    if job is not None and not job.over:
        return None
    before, after = shown.pair or (None, None)
    try:
        return mine.offer(paths) | {"problem": forecast_problem(paths), "before": before, "after": after}
    except SharpcamError:  # the parameters are broken, and Home says so
        return None


def follow(wish: dict[str, Any], models: Sequence[mine.Entry], paths: Paths) -> None:
    """Do what the player asks for: measure the cost, train on what was recorded, or say where that is."""
    clips = [str(clip) for clip in wish.get("clips", [])]
    try:
        if wish.get("costs"):
            st.session_state[FORECAST] = start("forecast", paths=paths).number
        elif wish.get("mine") and may_capture():
            st.session_state.pop(DECIDED, None)
            mine.begin(clips, str(wish.get("before", "")), models, paths)
        else:
            st.session_state[RECORDED] = clips
    except (SharpcamError, OSError) as error:
        st.error(as_text(error))
        return
    st.rerun()


def show_recorded() -> None:
    """Where the clips of this session are, and what comes next."""
    if clips := st.session_state.get(RECORDED):
        with st.container(horizontal=True, vertical_alignment="center", key="recorded"):
            st.markdown(f"**{as_text(', '.join(clips))}** is stored.", width="content")
            show_link("data.py", "See it on Data")
            show_link("home.py", "Teach it")


def remember(chosen: dict[str, Any]) -> None:
    """Keep the viewer's choices for when the page is opened again."""
    st.session_state["live_settings"] |= chosen
    for name in IN_ADDRESS:
        if name in chosen and st.query_params.get(name) != str(chosen[name]):
            st.query_params[name] = str(chosen[name])


show_page(Paths())
