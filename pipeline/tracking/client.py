"""MLflow, the store of runs. It is imported only in this room, and only when it is used: that takes seconds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.tracking.places import is_in_working_folder, local_path, make_relative, names_relative_places

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = "sqlite:///mlflow.db"
OWN_TABLES = {"experiments", "runs"}  # among others, in every database of MLflow
LOCK_PATIENCE_S = 4.0  # a write takes milliseconds

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read while mlflow is imported
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def tracking_uri() -> str:
    """Where runs are kept: MLFLOW_TRACKING_URI, or a database in the working folder."""
    return os.environ.get("MLFLOW_TRACKING_URI", DATABASE)


def mlflow_client() -> MlflowClient:
    """A client of the tracking store. Raises SharpcamError where there is none that answers."""
    import mlflow

    mlflow.set_tracking_uri(tracking_uri())
    _make_tables()
    keep_files_here()
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
    with FileLock(file.resolve().with_name(f"{file.name}-lock")), suppress(mlflow.exceptions.MlflowException):
        if not _is_readable(file):
            mlflow.MlflowClient(tracking_uri=tracking_uri()).search_experiments(max_results=1)


def keep_files_here() -> None:
    """Have the project's SQLite store name its files relative to the project, which may have been moved or copied.

    Takes milliseconds, and no import of mlflow. Raises SharpcamError.
    """
    file = database_file()
    if file is None or not is_in_working_folder(file) or not os.access(file, os.W_OK):
        return
    try:
        make_relative(file, patience_s=LOCK_PATIENCE_S)
    except sqlite3.Error as error:
        raise SharpcamError(_refusal(str(error))) from None


def refuse_anothers_store() -> None:
    """Raise SharpcamError where the store is another project's: files written from here would not lie in that."""
    file = database_file()
    if file is None or is_in_working_folder(file) or not names_relative_places(file):
        return
    raise SharpcamError(
        f"{file} is the database of the project in {file.resolve().parent}, and its files lie there. Unset "
        'MLFLOW_TRACKING_URI to use this project\'s own, or run "mlflow server" there and name its address.'
    )


def files_of(place: str) -> Path | None:
    """Where on this machine the artifacts lie that the store names so; None where a server keeps them."""
    file = database_file()
    return local_path(place, file.resolve().parent if file else Path.cwd())


def _is_readable(file: Path) -> bool:
    """Whether there are tables in a SQLite store. Raises SharpcamError where they are another program's, one keeps it
    locked, or it may not be opened: MLflow itself would try for most of a minute, or put its tables beside others."""
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_PATIENCE_S)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        if any(words in str(error) for words in ("locked", "unable to open", "not a database", "malformed")):
            raise SharpcamError(_refusal(str(error))) from None
        return False
    if tables and not tables >= OWN_TABLES:
        raise SharpcamError(f"{file} is not a database of MLflow. Move it away, or set MLFLOW_TRACKING_URI to another.")
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
    known = recall_json(file)
    if known.get("stamp") == written and "content" in known:
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
        yield mlflow_client()
    except (MlflowException, SQLAlchemyError) as error:
        raise SharpcamError(_refusal(str(error))) from None


def _refusal(reason: str) -> str:
    first = (reason.splitlines() or ["no reason given"])[0][:200]
    if "database is locked" in reason:
        return f"{tracking_uri()} is locked by another program. Wait until that has ended, and try again."
    return f"MLflow at {tracking_uri()} does not answer as it should ({first}). Fix that and try again."


def download_artifact(uri: str, target: Path) -> Path:
    """Fetch an artifact (a file or a folder) of MLflow into the folder `target`; gives where it lies then."""
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(target), tracking_uri=tracking_uri()))


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
