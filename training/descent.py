"""One training run of a restoring network: optimiser, schedule and the average of its weights, as one thing to keep."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.restoration import restoration_loss
from training.schedule import warmup_then_cosine

FINAL_SHARE = 0.001  # of the highest learning rate, where the cosine ends
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # of what a model makes of a batch, of the truth, of the raw frames


@dataclass(frozen=True)
class OptimizerSettings:
    """How the weights move."""

    learning_rate: float  # at its highest
    warmup_steps: int
    weight_decay: float
    ema_decay: float
    bf16: float  # share of the training, from its start, with convolutions under autocast; the rest is in fp32
    workers: int  # threads that share a batch

    def rate(self, *, step: int, spent: float) -> float:
        """The learning rate after `step` steps and the share `spent` of the whole training."""
        share = warmup_then_cosine(step, warmup_steps=self.warmup_steps, spent=spent, final_share=FINAL_SHARE)
        return self.learning_rate * share


class EmaTrainer:
    """A model on its way; `average` is the moving average of its weights, and what is measured and shipped."""

    def __init__(self, model: nn.Module, descent: OptimizerSettings, *, loss: Loss = restoration_loss) -> None:
        self.model, self.descent, self.loss = model, descent, loss
        self.average = deepcopy(model).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=descent.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=descent.weight_decay,
        )
        self._pool = ThreadPoolExecutor(descent.workers)
        self.step = 0
        self.elapsed_s = 0.0
        self.tracking_id: str | None = None

    def learn(self, raw: Tensor, truth: Tensor, dials: Tensor | None = None, *, spent: float) -> float:
        """One step on a batch, `raw` (N, 3, h, w) and `truth` (N, 3, 2h, 2w); returns its loss.

        `dials` (N, 4) are what a model that takes them is told of the cameras.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.descent.rate(step=self.step, spent=spent)
        loss = self._differentiate(raw, truth, dials, bf16=spent < self.descent.bf16)
        self.take_step()
        return loss

    def take_step(self) -> None:
        """Move the weights along their gradients."""
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._average_in()

    def _differentiate(self, raw: Tensor, truth: Tensor, dials: Tensor | None, *, bf16: bool) -> float:
        """Set the gradients of the batch's loss, each worker on a part of the batch; returns the loss.

        Threads of one torch operation wait for each other at its end, which on a busy machine takes longer than the
        operation; workers wait once a step. The parts are added in order: the sum is the same every time.
        """
        batch = [raw, truth] if dials is None else [raw, truth, dials]
        parts = list(zip(*(tensor.chunk(self.descent.workers) for tensor in batch), strict=True))
        found = list(self._pool.map(lambda part: self._gradients(*part, bf16=bf16), parts))
        shares = [len(part[0]) / len(raw) for part in parts]
        for index, parameter in enumerate(self.model.parameters()):
            parameter.grad = torch.zeros_like(parameter)  # in the parameter's layout
            for share, (_, gradients) in zip(shares, found, strict=True):
                parameter.grad += share * gradients[index]
        return sum(share * loss for share, (loss, _) in zip(shares, found, strict=True))

    def _gradients(
        self, raw: Tensor, truth: Tensor, dials: Tensor | None = None, *, bf16: bool
    ) -> tuple[float, tuple[Tensor, ...]]:
        told = () if dials is None else (dials,)
        with torch.autocast(raw.device.type, torch.bfloat16, enabled=bf16):
            restored = self.model(raw, *told)
        loss = self.loss(restored, truth, raw)
        return float(loss.detach()), torch.autograd.grad(loss, list(self.model.parameters()))

    @torch.no_grad()
    def _average_in(self) -> None:
        decay = min(self.descent.ema_decay, self.step / (self.step + 10))  # short while there is little to average
        for averaged, current in zip(self.average.parameters(), self.model.parameters(), strict=True):
            averaged.lerp_(current, 1 - decay)

    def state(self) -> dict[str, Any]:
        """All that changes while training."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": {"step": self.step, "elapsed_s": self.elapsed_s, "tracking_id": self.tracking_id},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["progress"]["step"]
        self.elapsed_s = state["progress"]["elapsed_s"]
        self.tracking_id = state["progress"].get("tracking_id")
