"""What makes the stand-alone page a program of its own: it can be installed, and runs without a network."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path

from app.isolation import ISOLATION
from app.live.shelves import WEB
from pipeline.core.hashing import sha256, sha256_of_json

SCRIPT = "service_worker.js"
SOURCE = WEB / "service_worker.mjs"
MANIFEST = "manifest.json"
ICON = Path(__file__).parents[1] / "icon.svg"
NAMED = {
    "name": "sharpcam",
    "short_name": "sharpcam",
    "description": "A small network makes your camera's picture sharper, in this browser.",
    "start_url": ".",
    "scope": ".",
    "display": "standalone",
    "background_color": "#262730",
    "theme_color": "#262730",
    "icons": [{"src": ICON.name, "sizes": "any", "type": "image/svg+xml"}],
}
LINKS = f'<link rel="manifest" href="{MANIFEST}">\n<link rel="icon" href="{ICON.name}">\n'


def make_installable(folder: Path, *, later: Collection[Path]) -> None:
    """Add to a `folder` that holds the page what installs it and keeps its files.

    Files in `later`, or below a folder in it, are kept once they were asked for.
    """
    shutil.copy(ICON, folder)
    (folder / MANIFEST).write_text(json.dumps(NAMED))
    page = folder / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</head>", f"{LINKS}</head>"), encoding="utf-8")
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    names = [str(file.relative_to(folder)) for file in files if not any(file.is_relative_to(each) for each in later)]
    version = sha256_of_json({str(file.relative_to(folder)): sha256(file) for file in files})
    kept = {"version": version, "files": [".", *names], "headers": ISOLATION}
    (folder / SCRIPT).write_text(f"self.FOLDER = {json.dumps(kept)};\n{SOURCE.read_text(encoding='utf-8')}")
