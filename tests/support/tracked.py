"""Made-up runs and versions in a real MLflow store, as `train`, `evaluate` and `register` leave them."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from making import photo

from pipeline.core.frames import write_frame
from pipeline.tracking import registry
from pipeline.tracking.figures import flatten
from pipeline.tracking.run import SAMPLES, start_run

FRAME = "desk-000003"


def judged(psnr: float, *, margin: float = 2.0) -> dict[str, Any]:
    """What evaluate finds, of a student of that PSNR."""
    row = {"ssim": 0.9, "l1": 0.01, "flicker": 0.5}
    return {"student": {"teacher": row | {"psnr": psnr}}, "bicubic": {"teacher": row | {"psnr": psnr - margin}}}


def make_run(
    folder: Path, *, psnr: float = 31.0, epochs: int = 3, status: str = "FINISHED", params: Mapping[str, Any] = {}
) -> str:
    """A run with curves, an evaluation and pictures; gives its id."""
    run = start_run(
        name="student_m",
        params={"seed": 7, "train": {"model": "student_m", "epochs": epochs, **params}},
        tags={"git.commit": "c0ffee" * 6 + "0123", "git.dirty": "false", "dvc.data/raw": "abc.dir"},
    )
    for epoch in range(epochs):
        value = psnr - 1 + (epoch + 1) / epochs
        run.log_metrics(
            {"train_loss": 1 / value, "val_loss": 1 / value, "train_psnr": value, "val_psnr": value}, step=epoch
        )
    for title, blur in (("bicubic", 3.0), ("epoch-0000", 2.0), ("best", 100 / psnr**2), ("teacher", 0.0)):
        picture = photo(160, 160)
        blurred = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
        write_frame(folder / f"{title}.png", np.asarray(blurred))
        run.log_artifact(folder / f"{title}.png", folder=f"{SAMPLES}/{FRAME}")
    if status == "FINISHED":
        flat = flatten(judged(psnr))
        run.log_metrics({"best_val_psnr": psnr} | {f"evaluation.{name}": float(value) for name, value in flat.items()})
    if status != "RUNNING":
        run.end(status)  # type: ignore[arg-type]
    time.sleep(0.01)  # so that the order of time is that of making
    return run.id


def make_version(folder: Path, *, psnr: float = 31.0, gate: str = "passed", run_id: str | None = None) -> int:
    """A registered student of that evaluation; gives its number. `folder` holds its files."""
    tags = {"onnx_sha256": "a" * 64, "model": "student_m", "gate": gate, "data_sha256": "abc"}
    tags |= {"verdict": f"The student is {psnr - 29:.2f} dB above Bicubic against the teacher.", "git.commit": "c0ffee"}
    tags |= {f"evaluation.{name}": value for name, value in flatten(judged(psnr)).items()}
    return registry.add(folder, tags=tags, run_id=run_id)
