"""Frames a second of the live page in a real Chromium, and the network's share of a frame's time, on WASM.

python -m benchmarks.live [--contract weights/bundled/student_s.json] [--threads 2] [--seconds 20]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.player_site import build_site, served, write_camera
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.student.catalogue import find, float_file, read_contract
from tests.support.chromium import launch

SIZES = ((320, 240), (640, 480))  # of the camera, and of what the student reads
WARM_UP_MS = 5000
PATIENCE_MS = 120_000


@dataclass
class Figures:
    """What the page reports of one size, medians over its reports."""

    size: tuple[int, int]
    fps: float
    p50_ms: float
    p95_ms: float
    parts: dict[str, float]  # ms
    threads: int

    @property
    def network_share(self) -> float:
        """Of a frame's time from the camera to the canvas."""
        return self.parts["run"] / self.p50_ms

    def __str__(self) -> str:
        width, height = self.size
        parts = ", ".join(f"{part} {ms:.1f}" for part, ms in self.parts.items())
        return (
            f"{width}x{height}: {self.fps:.1f} frames a second, p50 {self.p50_ms:.0f} ms, p95 {self.p95_ms:.0f} ms"
            f" ({parts}), network {self.network_share:.0%}, {self.threads} threads"
        )


def measure(contract: Path, size: tuple[int, int], *, threads: int, seconds: float) -> Figures:
    """Run the student of `contract` on a camera of `size`, read as it is, in the split view."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        student = with_target(contract, folder / "student", size=(2 * size[0], 2 * size[1]))
        settings = {
            "engine": "wasm",
            "threads": threads,
            "inputSize": "1",
            "resolution": f"{size[0]}x{size[1]}",
            "targetFps": 30,
        }
        site = build_site(folder / "site", [student], settings=settings)
        camera = write_camera(folder / "camera.y4m", size=size)
        with served(site) as address, sync_playwright() as playwright:
            browser = launch(playwright, camera=camera)
            reports = watch(browser, address, seconds=seconds)
            browser.close()
    return summary(size, reports)


def with_target(contract: Path, folder: Path, *, size: tuple[int, int]) -> Path:
    """A copy of the contract and its float model for another target: the network takes any size."""
    content = read_contract(contract)
    folder.mkdir()
    name = float_file(content)
    (folder / name).write_bytes(contract.with_name(name).read_bytes())
    content["geometry"] |= {"width": size[0], "height": size[1]}
    (folder / contract.name).write_text(json.dumps(content))
    return folder / contract.name


def watch(browser: Browser, address: str, *, seconds: float) -> list[dict[str, Any]]:
    """The page's reports over `seconds`, once it is warm."""
    page: Page = browser.new_context(permissions=["camera"]).new_page()
    page.goto(address)
    page.get_by_role("button", name="Start the camera").click()
    page.wait_for_function("states.at(-1)?.fps || states.at(-1)?.error", timeout=PATIENCE_MS)
    page.wait_for_timeout(WARM_UP_MS)
    page.evaluate("states.length = 0")
    page.wait_for_timeout(1000 * seconds)
    reports: list[dict[str, Any]] = page.evaluate("states")
    if not any(report["fps"] for report in reports):
        words = [report["error"] for report in reports if report["error"]]
        raise SharpcamError(words[0] if words else "No two frames came within three seconds. Free the machine.")
    return [report for report in reports if report["fps"]]


def summary(size: tuple[int, int], reports: list[dict[str, Any]]) -> Figures:
    def median(*keys: str) -> float:
        values = [report[keys[0]] if len(keys) == 1 else report[keys[0]][keys[1]] for report in reports]
        return float(statistics.median(values))

    parts = {part: median("parts", part) for part in reports[0]["parts"]}
    return Figures(size, median("fps"), median("p50_ms"), median("p95_ms"), parts, reports[0]["threads"])


def calibration_ms() -> float:
    """A fixed matrix product, so that figures of different machines, or of a busy one, can be told apart."""
    matrix = np.random.default_rng(0).random((768, 768), dtype=np.float32)
    times = []
    for _ in range(9):
        started = time.perf_counter()
        np.dot(matrix, matrix)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contract", help="a student's contract, or the name of a model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        model = find(options.contract, Paths())
        found = [measure(model.contract, size, threads=options.threads, seconds=options.seconds) for size in SIZES]
    except SharpcamError as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps([asdict(one) | {"network_share": one.network_share} for one in found]))
        return 0
    print(f"{model.title} on WASM in Chromium; a product of 768x768 matrices takes {calibration_ms():.1f} ms here")
    for one in found:
        print(one)
    return 0


if __name__ == "__main__":
    sys.exit(main())
