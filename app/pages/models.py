"""Page: the registered students, who is champion, the way there and back, their files, and speed over quality."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.waiting import waited_for
from pipeline import promote
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.paths import Paths
from pipeline.student.catalogue import available, lay_out, read_contract
from pipeline.tracking import registry
from pipeline.tracking.client import database_file, store_exists
from pipeline.tracking.registry import CANDIDATE, CHAMPION, Version

NUMBERS = {  # column -> tag
    "PSNR (dB)": "evaluation.student.teacher.psnr",
    "int8 PSNR (dB)": "evaluation.student_int8.teacher.psnr",
    "SSIM": "evaluation.student.teacher.ssim",
    "PSNR to truth (dB)": "evaluation.student.truth.psnr",
    "flicker": "evaluation.student.truth.flicker",
}
GATES = {"passed": ":material/check_circle:", "failed": ":material/cancel:", "unknown": ":material/help:"}
MEASURES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "l1": "L1", "flicker": "flicker"}
BENCHMARK = "metrics/benchmark.json"  # of make bench
SUFFIXES = {".pth": "torch", ".onnx": "ONNX", "_int8.onnx": "ONNX, int8", ".json": "contract"}


def show_page(paths: Paths) -> None:
    """The whole page; where there is nothing yet, what to do."""
    st.title("Models")
    show_what_was_done()
    show_registered(paths)
    show_scores(paths)
    show_benchmark(paths)
    show_files(paths)


def show_registered(paths: Paths) -> None:
    """Champion, candidate and all versions; what was last known of them, and nothing to press, without the registry."""
    try:
        versions = waited_for(lambda: read_versions(paths), words="Reading the registry…")
    except SharpcamError as error:
        known = registry.last_known_versions(paths)
        st.warning(f"{error}" + (" Shown is what was last known." if known else ""))
        if known:
            show_versions(known)
        return
    if not versions:
        st.info('No student is registered yet. "make repro", or the page Pipeline, trains one and registers it.')
        return
    show_champion(versions, paths)
    show_versions(versions)


def read_versions(paths: Paths) -> list[Version]:
    """All versions, the newest first. Raises SharpcamError, also where the store that held some is gone."""
    if not store_exists() and registry.last_known_versions(paths):
        raise SharpcamError(f"{database_file()} is gone, and the registry was in it. Put it back from a backup.")
    return registry.versions(paths)


def show_what_was_done() -> None:
    """What the last press of a button did, or why it did not."""
    for kind in ("success", "error"):
        if said := st.session_state.pop(f"promote_{kind}", None):
            getattr(st, kind)(said)


def act(work: Callable[[], str]) -> None:
    """Do what a button asks, tell it on the page that follows."""
    try:
        st.session_state["promote_success"] = waited_for(work, words="Telling the registry…")
    except SharpcamError as error:
        st.session_state["promote_error"] = str(error)
    st.rerun()


def show_champion(versions: list[Version], paths: Paths) -> None:
    """Champion and candidate side by side, and the buttons between them."""
    champion, candidate = (registry.holder(alias, versions) for alias in (CHAMPION, CANDIDATE))
    left, right = st.columns(2)
    with left.container(border=True):
        show_card("Champion", champion, "No version is champion yet, so this project's own student is used.")
        offer_way_back(versions, paths)
    with right.container(border=True):
        show_card("Candidate", candidate, "No candidate: a student becomes one when it passes the gate.")
        offer_promotion(versions, candidate, champion, paths)


def show_card(title: str, version: Version | None, otherwise: str) -> None:
    """What one version is."""
    st.subheader(title)
    if version is None:
        st.write(otherwise)
        return
    st.markdown(f"**Version {version.number}** · {version.tags.get('model', '')} · {made(version):%d %b %Y %H:%M}")
    st.markdown(f"{GATES.get(version.tags.get('gate', ''), '')} {version.tags.get('verdict', '')}")


def made(version: Version) -> datetime:
    """When it was registered, in the server's time."""
    return datetime.fromtimestamp(version.created_ms // 1000)


def offer_promotion(versions: list[Version], candidate: Version | None, champion: Version | None, paths: Paths) -> None:
    """Any version may be promoted; an objection is said before, and asks for another word."""
    others = [version for version in versions if version != champion]
    if not others:
        return
    with st.popover("Promote …", icon=":material/trophy:"):
        chosen = st.selectbox(
            "Version",
            others,
            index=others.index(candidate) if candidate in others else 0,
            format_func=lambda version: f"{version.number} ({version.tags.get('model', '')})",
            key="promoted",
        )
        reason = promote.objection(chosen, champion)
        if reason:
            st.warning(reason)
        else:
            st.write(
                f"Version {chosen.number} takes the place of {f'version {champion.number}' if champion else 'none'}."
            )
        words = "Promote all the same" if reason else f"Promote version {chosen.number}"
        if st.button(words, type="secondary" if reason else "primary", key="promote"):
            act(partial(promote.promote, str(chosen.number), paths, force=bool(reason)))


def offer_way_back(versions: list[Version], paths: Paths) -> None:
    """The champion before this one, where there was one."""
    try:
        former = promote.former_champion(versions, paths)
    except SharpcamError:
        return
    if former is None:
        return
    with st.popover("Go back …", icon=":material/undo:"):
        st.write(f"Version {former.number} becomes the champion again.")
        if st.button(f"Go back to version {former.number}", type="primary", key="back"):
            act(partial(promote.back, paths))


def show_versions(versions: list[Version]) -> None:
    """All versions with their numbers."""
    st.subheader("Versions")
    rows = []
    for version in versions:
        row: dict[str, Any] = {"version": version.number, "is": " ".join(version.aliases)}
        row |= {"model": version.tags.get("model", ""), "gate": version.tags.get("gate", "")}
        row |= {name: version.figure(tag) for name, tag in NUMBERS.items() if tag in version.tags}
        row |= {"commit": version.tags.get("git.commit", "")[:8], "registered": made(version)}
        row |= {"run": version.run_id[:8], "data": version.tags.get("data_sha256", "")[:8]}
        rows.append(row)
    when = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    st.dataframe(rows, hide_index=True, placeholder="-", column_config={"registered": when})
    st.caption(
        "PSNR and SSIM are against the teacher, on whole frames that trained nothing. Versions with the same data "
        "were measured on the same frames and can be compared."
    )


def show_files(paths: Paths) -> None:
    """Every file of a model, to take home."""
    models = waited_for(lambda: available(paths), words="Reading the registry…")
    if not models:
        return
    st.subheader("Files")
    chosen = st.selectbox("Model", models, format_func=lambda model: model.title, key="files")
    try:
        folder = waited_for(lambda: lay_out(chosen, paths), words="Fetching the files…")
        stem = chosen.contract.stem
        contract = read_contract(folder / chosen.contract.name)
    except SharpcamError as error:
        st.error(str(error))
        return
    with st.container(horizontal=True):
        for suffix, words in SUFFIXES.items():
            file = folder / f"{stem}{suffix}"
            if file.exists():
                label = f"{words} ({size(file.stat().st_size)})"
                st.download_button(label, file.read_bytes, file.name, key=f"get{suffix}", on_click="ignore")
    geometry = contract.get("geometry", {})
    st.caption(
        f"{contract.get('model', '')} for {geometry.get('width')}x{geometry.get('height')}, {geometry.get('fit')}. "
        "An ONNX file runs only beside its contract: keep them together."
    )


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def show_scores(paths: Paths) -> None:
    """The student that is here now against bicubic, Lanczos, teacher and truth: words, numbers, speed, pictures."""
    if not paths.evaluation.exists():
        return
    st.subheader("How good is this project's student?")
    try:
        evaluation = read_json(paths.evaluation, made_by="evaluate")
        times = read_json(paths.speed, made_by="evaluate")["median_ms"] if paths.speed.exists() else {}
        show_verdict(evaluation)
        st.dataframe(as_rows(evaluation["methods"], times), hide_index=True, placeholder="-")
        if not (paths.root / BENCHMARK).exists():
            show_front(measured(evaluation["methods"], times), "teacher")
    except SharpcamError as error:
        st.error(str(error))
        return
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        st.error(f'{paths.evaluation} is no evaluation. Run "dvc repro --force evaluate" to write it again.')
        return
    with st.expander("Samples"):
        for picture in sorted(paths.samples.glob("*.png")):
            st.image(str(picture), width="stretch")


def show_verdict(evaluation: dict[str, Any]) -> None:
    """The gate's answer first, the other sentences below it."""
    first, *others = evaluation["verdict"]
    (st.success if evaluation["gate"]["passed"] else st.warning)(first)
    for sentence in others:
        st.write(sentence)
    st.caption(f"Measured on {evaluation['frames']} whole frames that trained nothing.")


def as_rows(methods: dict[str, dict[str, dict[str, float]]], times: dict[str, float]) -> list[dict[str, Any]]:
    """One row for each method and what it is compared with, the best first."""
    rows = [
        {"against": reference, "method": method}
        | {title: values.get(name) for name, title in MEASURES.items()}
        | {"ms a frame": times.get(method)}
        for method, references in methods.items()
        for reference, values in references.items()
    ]
    return sorted(rows, key=lambda row: (row["against"], -row[MEASURES["psnr"]]))


def show_benchmark(paths: Paths) -> None:
    """Every student in every engine beside its peers, as `make bench` measured them in one run."""
    file = paths.root / BENCHMARK
    if not file.exists():
        st.caption('"make bench" measures every student in every engine beside the original one and others.')
        return
    st.subheader("Speed and quality")
    try:
        report = read_json(file, made_by="evaluate")
        rows, (width, height) = report["rows"], report["size"]
        reference = "truth" if any("truth" in row["quality"] for row in rows) else "teacher"
        points = [
            {"name": row["name"], "engine": row["engine"], "ms": row["median_ms"]} | row["quality"][reference]
            for row in rows
            if reference in row["quality"]
        ]
        show_front(points, reference)
        st.dataframe([point | {"frames/s": round(1e3 / point["ms"], 1)} for point in points], hide_index=True)
        st.caption(f"{width}x{height} in, on {report['threads']} threads; measured against the {reference}.")
    except (SharpcamError, KeyError, TypeError, ValueError):
        st.error(f'{file} is no benchmark. Run "make bench" to write it again.')


def show_front(points: list[dict[str, Any]], reference: str) -> None:
    """Quality over time a frame; the line joins what nothing else beats in both."""
    if not points:
        return
    axes = {"xaxis_title": "ms a frame, uint8 to uint8", "yaxis_title": f"PSNR against the {reference} (dB)"}
    figure = go.Figure(layout={**axes, "height": 420, "uirevision": "front"})
    figure.update_xaxes(type="log")
    front = pareto(points)
    figure.add_scatter(
        x=[point["ms"] for point in front],
        y=[point["psnr"] for point in front],
        name="Pareto front",
        mode="lines",
        line={"dash": "dot", "color": "gray"},
    )
    for engine in dict.fromkeys(point["engine"] for point in points):
        of_engine = [point for point in points if point["engine"] == engine]
        figure.add_scatter(
            x=[point["ms"] for point in of_engine],
            y=[point["psnr"] for point in of_engine],
            text=[point["name"] for point in of_engine],
            name=engine,
            mode="markers+text",
            textposition="top center",
        )
    st.plotly_chart(figure, key="front")


def measured(methods: dict[str, dict[str, dict[str, float]]], times: dict[str, float]) -> list[dict[str, Any]]:
    """All of the evaluation whose time is known, as `show_front` takes it."""
    return [
        {"name": name, "engine": "last evaluation", "ms": times[name], "psnr": references["teacher"]["psnr"]}
        for name, references in methods.items()
        if name in times and "teacher" in references
    ]


def pareto(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that no other is as quick as and better than, the quickest first."""
    front: list[dict[str, Any]] = []
    for point in sorted(points, key=lambda point: (point["ms"], -point["psnr"])):
        if not front or point["psnr"] > front[-1]["psnr"]:
            front.append(point)
    return front


show_page(Paths())
