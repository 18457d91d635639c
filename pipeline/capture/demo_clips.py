"""The clips of the demo in data/raw and data/truth: a function of the parameters, which they follow."""

from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.core.clip_hashes import CLIP, damage_of, note_hashes
from pipeline.core.clips import (
    DEMO_CLIP,
    find_clips,
    find_frames,
    frame_name,
    remove_tree,
    unfinished,
)
from pipeline.core.files import recall_json, write_json
from pipeline.core.frames import write_frame
from pipeline.core.geometry import Frame
from pipeline.core.lookahead import map_ahead
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress_bar
from pipeline.media.sources import Video

REAL_DEMO_CLIP = f"{DEMO_CLIP}real"


def update_demo(paths: Paths, params: Params) -> None:
    """Make the demo's clips in data/raw and data/truth what the parameters say; where it is off, remove them."""
    wanted = demo_clips(paths, params) if params.capture.source == "demo" else {}
    for clip in find_clips(paths.raw):
        if recall_json(clip / CLIP).get("source") == "demo" and not _up_to_date(clip, wanted.get(clip.name), paths):
            _remove_clip(clip.name, paths)
    missing = {name: recording for name, recording in wanted.items() if not (paths.raw / name).exists()}
    total = sum(recording["identity"]["frames"] for recording in missing.values())
    with progress_bar(what="capture", total=total) as bar:
        for name, recording in missing.items():
            _write_demo_clip(name, recording, paths, bar=bar)


def demo_clips(paths: Paths, params: Params) -> dict[str, dict[str, Any]]:
    """For each clip of the demo: what clip.json says, and the frames (raw, truth or None), not yet computed."""
    from pipeline.capture.demo import simulated_clips  # torch, which recording by hand does not need

    demo, asked = params.capture.demo, params.capture.camera
    simulated = simulated_clips(demo, seed=params.seed, asked=asked, geometry=params.geometry)
    clips = {
        name: {
            "identity": {
                "source": "demo",
                "frames": clip.frames,
                "size": list(clip.size),
                "simulated": clip.recipe(),
            }
            | {"fps_asked": clip.fps, "fps_reached": clip.fps},
            "frames": clip.record(),
        }
        for name, clip in simulated.items()
    }
    if demo.real_frames:
        clips[REAL_DEMO_CLIP] = _real_demo(paths, demo.real_frames)
    return clips


def _real_demo(paths: Paths, frames: int) -> dict[str, Any]:
    video = Video(paths.demo_clip)
    spread = islice(video.frames(), 0, None, 6)
    identity = {
        "source": "demo",
        "frames": frames,
        "real": video.identity(),
        "licence": "Apache-2.0 / BSD-3-Clause",
    }
    return {"identity": identity, "frames": ((frame, None) for frame in islice(spread, frames))}


def _up_to_date(clip: Path, wanted: dict[str, Any] | None, paths: Paths) -> bool:
    if wanted is None or recall_json(clip / CLIP) != wanted["identity"] or damage_of(clip, paths):
        return False
    count = wanted["identity"]["frames"]
    with_truth = "simulated" in wanted["identity"]
    return len(find_frames(clip)) == count and (not with_truth or len(find_frames(paths.truth / clip.name)) == count)


def _remove_clip(name: str, paths: Paths) -> None:
    for folder in (paths.raw / name, paths.truth / name):
        if folder.exists():
            remove_tree(folder)


def _write_demo_clip(name: str, recording: dict[str, Any], paths: Paths, *, bar: Any) -> None:
    """Truth first, so that a clip in data/raw always has it; an older truth without raw frames is replaced."""
    raw, truth = unfinished(paths.raw / name), unfinished(paths.truth / name)
    raw.mkdir(parents=True)

    def write(numbered: tuple[int, tuple[Frame, Frame | None]]) -> None:
        index, (frame, ideal) = numbered
        write_frame(raw / frame_name(index), frame)
        if ideal is not None:
            write_frame(truth / frame_name(index), ideal)

    for _ in map_ahead(write, enumerate(recording["frames"]), threads=1, most=2):  # while the next frame is simulated
        bar.update()
    write_json(raw / CLIP, recording["identity"])
    note_hashes(raw)
    _remove_clip(name, paths)
    if truth.exists():
        truth.rename(paths.truth / name)
    raw.rename(paths.raw / name)
