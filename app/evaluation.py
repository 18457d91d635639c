"""The last evaluation, as far as pages need it."""

from typing import Any, NamedTuple

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
    if (found := beside_bicubic(methods)) is None:  # of an older version
        return f"{evaluation['methods']['student']['teacher']['psnr']:.2f} dB", evaluation["verdict"][0]
    word = describe_margin(found.student - found.bicubic).removesuffix(" than bicubic")
    where = f" on {name}" if name else ""
    figures = f"{found.student:.1f} dB{where}, and bicubic {found.bicubic:.1f} dB"
    return word.capitalize(), f"{figures}: how near each is to the {found.reference}."


class BesideBicubic(NamedTuple):
    """PSNR of student and bicubic, dB, against the same reference: "truth" or "teacher"."""

    reference: str
    student: float
    bicubic: float


def beside_bicubic(methods: dict[str, Any]) -> BesideBicubic | None:
    """How both did: against the truth where it is known, as the teacher only comes near it; else the teacher."""
    for reference in ("truth", "teacher"):
        student, bicubic = (methods.get(name, {}).get(reference, {}).get("psnr") for name in ("student", "bicubic"))
        if student is not None and bicubic is not None:
            return BesideBicubic(reference, student, bicubic)
    return None
