"""The clips in data/raw and data/inbox: what each is, and leaving out, renaming, deleting and bringing back.

A deleted clip lies in .cache/trash until the clean-up removes it, so every deletion can be undone.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.parameters import file as params_file
from app.roles import operators_only
from pipeline.core import clip_rules
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.command import no_stage_runs
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, recall_json, write_json
from pipeline.core.params import load_params
from pipeline.core.paths import Paths

LEAVE_OUT = "split.leave_out"


@dataclass(frozen=True)
class Clip:
    """One clip, as it lies on disk."""

    folder: Path
    frames: tuple[Path, ...]
    known: dict[str, Any]  # clip.json
    waiting: bool  # in the inbox, until the next run of capture
    left_out: bool

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def simulated(self) -> bool:
        """Whether capture makes it anew from the parameters."""
        return self.known.get("source") == "demo"

    @property
    def seconds(self) -> float | None:
        """How long it is; None where nobody knows how fast its frames came."""
        fps, every = self.known.get("fps_reached"), self.known.get("every", 1)
        known = isinstance(fps, int | float) and isinstance(every, int | float)
        return len(self.frames) / fps * every if known and fps else None

    @property
    def source(self) -> str:
        """Where it came from, in words."""
        kind, file = self.known.get("source", "unknown"), self.known.get("file", "")
        if self.simulated:
            return "simulated camera" if "simulated" in self.known else "real clip of the demo"
        if kind == "camera":
            return f"camera {self.known.get('index', '')}".strip()
        return f"{kind} {file}".strip()

    @property
    def picture(self) -> Path | None:
        """The frame that stands for it, if it has one."""
        return middle(self.frames)

    @property
    def size(self) -> str:
        """Width and height of its frames."""
        sides = self.known.get("size")
        return "x".join(map(str, sides)) if isinstance(sides, list) else ""


def all_clips(paths: Paths) -> list[Clip]:
    """The clips in data/raw and those that wait in the inbox: the user's own first, the newest before the others."""
    out = left_out(paths)
    recorded = [_read(folder, waiting=False, left_out=folder.name in out) for folder in find_clips(paths.raw)]
    waiting = [_read(folder, waiting=True, left_out=False) for folder in find_clips(paths.inbox)]
    own = [clip for clip in [*recorded, *waiting] if not clip.simulated]
    return sorted(own, key=lambda clip: -made_ns(clip.folder)) + [clip for clip in recorded if clip.simulated]


def middle(frames: Sequence[Path]) -> Path | None:
    """The frame that stands for a clip."""
    return frames[len(frames) // 2] if frames else None


def made_ns(clip: Path) -> int:
    """When a clip was recorded (ns since 1970); frames that were put there by hand have no note of that."""
    note = clip / "clip.json"
    return (note if note.exists() else clip).stat().st_mtime_ns


def _read(folder: Path, *, waiting: bool, left_out: bool) -> Clip:
    try:
        known = read_json(folder / "clip.json", made_by="capture")
    except SharpcamError:
        known = {}
    return Clip(folder, tuple(find_frames(folder)), known if isinstance(known, dict) else {}, waiting, left_out)


def left_out(paths: Paths) -> set[str]:
    """Names of the clips that neither train nor judge; none where params.yaml cannot be read."""
    try:
        return set(load_params(paths.params).split.leave_out)
    except SharpcamError:
        return set()


def parts(paths: Paths) -> dict[str, str]:
    """Clip -> what it does in the last split: "trains", "validates", or both, each with other frames."""
    try:
        manifest = read_json(paths.split, made_by="split")
        found: dict[str, str] = dict.fromkeys(manifest["training"], "trains")
        both = "trains and validates"
        return found | {name: both if name in found else "validates" for name in manifest["validation"]}
    except (SharpcamError, KeyError, TypeError):
        return {}


@operators_only
def set_left_out(name: str, out: bool, paths: Paths) -> None:
    """Write into params.yaml whether a clip is left out of training."""
    names = left_out(paths)
    params_file.change(paths, {LEAVE_OUT: sorted(names | {name} if out else names - {name})})


def check_name(name: str, paths: Paths) -> None:
    """Raise SharpcamError where no new clip can be called so."""
    clip_rules.check_name(name)
    _check_free(name, paths)


def _check_free(name: str, paths: Paths) -> None:
    for folder in (paths.inbox, paths.raw):
        if (folder / name).exists():
            raise SharpcamError(f'There is a clip "{name}" already. Choose another name.')


def _folders(clip: Clip, paths: Paths) -> list[Path]:
    """The folders of a recording, the raw frames last. Raises SharpcamError for one that capture would make anew."""
    if clip.simulated:
        raise SharpcamError(
            f"{clip.name} is made by the simulated camera and would come back. "
            "Leave it out of training, or change capture.demo on the page Parameters."
        )
    homes = [paths.inbox] if clip.waiting else [paths.teacher, paths.truth, paths.raw]
    found = [home / clip.name for home in homes if (home / clip.name).is_dir()]
    if clip.folder not in found:
        raise SharpcamError(f'There is no clip "{clip.name}" any more.')
    return found


@operators_only
def rename(clip: Clip, new: str, paths: Paths) -> None:
    """Give a clip another name, with its teacher pictures, so that the teacher need not compute them again."""
    check_name(new, paths)
    with no_stage_runs(paths):
        folders = _folders(clip, paths)
        for folder in folders:
            folder.rename(folder.with_name(new))
        if clip.left_out:
            params_file.change(paths, {LEAVE_OUT: sorted(left_out(paths) - {clip.name} | {new})})


@dataclass(frozen=True)
class Deleted:
    """A clip in the trash."""

    folder: Path
    name: str
    when: float  # seconds since 1970
    homes: tuple[str, ...]  # the folders below data/ that it came from


def trash(paths: Paths) -> Path:
    """Where deleted clips lie."""
    return paths.cache / "trash"


@operators_only
def delete(clip: Clip, paths: Paths) -> None:
    """Move a clip and all that belongs to it to the trash."""
    with no_stage_runs(paths):
        folders = _folders(clip, paths)
        home = trash(paths) / f"{clip.name}-{time.time_ns()}"
        home.mkdir(parents=True)
        note = {"name": clip.name, "when": time.time(), "homes": [folder.parent.name for folder in folders]}
        write_json(home / "deleted.json", note)
        for folder in folders:
            folder.rename(home / folder.parent.name)
        if clip.left_out:
            set_left_out(clip.name, False, paths)


def deleted(paths: Paths) -> list[Deleted]:
    """What is in the trash, the newest first; what has no note that can be read is passed over."""
    found = []
    for note in trash(paths).glob("*/deleted.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            known = recall_json(note)
            name = Path(known["name"]).name  # a folder's, made by hand perhaps: it leads nowhere else
            homes = tuple(home for home in known["homes"] if home in _homes(paths))
            if homes and name:
                found.append(Deleted(note.parent, name, float(known["when"]), homes))
    return sorted(found, key=lambda each: -each.when)


def _homes(paths: Paths) -> dict[str, Path]:
    return {"teacher": paths.teacher, "truth": paths.truth, "inbox": paths.inbox, "raw": paths.raw}


@operators_only
def restore(clip: Deleted, paths: Paths) -> None:
    """Put a deleted clip back to where it was, or what of it lies in the trash where a kill cut that off."""
    _check_free(clip.name, paths)
    homes = _homes(paths)
    with no_stage_runs(paths):
        for home in clip.homes:
            if (clip.folder / home).is_dir():
                homes[home].mkdir(parents=True, exist_ok=True)
                (clip.folder / home).rename(homes[home] / clip.name)
        (clip.folder / "deleted.json").unlink()
        clip.folder.rmdir()
