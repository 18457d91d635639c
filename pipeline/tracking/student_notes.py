"""Which run trained which student, by the hash of its file, as noted on this machine."""

from contextlib import suppress
from pathlib import Path

from pipeline.core.files import recall_json, write_json
from pipeline.core.paths import Paths
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.run import Run


def remember_student(run: Run, student_sha256: str, paths: Paths) -> None:
    """Note on this machine which run trained the student with that hash."""
    write_json(_student_note(student_sha256, paths), {"run_id": run.id})


def run_id_of_student(student_sha256: str, paths: Paths) -> str | None:
    """What `remember_student` noted; that run may be deleted by now."""
    note = _student_note(student_sha256, paths)
    run_id = recall_json(note).get("run_id")
    return str(run_id) if run_id else None


def run_of_student(student_sha256: str, paths: Paths) -> Run | None:
    """The run that trained the student with that hash, if it is known here and still there."""
    run_id = run_id_of_student(student_sha256, paths)
    if run_id is None:
        return None
    from mlflow.exceptions import MlflowException

    store = mlflow_client()
    with suppress(MlflowException):
        return Run(store.get_run(run_id).info.run_id, store)
    return None


def _student_note(student_sha256: str, paths: Paths) -> Path:
    return paths.logs / "students" / f"{student_sha256}.json"
