"""What a chain is told of the cameras: the dials of each clip, read over its frames before the first is computed.

One noisy frame tells the blur of its lens badly; over a clip the readings add up, and all its pictures are made alike.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.student.clip_dials import ClipReader, bundled_reader
from pipeline.student.dials import Dials
from pipeline.teacher.chain import Chain


def chains_of_clips(clips: Sequence[Path], chain: Chain, paths: Paths) -> dict[Path, Chain]:
    """`chain` for each of the `clips`, told the dials of the camera that recorded it.

    It stays as it is where no step takes dials, or no estimator is there: then each frame is read by itself. Raises
    SharpcamError where the file of the estimator is none.
    """
    if not chain.takes_dials or (reader := clip_reader(paths)) is None:
        return dict.fromkeys(clips, chain)
    return {clip: chain.with_dials(reader.dials(clip)) for clip in progress(clips, what="dials", unit="clip")}


def clip_reader(paths: Paths) -> ClipReader | None:
    """What reads the dials of clips, where the estimator that comes with sharpcam is there."""
    from training.models.dials import NEUTRAL  # torch, which a chain without networks does not need

    return bundled_reader(paths, Dials(*NEUTRAL))


def cache_prefixes(chains: Sequence[Chain]) -> frozenset[str]:
    """Of the pictures of all `chains`, see Chain.cache_prefixes."""
    told = {chain.dials: chain for chain in chains}
    return frozenset(prefix for chain in told.values() for prefix in chain.cache_prefixes())
