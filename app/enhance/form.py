"""The files to enhance, and how."""

from typing import NamedTuple

import streamlit as st

from app.enhance.calls import COMMAND, Example, arguments, receive
from app.home.before_after import read_any
from app.jobs import start
from app.links import show_link
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import encode_frame
from pipeline.core.paths import Paths
from pipeline.enhance.encoding import CODECS, PRESETS, Encoding
from pipeline.enhance.images.write import BEST_QUALITY, QUALITY_MEANS
from pipeline.enhance.names import SUFFIXES
from pipeline.student.catalogue import available
from pipeline.student.engines import ENGINES

CHOSEN = "enhance-call"  # in the session: the call that is looked at
SIZES = {False: "Twice the input", True: "Target geometry"}
NOTHING = "nothing"
AUTOMATIC = "Automatic"
SHARES = [step / 20 for step in range(21)]  # of a slider


class Look(NamedTuple):
    """Where a preset has the sliders."""

    means: str
    strength: float = 1.0
    denoise: float | str = AUTOMATIC
    sharpen: float | str = AUTOMATIC
    calm: float = 1.0


LOOKS = {
    "As found": Look("Blur and noise are removed as far as each file is found to have them."),
    "Gentle": Look("Half the way from plain bicubic, for pictures that are good already.", strength=0.5),
    "Bad light": Look("For grainy pictures: nearly all of the noise goes, and some fine texture with it.", denoise=0.8),
    "Out of focus": Look("For soft pictures: edges become much crisper, and so does noise.", sharpen=0.8),
}


def show_form(paths: Paths) -> None:
    """The files and how to enhance them."""
    try:
        found = waited_for(lambda: available(paths), words="Reading the registry…")
    except SharpcamError as error:
        st.warning(as_text(error))
        return
    models = {model.name: model.title for model in found}
    if not models:
        st.info("There is no student yet. A run of the pipeline trains one.")
        show_link("pipeline.py", "Run the pipeline")
        return
    limit = int(st.get_option("server.maxUploadSize"))
    files = st.file_uploader(
        f"Pictures or films from a camera, up to {limit} MB in total",
        type=[suffix[1:] for suffix in sorted(SUFFIXES)],
        accept_multiple_files=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", list(models), format_func=models.__getitem__, width=300)
        fit = st.selectbox("Size", list(SIZES), format_func=SIZES.__getitem__, width=180)
        others = [NOTHING, "bicubic", "lanczos", "teacher", *(name for name in models if name != model)]
        other = st.selectbox("Compare with", others, width=180, help="Writes [other | student], and a table of both.")
    show_looks()
    options = show_options()
    with st.container(horizontal=True):
        asked = st.button("Enhance", type="primary", icon=":material/auto_awesome:", disabled=not files, key="enhance")
        example = not files and paths.demo_clip.exists() and st.button("Try an example", key="example")
    if asked or example:
        try:
            given = files if asked else [Example(encode_frame(read_any(paths.demo_clip)))]
            folder = receive(given, paths, limit_bytes=limit * 2**20)
            compare = None if other == NOTHING else other
            words = arguments(folder, model=model, fit=fit, compare=compare, **options)
            st.session_state[CHOSEN] = start(COMMAND, words, paths=paths).number
        except SharpcamError as error:
            st.error(as_text(error))
            return
        st.rerun()


def show_looks() -> None:
    """Presets, each of which sets the sliders under Options."""
    looks = st.container(horizontal=True)
    for name, look in LOOKS.items():
        looks.button(name, help=look.means, key=f"look-{name}", on_click=set_sliders, args=(look,))


def set_sliders(look: Look) -> None:
    """Move the sliders to where a preset has them."""
    for name, value in look._asdict().items():
        if name != "means":
            st.session_state[f"enhance-{name}"] = value


def show_options() -> dict[str, str | int | float | None]:
    """What the command may be told besides, by its names; None where it is left to that."""
    with st.expander("Options"):
        with st.container(horizontal=True):
            sliders = show_sliders()
        with st.container(horizontal=True):
            return sliders | show_encoding()


def show_encoding() -> dict[str, str | int | float | None]:
    """What runs the student, and how files are written."""
    return {
        "engine": st.selectbox("Engine", list(ENGINES), index=None, placeholder="auto", width=180),
        "threads": st.number_input("Threads", min_value=1, value=None, placeholder="auto", width=120),
        "codec": st.selectbox("Codec of videos", list(CODECS), index=None, placeholder="by the file", width=140),
        "preset": st.selectbox("Preset of videos", list(PRESETS), index=None, placeholder=Encoding.preset, width=140),
        "quality": st.number_input(
            "Quality", 0, BEST_QUALITY, value=None, placeholder="usual", help=QUALITY_MEANS, width=130
        ),
    }


def show_sliders() -> dict[str, str | int | float | None]:
    """How strong the student is, and the dials that are not to be set from the pictures."""
    strength = st.slider(
        "Strength",
        0.0,
        1.0,
        1.0,
        SHARES[1],
        help="0 is plain bicubic, 1 is the student alone.",
        width=220,
        key="enhance-strength",
    )
    return {
        "strength": None if strength == 1 else strength,
        "denoise": show_dial("Denoise", "How much noise is removed. Automatic: as much as each file is found to have."),
        "sharpen": show_dial("Sharpen", "How much blur is removed. Automatic: as much as each file is found to have."),
        "calm": show_calm(),
    }


def show_calm() -> float | None:
    """How much of a video's flicker goes; all of it is left to the command."""
    means = "Videos: 0 is frame by frame, 1 is steadiest."
    calm = st.slider("Calm", 0.0, 1.0, 1.0, SHARES[1], help=means, width=220, key="enhance-calm")
    return None if calm == 1 else calm


def show_dial(label: str, means: str) -> float | None:
    """A slider whose first place is left to the command."""
    chosen = st.select_slider(label, [AUTOMATIC, *SHARES], help=means, width=220, key=f"enhance-{label.lower()}")
    return chosen if isinstance(chosen, float) else None
