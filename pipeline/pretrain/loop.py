"""The training of a network that ships: steps, checkpoints, figures, and the weights at its end."""

import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from pipeline.core.files import whole_file
from pipeline.core.hashing import sha256
from pipeline.pretrain.evaluate import measure, told, validation_frames
from pipeline.pretrain.fingerprints import camera_code, fingerprint, frames_fingerprint
from pipeline.pretrain.photos import Photos
from pipeline.pretrain.recipe import Recipe
from pipeline.pretrain.weights import blended, new_run
from pipeline.teacher.device import pick_device
from pipeline.tracking.ending import Ends, ending
from pipeline.tracking.run import start_run
from training import checkpoints
from training.descent import EmaTrainer
from training.pool import Pool
from training.restoration import seeded

JITTER = 3  # purpose of random numbers, beside those of the pool
DIALS_JITTER = 0.04  # standard deviation of what the dials are off in training: estimates are never exact


@dataclass(frozen=True)
class Budget:
    """How long to train: so many steps or, where they are given, minutes; then no two runs are quite the same."""

    steps: int
    minutes: float | None = None

    def spent(self, run: EmaTrainer) -> float:
        """The share of the budget that is used up, 0..1."""
        return min(1.0, run.step / self.steps if self.minutes is None else run.elapsed_s / (60 * self.minutes))


class Tracker(Ends, Protocol):
    """What of a EmaTrainer is used here."""

    id: str

    def log_metrics(self, metrics: Mapping[str, float], *, step: int) -> None: ...

    def log_artifact(self, path: Path) -> None: ...


def start_tracking(run: EmaTrainer, recipe: Recipe) -> Tracker:
    """The MLflow run of `run`, a new one or the one it was begun with."""
    return start_run(name=f"pretrain {recipe.model}", params=recipe.model_dump(mode="json"), resume_id=run.tracking_id)


def shipped_recipe(
    recipe: Recipe, photos: Photos, run: EmaTrainer, budget: Budget, figures: dict[str, float], start: Path | None
) -> dict[str, Any]:
    """What travels with the weights."""
    return {
        "model": recipe.model,
        "arguments": recipe.arguments,
        "training": recipe.model_dump(mode="json"),
        "cameras_sha256": camera_code(),
        "training_sha256": fingerprint(recipe, photos, start),
        "started_from_sha256": None if start is None else sha256(start),
        "steps": run.step,
        "minutes": budget.minutes,
        "photographs": len(photos.training),
        "sources": photos.sources,
        "held_out": list(photos.held_out),
        "best": {name: round(value, 3) for name, value in figures.items()},
    }


def losses(run: EmaTrainer, recipe: Recipe, pool: Pool, budget: Budget) -> Iterator[float]:
    """Train until the budget is spent; gives the loss of each step once it is taken."""
    started_s = time.monotonic() - run.elapsed_s
    while (spent := budget.spent(run)) < 1:
        pool.reach(recipe.first_chunks - 1 + run.step // recipe.refresh_steps)
        batch = pool.batch(run.step, size=recipe.batch_size, crop_px=recipe.crop_px, candidates=recipe.candidates)
        dials = jittered(batch.dials, seeded(recipe.seed, JITTER, run.step))
        loss = run.learn(batch.raw, batch.truth, *told(recipe, dials), spent=spent)
        run.elapsed_s = time.monotonic() - started_s
        yield loss


def jittered(dials: Tensor, generator: torch.Generator) -> Tensor:
    """`dials` (N, 4), each a little off."""
    return (dials + DIALS_JITTER * torch.randn(dials.shape, generator=generator).to(dials.device)).clamp(0, 1)


def percent_bar(steps: Iterator[float], run: EmaTrainer, budget: Budget, *, what: str) -> Iterator[float]:
    """Pass `steps` on under a bar of the budget, with the time that is left."""
    quiet = not sys.stderr.isatty()
    form = what + ": {percentage:3.0f} % [{elapsed} < {remaining}{postfix}]"
    with tqdm(total=100.0, initial=100 * budget.spent(run), bar_format=form, mininterval=30 if quiet else 0.5) as bar:
        for loss in steps:
            bar.set_postfix_str(f"step {run.step:,}, loss {loss:.4f}", refresh=False)
            bar.update(100 * budget.spent(run) - bar.n)
            yield loss


def save_checkpoint(path: Path, run: EmaTrainer) -> None:
    """Write all of `run` to `path` in one move."""
    with whole_file(path) as partial, partial.open("wb") as file:  # a name would be written into the file
        torch.save(run.state(), file)


def kept(steps: Iterator[float], run: EmaTrainer, checkpoint: Path, *, every_s: float) -> Iterator[float]:
    """Pass `steps` on, and write `run` to `checkpoint` every so many seconds and after the last."""
    saved_s = time.monotonic()
    for loss in steps:
        yield loss
        if time.monotonic() - saved_s >= every_s:
            save_checkpoint(checkpoint, run)
            saved_s = time.monotonic()
    save_checkpoint(checkpoint, run)


def resume(run: EmaTrainer, checkpoint: Path) -> None:
    """Put the new `run` where the one at `checkpoint` stopped, if there is one."""
    if checkpoint.is_file():
        run.restore(torch.load(checkpoint, map_location="cpu", weights_only=True))
        print(f"pretrain: going on at step {run.step}, from {checkpoint}", flush=True)


def train(
    photos: Photos,
    recipe: Recipe,
    budget: Budget,
    *,
    cache: Path,
    output: Path,
    start: Path | None = None,
    keep: float = 0.0,
    track: Callable[[EmaTrainer, Recipe], Tracker] = start_tracking,
) -> None:
    """Train, from the weights at `start` if there are, or go on training; write the averaged weights to `output`.

    They keep the share `keep` of those at `start`.
    """
    device = torch.device(pick_device(recipe.device, setting="The recipe's device"))
    run, frames = new_run(recipe, device, start), validation_frames(photos, recipe)
    checkpoint = cache / fingerprint(recipe, photos, start)[:16] / "last.pt"
    resume(run, checkpoint)
    tracker = track(run, recipe)
    run.tracking_id = tracker.id
    pool = recipe.pool(photos, device, cache / "frames" / frames_fingerprint(recipe, photos)[:16])
    steps = percent_bar(losses(run, recipe, pool, budget), run, budget, what=recipe.model)
    recent: deque[float] = deque(maxlen=recipe.validate_steps)
    with ending(tracker):
        for loss in kept(steps, run, checkpoint, every_s=recipe.checkpoint_s):
            recent.append(loss)
            if run.step % recipe.validate_steps == 0:
                figures = measure(run.average, frames, recipe, device)
                report(tracker, run, {"train_loss": statistics.fmean(recent), **figures})
        learned = run.average if start is None else blended(run.average, start, keep=keep)
        figures = measure(learned, frames, recipe, device)
        report(tracker, run, figures)
        checkpoints.save(
            output,
            learned,
            shipped_recipe(recipe, photos, run, budget, figures, start) | {"kept_of_start": keep},
            dtype=getattr(torch, recipe.shipped_as),
        )
        tracker.log_artifact(output)


def report(tracker: Tracker, run: EmaTrainer, figures: dict[str, float]) -> None:
    """Log `figures` and print them."""
    tracker.log_metrics(figures, step=run.step)
    words = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
    tqdm.write(f"step {run.step}, {run.elapsed_s / 60:.1f} min: {words}")
    sys.stdout.flush()
