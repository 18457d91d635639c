"""restorer.yaml as a frozen type: how the bundled restorer is trained."""

from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from pipeline.errors import SharpcamError
from pipeline.photos import Photos
from training.descent import Descent
from training.pool import Pool
from training.restoration import Shots

RECIPE = Path(__file__).with_name("restorer.yaml")


class Section(BaseModel):
    """A part of the recipe: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRecipe(Section):
    """Arguments of training.models.restorer.Restorer."""

    width: PositiveInt
    blocks: tuple[PositiveInt, ...] = Field(min_length=1)


class ShotsRecipe(Section):
    """How photographs are taken; see training.restoration.Shots."""

    zoom: tuple[PositiveFloat, PositiveFloat]
    tilt_rad: NonNegativeFloat
    speed_px_per_s: tuple[NonNegativeFloat, NonNegativeFloat]
    still_share: float = Field(ge=0, le=1)
    quiet_share: float = Field(ge=0, le=1)


class Recipe(Section):
    """restorer.yaml, where each key is explained."""

    seed: NonNegativeInt
    model: ModelRecipe
    steps: PositiveInt
    batch_size: PositiveInt
    crop_px: int = Field(ge=16, multiple_of=2)
    candidates: PositiveInt
    learning_rate: PositiveFloat
    warmup_steps: PositiveInt
    weight_decay: NonNegativeFloat
    ema_decay: float = Field(ge=0, lt=1)
    precision: Literal["bf16", "fp32"]
    device: str
    workers: PositiveInt
    frame_px: int = Field(ge=16, multiple_of=2)
    scene_px: PositiveInt
    chunk_frames: PositiveInt
    first_chunks: PositiveInt
    pool_chunks: PositiveInt
    refresh_steps: PositiveInt
    shots: ShotsRecipe
    held_out: tuple[str, ...]
    validation_px: int = Field(ge=16, multiple_of=2)
    validation_frames: PositiveInt
    validate_steps: PositiveInt
    checkpoint_s: NonNegativeFloat

    def descent(self) -> Descent:
        """The part that says how the weights move."""
        return Descent(
            learning_rate=self.learning_rate,
            warmup_steps=self.warmup_steps,
            weight_decay=self.weight_decay,
            ema_decay=self.ema_decay,
            bf16=self.precision == "bf16",
            workers=self.workers,
        )

    def pool(self, photos: Photos, device: torch.device) -> Pool:
        """The pool of training frames, still empty."""
        return Pool(
            photos=list(photos.training.values()),
            shots=Shots(**self.shots.model_dump()),
            seed=self.seed,
            frame_px=self.frame_px,
            scene_px=self.scene_px,
            chunk_frames=self.chunk_frames,
            most_chunks=self.pool_chunks,
            device=device,
        )


def load_recipe(path: Path, **overrides: Any) -> Recipe:
    """Parse the recipe at `path`, with `overrides` in place of what it says. Raises SharpcamError."""
    try:
        return Recipe.model_validate({**yaml.safe_load(path.read_text(encoding="utf-8")), **overrides})
    except FileNotFoundError:
        raise SharpcamError(f"No recipe at {path}. Leave --recipe out to use the one that ships.") from None
    except (yaml.YAMLError, TypeError) as error:
        where = " ".join(str(error).split())
        raise SharpcamError(f"{path} is no valid recipe ({where}). Mend it and run again.") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise SharpcamError(f"{path}: {problems}. Mend it and run again.") from None
