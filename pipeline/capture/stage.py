"""Stage 1: camera frames as they came, into data/raw, one folder a clip.

Adopts the recordings that wait in data/inbox, moves what cannot be one to data/set_aside, then records the source that
params.yaml names. A recording that exists is never written again, and one that was damaged is refused before it becomes
a version of the data. The clips of the simulated camera are a function of the parameters and follow them.

    python -m pipeline.capture                                            the stage
    python -m pipeline.capture --source 0 --frames 500 --clip desk        by hand, into data/inbox
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from pipeline.capture.recording import record
from pipeline.core.clip_hashes import CLIP, HASHES, changed_files, note_hashes, restore_or_accept
from pipeline.core.clip_rules import MOST_FRAMES, check_clip, check_name, usable_clips
from pipeline.core.clips import (
    DEMO_CLIP,
    find_clips,
    find_frames,
    frame_name,
    move_whole,
    remove_tree,
    remove_unfinished,
    safe_name,
    unfinished,
)
from pipeline.core.command import only_once, run_command, run_stage
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.frames import write_frame
from pipeline.core.params import CaptureParams, Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import progress, progress_bar
from pipeline.media.sources import Video, find_source

REAL_DEMO_CLIP = f"{DEMO_CLIP}real"


def capture(paths: Paths, params: Params) -> None:
    """The stage: adopt what waits in the inbox, bring the demo up to date, record the source once.

    Raises SharpcamError, before anything is written, where a recording is not as it was noted.
    """
    require_as_recorded(paths)
    paths.raw.mkdir(parents=True, exist_ok=True)
    paths.truth.mkdir(parents=True, exist_ok=True)
    remove_unfinished(paths.raw)
    remove_unfinished(paths.truth)
    adopt(paths)
    update_demo(paths, params)
    if params.capture.source not in ("demo", "inbox"):
        record_once(paths, params.capture)
    usable = usable_clips(find_clips(paths.raw), stage="capture")
    if not usable:
        raise SharpcamError(
            "There is no clip yet. Record one with python -m pipeline.capture --source 0 --frames 500 --clip desk, "
            "or set capture.source to demo in params.yaml."
        )
    for clip in usable:
        if not (clip / HASHES).exists():  # of an earlier sharpcam, put there by hand, or accepted as it is
            note_hashes(clip)
            print(f"capture: noted the hashes of {clip.name}", flush=True)


def require_as_recorded(paths: Paths) -> None:
    """Raise SharpcamError for the first recording in data/raw that is not as it was noted; a demo's is made again."""
    recordings = [clip for clip in find_clips(paths.raw) if recall_json(clip / CLIP).get("source") != "demo"]
    for clip in progress(recordings, what="capture: verify", unit="clip"):
        if problem := _change(clip):
            raise SharpcamError(problem)


def _change(clip: Path) -> str:
    """How a recording differs from what was noted of it, and what to do; nothing where it does not."""
    try:
        wrong = changed_files(clip)
    except SharpcamError as error:
        return str(error)
    if not wrong:
        return ""
    first, fault = next(iter(wrong.items()))
    more = f", and {len(wrong) - 1} more files are not as recorded" if len(wrong) > 1 else ""
    return f"{clip / first} {fault}{more}. {restore_or_accept(clip)}"


def adopt(paths: Paths) -> None:
    """Move each whole recording from the inbox to data/raw, and set aside what cannot be one."""
    for clip in find_clips(paths.inbox):
        try:
            check_adoptable(clip, paths)
        except SharpcamError as error:
            set_aside(clip, str(error), paths)
        else:
            if not (clip / HASHES).exists():
                note_hashes(clip)
            move_whole(clip, paths.raw / clip.name)
            print(f"capture: adopted {clip.name}", flush=True)


def check_adoptable(clip: Path, paths: Paths) -> None:
    """Raise SharpcamError where a folder of the inbox cannot become a clip."""
    check_name(clip.name)
    if (paths.raw / clip.name).exists():
        raise SharpcamError(
            f"{paths.raw / clip.name} exists already, and no clip is ever overwritten. Rename the folder."
        )
    if not (clip / CLIP).is_file():
        raise SharpcamError(
            f"{clip} is no recording ({CLIP} is missing). Record it as one with python -m pipeline.capture --source "
            "FOLDER --clip NAME."
        )
    check_clip(clip)
    if problem := _change(clip):
        raise SharpcamError(problem)


def set_aside(clip: Path, why: str, paths: Paths) -> None:
    """Move a folder out of the inbox, where it would be in the way at each run, and say what is wrong with it."""
    names = chain([clip.name], (f"{clip.name}-{number}" for number in count(2)))
    destination = next(place for name in names if not (place := paths.set_aside / name).exists())
    paths.set_aside.mkdir(parents=True, exist_ok=True)
    move_whole(clip, destination)
    write_json(destination.with_name(f"{destination.name}.json"), {"why": why})
    print(f"capture: {clip} is set aside in {destination}. {why} Put right, it may go back to the inbox.", flush=True)


def update_demo(paths: Paths, params: Params) -> None:
    """Make the demo's clips in data/raw and data/truth what the parameters say; where it is off, remove them."""
    wanted = demo_clips(paths, params) if params.capture.source == "demo" else {}
    for clip in find_clips(paths.raw):
        if _identity(clip).get("source") == "demo" and not _up_to_date(clip, wanted.get(clip.name), paths):
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


def _identity(clip: Path) -> dict[str, Any]:
    """What clip.json says; frames that were put there by hand may have none."""
    return recall_json(clip / CLIP)


def _up_to_date(clip: Path, wanted: dict[str, Any] | None, paths: Paths) -> bool:
    if wanted is None or _identity(clip) != wanted["identity"] or _change(clip):
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
    with ThreadPoolExecutor(1) as writer:  # encodes while the next frame is simulated
        writes = []
        for index, (frame, ideal) in enumerate(recording["frames"]):
            writes.append(writer.submit(write_frame, raw / frame_name(index), frame))
            if ideal is not None:
                writes.append(writer.submit(write_frame, truth / frame_name(index), ideal))
            bar.update()
        for write in writes:
            write.result()
    write_json(raw / "clip.json", recording["identity"])
    note_hashes(raw)
    _remove_clip(name, paths)
    if truth.exists():
        truth.rename(paths.truth / name)
    raw.rename(paths.raw / name)


def record_once(paths: Paths, params: CaptureParams) -> None:
    """Record the source of the parameters into data/raw, unless that recording is there already."""
    source = find_source(params.source, clip=params.clip, asked=params.camera)
    name = safe_name(source.name)
    check_name(name)
    destination = paths.raw / name
    if not destination.exists():
        record(source, destination, frames=params.frames, every=params.every)
        return
    known = _identity(destination)
    if any(known.get(key) != value for key, value in source.identity().items()):
        raise SharpcamError(
            f"{destination} holds another recording, and no clip is ever overwritten. "
            "Give the new one a name of its own: capture.clip in params.yaml."
        )
    print(f"capture: {destination.name} is recorded already; another capture.clip records anew", flush=True)


def record_by_hand(arguments: argparse.Namespace, paths: Paths) -> None:
    """Record into the inbox, whence the stage adopts the clip."""
    params = load_params(paths.params).capture
    source = find_source(arguments.source, clip=arguments.clip or "", asked=params.camera)
    name = arguments.clip or safe_name(source.name)
    check_name(name)
    for folder in (paths.inbox, paths.raw):
        if (folder / name).exists():
            raise SharpcamError(
                f"{folder / name} exists already, and no clip is ever overwritten. Choose another --clip."
            )
    with only_once(f"record-{name}", paths=paths):
        record(
            source,
            paths.inbox / name,
            frames=arguments.frames or params.frames,
            every=arguments.every or params.every,
        )
    print(f'{paths.inbox / name} is recorded. "dvc repro" (or "make repro") adopts it.')


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no positive whole number")
    return int(text)


def _frames(text: str) -> int:
    if _positive(text) > MOST_FRAMES:
        raise argparse.ArgumentTypeError(f"{text} is more than the {MOST_FRAMES} frames of a clip")
    return int(text)


def main() -> int:
    """The stage without arguments; with --source, a recording by hand."""
    parser = command_parser("pipeline.capture", __doc__)
    parser.add_argument("--source", help="camera index, video file or folder of pictures; recorded into data/inbox")
    parser.add_argument("--frames", type=_frames, help="most frames to record")
    parser.add_argument("--clip", help="name of the clip")
    parser.add_argument("--every", type=_positive, help="keep every n-th frame")
    arguments = parser.parse_args()
    if arguments.source is None:
        return run_stage("capture", capture)
    return run_command(lambda: record_by_hand(arguments, Paths.of_project()))
