"""What a finished video is held to: its frames, its length, and its sound where it was."""

from pathlib import Path
from typing import NamedTuple

from pipeline.core.errors import SharpcamError
from pipeline.media.video import Facts, copied_streams, opened

LARGEST_SHIFT_S = 0.005  # between sound and picture, which containers round to milliseconds


def check(source: Path, made: Path, times: list[tuple[int, int]], facts: Facts) -> None:
    """Raise SharpcamError unless `made` has all frames, the length and the sound where they were."""
    ours, theirs = _timeline(made), _timeline(source)
    if ours.frames != len(times):
        raise SharpcamError(f"{ours.frames} of {len(times)} frames came into the file. Please report this.")
    expected = float((max(map(sum, times)) - min(pts for pts, _ in times)) * facts.time_base)
    if abs(ours.seconds - expected) > float(facts.step * facts.time_base) + LARGEST_SHIFT_S:
        raise SharpcamError(f"The file lasts {ours.seconds:.3f} s in place of {expected:.3f} s. Please report this.")
    if len(ours.starts) != len(theirs.starts):
        raise SharpcamError(
            f"{len(ours.starts)} of {len(theirs.starts)} sounds came into the file. Please report this."
        )
    shown = float(min(pts for pts, _ in times) * facts.time_base)  # what comes before a key frame never is
    shifts = [
        abs((a.at - ours.first) - (b.at - shown))
        for a, b in zip(ours.starts, theirs.starts, strict=True)
        if a.codec == b.codec  # decoders may give nothing for a first packet
    ]
    if max(shifts, default=0) > LARGEST_SHIFT_S:
        raise SharpcamError(f"Sound and picture lie {max(shifts):.3f} s apart. End OUTPUT in another container.")


class Start(NamedTuple):
    """Where a sound begins."""

    at: float  # seconds
    codec: str


class Timeline(NamedTuple):
    """What a finished video is held to."""

    frames: int
    seconds: float  # of its pictures
    first: float  # of its pictures, when it is shown, seconds
    starts: list[Start]  # of each copied sound


def _timeline(path: Path) -> Timeline:
    with opened(path) as (container, video):
        copied = [stream for stream in copied_streams(container) if stream.type == "audio"]
        starts: dict[int, float] = {}
        frames, first, end = 0, float("inf"), 0.0
        for packet in container.demux([video, *copied]):
            if packet.pts is None:
                continue
            at = float(packet.pts * packet.time_base)
            if packet.stream_index == video.index:
                frames, first = frames + 1, min(first, at)
                end = max(end, at + float((packet.duration or 0) * packet.time_base))
            else:
                starts.setdefault(packet.stream_index, at)
        sounds = [Start(starts[stream.index], stream.codec_context.name) for stream in copied if stream.index in starts]
        return Timeline(frames, end - first, first, sounds)
