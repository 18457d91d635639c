"""How far a job is: what its command reports in the file that `pipeline.core.progress` writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.files import recall_json


@dataclass(frozen=True)
class Progress:
    """The bar that moves."""

    what: str
    share: float  # 0..1
    left_s: float | None  # None where the bar does not know yet


@dataclass(frozen=True)
class Standing:
    """The stage that began last, how it ended, and its bar."""

    stage: str | None = None
    status: int | None = None  # exit status; None: it runs, or was killed
    progress: Progress | None = None

    @property
    def ended_well(self) -> bool:
        """Whether that stage is done."""
        return self.status == 0

    @property
    def running(self) -> str | None:
        """The stage, unless it has ended."""
        return self.stage if self.status is None else None


def read_standing(file: Path) -> Standing:
    """What was reported last. Nothing, where nothing was, or the file is broken."""
    try:
        known = recall_json(file)
        return Standing(known["stage"], known.get("status"), _bar(known))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Standing()


def _bar(known: dict[str, Any]) -> Progress | None:
    if not known.get("total"):
        return None
    return Progress(str(known["what"]), min(1.0, known["done"] / known["total"]), known["left_s"])
