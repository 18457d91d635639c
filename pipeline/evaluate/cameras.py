"""The students that are evaluated, each set to the camera of the clip at hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pipeline.core.paths import Paths
from pipeline.student.clip_dials import reader_of
from pipeline.student.dials import Dials
from pipeline.student.engines import Running
from pipeline.student.estimator import Estimator

Students = Mapping[str, Running]  # by method: student, student_int8, student_web


@runtime_checkable
class WithDials(Running, Protocol):
    """A student that can be set to a camera."""

    @property
    def estimator(self) -> Estimator | None:
        """What reads the dials from frames; None where there are none, or nothing to read them."""

    def with_dials(self, dials: Dials) -> Running:
        """The same student, set to `dials`."""


@dataclass(frozen=True)
class Contestants:
    """Students by method, and the dials that those with an estimator read of each clip."""

    students: Students
    dials: Mapping[tuple[str, str], Dials] = field(default_factory=dict)  # by method and clip

    def on(self, clip: str) -> Students:
        """The students as they are for frames of `clip`: the last few settings stay ready."""
        return {name: self._set(name, student, clip) for name, student in self.students.items()}

    def _set(self, name: str, student: Running, clip: str) -> Running:
        dials = self.dials.get((name, clip))
        return student if dials is None or not isinstance(student, WithDials) else student.with_dials(dials)

    def dials_by_clip(self, name: str) -> dict[str, dict[str, float]]:
        """What one student is set to for each clip, as JSON holds it; empty for one without dials."""
        return {clip: dials._asdict() for (method, clip), dials in self.dials.items() if method == name}


def on_clips(students: Students, clips: Iterable[str], paths: Paths) -> Contestants:
    """`students` with the dials of each of the `clips`: read from the same frames as when they were trained."""
    readers = {
        name: reader_of(student.estimator, paths)
        for name, student in students.items()
        if isinstance(student, WithDials) and student.estimator is not None
    }
    dials = {
        (name, clip): reader.dials(paths.raw / clip) for clip in sorted(set(clips)) for name, reader in readers.items()
    }
    return Contestants(students, dials)
