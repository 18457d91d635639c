"""What comparisons found, kept in .cache/compared by the frames and by the student, so that each is measured once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.compare.frames import CommonFrames, Place
from pipeline.core.files import recall_json, write_json
from pipeline.core.paths import Paths

BICUBIC, LANCZOS, TEACHER, TRUTH = "bicubic", "lanczos", "teacher", "truth"
REFERENCES = (BICUBIC, LANCZOS, TEACHER)  # are measured along with the students, under these names


@dataclass(frozen=True)
class Result:
    """A student, or a reference, on the common frames."""

    scores: Mapping[str, Mapping[str, float]]  # "teacher", and "truth" where there is some -> measure -> value
    cameras: Mapping[str, float]  # camera -> PSNR against the teacher, dB
    ms: float | None = None  # a frame, in the reference engine; None: not measured
    calibration_ms: float | None = None  # what a fixed matrix product took at the same time: how busy the machine was
    problem: str = ""  # why it could not be measured

    def measure(self, name: str, *, against: str = TEACHER) -> float | None:
        """psnr, ssim, l1, flicker or halo; None where it was not measured."""
        return self.scores.get(against, {}).get(name)


def comparable_ms(results: Mapping[str, Result]) -> dict[str, float]:
    """Milliseconds a frame of those that were timed, as if all had been timed when the machine was least busy."""
    timed = {name: result for name, result in results.items() if result.ms and result.calibration_ms}
    quiet = min((result.calibration_ms or 0.0 for result in timed.values()), default=0.0)
    return {name: (result.ms or 0.0) * quiet / (result.calibration_ms or 1.0) for name, result in timed.items()}


@dataclass(frozen=True)
class Results:
    """Those on one set of frames."""

    frames: CommonFrames
    paths: Paths

    @property
    def folder(self) -> Path:
        return self.paths.cache / "compared" / self.frames.key

    def of(self, key: str) -> Result | None:
        """What was found of a student, or of a reference; None where it was not measured yet."""
        try:
            return Result(**recall_json(self.folder / f"{key}.json"))
        except TypeError:
            return None

    def keep(self, key: str, result: Result) -> None:
        """Write what was found; the pictures are there by then."""
        write_json(self.folder / f"{key}.json", asdict(result), synced=False)

    def picture(self, place: Place, key: str) -> Path:
        """Where the middle of the picture of a frame that is shown lies: of a student, bicubic, teacher or truth."""
        return self.folder / place.name / f"{key}.png"
