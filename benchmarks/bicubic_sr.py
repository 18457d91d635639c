"""The students as plain super-resolution networks, to be compared with published ones: bicubic x2 pairs, Y-PSNR.

They have the form for clean pictures; `python -m benchmarks.students` measures its speed beside that for camera frames.

python -m benchmarks.bicubic_sr --test FOLDER                     # measures the weights in weights/bicubic/
python -m benchmarks.bicubic_sr --photos FOLDER --minutes 60      # trains them, or goes on
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.contestants import FAMILY
from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256_of_text
from pipeline.core.paths import Paths
from pipeline.families.photographs import PICTURES
from pipeline.pretrain.loop import Budget, kept, percent_bar
from pipeline.pretrain.photos import Photos, load_photos, photo_tensor
from pipeline.pretrain.weights import channels_last
from training import checkpoints
from training.bicubic import CANDIDATES, LUMA_SHARE, SCALE, BicubicPairs, even, halve, luma_loss, luma_psnr
from training.descent import EmaTrainer, OptimizerSettings
from training.models import MODELS
from training.pictures import to_uint8

SHIPPED = Path("weights/bicubic")
DESCENT = OptimizerSettings(learning_rate=4e-3, warmup_steps=200, weight_decay=0, ema_decay=0.999, bf16=0.8, workers=1)
BATCH_SIZE, CROP_PX, STEPS, SEED = 16, 48, 200_000, 3
CHECKPOINT_S = 120
SMALLEST_PX = 2 * CROP_PX


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bicubic_sr", description=__doc__)
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="train on these photographs first")
    parser.add_argument("--test", type=Path, metavar="FOLDER", help="pictures at full size, such as Set5")
    parser.add_argument("--models", nargs="+", choices=FAMILY, default=FAMILY)
    parser.add_argument("--form", choices=("clean", "camera"), default="clean", help="that is trained")
    parser.add_argument("--weights", type=Path, default=SHIPPED, metavar="FOLDER", help="default: weights/bicubic")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="for each model, all its runs together")
    length.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args(arguments)
    if asked.photos is None and asked.test is None:
        parser.error("name --photos to train on, or --test to measure on")

    def work() -> None:
        torch.set_num_threads(asked.threads)
        for name in asked.models if asked.photos else ():
            with only_once(f"bicubic-{name}-{asked.form}", paths=Paths()):
                train(name, asked, Budget(asked.steps, asked.minutes), Paths())
        if asked.test:
            print(table(asked.models, pictures_in(asked.test), asked.weights))

    return run_command(work)


def train(name: str, asked: argparse.Namespace, budget: Budget, paths: Paths) -> None:
    """Train one student, or go on with it, and write the average of its weights."""
    photos = load_photos(asked.photos, held_out=(), smallest_px=SMALLEST_PX)
    pairs = BicubicPairs(list(photos.training.values()), seed=SEED)
    form = {"clean": asked.form == "clean"}
    torch.manual_seed(SEED)
    run = EmaTrainer(channels_last(MODELS[name](**form)), DESCENT, loss=luma_loss)
    checkpoint = paths.cache / "bicubic" / f"{name}-{asked.form}-{fingerprint(run.model, photos)[:16]}.pt"
    if checkpoint.is_file():
        run.restore(torch.load(checkpoint, weights_only=True))
        print(f"bicubic_sr: {name} goes on at step {run.step}", flush=True)
    steps = percent_bar(losses(run, pairs, budget), run, budget, what=name)
    for _ in kept(steps, run, checkpoint, every_s=CHECKPOINT_S):
        pass
    origin = {"data": "bicubic x2 pairs", "steps": run.step, "sources": photos.sources}
    recipe = {"model": name, "arguments": form, **origin}
    checkpoints.save(asked.weights / f"{name}.safetensors", run.average, recipe)
    print(f"bicubic_sr: {name}, {run.step} steps of {BATCH_SIZE} crops in {run.elapsed_s / 60:.0f} min", flush=True)


def fingerprint(model: nn.Module, photos: Photos) -> str:
    """A hash of what decides the weights but the length of the training, which may be drawn out later."""
    settings = {
        "model": str(model),
        "descent": asdict(DESCENT),
        "loss": [luma_loss.__name__, LUMA_SHARE],
        "crops": [BATCH_SIZE, CROP_PX, CANDIDATES],
        "seed": SEED,
    }
    return sha256_of_text(json.dumps(settings, sort_keys=True) + photos.digest())


def losses(run: EmaTrainer, pairs: BicubicPairs, budget: Budget) -> Iterator[float]:
    """Train until the budget is spent; gives the loss of each step once it is taken."""
    started_s = time.monotonic() - run.elapsed_s
    while (spent := budget.spent(run)) < 1:
        loss = run.learn(*pairs.batch(run.step, size=BATCH_SIZE, crop_px=CROP_PX), spent=spent)
        run.elapsed_s = time.monotonic() - started_s
        yield loss


def pictures_in(folder: Path) -> dict[str, Tensor]:
    """The pictures of `folder` by name, (1, 3, H, W) uint8 of even sides. Raises SharpcamError where there is none."""
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in PICTURES | {".bmp"})
    if not files:
        raise SharpcamError(f"No pictures in {folder}. Name a folder of PNG, BMP or JPEG files.")
    return {file.stem: even(photo_tensor(file, smallest_px=SMALLEST_PX))[None] for file in files}


@torch.inference_mode()
def score(model: nn.Module, pictures: dict[str, Tensor]) -> list[float]:
    """Y-PSNR in dB of each picture that `model` makes of its half."""
    return [float(luma_psnr(to_uint8(model(halve(truth).float() / 255)), truth)) for truth in pictures.values()]


class Bicubic(nn.Module):
    """The picture enlarged without any network, with the kernel of MATLAB (a = -0.5)."""

    def forward(self, frames: Tensor) -> Tensor:
        return F.interpolate(frames, scale_factor=SCALE, mode="bicubic", antialias=True, align_corners=False)


def table(names: list[str], pictures: dict[str, Tensor], weights: Path) -> str:
    """Y-PSNR of bicubic and of each student whose weights are there, picture by picture and their mean, as Markdown."""
    models: dict[str, nn.Module] = {"bicubic": Bicubic()}
    for name in names:
        if (file := weights / f"{name}.safetensors").is_file():
            models[name], recipe = checkpoints.load(file)
            print(f"{name}: {recipe['steps']} training steps")
    scores = {name: score(model, pictures) for name, model in models.items()}
    rows = [f"| picture | {' | '.join(scores)} |", f"| --- |{' --- |' * len(scores)}"]
    for index, picture in enumerate(pictures):
        rows.append(f"| {picture} | " + " | ".join(f"{found[index]:.2f}" for found in scores.values()) + " |")
    means = (f"**{sum(found) / len(found):.2f}**" for found in scores.values())
    return "\n".join([*rows, f"| **mean, dB** | {' | '.join(means)} |"])


if __name__ == "__main__":
    sys.exit(main())
