"""The experiment that all runs are in, as people meet it in the MLflow UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.tracking.client import keep_files_here

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "sharpcam"
DESCRIPTION = """\
Each run is one training of a student: a tiny network that learns to give the picture of a slow, strong teacher.

- **val_psnr**: the student against the teacher on frames that it has not learned, dB; **bicubic_psnr** is to be beaten.
- **evaluation.student.truth.psnr**: against what an ideal camera would have seen; only for simulated cameras.
- The pictures of a run show the same cut-outs enlarged by bicubic, student and teacher.
- `StudentSR` among the models: the students that were registered; **champion** is the one in use."""
TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # opens the view of trainings, not the one of language models
    "mlflow.note.content": DESCRIPTION,
}


def experiment_id(store: MlflowClient, name: str = EXPERIMENT) -> str:
    """The experiment of that name, made where there is none. What people wrote about it stays."""
    if found := store.get_experiment_by_name(name):
        for tag in TAGS.keys() - found.tags.keys():
            store.set_experiment_tag(found.experiment_id, tag, TAGS[tag])
        return str(found.experiment_id)
    made = store.create_experiment(name, tags=TAGS)
    keep_files_here()
    return str(made)
