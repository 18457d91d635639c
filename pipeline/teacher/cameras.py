"""What a chain is told of the cameras: the dials of each clip, read over its frames before the first is computed.

One noisy frame tells the blur of its lens badly; over a clip the readings add up, and all its pictures are made alike.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.core.clips import find_frames
from pipeline.core.frames import HEADER_BYTES, png_size
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.student.clip_dials import ClipReader, bundled_reader
from pipeline.student.dials import Dials
from pipeline.teacher.chain import Chain
from pipeline.teacher.step import Size


def chains_of_clips(clips: Sequence[Path], chain: Chain, paths: Paths) -> dict[Path, Chain]:
    """`chain` for the frames of each of the `clips`, told the dials of the camera that recorded it.

    None are told where no step takes them, or no estimator is there: then each frame is read by itself. Raises
    SharpcamError where the file of the estimator is none.
    """
    chains = {clip: chain.for_frames(frame_size(clip)) for clip in clips}
    taking = [clip for clip in clips if chains[clip].takes_dials]
    if taking and (reader := clip_reader(paths)) is not None:
        for clip in progress(taking, what="dials", unit="clip"):
            chains[clip] = chains[clip].with_dials(reader.dials(clip))
    return chains


def frame_size(clip: Path) -> Size:
    """(width, height) of the frames of a clip, by the header of the first."""
    with find_frames(clip)[0].open("rb") as file:
        return png_size(file.read(HEADER_BYTES))


def clip_reader(paths: Paths) -> ClipReader | None:
    """What reads the dials of clips, where the estimator that comes with sharpcam is there."""
    from training.models.dials import NEUTRAL  # torch, which a chain without networks does not need

    return bundled_reader(paths, Dials(*NEUTRAL))


def cache_prefixes(chains: Sequence[Chain]) -> frozenset[str]:
    """Of the pictures of all `chains`, see Chain.cache_prefixes."""
    told = {(chain.dials, len(chain.steps)): chain for chain in chains}
    return frozenset(prefix for chain in told.values() for prefix in chain.cache_prefixes())
