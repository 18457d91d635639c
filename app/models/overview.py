"""The top of the page Models: pictures of the students that matter, a card for each, and all of them compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.cameras import own_cameras
from app.compare import show_slider
from app.compared import Contenders, common_results, gain_db, in_a_word, show_compared
from app.models.front import show_front
from app.models.people import IN_USE, SHIPPED, Role, all_contenders, roles_of
from app.models.versions import offer_promotion, offer_way_back
from app.text import as_text
from app.waiting import waited_for
from pipeline.compare.results import BICUBIC, TEACHER, TRUTH, Result, Results, comparable_ms
from pipeline.core.errors import SharpcamError
from pipeline.core.meaning import GATE_DB
from pipeline.core.paths import Paths
from pipeline.student.catalogue import available
from pipeline.tracking.past_runs import PastRun, all_runs
from pipeline.tracking.registry import CANDIDATE, CHAMPION, Version, holder

GATES = {"passed": ":material/check_circle:", "failed": ":material/cancel:", "unknown": ":material/help:"}


def show_overview(versions: list[Version], paths: Paths) -> None:
    """What the students make of the same frame, what each is to people, and how they compare."""
    models = waited_for(lambda: available(paths), words="Looking for students…")
    if not models:
        return
    runs = runs_known(paths)
    roles = roles_of(models, versions, runs, paths)
    contenders = all_contenders(models, versions, runs, paths)
    results = common_results(contenders, paths)
    if results:
        show_pictures(roles, results)
    show_cards(roles, versions, results, paths)
    if results:
        st.subheader("On the same frames")
        show_compared(contenders, results, paths)
        show_points(contenders, results)


def runs_known(paths: Paths) -> list[PastRun]:
    """The trainings; none where MLflow does not answer, which is said where the registry is."""
    try:
        return waited_for(lambda: all_runs(paths), words="Reading the runs…")
    except SharpcamError:
        return []


def show_pictures(roles: Sequence[Role], results: Results) -> None:
    """The same frame: bicubic, the students, the teacher and the truth, as far as they are there."""
    shown = results.frames.shown
    names = [f"{place.clip}, frame {int(place.stem) if place.stem.isdigit() else place.stem}" for place in shown]
    place = shown[0]
    if len(shown) > 1 and results.picture(place, BICUBIC).exists():
        chosen = st.segmented_control("Frame", names, default=names[0], required=True, key="models-frame")
        place = shown[names.index(chosen)] if chosen in names else place
    files = {BICUBIC: results.picture(place, BICUBIC)}
    files |= {as_title(role): results.picture(place, role.contender.key) for role in roles}
    files |= {name: results.picture(place, name) for name in (TEACHER, TRUTH)}
    there: dict[str, Path | bytes] = {title: file for title, file in files.items() if file.exists()}
    if there:
        show_slider(there, key="models-pictures", second=as_title(roles[0]) if roles else None, grid=True)


def as_title(role: Role) -> str:
    """Role and student, as a picture's title."""
    if role.title == SHIPPED:
        return role.model.title
    return f"{role.title}: {role.model.title.partition(': ')[2] or role.model.title}"


def show_cards(roles: Sequence[Role], versions: list[Version], results: Results | None, paths: Paths) -> None:
    """A card for each, with the two steps between them."""
    candidate, champion = holder(CANDIDATE, versions), holder(CHAMPION, versions)
    promotes = next((role for role in roles if candidate and role.version == candidate), None)
    shipped = (
        next((results.of(role.contender.key) for role in roles if role.title == SHIPPED), None) if results else None
    )
    for column, role in zip(st.columns(max(1, len(roles))), roles, strict=False):
        with column.container(border=True, height="stretch"):
            show_card(role, results, None if role.title == SHIPPED else shipped)
            if role.title == IN_USE and champion:
                offer_way_back(versions, paths)
            if versions and role is (promotes or roles[0]):
                offer_promotion(versions, candidate, champion, paths)


def show_card(role: Role, results: Results | None, shipped: Result | None) -> None:
    """What one student is, and in words how good: next to bicubic and to the one that is there without any training."""
    st.subheader(role.title, anchor=False)
    st.markdown(f"**{as_text(role.model.title)}**")
    st.caption(role.about)
    found = results.of(role.contender.key) if results else None
    bicubic = results.of(BICUBIC) if results else None
    if found and bicubic and not found.problem:
        lines = in_words(found, bicubic)
        lines += [beside_shipped(gain)] if shipped and (gain := gain_db(found, shipped)) is not None else []
        st.markdown("\n".join(f"- {as_text(line)}" for line in lines))
    elif role.version:
        icon = GATES.get(role.version.tags.get("gate", ""), "")
        st.markdown(f"{icon} {as_text(role.version.tags.get('verdict', ''))}")


def in_words(found: Result, bicubic: Result) -> list[str]:
    """How good a student is on each of the user's own cameras, else on all frames."""
    own = own_cameras(found.cameras)
    words = [f"On {camera}: {in_a_word(found, bicubic, camera=camera)}" for camera in own]
    return words or [f"On the demo's cameras: {in_a_word(found, bicubic)}"]


def beside_shipped(gain: float) -> str:
    """Whether training was worth it, for who asks."""
    if abs(gain) < GATE_DB:
        return "as good as the one that comes with sharpcam"
    return f"{abs(gain):.1f} dB {'better' if gain > 0 else 'worse'} than the one that comes with sharpcam"


def show_points(contenders: Contenders, results: Results) -> None:
    """Speed over quality of all of them in one plot, measured in one engine."""
    found = {title: result for title, contender in contenders.items() if (result := results.of(contender.key))}
    against = {name for result in found.values() for name in result.scores}
    reference = TEACHER
    if TRUTH in against:
        asked = st.segmented_control("PSNR to the", [TEACHER, TRUTH], default=TEACHER, required=True, key="front-to")
        reference = asked or TEACHER
    points: list[dict[str, Any]] = [
        {"name": title, "engine": "ONNX Runtime, two threads", "ms": ms, "psnr": psnr}
        for title, ms in comparable_ms(found).items()
        if (psnr := found[title].measure("psnr", against=reference)) is not None
    ]
    bicubic = results.of(BICUBIC)
    show_front(points, reference, floor=bicubic.measure("psnr", against=reference) if bicubic else None, key="front")
