"""What is missing on this machine, each with a one-line fix.

python -m pipeline.doctor

Gives 1 where something is missing that sharpcam cannot do without.
"""

import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json
from pipeline.core.params import Params, load_params
from pipeline.core.paths import IS_INSTALLED, Paths, browser_runtime
from pipeline.core.program import command_parser
from pipeline.student.catalogue import bundled_contracts
from pipeline.student.engines import ENGINES
from pipeline.student.runtime import load_student
from pipeline.teacher.chain import build_chain
from pipeline.teacher.device import Engine
from pipeline.teacher.network_steps import NetworkStep

PYTHONS = ((3, 11), (3, 13))
FREE_GB = 5.0  # packages, the demo's frames and their cache
LATEST_S = 2**33  # since 1970; calendars end somewhere
PORTS = {8501: "the dashboard", 5000: "the MLflow UI"}
ENGINE_FIXES = {
    "cpu": "Nothing to do where the processor lacks it; a missing library comes with: make setup",
    "cuda": "Nothing to do without a GPU; with one: pip install onnxruntime-gpu in place of onnxruntime",
}
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    said: str  # what was found
    fix: str = ""  # what to do about it; nothing: it is well
    needed: bool = True  # sharpcam does not work without

    @property
    def mark(self) -> str:
        return "ok" if not self.fix else "MISSING" if self.needed else "optional"


def python(_: Paths) -> Iterator[Finding]:
    """The interpreter's version."""
    found, (low, high) = sys.version_info[:2], PYTHONS
    fits = low <= found <= high
    fix = "" if fits else "Install Python 3.11 to 3.13 and run: make PYTHON=python3.12 setup"
    yield Finding("python", ".".join(map(str, found)), fix)


def packages(paths: Paths) -> Iterator[Finding]:
    """A project's requirements.txt against what is installed."""
    if not paths.is_project:  # pip has installed what the wheel asks for
        return
    wrong = [name for name, wanted in pins(paths.root / "requirements.txt").items() if installed(name) != wanted]
    said = f"not as in requirements.txt: {', '.join(wrong)}" if wrong else "as in requirements.txt"
    yield Finding("packages", said, "Run: rm -f .venv/.installed && make setup" if wrong else "")


def pins(file: Path) -> dict[str, str]:
    """Package -> version of a requirements file."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    pairs = (line.split("#")[0].strip().partition("==") for line in lines)
    return {name.partition("[")[0]: wanted for name, _, wanted in pairs if wanted}


def installed(package: str) -> str:
    """Its version without a local part such as +cpu, or nothing."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""


def git(paths: Paths) -> Iterator[Finding]:
    """git, and a commit that a project's results are tied to."""
    if not paths.is_project:
        return
    if not shutil.which("git"):
        yield Finding("git", "not found", "Install git, e.g. with: apt install git")
        return
    asked = ["git", "rev-parse", "--short", "--verify", "--quiet", "HEAD"]
    head = subprocess.run(asked, cwd=paths.root, capture_output=True, text=True)
    fix = "" if head.returncode == 0 else "Run: git init && git add -A && git commit -m start"
    yield Finding("git", f"at {head.stdout.strip()}" if not fix else "no commit here", fix)


def parameters(paths: Paths) -> Iterator[Finding]:
    """params.yaml."""
    try:
        load_params(paths.params)
    except SharpcamError as error:
        yield Finding("params.yaml", str(error), "Fix it, or run: git checkout params.yaml")
    else:
        yield Finding("params.yaml", "well formed")


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


def student(paths: Paths) -> Iterator[Finding]:
    """Any student that runs, in which engine."""
    contracts = [file for file in (paths.contract, *bundled_contracts(paths.bundled)) if file.exists()]
    if not contracts:
        yield Finding("student", "none yet", "Run: make repro")
    for file in contracts:
        try:
            loaded = load_student(file)
        except SharpcamError as error:
            yield Finding(f"student {file.stem}", str(error), "Run: dvc repro export, or git checkout weights/bundled")
        else:
            yield Finding(f"student {file.stem}", f"runs in {loaded.engine} on {loaded.threads} threads")


def chains(paths: Paths) -> Iterator[Finding]:
    """The weights of each of the teacher's chains: the chain that is set cannot do without."""
    try:
        params = load_params(paths.params)
    except SharpcamError:  # `parameters` says so
        return
    for name in params.teacher.chains:
        try:
            files = weights_of(name, params, paths)
        except SharpcamError as error:
            yield Finding(f"chain {name}", "cannot run", str(error), needed=name == params.teacher.chain)
        else:
            yield Finding(f"chain {name}", f"has {', '.join(files)}" if files else "needs no weights")


def weights_of(chain: str, params: Params, paths: Paths) -> list[str]:
    """The files of weights of `chain`, verified. Raises SharpcamError for one that is missing or wrong."""
    teacher = params.teacher.model_copy(update={"chain": chain})
    built = build_chain(teacher, geometry=params.geometry, engine=Engine(paths.bundled, paths.downloads))
    return [str(step.weights()["file"]) for _, step in built.steps if isinstance(step, NetworkStep)]


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


def database(paths: Paths) -> Iterator[Finding]:
    """MLflow's database."""
    file = paths.root / "mlflow.db"
    if not file.exists():
        yield Finding("MLflow", "no database yet", "Nothing to do: the first training makes it", needed=False)
        return
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            runs = connection.execute("select count(*) from runs").fetchone()[0]
    except sqlite3.Error as error:
        yield Finding("MLflow", f"mlflow.db cannot be read ({error})", "Run: mlflow db upgrade sqlite:///mlflow.db")
    else:
        yield Finding("MLflow", f"{runs} runs")


def damage(paths: Paths) -> Iterator[Finding]:
    """When all files were last held to their hashes, and what was found."""
    if not paths.is_project:
        return
    last = recall_json(paths.verified)
    fix = "To look at every file, run: python -m pipeline.verify"
    if not isinstance(at := last.get("at"), int | float) or not 0 <= at < LATEST_S:
        yield Finding("damage", "never looked for", fix, needed=False)
        return
    day, found = time.strftime("%Y-%m-%d", time.localtime(at)), last.get("findings")
    yield Finding("damage", f"{found or 'none'} found on {day}", fix if found else "", needed=bool(found))


CHECKS: tuple[Callable[[Paths], Iterator[Finding]], ...] = (
    python,
    packages,
    git,
    parameters,
    disk,
    assets,
    student,
    chains,
    engines,
    database,
    damage,
    gpu,
    camera,
    ports,
    browser,
)


def examine(paths: Paths) -> list[Finding]:
    """Look at everything."""
    return [finding for check in CHECKS for finding in check(paths)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found, and what to do."""
    command_parser("pipeline.doctor", __doc__).parse_args(arguments)
    findings = examine(Paths.here())
    for finding in findings:
        print(f"{finding.mark:<9}{finding.what:<28}{finding.said}")
        if finding.fix:
            print(f"{'':<9}{'':<28}→ {finding.fix}")
    return int(any(finding.mark == "MISSING" for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
