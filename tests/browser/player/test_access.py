"""The live page for everybody: axe finds nothing serious."""

from pathlib import Path
from typing import Literal

import pytest
from axe import serious
from player import (
    WASM,
    Open,
    start_camera,
)

from pipeline.core.clip_rules import NEW_NAME


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(
    open_player: Open, student: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    capture = {"url": "/capture", "token": "t", "limits": {"frames": 9, "bytes": 9, "per_second": 9, "name": NEW_NAME}}
    page = open_player([student], settings=WASM | {"lens": True}, capture=capture)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    assert serious(page) == []
    start_camera(page)
    page.get_by_text("Record a clip of this camera").click()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
