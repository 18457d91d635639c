"""Pictures of the same frame against each other: two under a draggable divider, or all in a grid, zoomed as one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st
from streamlit import runtime

from app.text import as_text
from pipeline.core.frames import PNG_SIGNATURE

HERE = Path(__file__).parent
MIMETYPES = {PNG_SIGNATURE: "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}

_mount = st.components.v2.component(
    "sharpcam.compare",
    html=(HERE / "compare.html").read_text(encoding="utf-8"),
    css=(HERE / "compare.css").read_text(encoding="utf-8"),
    js="\n".join((HERE / name).read_text(encoding="utf-8") for name in ("zoom.js", "compare.js")),  # one module
)


def show_slider(
    images: Mapping[str, Path | bytes],
    *,
    key: str,
    first: str | None = None,
    second: str | None = None,
    grid: bool = False,
    rows: Sequence[Sequence[str | None]] = (),
    bare: bool = False,
) -> None:
    """Show `images` (title -> PNG, JPEG or WebP file, or its bytes), all of the same view, in whatever sizes.

    `first` and `second` are the two under the divider at the beginning (the first and the last of `images` where not
    given), `grid` whether all are shown side by side at the beginning; the viewer changes both, and zoom and position
    stay when the pictures change. `rows` are the titles in each row of that grid, None a gap; without them as many
    stand beside each other as there is room for. `bare` shows pictures and divider alone, a little smaller. A file that
    is missing is said to be.
    """
    titles = list(images)
    found = {title: url for title, image in images.items() if (url := _url(image, id_=f"{key}-{title}"))}
    for title in titles:
        if title not in found:
            st.caption(f"There is no picture “{as_text(title)}” of this frame.")
    if not found:
        return
    shown = list(found)
    data = {
        "pictures": [{"title": title, "url": url} for title, url in found.items()],
        "first": first if first in found else shown[0],
        "second": second if second in found else shown[-1],
        "grid": grid,
        "rows": [list(row) for row in rows],
        "bare": bare,
    }
    _mount(key=key, data=data)


def _url(image: Path | bytes, *, id_: str) -> str | None:
    """Where the browser gets the picture from; None where the file is gone."""
    try:
        data = image if isinstance(image, bytes) else image.read_bytes()
    except OSError:
        return None
    mimetype = next((kind for start, kind in MIMETYPES.items() if data.startswith(start)), "application/octet-stream")
    base = st.get_option("server.baseUrlPath").strip("/")
    url = runtime.get_instance().media_file_mgr.add(data, mimetype, id_)
    return f"/{base}{url}" if base else url
