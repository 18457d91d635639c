"""A student learns from decoded frames through Lightning, and goes on where it was cut off. No MLflow, no results.

The stage `train` and the benchmarks of training stand on this.
"""

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import nn

from pipeline.core.files import move_file, recall_json
from pipeline.core.hashing import sha256, sha256_of_json
from pipeline.core.params import Params
from pipeline.core.progress import progress_bar
from pipeline.train.clip_dials import NO_DIALS, ClipDials, as_json, rows
from pipeline.train.decoded_frames import DecodedFrames
from training.distillation import Distillation, EveryEpoch, Schedule
from training.pairs import Crops, Pairs


@dataclass(frozen=True)
class RunDirectory:
    """Where a training keeps what outlives a kill, outside DVC's outputs."""

    folder: Path  # keyed by a fingerprint of parameters and data

    @property
    def checkpoint(self) -> Path:
        return self.folder / "last.ckpt"

    @property
    def run_file(self) -> Path:
        return self.folder / "run.json"

    def _notes(self) -> dict[str, str]:
        return recall_json(self.run_file)

    def run_id(self) -> str | None:
        """The MLflow run of this training, if it was begun before."""
        return self._notes().get("run_id")

    def student(self) -> str | None:
        """Hash of the student that this training ended with, if it did."""
        return self._notes().get("student")


def fingerprint(
    params: Params,
    model: nn.Module,
    training: DecodedFrames,
    validation: DecodedFrames,
    *,
    start: Path | None = None,
    dials: ClipDials = NO_DIALS,
) -> str:
    """A hash of all that decides the result: parameters, layers, starting weights, the files of every frame, dials."""
    settings = {
        "train": params.train.model_dump(exclude={"memory_gb"}),
        "geometry": params.geometry.model_dump(),
        "seed": params.seed,
        "layers": str(model),
        "frames": [training.sha256(), validation.sha256()],
        "start": sha256(start) if start else None,
    } | ({"dials": as_json(dials)} if dials else {})
    return sha256_of_json(settings)[:16]


def distillation(
    model: nn.Module,
    training: DecodedFrames,
    validation: DecodedFrames,
    params: Params,
    *,
    dials: ClipDials = NO_DIALS,
) -> Distillation:
    """`model` on its way, as params.yaml has it; it is told the `dials` of each clip, if there are any."""
    train = params.train
    crops = Crops(train.crops_per_epoch, train.batch_size, train.crop_px, params.geometry.scale)
    schedule = Schedule(
        learning_rate=train.learning_rate,
        warmup_share=train.warmup_share,
        final_rate_share=train.final_rate_share,
        seed=params.seed,
        frequency_weight=train.frequency_weight,
        patience_epochs=train.patience_epochs,
    )
    return Distillation(model, _pairs(training, dials), _pairs(validation, dials), crops, schedule)


def _pairs(frames: DecodedFrames, dials: ClipDials) -> Pairs:
    return Pairs(frames.inputs, frames.targets, rows(frames.names, dials))


def best_student(module: Distillation) -> nn.Module:
    """The student as it was after its best epoch."""
    module.model.load_state_dict(module.best)
    return module.model.cpu().eval()


def learn(
    module: Distillation,
    params: Params,
    run_directory: RunDirectory,
    *,
    tell: Callable[..., None],
    callbacks: Sequence[lightning.Callback] = (),
) -> None:
    """Run the epochs that are left. `tell` is called after each, once its checkpoint is safe."""

    def save(trainer: lightning.Trainer) -> None:
        part = run_directory.folder / ".last.ckpt.part"
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            move_file(part, run_directory.checkpoint)

    quiet_lightning()
    trainer = lightning.Trainer(
        max_epochs=params.train.epochs,
        precision=params.train.precision,
        devices=params.train.devices,
        num_nodes=params.train.num_nodes,
        accelerator="cuda" if torch.cuda.is_available() else "cpu",  # others know no float64, which PSNR takes
        callbacks=[EveryEpoch(save, tell), Bar(params.train.model), *callbacks],
        enable_progress_bar=False,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=run_directory.folder,
        deterministic="warn",
    )
    resume = run_directory.checkpoint if run_directory.checkpoint.exists() else None
    if resume is not None:
        print(f"train: going on from {resume}", flush=True)
    trainer.fit(module, ckpt_path=resume, weights_only=True)
    tell()
    if module.is_stale():
        print(f"train: no better epoch in the last {params.train.patience_epochs}; ended early", flush=True)


class Bar(lightning.Callback):
    """One bar over all epochs, with the time that is left."""

    def __init__(self, what: str) -> None:
        self.what = what

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        if trainer.is_global_zero:
            total = int(trainer.estimated_stepping_batches)
            self.bar = progress_bar(what=f"train {self.what}", total=total, unit="step")
            self.bar.n = self.bar.initial = trainer.global_step

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        if trainer.is_global_zero:
            self.bar.update()

    def on_train_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        if trainer.is_global_zero:
            self.bar.close()


def quiet_lightning() -> None:
    """Silence advice that does not apply: crops are cut in this process, which is fast enough."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*has `__len__` defined.*")
    warnings.filterwarnings("ignore", message=".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*")
