"""A file of recipes/ as a frozen type: how a network that ships with sharpcam is trained."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import yaml
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
)
from torch import Tensor, nn

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.core.params import Section, describe_problems
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.core.yaml_text import parse_yaml
from pipeline.pretrain.photos import Photos
from pipeline.student.calm import Calm
from pipeline.student.dials import Dials
from pipeline.student.estimator import load_estimator
from training.camera.cameras import CAMERAS
from training.camera.drawings import drawing
from training.descent import OptimizerSettings
from training.models import MODELS
from training.models.dials import NEUTRAL
from training.pool import Pool, Read

RECIPES = Path(__file__).with_name("recipes")


class Recipe(Section):
    """A recipe; recipes/restorer.yaml explains each key."""

    seed: NonNegativeInt
    model: str
    arguments: dict[str, Any]
    shipped_as: Literal["float16", "float32"]
    steps: PositiveInt
    batch_size: PositiveInt
    crop_px: int = Field(ge=16, multiple_of=2)
    candidates: PositiveInt
    drawings: NonNegativeInt
    learning_rate: PositiveFloat
    warmup_steps: PositiveInt
    weight_decay: NonNegativeFloat
    ema_decay: float = Field(ge=0, lt=1)
    precision: Literal["bf16", "fp32"]
    device: str
    workers: PositiveInt
    frame_px: int = Field(ge=16, multiple_of=2)
    scene_px: PositiveInt
    chunk_clips: PositiveInt
    scenes_per_camera: PositiveInt
    first_chunks: PositiveInt
    pool_chunks: PositiveInt
    refresh_steps: PositiveInt
    fused_share: float = Field(ge=0, le=1)
    estimated_share: float = Field(ge=0, le=1)
    shrunk_share: float = Field(ge=0, le=1)
    sharpened_share: float = Field(ge=0, le=1)
    softened_share: float = Field(ge=0, le=1)
    cameras: dict[str, PositiveFloat]
    held_out: tuple[str, ...]
    validation_px: int = Field(ge=16, multiple_of=2)
    validation_frames: PositiveInt
    validate_steps: PositiveInt
    checkpoint_s: NonNegativeFloat

    @field_validator("model")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in MODELS:
            raise ValueError(f'"{name}" is not one of the models: {", ".join(MODELS)}')
        return name

    @field_validator("cameras")
    @classmethod
    def _simulated(cls, shares: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(shares.keys() - CAMERAS.keys()):
            raise ValueError(f"{', '.join(unknown)}: not among the cameras, which are {', '.join(CAMERAS)}")
        if not shares:
            raise ValueError("at least one camera is needed")
        return shares

    def new_model(self) -> nn.Module:
        """The model, untrained, the same for the same seed. Raises SharpcamError for arguments that do not fit it."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                return MODELS[self.model](**self.arguments)
            except (TypeError, ValueError, RuntimeError) as error:
                raise SharpcamError(f"The recipe's arguments do not fit {self.model} ({error}). Fix them.") from None

    def descent(self) -> OptimizerSettings:
        """The part that says how the weights move."""
        return OptimizerSettings(
            learning_rate=self.learning_rate,
            warmup_steps=self.warmup_steps,
            weight_decay=self.weight_decay,
            ema_decay=self.ema_decay,
            bf16=1 if self.precision == "bf16" else 0,
            workers=self.workers,
        )

    def estimator(self) -> Path | None:
        """The ONNX file that reads the dials which students are told, where they are read."""
        return Paths().estimator if self.estimated_share else None

    def pool(self, photos: Photos, device: torch.device, folder: Path | None = None) -> Pool:
        """The pool of training frames, still empty; its chunks are kept below `folder`."""
        drawn = [drawing(number) for number in progress(range(self.drawings), what="drawings")]
        return Pool(
            photos=[*photos.training.values(), *drawn],
            shares=self.cameras,
            seed=self.seed,
            frame_px=self.frame_px,
            scene_px=self.scene_px,
            chunk_clips=self.chunk_clips,
            scenes_per_camera=self.scenes_per_camera,
            most_chunks=self.pool_chunks,
            device=device,
            folder=folder,
            fuse=fused if self.fused_share else None,
            fused_share=self.fused_share,
            read=None if (file := self.estimator()) is None else reader(file),
            estimated_share=self.estimated_share,
            shrunk_share=self.shrunk_share,
            sharpened_share=self.sharpened_share,
            softened_share=self.softened_share,
        )


def reader(file: Path) -> Read:
    """What reads the dials of frames as it is done at run time, with the estimator in an ONNX file."""
    estimator = load_estimator(file, Dials(*NEUTRAL))
    return lambda frames: torch.tensor(estimator.estimate(to_frame(frame) for frame in frames))


def fused(frames: Tensor, noise: float) -> Tensor:
    """Frames (T, 3, h, w) uint8 of a clip, each together with those before it, as a student gets them at run time."""
    stream = Calm(noise=noise)
    return torch.stack([to_tensor(stream.fuse(to_frame(frame))) for frame in frames])


def to_frame(frame: Tensor) -> Frame:
    """(3, h, w) uint8 as (h, w, 3)."""
    return np.ascontiguousarray(frame.permute(1, 2, 0).numpy())


def to_tensor(frame: Frame) -> Tensor:
    """(h, w, 3) uint8 as (3, h, w), a copy."""
    return torch.from_numpy(frame.copy()).permute(2, 0, 1)


def load_recipe(path: Path, **overrides: Any) -> Recipe:
    """Parse the recipe at `path`, with `overrides` in place of what it says. Raises SharpcamError.

    A recipe may name another one beside it as `like`, and say only what differs.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
        if like := content.pop("like", None):
            path = path.with_name(f"{like}.yaml")
            content = {**parse_yaml(path.read_text(encoding="utf-8")), **content}
        return Recipe.model_validate({**content, **overrides})
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
        raise SharpcamError(f"No recipe at {path}. Those that ship are {known}.") from None
    except (yaml.YAMLError, AttributeError, TypeError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise SharpcamError(f"{path} is not a valid recipe ({where}). Fix it and run again.") from None
    except ValidationError as error:
        problems = "; ".join(describe_problems(error).values())
        raise SharpcamError(f"{path}: {problems}. Fix it and run again.") from None
