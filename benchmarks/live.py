"""Frames a second of the live page in a real Chromium, on the processor: our own engine beside ONNX Runtime.

python -m benchmarks.live [--json FILE]
python -m benchmarks.live --all --json FILE > docs/live.md

Unthrottled: the next frame starts when the last one is drawn, whatever the camera's rate. The engines take turns in one
run, so that their ratios hold on a machine that is busy now and then.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from app.live import assets
from benchmarks.player_site import build_site, served, write_camera
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.student.catalogue import browser_files, find, read_contract
from tests.support.chromium import launch

ENGINES = {"onnxruntime-web": None, "wasm-relaxed": "relaxed", "wasm-simd": "simd"}  # the build that the page finds
RIVAL = "onnxruntime-web"
STUDENTS = ("student_s", "student_m", "student_l")
SIZES = ((320, 240), (640, 480), (1280, 720))  # of the camera, and of what the student reads
DEFAULT_SIZE = (640, 480)
ROUNDS = 3
WARM_UP_MS = 4000
PATIENCE_MS = 120_000
DRIVE = """async ([seconds, split]) => {
    const { source, engine, playback } = player.session;
    const view = { view: split ? "split" : "single", split: 0.5, strength: 1, mirror: false };
    const [totals, parts] = [[], []];
    playback.loop.stop();
    source.resume();
    const begun = performance.now();
    while (performance.now() < begun + 1000 * seconds) {
        const started = performance.now();
        const frame = await source.grab();
        const done = await engine.call("frame", { frame, share: 1, view, calm: { stream: -1, strength: 1 } }, [frame]);
        totals.push(performance.now() - started);
        parts.push(done.parts);
    }
    const spent = performance.now() - begun;
    source.pause();
    return { totals, parts, spent };
}"""


@dataclass(frozen=True)
class Setup:
    """What is measured with each engine."""

    student: str
    size: tuple[int, int]
    threads: int
    split: bool


@dataclass(frozen=True)
class Figures:
    """What an engine needs for a frame, from the camera to the canvas."""

    engine: str
    student: str
    size: str
    threads: int
    split: bool
    fps: float
    ratio: float | None  # of its frames a second to those of ONNX Runtime in the same run
    p50_ms: float
    least_ms: float
    parts: dict[str, float]  # ms, medians

    def __str__(self) -> str:
        parts = ", ".join(f"{part} {ms:.1f}" for part, ms in self.parts.items())
        view = "split" if self.split else "whole"
        ratio = "-" if self.ratio is None else f"{self.ratio:.1f}"
        return (
            f"| {self.engine} | {self.student} | {self.size} | {self.threads} | {view} | {self.fps:.1f} | {ratio} |"
            f" {self.p50_ms:.0f} | {self.least_ms:.0f} | {parts} |"
        )


HEAD = (
    "| engine | student | size | threads | view | frames/s | times ORT | p50 ms | least ms | parts, ms |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def measure(setup: Setup, *, seconds: float) -> list[Figures]:
    """Each engine that can run the student, `seconds` in all for each. Raises SharpcamError where one does not run."""
    model = find(setup.student, Paths())
    engines = [engine for engine, tier in ENGINES.items() if tier is None or "web" in read_contract(model.contract)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        width, height = setup.size
        student = with_target(model.contract, folder / "student", size=(2 * width, 2 * height))
        camera = write_camera(folder / "camera.y4m", size=setup.size)
        with served(site_of(folder / "site", student, setup)) as address, sync_playwright() as playwright:
            browser = launch(playwright, camera=camera)
            pages = {engine: opened(browser, f"{address}/{engine}/", engine) for engine in engines}
            runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
            for _, (engine, page) in product(range(ROUNDS), pages.items()):
                runs[engine].append(page.evaluate(DRIVE, [seconds / ROUNDS, setup.split]))
            browser.close()
    rival = fps_of(runs[RIVAL])
    return [figures(engine, setup, of_engine, rival_fps=rival) for engine, of_engine in runs.items()]


def site_of(folder: Path, student: Path, setup: Setup) -> Path:
    """A page for each engine, in a folder of its name: it finds only that build of our own, or none."""
    width, height = setup.size
    settings = {
        "engine": "wasm",
        "threads": setup.threads,
        "inputSize": "1",
        "resolution": f"{width}x{height}",
        "view": "split" if setup.split else "single",
    }
    folder.mkdir()
    for engine, tier in ENGINES.items():
        site = build_site(folder / engine, [student], settings=settings)
        (site / "engine").unlink()
        (site / "engine").mkdir()
        names = (f"layers-{tier}*", *assets.APART)
        for file in (file for name in names for file in assets.ENGINE.glob(f"{name}.wasm")):
            (site / "engine" / file.name).symlink_to(file)
    return folder


def with_target(contract: Path, folder: Path, *, size: tuple[int, int]) -> Path:
    """A copy of the contract and what browsers run for another target: the network takes any size."""
    content = read_contract(contract)
    folder.mkdir()
    for name in browser_files(content):
        (folder / name).write_bytes(contract.with_name(name).read_bytes())
    content["geometry"] |= {"width": size[0], "height": size[1]}
    (folder / contract.name).write_text(json.dumps(content))
    return folder / contract.name


def opened(browser: Browser, address: str, engine: str) -> Page:
    """The page with that engine at rest, warm. Raises SharpcamError where another one runs."""
    page: Page = browser.new_context(permissions=["camera"]).new_page()
    page.goto(address)
    page.get_by_role("button", name="Start the camera").click()
    page.wait_for_function("states.at(-1)?.fps || states.at(-1)?.error", timeout=PATIENCE_MS)
    page.wait_for_timeout(WARM_UP_MS)
    runs = page.evaluate("states.at(-1).backend ?? ''")
    wanted = f"WASM {ENGINES[engine]}" if ENGINES[engine] else "ONNX Runtime WASM"
    if runs != wanted:
        said = page.evaluate("player.session.error || player.session.notes")
        raise SharpcamError(f"{engine} does not run here: {said}")
    page.evaluate("player.session.playback.loop.stop(); player.session.source.pause()")
    return page


def fps_of(runs: list[dict[str, Any]]) -> float:
    """Frames a second of several runs together."""
    spent_ms = float(sum(run["spent"] for run in runs))
    return 1000 * sum(len(run["totals"]) for run in runs) / spent_ms


def figures(engine: str, setup: Setup, runs: list[dict[str, Any]], *, rival_fps: float) -> Figures:
    """What several runs say together."""
    totals = [total for run in runs for total in run["totals"]]
    parts = [each for run in runs for each in run["parts"]]
    return Figures(
        engine=engine,
        student=setup.student,
        size=f"{setup.size[0]}x{setup.size[1]}",
        threads=setup.threads,
        split=setup.split,
        fps=fps_of(runs),
        ratio=None if engine == RIVAL else fps_of(runs) / rival_fps,
        p50_ms=statistics.median(totals),
        least_ms=min(totals),
        parts={part: statistics.median(each[part] for each in parts) for part in parts[0]},
    )


def document() -> str:
    """What stands above the long table."""
    return (
        "# The live page's engines in a browser\n\n"
        "Written by `python -m benchmarks.live --all > docs/live.md`: frames a second of the page in Chromium\n"
        "on the processor, unthrottled, from the camera's frame to the canvas, fused through time (Calm 1). Engines\n"
        "take turns in one run: on a machine that has other work too, as this one had, only ratios in a run bind.\n"
        f"`student_l` has no web form, so ONNX Runtime alone runs it. The machine has {os.cpu_count()} cores.\n\n"
    )


def setups(options: argparse.Namespace) -> Iterator[Setup]:
    if not options.all:
        yield Setup(options.contract or "bundled:student_s", DEFAULT_SIZE, options.threads, split=True)
        return
    for student, size, threads, split in product(STUDENTS, SIZES, (1, 2), (True, False)):
        yield Setup(f"bundled:{student}", size, threads, split)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contract", help="a student's contract, or the name of a model (bundled:student_s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=18, help="of each engine (%(default)s)")
    parser.add_argument("--all", action="store_true", help="all students, sizes, threads and views, in an hour")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    try:
        print(document() + HEAD if options.all else HEAD, flush=True)
        found = []
        for setup in setups(options):
            of_setup = measure(setup, seconds=options.seconds)
            print(*of_setup, sep="\n", flush=True)
            found += of_setup
    except SharpcamError as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
