"""How long each page of the dashboard takes to appear, in a real Chromium, on a project with much in it.

python -m benchmarks.dashboard [--runs 200] [--frames 5000] [--keep FOLDER]
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import psutil
from playwright.sync_api import Browser, sync_playwright

from pipeline.core.clips import frame_name
from pipeline.core.files import write_json
from pipeline.core.frames import write_frame
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.experiment import experiment_id
from pipeline.tracking.figures import flatten
from pipeline.tracking.past_runs import CURVES

ROOT = Path(__file__).parents[1]
CLIP_FRAMES = 250
EPOCHS = 20
DIFFERENT = 8  # pictures; the others are links to them
HOUR_MS = 3_600_000
START_S = 120
LONGEST_MS = 120_000
DONE = "[data-testid=stApp][data-test-script-state=notRunning]"


def make_project(folder: Path) -> None:
    """A copy of the working tree as a repository of its own."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def make_frames(paths: Paths, params: Params, count: int) -> None:
    """Clips of noise with teacher pictures; few files, linked many times."""
    random = np.random.default_rng(0)
    camera, (width, height) = params.capture.camera, params.geometry.target
    sizes = {paths.raw: (camera.height, camera.width), paths.teacher: (height, width)}
    originals = paths.cache / "originals"
    for folder, size in sizes.items():
        for index in range(DIFFERENT):
            write_frame(originals / f"{folder.name}-{index}.png", random.integers(0, 256, (*size, 3), np.uint8))
    for clip, first in ((f"clip-{first // CLIP_FRAMES:03d}", first) for first in range(0, count, CLIP_FRAMES)):
        frames = min(CLIP_FRAMES, count - first)
        for folder in sizes:
            (folder / clip).mkdir(parents=True)
            for index in range(frames):
                (folder / clip / frame_name(index)).hardlink_to(originals / f"{folder.name}-{index % DIFFERENT}.png")
        write_json(paths.raw / clip / "clip.json", {"source": "folder", "frames": frames})
    write_json(paths.split, {"training": {}, "validation": {}})


def make_runs(params: Params, count: int) -> None:
    """Runs as `train` and `evaluate` leave them, of made-up numbers."""
    from mlflow.entities import Metric, Param, RunTag

    random = np.random.default_rng(0)
    store = mlflow_client()
    experiment = experiment_id(store)
    flat = [Param(name, value) for name, value in flatten(params.model_dump()).items()]
    for number in range(count):
        began_ms = time.time_ns() // 10**6 - (count - number) * HOUR_MS
        run = store.create_run(experiment, start_time=began_ms, run_name=params.train.model).info.run_id
        best = float(random.uniform(30, 40))
        points = [
            Metric(name, best - 5 / (epoch + 1) if "psnr" in name else 1 / (epoch + best), 0, epoch)
            for name in CURVES
            for epoch in range(EPOCHS)
        ]
        judged = {"best_val_psnr": best}
        judged |= {
            f"evaluation.{method}.{reference}.{measure}": float(random.uniform(0, 1))
            for method in ("student", "bicubic", "lanczos", "teacher")
            for reference in ("teacher", "truth")
            for measure in ("psnr", "ssim", "l1")
        }
        points += [Metric(name, value, 0, 0) for name, value in judged.items()]
        store.log_batch(run, points, flat, [RunTag("git.commit", f"{number:040x}")])
        store.set_terminated(run, "FINISHED", began_ms + HOUR_MS // 2)


@contextmanager
def dashboard(folder: Path) -> Iterator[str]:
    """The dashboard of the project in `folder`, by its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    streamlit = Path(sys.executable).with_name("streamlit")  # "-m" would find the copy's modules first
    command = [str(streamlit), "run", str(ROOT / "app/server.py"), f"--server.port={port}"]
    address = f"http://127.0.0.1:{port}"
    with (
        (folder / "dashboard.log").open("wb") as log,
        subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)}
        ) as server,
    ):
        try:
            wait_for(address, server)
            yield address
        finally:
            for child in psutil.Process(server.pid).children(recursive=True):  # they write into the folder
                child.terminate()
            server.terminate()


def wait_for(address: str, server: "subprocess.Popen[Any]") -> None:
    """Until the server answers."""
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urlopen(address, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise SystemExit("sharpcam: the dashboard did not start. Keep the state with --keep and read its dashboard.log.")


def measure(browser: Browser, address: str) -> tuple[float, float]:
    """Seconds until a new visitor sees the page's title, and until nothing more is added."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(LONGEST_MS)
    started = time.monotonic()
    page.goto(address, wait_until="commit")
    page.locator("h1").first.wait_for()
    titled = time.monotonic() - started
    page.locator(DONE).wait_for()
    done = time.monotonic() - started
    context.close()
    return titled, done


def run(folder: Path, runs: int, frames: int) -> None:
    """Make the state if it is not there, and print a line for each page."""
    if not (folder / "params.yaml").exists():
        make_project(folder)
        os.chdir(folder)
        params = load_params(Paths().params)
        make_frames(Paths(), params, frames)
        make_runs(params, runs)
        print(f"made {runs} runs and {frames} frames")
    with dashboard(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print(f"load of the machine (processes that want a core): {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
        print(f"{'page':<14}{'title s':>9}{'whole s':>9}{'again s':>9}   (again: the whole page, a second time)")
        for name in sorted(file.stem for file in (ROOT / "app/pages").glob("*.py")):
            titled, done = measure(browser, f"{address}/{name}")
            _, again = measure(browser, f"{address}/{name}")
            print(f"{name:<14}{titled:>9.2f}{done:>9.2f}{again:>9.2f}", flush=True)
        browser.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--keep", type=Path, help="make the state there, or use the one that is there")
    asked = parser.parse_args()
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
        run(asked.keep.resolve(), asked.runs, asked.frames)
        return
    with TemporaryDirectory() as folder:
        run(Path(folder), asked.runs, asked.frames)


if __name__ == "__main__":
    main()
