"""Clips as a wall of tiles, of which one can be chosen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "sharpcam.wall",
    html=(HERE / "wall.html").read_text(encoding="utf-8"),
    css=(HERE / "wall.css").read_text(encoding="utf-8"),
    js=(HERE / "wall.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Tile:
    """A clip on the wall."""

    name: str
    url: str | None  # of its picture; None while there is none
    lines: tuple[str, ...]  # below its name
    chosen: bool


def show_wall(tiles: Sequence[Tile], *, key: str) -> str | None:
    """Show the tiles; gives the name of the one that was just pressed."""
    result = _mount(key=key, data={"clips": [asdict(tile) for tile in tiles]}, on_picked_change=lambda: None)
    picked = result.picked
    return str(picked) if picked else None
