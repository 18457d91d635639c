"""How good a network is on simulated frames of photographs that were held out."""

from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.core.errors import SharpcamError
from pipeline.core.timing import median_ms
from pipeline.pretrain.photos import Photos
from pipeline.pretrain.recipe import Recipe
from pipeline.pretrain.weights import channels_last, read_weights
from training.camera.cameras import CAMERAS
from training.camera.clips import record
from training.camera.drawn import draw_camera, draw_take
from training.metrics import psnr
from training.pool import Batch
from training.restoration import bicubic, crop_scenes, seeded

VALIDATION = 2  # purpose of random numbers, beside those of the pool


def validation_frames(photos: Photos, recipe: Recipe) -> list[Batch]:
    """Frames of the held-out photographs, each camera in turn, the same every time."""
    held_out = list(photos.held_out.values())
    smallest_px = min((min(photo.shape[1:]) for photo in held_out), default=0)
    cameras, frames = [CAMERAS[name] for name in recipe.cameras], []
    for index in range(recipe.validation_frames if held_out else 0):
        generator = seeded(recipe.seed, VALIDATION, index)
        photo, kind = held_out[index % len(held_out)], cameras[index % len(cameras)]
        scene, other = crop_scenes([photo], 2, scene_px=smallest_px, generator=generator)
        drawn = draw_camera(kind, generator)
        take = draw_take(kind, drawn, generator)
        clip = record(scene, other, take, drawn, px=recipe.validation_px, generator=generator)
        frames.append(Batch(clip.raw[-1:].float() / 255, clip.truth[-1:].float() / 255, clip.dials[None]))
    return frames


def told(recipe: Recipe, dials: Tensor) -> tuple[Tensor, ...]:
    """What the recipe's network gets beside a picture: the dials, if it has any."""
    return (dials,) if recipe.arguments.get("dials") else ()


@torch.inference_mode()
def measure(model: nn.Module, frames: list[Batch], recipe: Recipe, device: torch.device) -> dict[str, float]:
    """Mean PSNR over `frames`, dB, of what `model` makes of them in fp32 and of bicubic; nothing without frames."""
    if not frames:
        return {}
    answers = (model(raw.to(device), *told(recipe, dials.to(device))).cpu() for raw, _, dials in frames)
    restored = torch.cat([psnr(answer, frame.truth) for answer, frame in zip(answers, frames, strict=True)])
    doubled = torch.cat([psnr(bicubic(raw), truth) for raw, truth, _ in frames])
    return {"val_psnr": float(restored.mean()), "val_psnr_bicubic": float(doubled.mean())}


def evaluate(weights: Path, photos: Photos, recipe: Recipe) -> None:
    """Print what the network at `weights` reaches on the held-out photographs, and how long a frame takes."""
    model, _ = read_weights(weights, option="--output")
    frames = validation_frames(photos, recipe)
    if not frames:
        raise SharpcamError("None of the photographs is held out. Name some under held_out in the recipe.")
    model = channels_last(model)
    figures = measure(model, frames, recipe, torch.device("cpu"))
    print(f"{len(frames)} simulated frames of {len(photos.held_out)} held-out photographs, PSNR against truth:")
    print(f"  bicubic   {figures['val_psnr_bicubic']:.2f} dB")
    print(f"  {recipe.model:<9} {figures['val_psnr']:.2f} dB")
    print(f"  {frame_ms(model):.0f} ms per 640x480 frame, {torch.get_num_threads()} threads, fp32")


@torch.inference_mode()
def frame_ms(model: nn.Module, *, runs: int = 5) -> float:
    """Median milliseconds of one 640x480 frame."""
    frame = torch.rand(1, 3, 480, 640)
    return median_ms(lambda: model(frame), runs=runs)
