"""What a machine gives: Python, room, cameras, processors, ports."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.paths import IS_INSTALLED, Paths, browser_runtime
from pipeline.doctor.finding import Finding
from pipeline.student.engines import ENGINES

PYTHONS = ((3, 11), (3, 13))
FREE_GB = 5.0  # packages, the demo's frames and their cache
PORTS = {8501: "the dashboard", 5000: "the MLflow UI"}
ENGINE_FIXES = {
    "cpu": "Nothing to do where the processor lacks it; a missing library comes with: make setup",
    "cuda": "Nothing to do without a GPU; with one: pip install onnxruntime-gpu in place of onnxruntime",
}
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def python(_: Paths) -> Iterator[Finding]:
    """The interpreter's version."""
    found, (low, high) = sys.version_info[:2], PYTHONS
    fits = low <= found <= high
    fix = "" if fits else "Install Python 3.11 to 3.13 and run: make PYTHON=python3.12 setup"
    yield Finding("python", ".".join(map(str, found)), fix)


def browser(_: Paths) -> Iterator[Finding]:
    """A Chromium, which only tests need."""
    found = next((name for name in CHROMIUMS if shutil.which(name)), "")
    fix = "" if found else "For the browser tests run: playwright install chromium"
    yield Finding("browser", found or "no Chromium", fix, needed=False)


def assets(_: Paths) -> Iterator[Finding]:
    """What the live page loads: ONNX Runtime for browsers."""
    there = any(browser_runtime().glob("*.wasm"))
    fix = "Nothing to do: sharpcam live fetches it" if IS_INSTALLED else "Run: make setup"
    yield Finding("browser assets", "there" if there else "missing", "" if there else fix, needed=not IS_INSTALLED)


def engines(_: Paths) -> Iterator[Finding]:
    """What students could run in."""
    for name, engine in ENGINES.items():
        if missing := engine.missing():
            yield Finding(f"engine {name}", missing, ENGINE_FIXES[engine.device], needed=False)


def gpu(_: Paths) -> Iterator[Finding]:
    """A GPU, which training and the teacher are faster on."""
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    said = subprocess.run(asked, capture_output=True, text=True).stdout.strip() if shutil.which(asked[0]) else ""
    fix = "" if said else "Nothing to do: all works without, training and strong teachers take longer"
    yield Finding("gpu", said.replace("\n", ", ") or "none", fix, needed=False)


def disk(paths: Paths) -> Iterator[Finding]:
    """Room for data and caches."""
    free = shutil.disk_usage(paths.root or ".").free / 1e9
    fix = "" if free >= FREE_GB else f"Free some space: {FREE_GB:.0f} GB are needed. Old results: dvc gc --workspace"
    yield Finding("disk", f"{free:.0f} GB free", fix)


def camera(_: Paths) -> Iterator[Finding]:
    """Any camera of this machine."""
    found = sorted(str(device) for device in Path("/dev").glob("video*"))
    fix = "" if found else "Plug one in, or go on with the demo, a video or the browser's camera"
    yield Finding("camera", ", ".join(found) or "none seen", fix, needed=False)


def ports(_: Paths) -> Iterator[Finding]:
    """The ports that pages are served on."""
    for port, purpose in PORTS.items():
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        fix = "Nothing to do: the next free port is taken" if taken else ""
        yield Finding(f"port {port}", f"in use, for {purpose}" if taken else "free", fix, needed=False)
