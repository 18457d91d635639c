"""The hashes of a clip's files, noted when they were written: what was damaged since is never taken for the truth."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.clips import find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.file_notes import FileNotes
from pipeline.core.files import recall_json, write_json
from pipeline.core.hashing import sha256, sha256_of_bytes
from pipeline.core.paths import Paths

HASHES = "hashes.json"  # in a clip of data/raw: file name -> sha256
CLIP = "clip.json"


def note_hashes(clip: Path, known: Mapping[str, str] | None = None) -> None:
    """Note the hash of each file of a recording; of those that are `known`, the one from before the disk had it."""
    files = [*find_frames(clip), *clip.glob(CLIP)]  # frames that were put there by hand come without
    write_json(clip / HASHES, {file.name: (known or {}).get(file.name) or sha256(file) for file in files})


def noted_hashes(clip: Path) -> dict[str, str]:
    """File name -> hash, as noted of a recording or, in chain.json, of a teacher's pictures; none where they are not.

    Raises SharpcamError for a note that is damaged itself.
    """
    if (clip / HASHES).exists():
        noted: dict[str, Any] = recall_json(clip / HASHES)
        if noted and all(type(hashed) is str for hashed in noted.values()):
            return noted
        raise SharpcamError(f"{clip / HASHES} is damaged. {restore_or_accept(clip)}")
    frames = recall_json(clip / "chain.json").get("frames")
    try:
        return {f"{stem}.png": str(hashed) for stem, (_, hashed) in frames.items()} if frames else {}
    except (AttributeError, TypeError, ValueError):
        again = 'Run "dvc repro --single-item --force teacher" to write it again.'
        raise SharpcamError(f"{clip / 'chain.json'} is damaged. {again}") from None


def require_unchanged(file: Path, data: bytes, noted: Mapping[str, str]) -> None:
    """Raise SharpcamError where `data`, as read from `file`, is not what was written there."""
    if file.name in noted and sha256_of_bytes(data) != noted[file.name]:
        raise SharpcamError(
            f'{file} is not what was written there: its hash differs. "python -m pipeline.verify" says what to do.'
        )


def changed_files(clip: Path, *, hashed: Callable[[Path], str] = sha256) -> dict[str, str]:
    """File name -> what is wrong, for all of a recording that is not as it was noted; nothing where that never was.

    Raises SharpcamError as `noted_hashes`.
    """
    noted = noted_hashes(clip)
    files = sorted({clip / name for name in noted}.union(find_frames(clip))) if noted else []
    return {file.name: fault for file in files if (fault := fault_of(file, noted, hashed=hashed))}


def damage_of(clip: Path, paths: Paths) -> str:
    """How a recording differs from what was noted of it, and what to do; nothing where it does not."""
    hashes = FileNotes(paths.cache / "files/recordings" / f"{clip.name}.json")
    try:
        wrong = changed_files(clip, hashed=lambda file: hashes.of(file, sha256))
    except SharpcamError as error:
        return str(error)
    hashes.keep()
    if not wrong:
        return ""
    first, fault = next(iter(wrong.items()))
    more = f", and {len(wrong) - 1} more files are not as recorded" if len(wrong) > 1 else ""
    return f"{clip / first} {fault}{more}. {restore_or_accept(clip)}"


def fault_of(file: Path, noted: Mapping[str, str], *, hashed: Callable[[Path], str] = sha256) -> str:
    """What is wrong with a file of a clip; nothing where it is as noted."""
    if file.name not in noted:
        return "was not recorded with it"
    if not file.exists():
        return "is missing"
    return "" if hashed(file) == noted[file.name] else "was changed or damaged"


def restore_or_accept(clip: Path) -> str:
    """What to do about a recording that is not as it was noted: what is right of it is for a person to know."""
    if recall_json(clip / CLIP).get("source") == "demo":
        return 'Run "dvc repro --single-item --force capture": it makes the clips of the demo again.'
    return (
        'Run "python -m pipeline.verify --restore" to take it from DVC\'s cache, or put it back from a backup; '
        f"where it was changed on purpose, remove {clip / HASHES}."
    )
