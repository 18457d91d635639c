"""Where everything lies. The one place that spells these paths, and that decides what holds outside a project."""

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from pipeline import __version__
from pipeline.core.errors import SharpcamError

CHECKOUT = Path(__file__).resolve().parents[2]
PACKED = Path(__file__).resolve().parents[1] / "shipped"  # where pyproject.toml puts files of the root into a wheel
IS_INSTALLED = PACKED.is_dir()
SHIPPED = PACKED if IS_INSTALLED else CHECKOUT
MARKS = ("params.yaml", "dvc.yaml")  # one of them makes a folder a project
CACHE_VARIABLE = "SHARPCAM_CACHE"  # environment variable: the folder in place of the user's cache folder


def user_cache() -> Path:
    """Where sharpcam keeps what belongs to no project: engines that were measured, the live page's runtime."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else user_cache_path("sharpcam", appauthor=False)


def browser_runtime() -> Path:
    """The folder of ONNX Runtime for browsers, which no wheel holds: it is larger than all the rest."""
    return user_cache() / f"live-{__version__}" if IS_INSTALLED else CHECKOUT / "app/static/ort"


@dataclass(frozen=True)
class Paths:
    """Files and folders below `root`, as DVC, the stages and the pages know them.

    With `ships`, what comes with sharpcam is looked for there too, after `root`. With `keeps`, `root` is not a project,
    and what sharpcam keeps for itself lies there, so that nothing but what was asked for is written below `root`.
    """

    root: Path = Path()
    ships: Path | None = None
    keeps: Path | None = None

    @classmethod
    def here(cls) -> "Paths":
        """Those of the current folder: a project, or any other folder that a command is run in.

        A clone holds what ships, and what is missing there is missed; a project that was begun from a wheel does not.
        """
        if any(Path(mark).is_file() for mark in MARKS):
            return cls(ships=SHIPPED if IS_INSTALLED else None)
        return cls(ships=SHIPPED, keeps=user_cache())

    @classmethod
    def of_project(cls) -> "Paths":
        """Those of the current folder. Raises SharpcamError where that is not a project."""
        paths = cls.here()
        if not paths.is_project:
            raise SharpcamError(
                "No params.yaml here, and this works only in a project. Change to the root of one, or begin one in "
                f'this folder: cp "{SHIPPED / "params.yaml"}" .'
            )
        return paths

    @property
    def is_project(self) -> bool:
        return self.keeps is None

    def _shipped(self, name: str) -> Path:
        """What comes with sharpcam: the project's own wins."""
        own = self.root / name
        return own if self.ships is None or own.exists() else self.ships / name

    @property
    def params(self) -> Path:
        """A project whose own is missing has none; any other folder has the one that comes with sharpcam."""
        return self.root / "params.yaml" if self.is_project else self._shipped("params.yaml")

    @property
    def inbox(self) -> Path:
        return self.root / "data/inbox"

    @property
    def set_aside(self) -> Path:
        """What waited in the inbox and cannot be a clip."""
        return self.root / "data/set_aside"

    @property
    def raw(self) -> Path:
        return self.root / "data/raw"

    @property
    def truth(self) -> Path:
        return self.root / "data/truth"

    @property
    def teacher(self) -> Path:
        return self.root / "data/teacher"

    @property
    def teacher_families(self) -> Path:
        """What the teacher's chain gains over bicubic in each family of cameras."""
        return self.teacher / "families.json"

    @property
    def split(self) -> Path:
        return self.root / "data/split.json"

    @property
    def demo_clip(self) -> Path:
        return self._shipped("data/demo/box.mp4")

    @property
    def training_log(self) -> Path:
        return self.root / "training_logs/training_log.csv"

    @property
    def student(self) -> Path:
        return self.root / "weights/student_sr.pth"

    @property
    def student_onnx(self) -> Path:
        return self.root / "weights/student_sr.onnx"

    @property
    def contract(self) -> Path:
        return self.root / "weights/student_sr.json"

    @property
    def bundled(self) -> Path:
        return self._shipped("weights/bundled")

    @property
    def estimator(self) -> Path:
        return self.bundled / "estimator.onnx"

    @property
    def registry(self) -> Path:
        return (self.keeps or self.root) / "weights/registry"

    @property
    def downloads(self) -> Path:
        return (self.keeps or self.root) / "weights/downloads"

    @property
    def evaluation(self) -> Path:
        return self.root / "metrics/evaluation.json"

    @property
    def summary(self) -> Path:
        """What `dvc metrics` and `dvc exp show` compare."""
        return self.root / "metrics/summary.json"

    @property
    def samples(self) -> Path:
        return self.root / "metrics/samples"

    @property
    def speed(self) -> Path:
        return self.root / "metrics/speed.json"

    @property
    def logs(self) -> Path:
        return (self.keeps or self.root) / "logs"

    @property
    def verified(self) -> Path:
        """When all files were last verified, and with what result: the doctor reads it."""
        return self.cache / "verify.json"

    @property
    def cache(self) -> Path:
        return self.keeps or self.root / ".cache"
