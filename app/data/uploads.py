"""What the viewer uploads: a video, or pictures. Written to .cache/uploads, whence `pipeline.capture` records it."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.apart import apart
from app.data.clips import check_name
from app.roles import operators_only
from app.uploads import UploadedFile, check_total
from pipeline.core.clip_rules import PICTURES, safe_name
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths


@operators_only
def receive(files: Sequence[UploadedFile], clip: str, paths: Paths, *, limit_bytes: int) -> Path:
    """Write an upload where `pipeline.capture --source` finds it; gives that file or folder.

    Raises SharpcamError for a name that no clip can have, too much, or what shows no picture. Nothing is kept then.
    """
    check_name(clip, paths)
    check_total(files, limit_bytes=limit_bytes, instead="Upload less, or record it with python -m pipeline.capture.")
    home = folder(paths) / clip
    shutil.rmtree(home, ignore_errors=True)  # an earlier attempt
    try:
        return _written(files, home)
    except Exception:
        shutil.rmtree(home, ignore_errors=True)
        raise


def _written(files: Sequence[UploadedFile], home: Path) -> Path:
    names = [_safe(file.name) for file in files]
    pictures = [Path(name).suffix.lower() in PICTURES for name in names]
    if len(set(names)) < len(names):
        raise SharpcamError("Two of the pictures have the same name; their names give their order. Rename one.")
    if not all(pictures) and len(files) != 1:
        raise SharpcamError("Upload one video, or any number of pictures, but not both or several videos.")
    home.mkdir(parents=True)
    for name, file in zip(names, files, strict=True):
        (home / name).write_bytes(file.getbuffer())
    source = home if all(pictures) else home / names[0]
    apart("check", source)
    return source


def _safe(name: str) -> str:
    """A file's name without anything that a path could be made of."""
    return safe_name(Path(name).stem) + re.sub(r"[^.a-z0-9]", "", Path(name).suffix.lower())[:8]


def folder(paths: Paths) -> Path:
    """Where uploads lie."""
    return paths.cache / "uploads"


@operators_only
def remove_recorded(paths: Paths) -> None:
    """Remove the uploads whose clip is recorded."""
    for upload in folder(paths).iterdir() if folder(paths).is_dir() else []:
        if (paths.inbox / upload.name).is_dir() or (paths.raw / upload.name).is_dir():
            shutil.rmtree(upload, ignore_errors=True)
