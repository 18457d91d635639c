"""Whether a chain is better than bicubic on cameras that it was not made for: a look at each family, once a recipe."""

from collections.abc import Callable, Sequence

from pipeline.core.clips import evenly_spread
from pipeline.core.files import recall_json, write_json
from pipeline.core.geometry import Frame
from pipeline.core.paths import Paths
from pipeline.families.gains import gains
from pipeline.student.clip_dials import LOOKED_AT
from pipeline.teacher.cameras import clip_reader
from pipeline.teacher.chain import Chain


def note_gains(chain: Chain, paths: Paths, *, photos: int) -> None:
    """Write what `chain` gains over bicubic in each family to data/teacher/families.json, where `evaluate` reads it.

    Nothing is computed again while the recipe stays. Raises SharpcamError where a frame cannot be computed.
    """
    about = {"recipe": chain.fingerprint(), "photographs": photos}
    known = recall_json(paths.teacher_families)
    if photos == 0:
        paths.teacher_families.unlink(missing_ok=True)
    elif any(known.get(key) != value for key, value in about.items()):
        write_json(paths.teacher_families, about | {"gains": _gains(chain, paths, photos)})


def _gains(chain: Chain, paths: Paths, photos: int) -> dict[str, float]:
    reader = clip_reader(paths) if chain.takes_dials else None

    def begin(frames: Sequence[Frame]) -> Callable[[Frame], Frame]:
        dials = reader.estimator.estimate(evenly_spread(frames, LOOKED_AT)) if reader else None
        return chain.with_dials(dials).doubled

    return gains(begin, photos=photos, what="teacher: families")
