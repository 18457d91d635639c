"""What sharpcam takes while no page is open: memory and processor time of the launcher, the servers and their children.

python -m benchmarks.idle [--seconds 60] [--visited]     with --visited each page has been looked at before

Memory is PSS: what processes share is divided among them. Ends with exit status 1 above 700 MB or 0.5 % of a core.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from playwright.sync_api import sync_playwright

from benchmarks.dashboard import ROOT, make_project, measure

MOST_MB, MOST_PERCENT = 700.0, 0.5
SETTLE_S = 20.0  # until what a start or a visit has begun is over


@dataclass(frozen=True)
class Share:
    """What one process took."""

    megabytes: float
    percent: float  # of one core
    command: str


@contextmanager
def launched(folder: Path, *arguments: str) -> Iterator[tuple[psutil.Process, str]]:
    """`make run`'s servers for the project in `folder`: the launcher, and the dashboard's address."""
    command = [sys.executable, "-m", "app.launch", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            yield psutil.Process(process.pid), re.findall(r"Dashboard: +(\S+)", said)[0]
        finally:
            process.terminate()
            process.communicate()


def visit(address: str) -> None:
    """Look at every page, and close the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for file in sorted((ROOT / "app/pages").glob("*.py")):
            measure(browser, f"{address}/{file.stem}")
        browser.close()


def shares(launcher: psutil.Process, seconds: float) -> list[Share]:
    """What each process of the family takes in that time."""
    family = [launcher, *launcher.children(recursive=True)]
    before = {process.pid: busy(process) for process in family}
    started = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - started
    found = []
    for process in family:
        with suppress(psutil.NoSuchProcess):
            percent = 100 * (busy(process) - before[process.pid]) / took
            words = " ".join(Path(word).name for word in process.cmdline()[1:5])
            found.append(Share(process.memory_full_info().pss / 1e6, percent, words))
    return found


def busy(process: psutil.Process) -> float:
    """Seconds of processor time until now."""
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> int:
    """Print what each process takes; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--visited", action="store_true", help="look at every page first")
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_project(folder)
        with launched(folder) as (launcher, address):
            if asked.visited:
                visit(address)
            time.sleep(SETTLE_S)
            found = shares(launcher, asked.seconds)
    for share in found:
        print(f"{share.megabytes:6.0f} MB {share.percent:6.2f} %  {share.command}")
    megabytes, percent = sum(each.megabytes for each in found), sum(each.percent for each in found)
    print(f"{megabytes:6.0f} MB {percent:6.2f} %  in all; at most {MOST_MB:.0f} MB and {MOST_PERCENT} % of a core")
    return int(megabytes > MOST_MB or percent > MOST_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
