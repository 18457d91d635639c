"""Stage 4: a student learns to give the teacher's picture. Killed at any moment, it goes on at the last epoch."""

import csv
import hashlib
import json
import logging
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as lightning
import torch
from torch import nn

from pipeline import plot, tracking
from pipeline.errors import SharpcamError
from pipeline.files import read_json, write_bytes, write_json
from pipeline.framecache import DecodedClip, decoded_clips
from pipeline.params import Params
from pipeline.paths import Paths
from pipeline.runtime import sha256
from pipeline.stage import run_stage
from training import checkpoints
from training.distillation import Distillation, EveryEpoch, Row, Schedule
from training.models import MODELS
from training.pairs import Clip, Crops

COLUMNS = ("epoch", "train_loss", "train_psnr", "val_loss", "val_psnr")
SAMPLES = 3  # validation frames whose pictures go to MLflow


@dataclass(frozen=True)
class Workplace:
    """Where a training keeps what outlives a kill, outside DVC's outputs."""

    folder: Path  # keyed by a fingerprint of parameters and data

    @property
    def checkpoint(self) -> Path:
        return self.folder / "last.ckpt"

    @property
    def run_file(self) -> Path:
        return self.folder / "run.json"

    def _notes(self) -> dict[str, str]:
        return json.loads(self.run_file.read_text()) if self.run_file.exists() else {}

    def run_id(self) -> str | None:
        """The MLflow run of this training, if it was begun before."""
        return self._notes().get("run_id")

    def student(self) -> str | None:
        """Hash of the student that this training ended with, if it did."""
        return self._notes().get("student")


def train(paths: Paths, params: Params) -> None:
    """The stage: train (or go on), write the CSV, the student and the plots, log everything to MLflow."""
    split = read_json(paths.split, made_by="split")
    training = decoded_clips(split["training"], paths=paths, geometry=params.geometry)
    validation = decoded_clips(split["validation"], paths=paths, geometry=params.geometry)
    lightning.seed_everything(params.seed, verbose=False)
    model = starting_model(params)
    versions = tracking.versions(paths.root)
    workplace = Workplace(paths.cache / "training" / fingerprint(params, training, validation))
    if workplace.student() is not None:
        results_are_there = paths.student.exists() and paths.training_log.exists()
        if results_are_there and sha256(paths.student) == workplace.student():
            print("train: an earlier process has ended this very training already", flush=True)
            return
        shutil.rmtree(workplace.folder)  # a training that is asked for again is a new one
    workplace.folder.mkdir(parents=True, exist_ok=True)
    run = tracking.start(
        name=params.train.model, params=params.model_dump(), tags=versions, resume_id=workplace.run_id()
    )
    write_json(workplace.run_file, {"run_id": run.id})
    with ended_well(run):
        module = Distillation(model, _clips(training), _clips(validation), _crops(params), _schedule(params))
        learn(module, params, workplace, tell=Log(paths.training_log, run, module).tell)
        model.load_state_dict(module.best)
        finish(model.eval(), module.history, validation, paths, params, run)
    write_json(workplace.run_file, {"run_id": run.id, "student": sha256(paths.student)})
    workplace.checkpoint.unlink()


@contextmanager
def ended_well(run: tracking.Run) -> Iterator[None]:
    """End the run as what happened: FINISHED, KILLED by a signal or Ctrl-C, FAILED by anything else."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        run.end("KILLED")
        raise
    except BaseException:
        run.end("FAILED")
        raise
    run.end("FINISHED")


def starting_model(params: Params) -> nn.Module:
    """The student to train: fresh from the seed, or with the weights that `train.start_from` names."""
    name, start = params.train.model, params.train.start_from
    if name not in MODELS or not name.startswith("student"):
        students = ", ".join(sorted(known for known in MODELS if known.startswith("student")))
        raise SharpcamError(f'params.yaml: train.model is "{name}"; the students there are: {students}.')
    if start == "scratch":
        model: nn.Module = MODELS[name]()
        return model
    try:
        model, recipe = checkpoints.load(Path(start))
    except FileNotFoundError:
        raise SharpcamError(f'params.yaml: train.start_from is "{start}", and there is no such file.') from None
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f"{error}. Correct train.start_from in params.yaml.") from None
    if recipe["model"] != name:
        raise SharpcamError(f"{start} holds a {recipe['model']}, train.model asks for a {name}. Make them one.")
    return model.train()


def fingerprint(params: Params, training: list[DecodedClip], validation: list[DecodedClip]) -> str:
    """A hash of all that decides the result: parameters, starting weights, and the bytes of every frame."""
    settings = {
        "train": params.train.model_dump(),
        "geometry": params.geometry.model_dump(),
        "seed": params.seed,
        "clips": [[clip.name, clip.stems] for clip in (*training, *validation)],
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    if params.train.start_from != "scratch":
        digest.update(Path(params.train.start_from).read_bytes())
    for clip in (*training, *validation):
        digest.update(np.ascontiguousarray(clip.inputs).data)
        digest.update(np.ascontiguousarray(clip.targets).data)
    return digest.hexdigest()[:16]


def _clips(decoded: list[DecodedClip]) -> list[Clip]:
    return [Clip(torch.from_numpy(clip.inputs), torch.from_numpy(clip.targets)) for clip in decoded]


def _crops(params: Params) -> Crops:
    train = params.train
    return Crops(train.crops_per_epoch, train.batch_size, train.crop_px, params.geometry.scale)


def _schedule(params: Params) -> Schedule:
    return Schedule(params.train.learning_rate, params.train.warmup_share, params.seed)


class Log:
    """Tells each epoch to the CSV and to MLflow, digit by digit the same, each row once."""

    def __init__(self, file: Path, run: tracking.Run, module: Distillation) -> None:
        self.file, self.run, self.module = file, run, module
        self.logged = run.logged_steps("val_psnr")

    def tell(self, _: Row | None = None) -> None:
        """Bring both up to the module's history; the CSV is written whole, so it is always cut to the checkpoint."""
        write_csv(self.file, self.module.history)
        for row in self.module.history:
            if not np.isfinite(list(row.values())).all():
                raise SharpcamError(f"The loss is no number in epoch {row['epoch']}. Lower train.learning_rate.")
            if int(row["epoch"]) not in self.logged:
                self.run.log_metrics({name: row[name] for name in COLUMNS[1:]}, step=int(row["epoch"]))
                self.logged.add(int(row["epoch"]))


def write_csv(file: Path, history: list[Row]) -> None:
    """Write training_log.csv: one line an epoch, every digit."""
    lines = [",".join(COLUMNS)]
    lines += [",".join([str(int(row["epoch"])), *(repr(row[name]) for name in COLUMNS[1:])]) for row in history]
    write_bytes(file, ("\n".join(lines) + "\n").encode())


def read_csv(file: Path) -> list[Row]:
    """The rows of training_log.csv."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [{name: float(value) for name, value in line.items()} for line in csv.DictReader(lines)]


def learn(module: Distillation, params: Params, workplace: Workplace, *, tell: Callable[..., None]) -> None:
    """Run the epochs that are left. `tell` is called after each, once its checkpoint is safe."""

    def save(trainer: lightning.Trainer) -> None:
        part = workplace.folder / ".last.ckpt.part"
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            part.replace(workplace.checkpoint)

    quiet_lightning()
    trainer = lightning.Trainer(
        max_epochs=params.train.epochs,
        precision=params.train.precision,
        devices=params.train.devices,
        num_nodes=params.train.num_nodes,
        accelerator="auto",
        callbacks=[EveryEpoch(save, tell), *([lightning.callbacks.RichProgressBar()] if sys.stderr.isatty() else [])],
        enable_progress_bar=sys.stderr.isatty(),
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=workplace.folder,
        deterministic="warn",
    )
    resume = workplace.checkpoint if workplace.checkpoint.exists() else None
    if resume is not None:
        print(f"train: going on from {resume}", flush=True)
    trainer.fit(module, ckpt_path=resume, weights_only=True)
    tell()


def quiet_lightning() -> None:
    """Silence advice that does not apply: crops are cut in this process, which is fast enough."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*has `__len__` defined.*")
    warnings.filterwarnings("ignore", message=".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*")


def finish(
    model: nn.Module,
    history: list[Row],
    validation: list[DecodedClip],
    paths: Paths,
    params: Params,
    run: tracking.Run,
) -> None:
    """Write the student with its recipe, the plots and the sample pictures, and put them into the run."""
    best = max(history, key=lambda row: row["val_psnr"])
    recipe = {
        "model": params.train.model,
        "arguments": {},
        "geometry": params.geometry.model_dump(),
        "best": {"epoch": int(best["epoch"]), "val_psnr": best["val_psnr"]},
    }
    checkpoints.save(paths.student, model, recipe)
    tracking.remember_student(run, sha256(paths.student), paths)
    plots = plot.plot_log(paths.training_log)
    for file in (paths.training_log, paths.student, *plots):
        run.log_artifact(file)
    run.log_metrics({"best_val_psnr": best["val_psnr"]}, step=int(best["epoch"]))
    for name, picture in sample_pictures(model, validation).items():
        file = paths.cache / "samples" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), picture[..., ::-1])
        run.log_artifact(file, folder="samples")
    small = validation[0].inputs[:1, :64, :64].transpose(0, 3, 1, 2).astype(np.float32) / 255
    tracking.log_student(run, model, small)


@torch.inference_mode()
def sample_pictures(model: nn.Module, validation: list[DecodedClip]) -> dict[str, Any]:
    """Input (enlarged), student and teacher of a few validation frames, side by side: name -> (H, 3W, 3) uint8."""
    pictures = {}
    for clip in validation:
        for index in range(0, len(clip.stems), max(1, len(clip.stems) // SAMPLES)):
            target = clip.targets[index]
            small = clip.inputs[index]
            answer = model(torch.from_numpy(small.transpose(2, 0, 1)[None].astype(np.float32) / 255))[0]
            student = (answer.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
            enlarged = cv2.resize(small, (target.shape[1], target.shape[0]), interpolation=cv2.INTER_CUBIC)
            pictures[f"{clip.name}-{clip.stems[index]}.png"] = np.hstack([enlarged, student, target])
    return dict(list(pictures.items())[:SAMPLES])


if __name__ == "__main__":
    sys.exit(run_stage("train", train))
