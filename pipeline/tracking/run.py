"""One run in MLflow: begun, resumed, written to, ended. Every call reaches the store before it returns."""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from pipeline import __version__
from pipeline.core.command import process_is_gone
from pipeline.core.paths import Paths
from pipeline.tracking.client import mlflow_client, refuse_anothers_store, store_exists, tracking_uri
from pipeline.tracking.ending import Status
from pipeline.tracking.experiment import EXPERIMENT, experiment_id
from pipeline.tracking.figures import evaluation_figures, flatten

if TYPE_CHECKING:
    from mlflow import MlflowClient

SAMPLES = "samples"  # folder of a run: pictures of its training
LOCK_TAG = "data.lock"  # the artifact of a run that says which data it was made of
STUDENT_TAG = "student.sha256"  # of the weights that a run ended with: whoever has them finds it
VALIDATION_TAG = "validation.sha256"  # of the frames that a run validated on
VERSION_TAG = "sharpcam.version"
PROCESS_TAGS = ("sharpcam.host", "sharpcam.pid", "sharpcam.born")
SOURCE = "python -m pipeline.train"  # where a run comes from, as MLflow shows it
MOST_IN_A_BATCH = 100  # parameters that MLflow takes at once
HELD_BACK = (signal.SIGTERM, signal.SIGINT)
LONGEST_DIGEST = 36  # characters, MLflow's limit on a data set's


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


class Input(NamedTuple):
    """A data set that a run reads."""

    name: str
    role: str  # training, validation
    digest: str
    source: Mapping[str, str]  # DVC's hash of each folder
    frames: int


@dataclass
class Run:
    """One MLflow run; every call reaches the store before it returns."""

    id: str
    _client: Any
    _monitor: Any = None  # MLflow's own, of processor, memory and GPU; where its switch is on

    @undisturbed()
    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0, model_id: str | None = None) -> None:
        """Log the metrics at `step`, all at once; with `model_id` they are that model's, too."""
        from mlflow.entities import Metric

        now_ms = time.time_ns() // 10**6
        batch = [Metric(name, float(value), now_ms, step, model_id) for name, value in metrics.items()]
        self._client.log_batch(self.id, metrics=batch)

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
    def log_inputs(self, inputs: Iterable[Input]) -> None:
        """Say what the run reads, as MLflow's data sets."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        self._client.log_inputs(
            self.id,
            [
                DatasetInput(
                    Dataset(each.name, each.digest[:LONGEST_DIGEST], "dvc", json.dumps(each.source), profile=profile),
                    [InputTag("mlflow.data.context", each.role)],
                )
                for each in inputs
                if (profile := json.dumps({"frames": each.frames}))
            ],
        )

    @undisturbed()
    def log_picture(self, file: Path, *, name: str) -> None:
        """Show a PNG file among the run's charts."""
        from PIL import Image

        with Image.open(file) as picture:
            self._client.log_image(self.id, picture, key=name, step=0)

    def watch_system(self) -> None:
        """Log processor, memory and GPU while the run lasts, if MLflow's own switch asks for it."""
        from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        if MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get():
            self._monitor = SystemMetricsMonitor(self.id, resume_logging=True, tracking_uri=tracking_uri())
            self._monitor.start()

    @undisturbed()
    def end(self, status: Status) -> None:
        """End the run."""
        if self._monitor is not None:
            self._monitor.finish()
        self._client.set_terminated(self.id, status)


@undisturbed()
def start_run(
    *,
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    experiment: str = EXPERIMENT,
    resume_id: str | None = None,
) -> Run:
    """Start a run, or go on with the one of `resume_id` where it still exists; first settle those left RUNNING."""
    store = mlflow_client()
    refuse_anothers_store()
    settle_lost_runs(store)
    run = _resumed(store, resume_id) or Run(
        store.create_run(experiment_id(store, experiment), run_name=name).info.run_id, store
    )
    known = store.get_run(run.id).data.params
    new = {key: value for key, value in flatten(params).items() if key not in known}
    _describe(run, new, {VERSION_TAG: __version__, **_process_tags(), **(tags or {})}, store)
    run.watch_system()
    return run


def _describe(run: Run, params: Mapping[str, str], tags: Mapping[str, str], store: MlflowClient) -> None:
    """Give the run these parameters and tags, and those by which MLflow's own tools know where a run comes from."""
    from mlflow.entities import Param, RunTag
    from mlflow.tracking.context.registry import resolve_tags
    from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME

    own = {MLFLOW_SOURCE_NAME: SOURCE} | ({MLFLOW_GIT_COMMIT: tags["git.commit"]} if "git.commit" in tags else {})
    context = resolve_tags(own | dict(tags))
    store.log_batch(run.id, tags=[RunTag(name, value) for name, value in context.items()])
    pairs = [Param(name, value) for name, value in params.items()]
    for first in range(0, len(pairs), MOST_IN_A_BATCH):
        store.log_batch(run.id, params=pairs[first : first + MOST_IN_A_BATCH])


def run_of_student(student_sha256: str) -> Run | None:
    """The newest run that ended with these weights, wherever it ran; None where the store has none.

    Raises SharpcamError where the store does not answer.
    """
    if not store_exists():
        return None
    store = mlflow_client()
    if (experiment := store.get_experiment_by_name(EXPERIMENT)) is None:
        return None
    ended_with = f"tags.`{STUDENT_TAG}` = '{student_sha256}'"
    found = store.search_runs([experiment.experiment_id], ended_with, max_results=1, order_by=["start_time DESC"])
    return Run(found[0].info.run_id, store) if found else None


def _resumed(store: MlflowClient, run_id: str | None) -> Run | None:
    if run_id is None:
        return None
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException):  # deleted in the meantime: a new run then
        if store.get_run(run_id).info.lifecycle_stage == "active":
            store.update_run(run_id, status="RUNNING")
            return Run(run_id, store)
    return None


def is_lost(tags: Mapping[str, str]) -> bool:
    """Whether the process that a RUNNING run names was one of this machine and is gone; tags are anybody's to edit."""
    host, pid, born = (tags.get(tag, "") for tag in PROCESS_TAGS)
    try:
        return host == platform.node() and process_is_gone(int(pid), float(born))
    except (ValueError, OverflowError):
        return False


def settle_lost_runs(store: MlflowClient) -> list[str]:
    """Set to KILLED the runs of this machine that are RUNNING although their process is gone; gives their ids."""
    settled = []
    experiments = [found.experiment_id for found in store.search_experiments()]
    for run in store.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1000):
        if is_lost(run.data.tags):
            store.set_terminated(run.info.run_id, "KILLED")
            settled.append(run.info.run_id)
    return settled


def _process_tags() -> dict[str, str]:
    values = platform.node(), str(os.getpid()), repr(psutil.Process().create_time())
    return dict(zip(PROCESS_TAGS, values, strict=True))


def log_evaluation(run: Run, judged: Mapping[str, Any], paths: Paths) -> None:
    """Put what `evaluate` found into the run: numbers, the gate, the pictures."""
    run.log_metrics(evaluation_figures(judged))
    run.set_tag("gate", json.dumps(judged["gate"]))
    for file in (paths.evaluation, paths.samples):
        if file.exists():
            run.log_artifact(file, folder="evaluation")
    for picture in sorted(paths.samples.glob("*.png")):
        run.log_picture(picture, name=f"{SAMPLES}/{picture.stem}")
