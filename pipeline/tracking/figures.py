"""Figures by the names that MLflow knows them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CAMERA_PREFIX = "camera."  # of the figures of one camera, among metrics and tags
LONGEST_VALUE = 6000  # characters, MLflow's limit on a parameter


def flatten(params: Mapping[str, Any], *, prefix: str = "") -> dict[str, str]:
    """Nested parameters as MLflow shows them: dotted names and texts."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, prefix=f"{prefix}{key}.")
        else:
            plain = list(value) if isinstance(value, tuple) else value  # a list is a list, whoever read it
            flat[f"{prefix}{key}"] = str(plain)[:LONGEST_VALUE]
    return flat


def camera_figures(judged: Mapping[str, Any]) -> dict[str, float]:
    """PSNR against the teacher (dB) by camera and method; none where an older version evaluated."""
    return {
        f"{CAMERA_PREFIX}{camera}.{method}": found["methods"][method]["teacher"]["psnr"]
        for camera, found in judged.get("cameras", {}).items()
        for method in ("student", "bicubic")
    }


def evaluation_figures(judged: Mapping[str, Any]) -> dict[str, float]:
    """All that `evaluate` measured, by the names of MLflow's metrics."""
    methods = {f"evaluation.{name}": float(value) for name, value in flatten(judged["methods"]).items()}
    families = {f"families.{name}": float(gain) for name, gain in flatten(judged.get("families", {})).items()}
    return methods | camera_figures(judged) | families
