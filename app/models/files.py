"""The files of the student that was trained last."""

import streamlit as st

from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.student.catalogue import available, materialize, read_contract

SUFFIXES = {
    ".pth": "torch",
    ".onnx": "ONNX",
    "_int8.onnx": "ONNX, int8",
    "_web.bin": "for browsers",
    ".json": "contract",
}


def show_files(paths: Paths) -> None:
    """Every file of a model, to take home."""
    models = waited_for(lambda: available(paths), words="Reading the registry…")
    if not models:
        return
    st.subheader("Files")
    chosen = st.selectbox("Model", models, format_func=lambda model: model.title, key="files")
    try:
        folder = waited_for(lambda: materialize(chosen, paths), words="Fetching the files…")
        stem = chosen.contract.stem
        contract = read_contract(folder / chosen.contract.name)
    except SharpcamError as error:
        st.error(as_text(error))
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
