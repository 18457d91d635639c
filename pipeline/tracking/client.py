"""Runs in MLflow. The one module that imports mlflow, and only when runs are written or read: it takes seconds."""

from __future__ import annotations

import json
import os
import platform
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psutil
from filelock import FileLock

from pipeline.core.command import process_is_gone
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.paths import Paths

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "sharpcam"
SAMPLES = "samples"  # folder of a run: pictures of its training
DATABASE = "sqlite:///mlflow.db"
OWN_TABLES = {"experiments", "runs"}  # among others, in every database of MLflow
LOCK_TAG = "data.lock"  # the artifact of a run that says which data it was made of
PROCESS_TAGS = ("sharpcam.host", "sharpcam.pid", "sharpcam.born")
HELD_BACK = (signal.SIGTERM, signal.SIGINT)
LOCK_PATIENCE_S = 4.0  # a write takes milliseconds
LONGEST_VALUE = 6000  # characters, MLflow's limit on a parameter

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read while mlflow is imported
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

Status = Literal["FINISHED", "FAILED", "KILLED"]


def tracking_uri() -> str:
    """Where runs are kept: MLFLOW_TRACKING_URI, or a database in the working folder."""
    return os.environ.get("MLFLOW_TRACKING_URI", DATABASE)


def client() -> MlflowClient:
    """A client of the tracking store. Raises SharpcamError where there is none that answers."""
    import mlflow

    mlflow.set_tracking_uri(tracking_uri())
    _make_tables()
    try:
        return mlflow.MlflowClient(tracking_uri=tracking_uri())
    except mlflow.exceptions.MlflowException as error:
        raise SharpcamError(
            f"MLflow at {tracking_uri()} does not answer ({error.message}). Correct MLFLOW_TRACKING_URI, or unset it."
        ) from None


def _make_tables() -> None:
    """Have a SQLite store make its tables, as it does when first asked: two at once would break each other's.

    What is wrong with a store is told to who asks in earnest.
    """
    import mlflow

    if (file := database_file()) is None:
        return
    with FileLock(file.with_name(f"{file.name}-lock")), suppress(mlflow.exceptions.MlflowException):
        if not _is_readable(file):
            mlflow.MlflowClient(tracking_uri=tracking_uri()).search_experiments(max_results=1)


def _is_readable(file: Path) -> bool:
    """Whether there are tables in a SQLite store. Raises SharpcamError where they are another program's, one keeps it
    locked, or it may not be opened: MLflow itself would try for most of a minute, or put its tables beside others."""
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_PATIENCE_S)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "unable to open" in str(error):
            raise SharpcamError(_refusal(str(error))) from None
        return False
    if tables and not tables >= OWN_TABLES:
        raise SharpcamError(f"{file} is no database of MLflow. Move it away, or set MLFLOW_TRACKING_URI to another.")
    return bool(tables)


def store_exists() -> bool:
    """Whether there is a store to read; asking for one that is not there yet would make it."""
    file = database_file()
    return file is None or file.exists()


def database_file() -> Path | None:
    """The file of a SQLite store; None for a server's."""
    uri = tracking_uri()
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def stamp() -> str | None:
    """What changes whenever a SQLite store is written to; None for a server's."""
    if (file := database_file()) is None:
        return None
    parts = [part.stat() for part in (file, file.with_name(file.name + "-wal")) if part.exists()]
    return " ".join([str(file.resolve()), *(f"{part.st_mtime_ns} {part.st_size}" for part in parts)])


def kept(file: Path, ask: Callable[[], Any]) -> Any:
    """What `ask` reads from the store, as JSON has it: from `file` as long as a SQLite store was not written to.

    Importing mlflow takes seconds; who only looks does not have to wait for it. A server is always asked.
    """
    written = stamp()
    if written is None:
        return ask()
    with suppress(OSError, ValueError, KeyError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["stamp"] == written:
            return known["content"]
    found = ask()
    with suppress(OSError):  # a full disk: what was read is known all the same
        write_json(file, {"stamp": written, "content": found})
    return found


@contextmanager
def answering() -> Iterator[MlflowClient]:
    """A client whose every refusal is one sentence: SharpcamError. Also for a database that is locked or broken."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield client()
    except (MlflowException, SQLAlchemyError) as error:
        raise SharpcamError(_refusal(str(error))) from None


def _refusal(reason: str) -> str:
    first = (reason.splitlines() or ["no reason given"])[0][:200]
    if "database is locked" in reason:
        return f"{tracking_uri()} is locked by another program. Wait until that has ended, and try again."
    return f"MLflow at {tracking_uri()} does not answer as it should ({first}). Fix that and try again."


def download(uri: str, target: Path) -> Path:
    """Fetch an artifact (a file or a folder) of MLflow into the folder `target`; gives where it lies then."""
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(target), tracking_uri=tracking_uri()))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold SIGTERM and Ctrl-C back until the store has answered.

    One that struck in the middle of a transaction would leave the database locked, and the run RUNNING.
    """
    if threading.current_thread() is not threading.main_thread():  # signals reach only the main thread
        yield
        return
    held: list[int] = []
    handlers = {number: signal.signal(number, lambda got, _: held.append(got)) for number in HELD_BACK}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


@dataclass
class Run:
    """One MLflow run; every call reaches the store before it returns."""

    id: str
    _client: Any

    @undisturbed()
    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Log each metric at `step`."""
        for name, value in metrics.items():
            self._client.log_metric(self.id, name, float(value), step=step)

    def logged_steps(self, name: str) -> set[int]:
        """The steps at which the metric `name` is logged already."""
        return {point.step for point in self._client.get_metric_history(self.id, name)}

    def origin(self) -> dict[str, str]:
        """Of what commit and data the run was made, as `versions` told it."""
        tags = self._client.get_run(self.id).data.tags
        return {name: value for name, value in tags.items() if name.startswith(("git.", "dvc."))}

    @undisturbed()
    def log_artifact(self, path: Path, *, folder: str | None = None) -> None:
        """Copy a file, or what a folder holds, to the run."""
        if path.is_dir():
            self._client.log_artifacts(self.id, str(path), folder)
        else:
            self._client.log_artifact(self.id, str(path), folder)

    @undisturbed()
    def set_tag(self, name: str, value: str) -> None:
        """Set one tag."""
        self._client.set_tag(self.id, name, value)

    @undisturbed()
    def end(self, status: Status) -> None:
        """End the run."""
        self._client.set_terminated(self.id, status)


@undisturbed()
def start(
    *,
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    experiment: str = EXPERIMENT,
    resume_id: str | None = None,
) -> Run:
    """Start a run, or go on with the one of `resume_id` where it still exists; first settle those left RUNNING."""
    store = client()
    settle_lost_runs(store)
    run = _resumed(store, resume_id) or Run(
        store.create_run(experiment_id(store, experiment), run_name=name).info.run_id, store
    )
    for tag, value in {**_process_tags(), **(tags or {})}.items():
        run.set_tag(tag, value)
    known = store.get_run(run.id).data.params
    for key, value in flatten(params).items():
        if key not in known:
            store.log_param(run.id, key, value)
    return run


def experiment_id(store: MlflowClient, name: str = EXPERIMENT) -> str:
    """The experiment of that name, made where there is none."""
    found = store.get_experiment_by_name(name)
    return str(found.experiment_id if found else store.create_experiment(name))


def _resumed(store: MlflowClient, run_id: str | None) -> Run | None:
    if run_id is None:
        return None
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException):  # deleted in the meantime: a new run then
        if store.get_run(run_id).info.lifecycle_stage == "active":
            store.update_run(run_id, status="RUNNING")
            return Run(run_id, store)
    return None


def settle_lost_runs(store: MlflowClient) -> list[str]:
    """Set to KILLED the runs of this machine that are RUNNING although their process is gone; gives their ids."""
    settled = []
    experiments = [found.experiment_id for found in store.search_experiments()]
    for run in store.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1000):
        host, pid, born = (run.data.tags.get(tag, "") for tag in PROCESS_TAGS)
        if host == platform.node() and pid.isdigit() and process_is_gone(int(pid), float(born)):
            store.set_terminated(run.info.run_id, "KILLED")
            settled.append(run.info.run_id)
    return settled


def _process_tags() -> dict[str, str]:
    values = platform.node(), str(os.getpid()), repr(psutil.Process().create_time())
    return dict(zip(PROCESS_TAGS, values, strict=True))


def flatten(params: Mapping[str, Any], *, prefix: str = "") -> dict[str, str]:
    """Nested parameters as MLflow shows them: dotted names and texts."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, prefix=f"{prefix}{key}.")
        else:
            plain = list(value) if isinstance(value, tuple) else value  # a list is a list, whoever read it
            flat[f"{prefix}{key}"] = str(plain)[:LONGEST_VALUE]
    return flat


@undisturbed()
def log_student(run: Run, model: Any, example: Any) -> None:
    """Log the torch `model` to the run as a model with a signature; `example` is an input, float32 (N, 3, H, W)."""
    import mlflow
    import torch

    with torch.inference_mode():
        answer = model(torch.from_numpy(example)).numpy()
    with mlflow.start_run(run_id=run.id):
        mlflow.pytorch.log_model(
            model,
            name="student",
            input_example=example,
            signature=mlflow.models.infer_signature(example, answer),
            pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
        )


def log_evaluation(run: Run, judged: Mapping[str, Any], paths: Paths) -> None:
    """Put what `evaluate` found into the run: numbers, the gate, the pictures."""
    flat = flatten(judged["methods"])
    run.log_metrics({f"evaluation.{name}": float(value) for name, value in flat.items()})
    run.set_tag("gate", json.dumps(judged["gate"]))
    for file in (paths.evaluation, paths.samples):
        if file.exists():
            run.log_artifact(file, folder="evaluation")


def deleted_runs() -> dict[str, tuple[str, str]]:
    """Run id -> (name, where its artifacts are) of the runs that are deleted but not yet gone for good.

    Those that a registered student came from are not among them.
    """
    from mlflow.entities import ViewType

    with answering() as store:
        experiments = [found.experiment_id for found in store.search_experiments(view_type=ViewType.ALL)]
        runs = store.search_runs(experiments, run_view_type=ViewType.DELETED_ONLY, max_results=1000)
        registered = {version.run_id for version in store.search_model_versions()}
    deleted = [run.info for run in runs if run.info.run_id not in registered]
    return {info.run_id: (info.run_name or "", info.artifact_uri or "") for info in deleted}


def remember_student(run: Run, student_sha256: str, paths: Paths) -> None:
    """Note on this machine which run trained the student with that hash."""
    write_json(_student_note(student_sha256, paths), {"run_id": run.id})


def run_id_of_student(student_sha256: str, paths: Paths) -> str | None:
    """What `remember_student` noted; that run may be deleted by now."""
    note = _student_note(student_sha256, paths)
    return str(read_json(note, made_by="train")["run_id"]) if note.exists() else None


def run_of_student(student_sha256: str, paths: Paths) -> Run | None:
    """The run that trained the student with that hash, if it is known here and still there."""
    run_id = run_id_of_student(student_sha256, paths)
    if run_id is None:
        return None
    from mlflow.exceptions import MlflowException

    store = client()
    with suppress(MlflowException):
        return Run(store.get_run(run_id).info.run_id, store)
    return None


def _student_note(student_sha256: str, paths: Paths) -> Path:
    return paths.logs / "students" / f"{student_sha256}.json"
