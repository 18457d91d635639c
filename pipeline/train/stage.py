"""Stage 4: a student learns to give the teacher's picture. Killed at any moment, it goes on at the last epoch."""

import os
import shutil
from datetime import datetime
from pathlib import Path
from statistics import fmean

import numpy as np
import pytorch_lightning as lightning
import torch
from torch import nn

from pipeline import plot
from pipeline.core import provenance
from pipeline.core.clips import camera_of, own_first
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import enlarge
from pipeline.core.hashing import sha256
from pipeline.core.params import GeometryParams, Params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.core.split_file import read_split
from pipeline.core.stop import stop_if_asked
from pipeline.core.training_log import COLUMNS, write_log
from pipeline.tracking.ending import ending
from pipeline.tracking.flavour import log_student
from pipeline.tracking.run import LOCK_TAG, STUDENT_TAG, VALIDATION_TAG, Input, Run, start_run
from pipeline.train.clip_dials import ClipDials, as_json, as_param, clip_of, dials_of_clips, summary
from pipeline.train.decoded_frames import DecodedFrames, decoded_frames
from pipeline.train.run_name import describe_cameras, run_name
from pipeline.train.sample_images import Pictures, pictures_of
from pipeline.train.start_from import arguments_of, starting_model, starting_weights
from pipeline.train.trainer import RunDirectory, best_student, distillation, fingerprint, learn
from training import checkpoints, metrics
from training.distillation import Distillation, Row
from training.pairs import to_picture

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")  # how Lightning, torchrun and Slurm number processes


def train(paths: Paths, params: Params) -> None:
    """The stage: train (or go on), write the CSV, the student and the plots, log everything to MLflow."""
    module, training, validation, dials, run_directory = prepare(paths, params)
    versions = provenance.versions(paths.root)
    if ended_already(run_directory, paths):
        print("train: an earlier process has ended this very training already", flush=True)
        return
    if run_directory.student() is not None:
        shutil.rmtree(run_directory.folder)  # a training that is asked for again is a new one
    run_directory.folder.mkdir(parents=True, exist_ok=True)
    run = start_run(
        name=run_name(params, read_split(paths).training, paths, begun=datetime.now()),
        params=params.model_dump() | as_param(dials),
        tags=versions | {VALIDATION_TAG: validation.sha256()},
        resume_id=run_directory.run_id(),
    )
    write_json(run_directory.run_file, {"run_id": run.id})
    with ending(run):
        keep_lock(run, paths)
        run.log_inputs(
            as_input(part, role, paths) for part, role in ((training, "training"), (validation, "validation"))
        )
        run.log_artifact(paths.split)  # who compares it later measures on frames that it has not learned
        log_dials(dials, run, run_directory.folder)
        log_bicubic(validation, paths, params, run)
        epochs = params.train.epochs
        pictures = pictures_of(validation, run, folder=run_directory.folder, epochs=epochs, dials=dials)
        learn(module, params, run_directory, tell=Log(paths.training_log, run, module, pictures).tell)
        finish(best_student(module), module.history, validation, dials, paths, params, run)
        pictures.log(module.model, "best")
    write_json(run_directory.run_file, {"run_id": run.id, "student": sha256(paths.student)})
    run_directory.checkpoint.unlink()


def as_input(frames: DecodedFrames, role: str, paths: Paths) -> Input:
    """What MLflow is told of the frames of one part of the split."""
    cameras = own_first({camera_of(paths.raw / clip) for clip in {clip_of(name) for name in frames.names}})
    source = provenance.data_versions(paths.root) | {"split": sha256(paths.split)}
    return Input(describe_cameras(cameras), role, frames.sha256(), source, len(frames))


def log_dials(dials: ClipDials, run: Run, folder: Path) -> None:
    """Put the dials of every clip into the run as dials.json, by way of `folder`."""
    if dials:
        write_json(folder / "dials.json", as_json(dials))
        run.log_artifact(folder / "dials.json")


def keep_lock(run: Run, paths: Paths) -> None:
    """Keep dvc.lock with the run: whether or not anybody commits it, `dvc checkout` brings its data back by it."""
    if (lock := paths.root / "dvc.lock").exists():
        run.log_artifact(lock)
        run.set_tag(LOCK_TAG, lock.name)


def train_as_worker_rank(paths: Paths, params: Params) -> None:
    """What each process does that trains beside the first one, on a GPU of its own: learn, and write nothing."""
    module, *_, run_directory = prepare(paths, params)
    if not ended_already(run_directory, paths):
        learn(module, params, run_directory, tell=lambda *_: None)


def prepare(paths: Paths, params: Params) -> tuple[Distillation, DecodedFrames, DecodedFrames, ClipDials, RunDirectory]:
    """Who learns, from which frames, on which it validates, the dials of the clips, and the place to keep it.

    The same in every process.
    """
    parts = read_split(paths).model_dump(include={"training", "validation"})
    frames = decoded_frames(parts, paths=paths, geometry=params.geometry, memory_gb=params.train.memory_gb)
    training, validation = frames["training"], frames["validation"].some(params.train.validation_frames)
    lightning.seed_everything(params.seed, verbose=False)
    start = starting_weights(paths, params)
    model = starting_model(params, start)
    dials = dials_of_clips(model, map(clip_of, [*training.names, *validation.names]), paths)
    if dials:
        print(f"train: {summary(dials)}", flush=True)
    name = fingerprint(params, model, training, validation, start=start, dials=dials)
    module = distillation(model, training, validation, params, dials=dials)
    return module, training, validation, dials, RunDirectory(paths.cache / "training" / name)


def ended_already(run_directory: RunDirectory, paths: Paths) -> bool:
    """Whether this training was ended, and its results are still there."""
    if run_directory.student() is None or not (paths.student.exists() and paths.training_log.exists()):
        return False
    return sha256(paths.student) == run_directory.student()


def log_bicubic(validation: DecodedFrames, paths: Paths, params: Params, run: Run) -> None:
    """Log once, whatever becomes of the training, what its curves have to beat; a run gone on with has it already."""
    if not run.logged_steps("bicubic_psnr"):
        run.log_metrics(judge_bicubic(validation, paths, params.geometry))


def judge_bicubic(frames: DecodedFrames, paths: Paths, geometry: GeometryParams) -> dict[str, float]:
    """Bicubic of the raw frames against the teacher, the very numbers of `evaluate`: mean L1 (0..1) and PSNR (dB)."""
    losses, decibels = [], []
    for index, name in enumerate(progress(frames.names, what="bicubic")):
        picture = enlarge(read_frame(paths.raw / f"{name}.png"), geometry=geometry, kernel="bicubic")
        a, b = (to_picture(torch.from_numpy(frame)[None]) for frame in (picture, frames.target(index)))
        losses.append(float(metrics.mean_absolute(a, b)))
        decibels.append(float(metrics.psnr(a, b)))
    return {"bicubic_loss": round(fmean(losses), 6), "bicubic_psnr": round(fmean(decibels), 6)}


class Log:
    """Tells each epoch to the CSV and to MLflow, digit by digit the same, each row once, and some with pictures."""

    def __init__(self, file: Path, run: Run, module: Distillation, pictures: Pictures) -> None:
        self.file, self.run, self.module, self.pictures = file, run, module, pictures
        self.logged = run.logged_steps("val_psnr")
        if not self.logged:
            pictures.log_references()

    def tell(self, _: Row | None = None) -> None:
        """Bring both up to the module's history; the CSV is written whole, so it is always cut to the checkpoint."""
        write_log(self.file, self.module.history)
        for row in self.module.history:
            if not np.isfinite(list(row.values())).all():
                raise SharpcamError(
                    f"The loss became NaN or infinite in epoch {row['epoch']}. Lower train.learning_rate."
                )
            if int(row["epoch"]) not in self.logged:
                self.run.log_metrics({name: row[name] for name in COLUMNS[1:]}, step=int(row["epoch"]))
                self.logged.add(int(row["epoch"]))
                if row is self.module.history[-1]:  # of those before, told after a kill, the weights are gone
                    self.pictures.log_epoch(self.module.model, int(row["epoch"]))
        stop_if_asked()


def finish(
    model: nn.Module,
    history: list[Row],
    validation: DecodedFrames,
    dials: ClipDials,
    paths: Paths,
    params: Params,
    run: Run,
) -> None:
    """Write the student with its recipe and the plots, and put them into the run."""
    best = max(history, key=lambda row: row["val_psnr"])
    recipe = {
        "model": params.train.model,
        "arguments": arguments_of(model),
        "geometry": params.geometry.model_dump(),
        "best": {"epoch": int(best["epoch"]), "val_psnr": best["val_psnr"]},
    } | ({"dials": as_json(dials)} if dials else {})
    checkpoints.save(paths.student, model, recipe)
    run.set_tag(STUDENT_TAG, sha256(paths.student))
    plots = plot.plot_log(paths.training_log)
    for file in (paths.training_log, paths.student, *plots):
        run.log_artifact(file)
    run.log_metrics({"best_val_psnr": best["val_psnr"]}, step=int(best["epoch"]))
    small = validation.input(0)[None, :64, :64].transpose(0, 3, 1, 2).astype(np.float32) / 255
    log_student(run, model, small)


def is_first() -> bool:
    """Whether this process is the one that writes, of all that Lightning or a cluster started to train together."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
