"""What a project has: its packages, its commit, parameters, students, weights of chains, runs."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.doctor.finding import Finding
from pipeline.student.catalogue import bundled_contracts
from pipeline.student.runtime import load_student
from pipeline.teacher.chain import build_chain
from pipeline.teacher.device import Engine
from pipeline.teacher.network_steps import NetworkStep

LATEST_S = 2**33  # since 1970; calendars end somewhere


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
