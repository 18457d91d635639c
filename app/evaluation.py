"""The last evaluation, as far as pages need it."""

from typing import Any

from app.cameras import own_cameras
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.meaning import describe_margin
from pipeline.core.paths import Paths


def read_evaluation(paths: Paths) -> dict[str, Any] | None:
    """The last evaluation, where there is one that can be read."""
    try:
        evaluation = read_json(paths.evaluation, made_by="evaluate")
        float(evaluation["methods"]["student"]["teacher"]["psnr"])
        usable = evaluation["verdict"][0], evaluation["gate"]["passed"]
    except (SharpcamError, KeyError, TypeError, IndexError, ValueError):
        return None
    return dict(evaluation) if usable else None


def describe_student(evaluation: dict[str, Any]) -> tuple[str, str]:
    """How good the student is in a word, and the figures: on the user's own first camera, else on all frames."""
    cameras = evaluation.get("cameras", {})
    name = next(iter(own_cameras(cameras)), None)
    methods = cameras[name]["methods"] if name else evaluation["methods"]
    student, bicubic = (methods.get(method, {}).get("teacher", {}).get("psnr") for method in ("student", "bicubic"))
    if student is None or bicubic is None:  # of an older version
        return f"{evaluation['methods']['student']['teacher']['psnr']:.2f} dB", evaluation["verdict"][0]
    word = describe_margin(student - bicubic).removesuffix(" than bicubic")
    where = f" on {name}" if name else ""
    return word.capitalize(), f"{student:.1f} dB{where}, and bicubic {bicubic:.1f} dB: how near each is to the teacher."
