"""Hashes of what decides the weights of a network, and of what decides the frames it learns from."""

import json
from pathlib import Path

from pipeline.core.hashing import sha256, sha256_of_all, sha256_of_text
from pipeline.pretrain.photos import Photos
from pipeline.pretrain.recipe import Recipe
from pipeline.student.calm import DEFINITION
from training import camera, scenes

NOT_IN_FINGERPRINT = {"device", "validate_steps", "checkpoint_s"}
OF_THE_FRAMES = {
    "seed",
    "drawings",
    "frame_px",
    "scene_px",
    "chunk_clips",
    "scenes_per_camera",
    "fused_share",
    "estimated_share",
    "shrunk_share",
    "sharpened_share",
    "softened_share",
    "cameras",
}


def fingerprint(recipe: Recipe, photos: Photos, start: Path | None = None) -> str:
    """A hash of everything but the machine that decides the weights; checkpoints lie under this name."""
    settings = {**recipe.model_dump(mode="json", exclude=NOT_IN_FINGERPRINT), "camera_code": camera_code()}
    settings |= {name: sha256(file) for name, file in (("start", start), ("estimator", recipe.estimator())) if file}
    return sha256_of_text(json.dumps(settings, sort_keys=True) + photos.digest())


def frames_fingerprint(recipe: Recipe, photos: Photos) -> str:
    """A hash of what decides the simulated frames: networks whose recipes agree in that share them."""
    settings = [recipe.model_dump(mode="json", include=OF_THE_FRAMES), camera_code(), DEFINITION]
    settings.append(sha256(Path(scenes.__file__)))
    if (estimator := recipe.estimator()) is not None:
        settings.append(sha256(estimator))
    return sha256_of_text(json.dumps(settings, sort_keys=True) + photos.digest())


def camera_code() -> str:
    """Changes with the code of the simulated cameras."""
    sources = sorted(Path(camera.__path__[0]).glob("*.py"))
    return sha256_of_all(sources)
