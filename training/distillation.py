"""The training of a student as a Lightning module: L1 on the teacher's picture, judged by PSNR on whole frames."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.losses import l1
from training.metrics import psnr
from training.pairs import Clip, Crops, Pair, RandomCrops, WholeFrames

Row = dict[str, float]  # one epoch: epoch, train_loss, train_psnr, val_loss, val_psnr


@dataclass(frozen=True)
class Schedule:
    """How the weights move: Adam, a linear warm-up, then half a cosine."""

    learning_rate: float  # at its highest
    warmup_share: float  # of all steps
    seed: int


class Distillation(lightning.LightningModule):
    """A student on its way. Its checkpoint carries the best weights so far and a row for each epoch done."""

    def __init__(
        self, model: nn.Module, training: list[Clip], validation: list[Clip], crops: Crops, schedule: Schedule
    ) -> None:
        super().__init__()
        self.model = model
        self.training_clips, self.validation_clips = training, validation
        self.crops, self.schedule = crops, schedule
        self.history: list[Row] = []
        self.best = _copy(model)
        self._seen: dict[str, list[float]] = {}

    def train_dataloader(self) -> DataLoader[Pair]:
        dataset = RandomCrops(
            self.training_clips,
            self.crops,
            seed=self.schedule.seed,
            epoch=self.current_epoch,
            rank=self.trainer.global_rank,
            ranks=self.trainer.world_size,
        )
        return DataLoader(dataset, batch_size=None)

    def val_dataloader(self) -> DataLoader[Pair]:
        return DataLoader(WholeFrames(self.validation_clips), batch_size=1)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.schedule.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _rate(self, step: int, steps: int) -> float:
        warmup = max(1, round(self.schedule.warmup_share * steps))
        spent = min(1.0, step / max(1, steps))
        return min(1.0, (step + 1) / warmup) * (0.01 + 0.99 * (1 + math.cos(math.pi * spent)) / 2)

    def on_train_epoch_start(self) -> None:
        self._seen = {"train_loss": [], "train_psnr": [], "val_loss": [], "val_psnr": []}

    def training_step(self, batch: Pair, _: int) -> Tensor:
        small, target = batch
        picture = self.model(small)
        loss = l1(picture.float(), target)
        self._note("train", loss, psnr(picture.detach(), target))
        return loss

    def validation_step(self, batch: Pair, _: int) -> None:
        small, target = batch
        picture = self.model(small).float().clamp(0, 1)
        self._note("val", l1(picture, target), psnr(picture, target))

    def _note(self, part: str, loss: Tensor, decibels: Tensor) -> None:
        self._seen.setdefault(f"{part}_loss", []).append(float(loss.detach()))
        self._seen.setdefault(f"{part}_psnr", []).extend(decibels.tolist())

    def end_epoch(self) -> Row:
        """Close the epoch: the means over its crops and frames (and over all ranks) become its row."""
        row: Row = {"epoch": self.current_epoch}
        for name, values in self._seen.items():
            mean = torch.tensor(fmean(values), dtype=torch.float64, device=self.device)
            row[name] = float(torch.as_tensor(self.all_gather(mean)).mean())
        if not self.history or row["val_psnr"] > max(known["val_psnr"] for known in self.history):
            self.best = _copy(self.model)
        self.history.append(row)
        return row

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"], checkpoint["best"] = self.history, self.best

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history, self.best = checkpoint["history"], checkpoint["best"]


class EveryEpoch(lightning.Callback):
    """After each epoch: close it, save the checkpoint, and only then tell the world, so that nothing told is lost."""

    def __init__(self, save: Callable[[lightning.Trainer], None], tell: Callable[[Row], None]) -> None:
        self.save, self.tell = save, tell

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if not isinstance(pl_module, Distillation):
            raise TypeError(f"EveryEpoch goes with Distillation, not with {type(pl_module).__name__}")
        row = pl_module.end_epoch()
        self.save(trainer)
        if trainer.is_global_zero:
            self.tell(row)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
