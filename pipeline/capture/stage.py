"""Stage 1: camera frames as they came, into data/raw, one folder a clip.

Adopts the recordings that wait in data/inbox, moves what cannot be one to data/set_aside, then records the source that
params.yaml names. A recording that exists is never written again, and one that was damaged is refused before it becomes
a version of the data. The clips of the simulated camera are a function of the parameters and follow them.

    python -m pipeline.capture                                            the stage
    python -m pipeline.capture --source 0 --frames 500 --clip desk        by hand, into data/inbox
"""

import argparse
from itertools import chain, count
from pathlib import Path

from pipeline.capture.demo_clips import update_demo
from pipeline.capture.recording import record
from pipeline.core.clip_hashes import CLIP, HASHES, damage_of, note_hashes
from pipeline.core.clip_rules import MOST_FRAMES, check_clip, check_name, safe_name, usable_clips
from pipeline.core.clips import find_clips, move_whole, remove_unfinished
from pipeline.core.command import only_once, run_command, run_stage
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.params import CaptureParams, Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import progress
from pipeline.media.sources import find_source


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
    usable = usable_clips(find_clips(paths.raw), stage="capture", paths=paths)
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
        if problem := damage_of(clip, paths):
            raise SharpcamError(problem)


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
            f"{clip} is not a recording ({CLIP} is missing). Record it as one with python -m pipeline.capture --source "
            "FOLDER --clip NAME."
        )
    check_clip(clip)
    if problem := damage_of(clip, paths):
        raise SharpcamError(problem)


def set_aside(clip: Path, why: str, paths: Paths) -> None:
    """Move a folder out of the inbox, where it would be in the way at each run, and say what is wrong with it."""
    names = chain([clip.name], (f"{clip.name}-{number}" for number in count(2)))
    destination = next(place for name in names if not (place := paths.set_aside / name).exists())
    paths.set_aside.mkdir(parents=True, exist_ok=True)
    move_whole(clip, destination)
    write_json(destination.with_name(f"{destination.name}.json"), {"why": why})
    print(f"capture: {clip} is set aside in {destination}. {why} Put right, it may go back to the inbox.", flush=True)


def record_once(paths: Paths, params: CaptureParams) -> None:
    """Record the source of the parameters into data/raw, unless that recording is there already."""
    source = find_source(params.source, clip=params.clip, asked=params.camera)
    name = safe_name(source.name)
    check_name(name)
    destination = paths.raw / name
    if not destination.exists():
        record(source, destination, frames=params.frames, every=params.every)
        return
    known = recall_json(destination / CLIP)
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
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
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
