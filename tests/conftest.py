"""A tiny project for every test that wants one, and one that went the whole way, made once and only read."""

import atexit
import errno
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from making import ROOT, TINY, Project, brightness_estimator, photo, tiny_project

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tensors here are tiny: threads would only wait for each other
os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "tests/support")))  # for processes in other folders
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
# As in an activated environment: DVC and MLflow start programs by their names.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["GIT_CONFIG_GLOBAL"] = os.devnull
os.environ["SHARPCAM_CACHE"] = mkdtemp(prefix="sharpcam-tests-")  # the user's own stays as it is
atexit.register(shutil.rmtree, os.environ["SHARPCAM_CACHE"], ignore_errors=True)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C, and its children do


@contextmanager
def at_home(project: Project, database: Path) -> Iterator[Project]:
    """Be in the project's folder, its runs in a database of its own (a copy of an empty one, which takes seconds)."""
    shutil.copy(database, project.root / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.root / 'mlflow.db'}")
        yield project


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("mlflow")
    SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "unused")).engine.dispose()
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def begun_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny project without data. Only read it, or take `project`."""
    return tiny_project(tmp_path_factory.mktemp("begun") / "project")


@pytest.fixture
def project(begun_once: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A tiny project of the test's own without data, and the working folder in it."""
    made = Project(tmp_path / "project")
    shutil.copytree(begun_once.root, made.root)
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{made.root / 'mlflow.db'}")
    return made


@pytest.fixture(scope="session")
def recorded_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Captured from the simulated camera, enhanced by the teacher, split. Only read it, or take `recorded`."""
    from pipeline.capture.stage import capture
    from pipeline.split import split
    from pipeline.teacher.stage import teacher

    made = tiny_project(tmp_path_factory.mktemp("recorded") / "project")
    for stage in (capture, teacher, split):
        stage(made.paths, made.params)
    return made


@pytest.fixture
def recorded(project: Project, recorded_once: Project) -> Project:
    """A project of the test's own with recordings, teacher pictures and split."""
    shutil.copytree(recorded_once.root, project.root, dirs_exist_ok=True)
    return project


@pytest.fixture
def with_database(project: Project, empty_database: Path) -> None:
    """The project's MLflow database is there already, empty."""
    shutil.copy(empty_database, project.root / "mlflow.db")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no file can be written. What is to be there comes from fixtures that are asked for before."""

    def refuse(file: Path, _: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(Path, "write_bytes", refuse)


@pytest.fixture(scope="session")
def trained_once(recorded_once: Project, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The whole way: trained, exported, evaluated. Only read it, or take `trained`."""
    from pipeline.evaluate.stage import evaluate
    from pipeline.export.stage import export
    from pipeline.train.stage import train

    root = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(recorded_once.root, root)
    with at_home(Project(root), empty_database) as made:
        for stage in (train, export, evaluate):
            stage(made.paths, made.params)
    return made


@pytest.fixture
def trained(project: Project, trained_once: Project) -> Project:
    """A project of the test's own that went the whole way, its runs with it."""
    shutil.copytree(trained_once.root, project.root, dirs_exist_ok=True)
    return project


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a student that was never trained, and changes what it sees a little."""
    import torch

    from training import checkpoints
    from training.models import MODELS

    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = MODELS["student_s"]()
        torch.nn.init.normal_(model.tail.weight, std=0.02)
    file = tmp_path_factory.mktemp("checkpoint") / "student.safetensors"
    best = {"epoch": 1, "val_psnr": 36.0}
    recipe = {"model": "student_s", "arguments": {}, "geometry": TINY["geometry"], "best": best}
    checkpoints.save(file, model, recipe)
    return file


@pytest.fixture(scope="session")
def exported_once(checkpoint: Path) -> Path:
    """The contract of that student, its ONNX files beside it. Only read it, or take `exported`."""
    from pipeline.export.build import RealFrames
    from pipeline.export.stage import Trained, export_student
    from training import checkpoints

    frames = RealFrames(*([photo(64, 80, seed=seed) for seed in seeds] for seeds in ((1, 2, 3), (4, 5))))
    contract = checkpoint.with_name("student_sr.json")
    export_student(Trained(*checkpoints.load(checkpoint), checkpoint), frames, contract, opset=18, data={})
    return contract


@pytest.fixture
def exported(exported_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A contract of the test's own, in a project of its own."""
    folder = tmp_path / "exported"
    shutil.copytree(exported_once.parent, folder)
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()  # which makes it one
    return folder / exported_once.name


@pytest.fixture(scope="session")
def dialled_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a student with dials that was never trained: each dial changes its picture."""
    import torch

    from training import checkpoints
    from training.models import MODELS

    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = MODELS["student_s"](dials=True)
        for parameter, spread in ((model.tail.weight, 0.02), (model.dials.out.weight, 0.05)):
            torch.nn.init.normal_(parameter, std=spread)
    file = tmp_path_factory.mktemp("dialled") / "student.safetensors"
    best = {"epoch": 1, "val_psnr": 36.0}
    recipe = {"model": "student_s", "arguments": {"dials": True}, "geometry": TINY["geometry"], "best": best}
    checkpoints.save(file, model, recipe)
    return file


@pytest.fixture(scope="session")
def dialled_once(dialled_checkpoint: Path) -> Path:
    """The contract of that student, with an estimator. Only read it, or take `dialled`."""
    from pipeline.export.build import RealFrames
    from pipeline.export.stage import Trained, export_student
    from training import checkpoints

    frames = RealFrames(*([photo(64, 80, seed=seed) for seed in seeds] for seeds in ((1, 2, 3), (4, 5))))
    contract = dialled_checkpoint.with_name("student_d.json")
    trained = Trained(*checkpoints.load(dialled_checkpoint), dialled_checkpoint)
    export_student(trained, frames, contract, opset=18, data={}, estimator=brightness_estimator())
    return contract


@pytest.fixture
def dialled(dialled_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a contract of the test's own, in a project of its own."""
    folder = tmp_path / "dialled"
    shutil.copytree(dialled_once.parent, folder)
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()  # which makes it one
    return folder / dialled_once.name
