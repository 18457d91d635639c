"""The frames on which students are compared: those that validate now, and that none of the students has learned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.core.clips import camera_of, evenly_spread, own_first
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256_of_json
from pipeline.core.params import GeometryParams
from pipeline.core.paths import Paths
from pipeline.core.split_file import Part, read_split

MOST = 12  # frames that one camera has alone; several share them
LEAST = 2  # of each camera: flicker needs two that follow each other
MOST_CAMERAS = 12  # the user's own first
SHOWN = 3  # frames of which pictures are kept


class Place(NamedTuple):
    """A frame."""

    clip: str
    stem: str

    @property
    def name(self) -> str:
        return f"{self.clip}-{self.stem}"


@dataclass(frozen=True)
class CommonFrames:
    """What students are measured on together."""

    places: tuple[Place, ...]
    cameras: dict[str, int]  # camera -> how many frames are of it, the user's own first
    key: str  # a hash of the files and the geometry

    @property
    def shown(self) -> list[Place]:
        """Those of which pictures are kept."""
        return evenly_spread(self.places, SHOWN)

    def describe(self) -> str:
        """For people: "the same 12 frames: 6 of desk, 6 of demo cameras"."""
        if len(self.places) == 1:
            return f"the same frame, of {next(iter(self.cameras))}"
        parts = ", ".join(f"{count} of {camera}" for camera, count in self.cameras.items())
        return f"the same {len(self.places)} frames: {parts}"


def common_frames(learned: Iterable[Part], geometry: GeometryParams, paths: Paths) -> CommonFrames:
    """Some validation frames of each camera without those in `learned`.

    Raises SharpcamError, with what to do, where there are none.
    """
    if not paths.split.exists():
        raise SharpcamError("There are no validation frames yet. Run the pipeline once: the stage split chooses them.")
    seen = {Place(clip, stem) for part in learned for clip, stems in part.items() for stem in stems}
    validation = [Place(clip, stem) for clip, stems in read_split(paths).validation.items() for stem in stems]
    there = [place for place in validation if all(file.exists() for file in files_of(place, paths)[:2])]
    if not there:
        raise SharpcamError('The validation frames are not on this machine. Run "dvc pull", or the pipeline.')
    unseen = [place for place in there if place not in seen]
    if not unseen:
        raise SharpcamError(
            "every frame that validates now trained one of them. Record a clip, run the pipeline, and compare again."
        )
    camera = {clip: camera_of(paths.raw / clip) for clip in {place.clip for place in unseen}}
    by_camera: dict[str, list[Place]] = {}
    for place in unseen:
        by_camera.setdefault(camera[place.clip], []).append(place)
    cameras = own_first(by_camera)[:MOST_CAMERAS]
    share = max(LEAST, MOST // len(cameras))
    chosen = {name: spread(by_camera[name], share) for name in cameras}
    places = tuple(place for name in cameras for place in chosen[name])
    counts = {name: len(chosen[name]) for name in cameras}
    return CommonFrames(places, counts, _key(places, geometry, paths))


def spread(places: Sequence[Place], count: int) -> list[Place]:
    """At most `count` of the places, in pairs that follow each other, spread over all."""
    pairs = [places[index : index + 2] for index in range(0, len(places), 2)]
    return [place for pair in evenly_spread(pairs, max(1, count // 2)) for place in pair]


def files_of(place: Place, paths: Paths) -> list[Path]:
    """Where the frame lies, the teacher's picture of it, and its truth, if there is one."""
    return [folder / place.clip / f"{place.stem}.png" for folder in (paths.raw, paths.teacher, paths.truth)]


def _key(places: Sequence[Place], geometry: GeometryParams, paths: Paths) -> str:
    """Files that were written again count as others: they are measured again, and reading all of them takes longer."""
    stats = [
        [str(file.relative_to(paths.root)), *((file.stat().st_size, file.stat().st_mtime_ns) if file.exists() else ())]
        for place in places
        for file in files_of(place, paths)
    ]
    return str(sha256_of_json([stats, geometry.model_dump()]))[:16]
