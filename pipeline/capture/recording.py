"""Recording a source into a clip's folder, which appears when it is whole."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pipeline.core.clip_hashes import note_hashes
from pipeline.core.clip_rules import check_size
from pipeline.core.clips import frame_name, move_whole, remove_tree, unfinished
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.frames import write_frame
from pipeline.core.geometry import Frame
from pipeline.core.hashing import sha256_of_bytes
from pipeline.core.lookahead import map_ahead
from pipeline.core.progress import progress
from pipeline.media.sources import Camera, Source, Video

WAITING_FRAMES = 64  # encoded behind the camera's back before reading has to wait


def record(source: Source, destination: Path, *, frames: int, every: int = 1) -> None:
    """Record at most `frames` frames, every `every`-th, to the folder `destination`, which appears when it is whole.

    Raises SharpcamError where nothing came; where a camera stopped early, after keeping what it gave.
    """
    part = unfinished(destination)
    if part.exists():
        remove_tree(part)
    part.mkdir(parents=True)
    try:
        hashes, size = _write_frames(islice(source.frames(), 0, frames * every, every), part, total=frames)
        count = len(hashes)
        if not count:
            raise SharpcamError(f"{source.name} gave no frame. Check that the source shows a picture elsewhere.")
        write_json(
            part / "clip.json",
            source.identity() | {"frames": count, "size": size, "every": every} | source.about(),
        )
        note_hashes(part, hashes)
        move_whole(part, destination)
        if isinstance(source, Video) and source.note:
            print(f"capture: {source.path}: {source.note}", flush=True)
    finally:
        if part.exists():
            remove_tree(part)
    if isinstance(source, Camera) and source.stopped:
        raise SharpcamError(
            f"The camera stopped after {count} of {frames} frames; those are kept in {destination}. "
            "Check its cable and power, and record another clip for more."
        )


def _write_frames(frames: Iterable[Frame], folder: Path, *, total: int) -> tuple[dict[str, str], list[int]]:
    """Write frames behind the back of the reader; gives file name -> hash, and their size [width, height]."""
    hashes: dict[str, str] = {}
    height, width = 0, 0

    def write(numbered: tuple[int, Frame]) -> tuple[str, str, Frame]:
        name = frame_name(numbered[0])
        data = write_frame(folder / name, numbered[1])
        return name, sha256_of_bytes(data), numbered[1]  # of the bytes in memory: what a disk made of them may be wrong

    same = enumerate(_same_size(progress(frames, what="capture", total=total)))
    for name, sha256, frame in map_ahead(write, same, threads=2, most=WAITING_FRAMES):
        hashes[name], (height, width) = sha256, frame.shape[:2]
    return hashes, [width, height]


def _same_size(frames: Iterable[Frame]) -> Iterator[Frame]:
    first = None
    for frame in frames:
        if first is None:
            check_size((frame.shape[1], frame.shape[0]), "The first frame")
        first = first or frame.shape
        if frame.shape != first:
            raise SharpcamError("The source changed its frame size in the middle. Record it in two clips.")
        yield frame
