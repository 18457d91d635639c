"""Who is killed: everything that sharpcam runs, each with a project that has what it needs, and what comes of it."""

import atexit
import shutil
import sqlite3
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

import numpy as np
import psutil
from making import PATIENCE_S, Project, make_video, photo, tiny_project, tree, until
from small_pipeline import ended, give_pipeline

from app.jobs import find, jobs, start
from pipeline.core.frames import write_frame

RESULTS = {  # what a stage writes, in the order in which they run
    "capture": ("data/raw", "data/truth"),
    "teacher": ("data/teacher",),
    "split": ("data/split.json",),
    "train": ("weights/student_sr.pth", "training_logs"),
    "export": ("weights",),
    "evaluate": ("metrics/evaluation.json", "metrics/summary.json", "metrics/samples"),
}
ORDER = (*RESULTS, "register", "enhance")
SIZE = (96, 128)  # height and width of pictures to enhance
HOME = Path(mkdtemp(prefix="sharpcam-faults-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)


class DiedError(Exception):
    """A command that should have gone on has failed."""


class Victim(ABC):
    """Something that runs, is killed, and goes on with one command."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def make(self, root: Path) -> Project:
        """A project in that folder in which nothing of it has run yet."""

    @abstractmethod
    def begin(self, project: Project) -> psutil.Process:
        """Let it run; gives the process from which the others come."""

    def wait(self, project: Project, leader: psutil.Process) -> None:
        """Wait until what was not killed has ended."""
        until(lambda: not leader.is_running() or leader.status() == psutil.STATUS_ZOMBIE)

    @abstractmethod
    def go_on(self, project: Project) -> None:
        """The one command. Raises DiedError where it fails."""

    @abstractmethod
    def outcome(self, project: Project) -> Any:
        """What is the same however often it was killed."""


class Stage(Victim):
    """A stage alone, in a process that has its imports already."""

    def make(self, root: Path) -> Project:
        return Project(Path(shutil.copytree(before(self.name), root, symlinks=True)))

    def begin(self, project: Project) -> psutil.Process:
        return psutil.Process(project.fork(self.name).pid)

    def go_on(self, project: Project) -> None:
        run_stage(project, self.name)

    def outcome(self, project: Project) -> Any:
        return results(project, *RESULTS[self.name]), open_runs(project)


class Module(Stage):
    """A command of its own."""

    arguments: ClassVar[tuple[str, ...]] = ()

    def begin(self, project: Project) -> psutil.Process:
        command = [sys.executable, "-m", f"pipeline.{self.name}", *self.arguments]
        quiet = subprocess.DEVNULL
        return psutil.Popen(command, cwd=project.root, stdout=quiet, stderr=quiet, start_new_session=True)

    def go_on(self, project: Project) -> None:
        answer = project.run(f"pipeline.{self.name}", *self.arguments)
        if answer.returncode:
            raise DiedError(answer.stderr)


class Split(Module):
    """A stage that is a module."""


class Register(Module):
    """The registry holds the student once, and no run is left open."""

    def outcome(self, project: Project) -> Any:
        with closing(sqlite3.connect(project.root / "mlflow.db")) as database:
            versions = database.execute("SELECT version, status FROM model_versions").fetchall()
            students = database.execute("SELECT count(*) FROM model_version_tags WHERE key = 'onnx_sha256'").fetchall()
        return versions, students, open_runs(project), sorted(results(project, "weights/registry"))


class Enhance(Module):
    """Pictures and a video."""

    arguments = ("album", "-o", "enhanced", "--engine", "onnxruntime-fp32", "--threads", "1")

    def make(self, root: Path) -> Project:
        project = super().make(root)
        for number in range(4):
            write_frame(project.root / f"album/{number}.png", photo(*SIZE, seed=number))
        make_video(project.root / "album/clip.mkv", [np.roll(photo(*SIZE), step, axis=1) for step in range(12)])
        return project

    def outcome(self, project: Project) -> Any:
        return {name: data for name, data in results(project, "enhanced").items() if not name.endswith(".csv")}


class Job(Victim):
    """A job of three stages under a real DVC; after a kill Run is pressed once."""

    def make(self, root: Path) -> Project:
        shutil.copytree(small(), root, symlinks=True)
        return Project(root)

    def begin(self, project: Project) -> psutil.Process:
        keeper = start("repro", paths=project.paths).keeper
        assert keeper is not None
        return psutil.Process(keeper[0])

    def wait(self, project: Project, leader: psutil.Process) -> None:
        def settled() -> bool:
            (job,) = jobs(project.paths)
            return job.over or job.orphaned

        until(settled)

    def go_on(self, project: Project) -> None:
        job = ended(start("repro", paths=project.paths), project.paths)
        if job.state != "done":
            raise DiedError(f"{job.state}: {job.tail()}")

    def outcome(self, project: Project) -> Any:
        texts = [(project.root / f"{stage}.txt").read_text() for stage in ("capture", "teacher", "train")]
        return texts, [find(job.number, project.paths).over for job in jobs(project.paths)][:1]


class Launcher(Victim):
    """The dashboard and who started it; after a kill the next one takes its place."""

    command = (sys.executable, "-m", "app.launch", "--only", "dashboard")

    def make(self, root: Path) -> Project:
        return Project(Path(shutil.copytree(before("capture"), root)))

    def begin(self, project: Project) -> psutil.Process:
        quiet = subprocess.DEVNULL
        return psutil.Popen(self.command, cwd=project.root, stdout=quiet, stderr=quiet)

    def wait(self, project: Project, leader: psutil.Process) -> None:
        """A launcher that lives ends with its server, unless nobody of them was killed: then it is asked to."""
        if leader.is_running() and leader.status() != psutil.STATUS_ZOMBIE:
            leader.terminate()
        super().wait(project, leader)

    def go_on(self, project: Project) -> None:
        launcher = subprocess.Popen(
            self.command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert launcher.stdout is not None
        said = ""
        for line in launcher.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        launcher.terminate()
        launcher.communicate(timeout=PATIENCE_S)
        if "http://127.0.0.1:" not in said:
            raise DiedError(said)

    def outcome(self, project: Project) -> Any:
        return [process.cmdline() for process in psutil.process_iter() if _works_in(process, project.root)]


VICTIMS: dict[str, Victim] = {
    **{stage: Stage(stage) for stage in RESULTS if stage != "split"},
    "split": Split("split"),
    "register": Register("register"),
    "enhance": Enhance("enhance"),
    "job": Job("job"),
    "launcher": Launcher("launcher"),
}


def new_folder() -> Path:
    """A name that nothing has yet; what is there goes with this process."""
    return Path(mkdtemp(dir=HOME)) / "project"


@cache
def before(stage: str) -> Path:
    """A project in which all has run that comes before that stage."""
    folder = new_folder()
    if stage == ORDER[0]:
        made = tiny_project(folder)
        (made.root / "mlflow.db").write_bytes(empty_database())
        return made.root
    earlier = ORDER[ORDER.index(stage) - 1]
    shutil.copytree(before(earlier), folder, symlinks=True)
    VICTIMS[earlier].go_on(Project(folder))
    return folder


@cache
def small() -> Path:
    """A project of three small stages."""
    return give_pipeline(tiny_project(new_folder())).root


@cache
def empty_database() -> bytes:
    """An MLflow database without runs."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    file = new_folder() / "mlflow.db"
    file.parent.mkdir()
    SqlAlchemyStore(f"sqlite:///{file}", str(file.parent / "unused")).engine.dispose()
    return file.read_bytes()


def run_stage(project: Project, stage: str) -> None:
    """Run it to its end. Raises DiedError where it fails."""
    process = project.fork(stage)
    process.join(PATIENCE_S)
    if process.exitcode:
        raise DiedError((project.root / f"logs/{stage}.txt").read_text())


def results(project: Project, *names: str) -> dict[str, bytes]:
    """The bytes of these files, and of those in these folders; what a killed writer left has a hidden name."""
    found: dict[str, bytes] = {}
    for name in names:
        path = project.root / name
        found |= tree(path) if path.is_dir() else {name: path.read_bytes()}
    return {name: data for name, data in found.items() if not Path(name).name.startswith(".")}


def open_runs(project: Project) -> list[str]:
    """Runs that nobody has ended."""
    with closing(sqlite3.connect(project.root / "mlflow.db")) as database:
        return [name for (name,) in database.execute("SELECT name FROM runs WHERE status = 'RUNNING'")]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder
    except psutil.Error:
        return False
