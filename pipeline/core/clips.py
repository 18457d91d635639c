"""Clips on disk: their names, their frames, and folders that are there whole or not at all."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, remove_leftover, sync

DEMO_CLIP = "demo-"  # how the names of the demo's clips begin
DEMO_CAMERAS = "demo cameras"  # with a space: no clip of this name can exist
SYNCS = 16  # files at a time
Place = tuple[str, str]  # clip and stem of a frame
Item = TypeVar("Item")


def find_clips(folder: Path) -> list[Path]:
    """The clips (folders of frames) below `folder`, by name; those whose name starts with a dot are unfinished."""
    if not folder.is_dir():
        return []
    return sorted(clip for clip in folder.iterdir() if clip.is_dir() and not clip.name.startswith("."))


def find_frames(clip: Path) -> list[Path]:
    """The frames of a clip, in time order."""
    return sorted(path for path in clip.glob("*.png") if path.is_file() and not path.name.startswith("."))


def camera_of(clip: Path) -> str:
    """The camera that a clip is of: those of the demo go together, each clip of the user's is a camera of its own."""
    known = recall_json(clip / "clip.json")  # frames that were put there by hand have none
    return DEMO_CAMERAS if known.get("source") == "demo" else clip.name


def own_first(cameras: Iterable[str]) -> list[str]:
    """The cameras by name, those of the demo last."""
    return sorted(cameras, key=lambda camera: (camera == DEMO_CAMERAS, camera))


def evenly_spread(items: Sequence[Item], at_most: int) -> list[Item]:
    """At most so many of `items`, in their order, from the first on at distances that differ by one at most."""
    count = min(at_most, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def of_each_clip(places: Iterable[Place], at_most: int) -> list[Place]:
    """At most so many of the frames (clip, stem), of as many clips as can be: the middle one of each, then others."""
    clips: dict[str, list[Place]] = {}
    for place in places:
        clips.setdefault(place[0], []).append(place)
    chosen = evenly_spread([*clips.values()], at_most)
    turns = zip_longest(*(evenly_spread(clip[len(clip) // 2 :] + clip[: len(clip) // 2], at_most) for clip in chosen))
    return [place for turn in turns for place in turn if place][:at_most]


def frame_name(index: int) -> str:
    """File name of the frame with that number."""
    return f"{index:06d}.png"


def unfinished(clip: Path) -> Path:
    """Where a clip lies until it is whole."""
    return clip.with_name(f".{clip.name}.part")


def move_whole(source: Path, destination: Path, *, synced: bool = True) -> None:
    """Move a folder so that `destination` is there whole or not at all, across disks too.

    With `synced` all of it is on the disk before it gets its name: a clip, whose frames nobody can record again.
    """
    if synced:
        sync_folder(source)
    try:
        source.rename(destination)
    except OSError:
        if destination.exists():
            raise SharpcamError(f"{destination} exists already, and no clip is ever overwritten.") from None
        part = unfinished(destination)
        shutil.rmtree(part, ignore_errors=True)  # of a move that was killed
        shutil.copytree(source, part)
        if synced:
            sync_folder(part)
        part.rename(destination)
        shutil.rmtree(source)
    if synced:
        sync(destination.parent)


def sync_folder(folder: Path) -> None:
    """Have the files of a folder, and their names, on the disk."""
    with ThreadPoolExecutor(SYNCS) as pool:  # a disk takes many at once for the price of one
        list(pool.map(sync, folder.iterdir()))
    sync(folder)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left below `folder` under a temporary name."""
    for leftover in list(_leftovers(folder)):
        if leftover.is_dir():
            remove_tree(leftover)
        else:
            remove_leftover(leftover)


def _leftovers(folder: Path) -> Iterator[Path]:
    yield from folder.glob(".*.part")
    yield from folder.glob("*/.*.part")


def remove_tree(folder: Path) -> None:
    """Remove a folder and its files (clips hold no folders)."""
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
