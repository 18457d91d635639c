"""Modules are not looked through for garbage.

Streamlit collects all garbage after each run of a page. With plotly, pandas and MLflow loaded that took 0.08 s, two
thirds of a click, in which the whole server stood still.
"""

import gc
import sys
from typing import Any


def set_modules_aside() -> None:
    """From now on, whenever modules came in, what a whole collection leaves is not looked at again."""
    loaded = 0

    def freeze(phase: str, info: dict[str, Any]) -> None:
        nonlocal loaded
        if phase == "stop" and info["generation"] == 2 and len(sys.modules) > loaded:
            loaded = len(sys.modules)
            gc.freeze()

    gc.callbacks.append(freeze)
