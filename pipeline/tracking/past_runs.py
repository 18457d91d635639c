"""Past and present runs as people look at them: what they were made of, their curves, their pictures. Only reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.paths import Paths
from pipeline.tracking.client import (
    answering,
    database_file,
    download_artifact,
    files_of,
    kept,
    stamp,
    store_exists,
    tracking_uri,
)
from pipeline.tracking.experiment import EXPERIMENT
from pipeline.tracking.run import SAMPLES, is_lost, settle_lost_runs

WHOLE_S = 900  # after which a server is asked for all runs again
LATELY_MS = 10 * 60_000  # clocks of different machines differ
RUNNING = "attributes.status = 'RUNNING'"
CURVES = ("train_loss", "val_loss", "train_psnr", "val_psnr")
Curve = list[tuple[int, float]]  # (epoch, value)


@dataclass(frozen=True)
class PastRun:
    """One run of MLflow."""

    id: str
    name: str
    experiment_id: str
    status: str  # RUNNING, FINISHED, FAILED, KILLED
    started_ms: int  # since 1970
    ended_ms: int | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: str  # the place that the store names: a path relative to the project, or a server's URI

    @property
    def best_psnr(self) -> float | None:
        """The best val_psnr, dB; of a run that still trains or was stopped, its last one."""
        return self.metrics.get("best_val_psnr", self.metrics.get("val_psnr"))


def all_runs(paths: Paths) -> list[PastRun]:
    """The trainings, the newest first; none where there is no store yet. Raises SharpcamError, also if it went."""
    if not store_exists():
        if last_known_runs(paths):
            file = database_file()
            raise SharpcamError(f"{file} is gone, and the runs were in it. Put it back from a backup.")
        return []
    found = _read(paths)
    if not any(run.status == "RUNNING" and is_lost(run.tags) for run in found):
        return found
    with answering() as store:  # killed: it could not say so itself
        settle_lost_runs(store)
    return _read(paths)


def settle(paths: Paths) -> None:
    """Set to KILLED the runs whose process was killed, and read all of them again. Raises as `all_runs`."""
    if stamp() is None:
        _kept(paths).unlink(missing_ok=True)
    if store_exists():
        all_runs(paths)


def _read(paths: Paths) -> list[PastRun]:
    """What the store has: of a SQLite store all, where it was written to; of a server what changed, and all of it
    every WHOLE_S, as runs can be deleted and edited."""
    if stamp() is not None:
        return [PastRun(**run) for run in kept(_kept(paths), _ask)]
    note, now = recall_json(_kept(paths)), time.time()
    known = last_known_runs(paths)
    if known and note.get("store") == tracking_uri() and 0 <= now - note.get("whole", 0) < WHOLE_S:
        found, whole = _with_changes(known), note["whole"]
    else:
        found, whole = [PastRun(**run) for run in _ask()], now
    if found != known or whole == now:
        with suppress(OSError):  # a full disk: what was read is known all the same
            content = [asdict(run) for run in found]
            write_json(_kept(paths), {"store": tracking_uri(), "whole": whole, "content": content})
    return found


def _with_changes(known: list[PastRun]) -> list[PastRun]:
    """The runs as they are now, of which only those that run or ended lately are asked for."""
    lately = max(run.ended_ms or run.started_ms for run in known) - LATELY_MS
    changed = [PastRun(**run) for query in (RUNNING, f"attributes.end_time >= {lately}") for run in _ask(query)]
    newest = {run.id: run for run in [*known, *changed]}
    gone = {run.id for run in known if run.status == "RUNNING"} - {run.id for run in changed}
    return sorted((run for run in newest.values() if run.id not in gone), key=lambda run: -run.started_ms)


def last_known_runs(paths: Paths) -> list[PastRun]:
    """What `all_runs` last gave, for when the store does not answer."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return [PastRun(**run) for run in recall_json(_kept(paths))["content"]]
    return []


def _kept(paths: Paths) -> Path:
    return paths.cache / "runs.json"


def _ask(query: str = "") -> list[dict[str, Any]]:
    with answering() as store:
        experiment = store.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return []
        found, token = [], None
        while token != "":
            page = store.search_runs([experiment.experiment_id], query, order_by=["start_time DESC"], page_token=token)
            found += page
            token = page.token or ""
    return [asdict(_past(run)) for run in found]


def _past(run: Any) -> PastRun:
    info, data = run.info, run.data
    return PastRun(
        info.run_id,
        info.run_name,
        info.experiment_id,
        info.status,
        info.start_time,
        info.end_time,
        dict(data.params),
        {name: value for name, value in data.metrics.items() if value == value},  # JSON knows no NaN
        {name: value for name, value in data.tags.items() if not name.startswith("mlflow.")},
        info.artifact_uri,
    )


def curves(run: PastRun, paths: Paths) -> dict[str, Curve]:
    """What was logged each epoch, by name; nothing where the store is gone. Raises SharpcamError, also for a run that
    was deleted meanwhile."""
    kept = _fetched(run, paths) / "curves.json"
    if run.status != "RUNNING" and (known := recall_json(kept)):
        with suppress(TypeError, ValueError):
            return {name: [(step, value) for step, value in curve] for name, curve in known.items()}
    if not store_exists():  # who asks it makes an empty one
        return {}
    with answering() as store:
        found = {
            name: sorted((point.step, point.value) for point in store.get_metric_history(run.id, name))
            for name in CURVES
        }
    if run.status != "RUNNING":
        with suppress(OSError):  # a full disk: then they are asked for again
            write_json(kept, found)
    return found


def pictures(run: PastRun, paths: Paths) -> dict[str, dict[str, Path]]:
    """The pictures of the run's training, frame -> title (bicubic, teacher, epoch-0003, best) -> file.

    None where it has none. Those of a server are fetched once the run has ended. Raises SharpcamError.
    """
    folder = artifact(run, SAMPLES, paths)
    frames = sorted(frame for frame in folder.glob("*") if frame.is_dir())
    return {frame.name: {file.stem: file for file in sorted(frame.glob("*.png"))} for frame in frames}


def artifact(run: PastRun, name: str, paths: Paths) -> Path:
    """Where a file or folder of the run lies, if it has it. Those of a server are fetched once the run has ended.

    Raises SharpcamError.
    """
    if (local := files_of(run.artifacts)) is not None:
        return local / name
    fetched = _fetched(run, paths) / name
    if not fetched.exists() and run.status != "RUNNING":
        _fetch(f"runs:/{run.id}/{name}", fetched.parent)
    return fetched


def _fetch(uri: str, folder: Path) -> None:
    try:
        with answering():
            download_artifact(uri, folder)
    except OSError as error:  # a full disk, a folder that may not be written
        raise SharpcamError(
            f"Files could not be fetched into {folder} ({error.strerror or error}). Fix that and try again."
        ) from None


def _fetched(run: PastRun, paths: Paths) -> Path:
    """Where is kept what a run had when it ended; one that was killed may go on, and end another time."""
    return paths.cache / "runs" / run.id / str(run.ended_ms)


def link(run: PastRun, ui: str) -> str:
    """The run's page in the MLflow UI at `ui`."""
    return f"{ui.rstrip('/')}/#/experiments/{run.experiment_id}/runs/{run.id}"
