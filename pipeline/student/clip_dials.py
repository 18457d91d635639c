"""The dials of a recorded clip, read from the same few of its frames whoever asks for them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.core.clips import evenly_spread, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame
from pipeline.core.hashing import sha256, sha256_of_bytes, sha256_of_json
from pipeline.core.paths import Paths
from pipeline.student.dials import Dials, checked
from pipeline.student.estimator import Estimator, load_estimator

LOOKED_AT = 24  # frames of a clip: the readings of more hardly differ


@dataclass(frozen=True)
class ClipReader:
    """Reads the dials of clips, and notes them by what they were read from: the same frames are read once."""

    estimator: Estimator
    notes: Path  # a folder

    def dials(self, clip: Path) -> Dials:
        """The dials of the camera that recorded `clip`, a folder of PNG files; neutral where they tell nothing.

        They depend on the bytes of LOOKED_AT of its frames and on the estimator alone. Frames that cannot be read are
        passed over. Raises SharpcamError where the network is not an estimator.
        """
        note = self.notes / f"{self.key(clip)}.json"
        if (known := _noted(note)) is not None:
            return known
        found = self.estimator.estimate(_readable(evenly_spread(find_frames(clip), LOOKED_AT)))
        write_json(note, found._asdict())
        return found

    def key(self, clip: Path) -> str:
        """A hash of all that the dials of `clip` depend on."""
        return sha256_of_json([self._origin, [sha256(file) for file in evenly_spread(find_frames(clip), LOOKED_AT)]])

    @cached_property
    def _origin(self) -> list[object]:
        estimator = self.estimator
        network = sha256_of_bytes(estimator.onnx)
        return [network, [float(weight) for weight in estimator.prior_weights], list(estimator.neutral)]


def reader_of(estimator: Estimator, paths: Paths) -> ClipReader:
    """Reads clips with `estimator`, and shares its notes with all stages."""
    return ClipReader(estimator, paths.cache / "dials")


def bundled_reader(paths: Paths, neutral: Dials) -> ClipReader | None:
    """Reads clips with the estimator that comes with sharpcam; None where it does not.

    Raises SharpcamError where its file is not an estimator.
    """
    return reader_of(load_estimator(paths.estimator, neutral), paths) if paths.estimator.exists() else None


def as_dials(content: object) -> Dials:
    """The dials that JSON holds by name. Raises TypeError or SharpcamError for anything else."""
    if not isinstance(content, dict):
        raise TypeError("dials are a table of names")
    return checked(Dials(**content))


def _noted(note: Path) -> Dials | None:
    try:
        return as_dials(recall_json(note))
    except (OSError, ValueError, TypeError, SharpcamError):
        return None


def _readable(files: list[Path]) -> Iterator[Frame]:
    for file in files:
        with suppress(SharpcamError):
            yield read_frame(file)
