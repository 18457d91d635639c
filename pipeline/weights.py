"""Get the weights of others' networks, or say which are here.

python -m pipeline.weights get original|light|all
python -m pipeline.weights check

Those of the chain `light` come with sharpcam: there is nothing to download for it, and "get light" only verifies them.
"""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import move_file
from pipeline.core.hashing import sha256_of_open
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.teacher.download import download
from pipeline.teacher.weight_files import (
    FILES,
    GROUPS,
    WeightFile,
    accept,
    accepted,
    fault,
    get_command,
    open_verified,
    provenance,
)

SPARE_BYTES = 64 << 20  # left free on a disk that is not ours alone


def get(group: str, *, paths: Paths, accept_sha256: str | None = None) -> None:
    """Download what is missing of `group`; all of the group is verified, also what was there before.

    `accept_sha256` is trusted from now on for the group's file whose hash is known from one source only.
    """
    folder = paths.downloads
    folder.mkdir(parents=True, exist_ok=True)
    if accept_sha256 is not None:
        _accept(accept_sha256.lower(), group=group, folder=folder)
    files = [FILES[name] for name in GROUPS[group]]
    missing = [file for file in files if not file.is_bundled and not (folder / file.name).is_file()]
    _check_room(missing, folder=folder)
    for file in missing:
        _get_file(file, folder=folder)
    for file in files:
        home = home_of(file, paths)
        provenance(file.name, folder=home)
        print(f"{home / file.name}: verified{', comes with sharpcam' if file.is_bundled else ''}")


def home_of(file: WeightFile, paths: Paths) -> Path:
    """The folder that `file` is looked for in."""
    return paths.bundled if file.is_bundled else paths.downloads


def _check_room(files: Sequence[WeightFile], *, folder: Path) -> None:
    parts = (_part(file, folder=folder) for file in files)
    here = sum(part.stat().st_size for part in parts if part.is_file())
    needed = sum(file.bytes for file in files) - here + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if files and free < needed:
        raise SharpcamError(
            f"The weights need {needed / 1e6:,.0f} MB in {folder}, where {free / 1e6:,.0f} MB are free. "
            f"Make room, or put the folder on another disk by a symbolic link, and run again."
        )


def _get_file(file: WeightFile, *, folder: Path) -> None:
    """Download, verify, and only then give the name that others look for."""
    part = _part(file, folder=folder)
    try:
        download(mirrors=file.mirrors, part=part, check=lambda path: _check(path, file, folder=folder))
    except SharpcamError as error:
        raise SharpcamError(f"Could not get {file.name} ({error}). {_way_out(file, folder=folder)}") from None
    move_file(part, folder / file.name)


def _check(path: Path, file: WeightFile, *, folder: Path) -> None:
    with path.open("rb") as handle:
        if sha256_of_open(handle) in (file.sha256, accepted(folder).get(file.name)):
            return
        reason = fault(handle, file)
    if file.one_source:  # it may be right, and a person shall not have to download it twice to say so
        path.replace(_kept(file, folder=folder))
    raise SharpcamError(reason)


def _way_out(file: WeightFile, *, folder: Path) -> str:
    kept = _kept(file, folder=folder)
    if kept.is_file():
        with kept.open("rb") as handle:
            sha256 = sha256_of_open(handle)
        return f'If you trust {kept}, run "{get_command(folder / file.name)} --accept-sha256 {sha256}".'
    return (
        f"Run the command again to go on where it stopped, or get the file with a browser, if need be on a "
        f"machine with internet, and put it at {folder / file.name}: it is verified in the same way."
    )


def _part(file: WeightFile, *, folder: Path) -> Path:
    return folder / f"{file.name}.part"


def _kept(file: WeightFile, *, folder: Path) -> Path:
    return folder / f"{file.name}.unverified"


def _accept(sha256: str, *, group: str, folder: Path) -> None:
    names = [name for name in GROUPS[group] if FILES[name].one_source]
    if not names:
        raise SharpcamError(f'No file of "{group}" has a hash in doubt. Leave --accept-sha256 out.')
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise SharpcamError(f'A sha256 has 64 hexadecimal digits, unlike "{sha256}". Give the whole hash.')
    for name in names:
        accept(sha256, name=name, folder=folder)
        _take_kept(FILES[name], sha256, folder=folder)


def _take_kept(file: WeightFile, sha256: str, *, folder: Path) -> None:
    kept = _kept(file, folder=folder)
    if not kept.is_file():
        return
    with kept.open("rb") as handle:
        is_the_one = sha256_of_open(handle) == sha256
    if is_the_one:
        move_file(kept, folder / file.name)


def check(paths: Paths) -> None:
    """Print what is there of every known file. Raises SharpcamError if one is not what it should be."""
    wrong = []
    for name, file in FILES.items():
        try:
            print(f"{name}: {_state(file, folder=home_of(file, paths))}")
        except SharpcamError as error:
            print(f"{name}: WRONG. {error}")
            wrong.append(name)
    if wrong:
        raise SharpcamError(f"Not what they should be, and never used: {', '.join(wrong)}. See above.")


def _state(file: WeightFile, *, folder: Path) -> str:
    part = _part(file, folder=folder)
    if file.is_bundled or (folder / file.name).is_file():
        with open_verified(file.name, folder=folder) as (_, found):
            return "verified, its hash accepted by hand" if "accepted_by_hand" in found else "verified"
    if part.is_file():
        return f"{100 * part.stat().st_size // file.bytes} % here"
    return "not here"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command_parser("pipeline.weights", "Weights of others' networks.")
    commands = parser.add_subparsers(dest="command", required=True)
    getting = commands.add_parser("get", help="download what a chain needs, and verify it")
    getting.add_argument("group", choices=GROUPS)
    getting.add_argument("--accept-sha256", metavar="HASH", help="trust this hash for the file in doubt")
    commands.add_parser("check", help="say which files are here, and whether they are what they should be")
    options = parser.parse_args(arguments)
    paths = Paths.here()

    def work() -> None:
        if options.command == "check":
            check(paths)
            return
        with only_once("weights", paths=paths):
            get(options.group, paths=paths, accept_sha256=options.accept_sha256)

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
