"""Student and teacher on cameras that nobody recorded: each family of `pipeline.families` against bicubic."""

import math
from collections.abc import Callable, Mapping, Sequence

from pipeline.core.clips import evenly_spread
from pipeline.core.files import recall_json
from pipeline.core.geometry import Frame
from pipeline.core.paths import Paths
from pipeline.families.gains import Gains, below, gains
from pipeline.student.clip_dials import LOOKED_AT
from pipeline.student.student import Student

ALLOWED_DB = {"student": 0.1, "teacher": 0.05}  # below bicubic, before a sentence says so


def on_families(student: Student, paths: Paths, *, photos: int) -> dict[str, Gains]:
    """What the student gains over bicubic in each family, and what the teacher stage found of its chain.

    Empty where `photos`, the number of photographs, is 0.
    """
    if photos == 0:
        return {}
    teacher = recall_json(paths.teacher_families).get("gains")
    found = {"student": gains(lambda frames: _set_to(student, frames), photos=photos, what="evaluate: families")}
    return found | ({"teacher": teacher} if isinstance(teacher, dict) else {})


def _set_to(student: Student, frames: Sequence[Frame]) -> Callable[[Frame], Frame]:
    dials = student.estimate(evenly_spread(frames, LOOKED_AT))
    return (student if dials is None else student.with_dials(dials)).running.enhance


def sentences(found: Mapping[str, Gains]) -> list[str]:
    """A sentence for each of student and teacher that is below bicubic somewhere."""
    return [line for who in found for line in below(found[who], who=f"the {who}", allowed_db=ALLOWED_DB[who])]


def as_table(found: Mapping[str, Gains]) -> str:
    """The gains as text."""
    head = f"{'dB above bicubic':<24}" + "".join(f"{who:>9}" for who in found)
    rows = [
        f"{family:<24}" + "".join(f"{found[who].get(family, math.nan):>9.2f}" for who in found)
        for family in found["student"]
    ]
    return "\n".join([head, *rows])
