"""The training of a student as a Lightning module: L1 on the teacher's picture, judged by PSNR on whole frames.

A student with dials is told those of the camera with each crop and each frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.losses import frequency_l1, l1
from training.metrics import psnr
from training.pairs import Crops, Pair, Pairs, RandomCrops, WholeFrames, loader, to_device_if_it_fits, to_picture
from training.schedule import warmup_then_cosine

Row = dict[str, float]  # one epoch: epoch, train_loss, train_psnr, val_loss, val_psnr


@dataclass(frozen=True)
class Schedule:
    """How the weights move: Adam on L1, a linear warm-up, then half a cosine."""

    learning_rate: float  # at its highest
    warmup_share: float  # of all steps
    final_rate_share: float  # of the highest rate, where the cosine ends
    seed: int
    frequency_weight: float = 0.0  # of the difference of spectra, beside L1
    patience_epochs: int | None = None  # end after so many epochs without a better one


class Distillation(lightning.LightningModule):
    """A student on its way. Its checkpoint carries the best weights so far and a row for each epoch done."""

    def __init__(self, model: nn.Module, training: Pairs, validation: Pairs, crops: Crops, schedule: Schedule) -> None:
        super().__init__()
        self.model = model
        self.training_pairs, self.validation_pairs = training, validation
        self.crops, self.schedule = crops, schedule
        self.history: list[Row] = []
        self.best = _copy(model)
        self._seen: dict[str, list[Tensor]] = {}

    def on_fit_start(self) -> None:
        self.training_pairs = to_device_if_it_fits(self.training_pairs, self.device)
        self.validation_pairs = to_device_if_it_fits(self.validation_pairs, self.device)

    def train_dataloader(self) -> DataLoader[Pair]:
        rank = {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}
        epoch = {"seed": self.schedule.seed, "epoch": self.current_epoch}
        return loader(RandomCrops(self.training_pairs, self.crops, **epoch, **rank), self.device)

    def val_dataloader(self) -> DataLoader[Pair]:
        rank = {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}
        return loader(WholeFrames(self.validation_pairs, **rank), self.device)

    def on_after_batch_transfer(self, batch: Pair, dataloader_idx: int) -> Pair:  # noqa: ARG002 (Lightning's name)
        return to_picture(batch[0]), to_picture(batch[1]), *batch[2:]

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.schedule.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _rate(self, step: int, steps: int) -> float:
        warmup = max(1, round(self.schedule.warmup_share * steps))
        spent = min(1.0, step / max(1, steps))
        return warmup_then_cosine(step, warmup_steps=warmup, spent=spent, final_share=self.schedule.final_rate_share)

    def on_train_epoch_start(self) -> None:
        self._seen = {"train_loss": [], "train_psnr": [], "val_loss": [], "val_psnr": []}

    def training_step(self, batch: Pair, _: int) -> Tensor:
        small, target, *dials = batch
        picture = self.model(small, *dials).float()
        loss = l1(picture, target)
        self._note("train", loss, psnr(picture.detach(), target))
        if self.schedule.frequency_weight:
            loss = loss + self.schedule.frequency_weight * frequency_l1(picture, target)
        return loss

    def validation_step(self, batch: Pair, _: int) -> None:
        small, target, *dials = batch
        picture = self.model(small, *dials).float().clamp(0, 1)
        self._note("val", l1(picture, target), psnr(picture, target))

    def _note(self, part: str, loss: Tensor, decibels: Tensor) -> None:
        """Keep what was seen where it is: to fetch a number from a GPU is to wait for it."""
        self._seen.setdefault(f"{part}_loss", []).append(loss.detach()[None])
        self._seen.setdefault(f"{part}_psnr", []).append(decibels)

    def end_epoch(self) -> Row:
        """Close the epoch: the means over its crops and frames (of all ranks) become its row."""
        row: Row = {"epoch": self.current_epoch}
        for name, values in self._seen.items():
            seen = torch.cat(values).double()
            share = torch.stack([seen.sum(), seen.new_tensor(len(seen))])
            total, count = torch.as_tensor(self.all_gather(share)).view(-1, 2).sum(0)
            row[name] = float(total / count)
        if not self.history or row["val_psnr"] > max(known["val_psnr"] for known in self.history):
            self.best = _copy(self.model)
        self.history.append(row)
        return row

    def is_stale(self) -> bool:
        """Whether the best epoch is so long ago that it is time to stop."""
        patience = self.schedule.patience_epochs
        if patience is None or not self.history:
            return False
        best = max(self.history, key=lambda row: row["val_psnr"])
        return self.history[-1]["epoch"] - best["epoch"] >= patience

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"], checkpoint["best"] = self.history, self.best

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history, self.best = checkpoint["history"], checkpoint["best"]


class EveryEpoch(lightning.Callback):
    """After each epoch: close it, save the checkpoint, and only then tell the world, so that nothing told is lost."""

    def __init__(self, save: Callable[[lightning.Trainer], None], tell: Callable[[Row], None]) -> None:
        self.save, self.tell = save, tell

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A training that had ended early stays ended."""
        if _distillation(pl_module).is_stale():
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        module = _distillation(pl_module)
        row = module.end_epoch()
        self.save(trainer)
        if trainer.is_global_zero:
            self.tell(row)
        if module.is_stale():
            trainer.should_stop = True


def _distillation(module: lightning.LightningModule) -> Distillation:
    if not isinstance(module, Distillation):
        raise TypeError(f"EveryEpoch goes with Distillation, not with {type(module).__name__}")
    return module


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
