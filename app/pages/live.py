"""Page: the student on the viewer's own camera, inside the browser. The server hands out files and plots figures."""

import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import plotly.graph_objects as go
import streamlit as st

from app.home.steps import note_live
from app.live import assets, options
from app.live.access import may_capture, session_token
from app.live.routes import INBOX
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.paths import Paths

LOCAL = {"localhost", "127.0.0.1", "::1"}
IN_ADDRESS = ("model", "compareWith")  # settings that the page's address remembers; this session remembers all
REPORTS = 150  # of two seconds each
PLOT_PX = 230
BOOTSTRAP = """
const players = new WeakMap();
export default function ({ parentElement, data, setStateValue }) {
    const known = players.get(parentElement);
    if (known) known.then((player) => player?.update(data.options));
    else players.set(parentElement, start(parentElement, data, setStateValue));
    return () => players.get(parentElement)?.then((player) => player?.destroy());
}
async function start(parent, { player, options }, setStateValue) {
    try {
        const { mount } = await import(new URL(player, location.origin).href);
        return mount(parent, options, (state) => setStateValue("report", state));
    } catch (error) {
        parent.append(`The player could not be loaded (${error.message}). Is the server running? Reload the page.`);
    }
}
"""

player = st.components.v2.component("sharpcam_live", js=BOOTSTRAP)


def show_page(paths: Paths) -> None:
    """The whole page; where something is missing, what to do."""
    st.title("Live")
    note_live(paths)
    show_reach()
    if not assets.are_there():
        st.info(f"{assets.MISSING}, then reload this page.")
        return
    asked = settings()
    wanted = [asked[name] for name in IN_ADDRESS if name in asked]
    models, notes = waited_for(lambda: options.models(paths, asked=wanted), words="Looking for students…")
    asked, missing = options.named(asked, models)
    for note in notes + missing:
        st.caption(as_text(note))
    if models:
        show_player(paths, models, asked)
    else:
        st.info('There is no student to run yet. Run the pipeline ("make repro"), then come back.')


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


@st.fragment
def show_player(paths: Paths, models: list[dict[str, Any]], asked: dict[str, Any]) -> None:
    """The player and its figures. Runs again with each report, and the camera stays on."""
    data = {
        "player": options.PLAYER,
        "options": {
            "models": models,
            "light": options.light(models),
            "base": options.BASE,
            "sample": options.sample(paths),
            "capture": options.capture(session_token(), INBOX.limits) if may_capture() else None,
            "settings": asked,
        },
    }
    report = player(key="live", data=data, on_report_change=lambda: None).report
    if report:
        remember(report.get("settings", {}))
    show_figures(report)


def remember(chosen: dict[str, Any]) -> None:
    """Keep the viewer's choices for when the page is opened again."""
    st.session_state["live_settings"] |= chosen
    for name in IN_ADDRESS:
        if name in chosen and st.query_params.get(name) != chosen[name]:
            st.query_params[name] = chosen[name]


def show_figures(report: dict[str, Any] | None) -> None:
    """What the player measured over the last minutes."""
    reports: deque[tuple[float, dict[str, Any]]] = st.session_state.setdefault("live_reports", deque(maxlen=REPORTS))
    if report and report["fps"] and (not reports or reports[-1][1] != report):
        reports.append((time.time(), report))
    if not reports:
        st.caption("Start the camera or the sample, and its figures are plotted here.")
        return
    newest, last = reports[-1]
    figures = {"Frames a second": f"{last['fps']:.1f}", "Latency, p50": f"{last['p50_ms']:.0f} ms"}
    figures |= {"Latency, p95": f"{last['p95_ms']:.0f} ms", "Dropped frames": f"{last['dropped']}"}
    for column, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(label, value)
    ages_s = [then - newest for then, _ in reports]
    pace = {"fps": [one["fps"] for _, one in reports]}
    parts = {part: [one["parts"][part] for _, one in reports] for part in last["parts"]}
    left, right = st.columns(2)
    left.plotly_chart(_plot("Frames a second", ages_s, pace), key="live-pace")
    right.plotly_chart(_plot("Milliseconds a frame", ages_s, parts, stackgroup="parts"), key="live-parts")


def _plot(title: str, ages_s: list[float], lines: dict[str, list[float]], **style: str) -> go.Figure:
    margin = {"t": 40, "b": 40, "l": 40, "r": 10}
    figure = go.Figure(layout={"title": title, "height": PLOT_PX, "margin": margin, "xaxis_title": "seconds"})
    for name, values in lines.items():
        figure.add_scatter(x=ages_s, y=values, name=name, mode="lines", **style)
    return figure.update_yaxes(rangemode="tozero")


show_page(Paths())
