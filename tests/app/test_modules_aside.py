"""After pages have run, what they loaded is not looked through for garbage again."""

import gc
import subprocess
import sys
from importlib import import_module

LOADED = """
import gc
from app.modules_aside import set_modules_aside
set_modules_aside()
import plotly.graph_objects
gc.collect()
kept, aside = len(gc.get_objects()), gc.get_freeze_count()
gc.collect()
made = [[]]
made[0].append(made)
del made
print(kept, aside, gc.get_freeze_count(), gc.collect())
"""


def test_modules_are_set_aside_once_and_garbage_is_still_found() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    kept, aside, later, garbage = map(int, done.stdout.split())
    assert aside > 10_000 > 1_000 > kept
    assert later == aside
    assert garbage >= 2


def test_the_dashboard_does_so() -> None:
    import_module("app.server")
    assert any(callback.__module__ == "app.modules_aside" for callback in gc.callbacks)
