"""The last evaluation, as far as pages need it."""

from typing import Any

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
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
