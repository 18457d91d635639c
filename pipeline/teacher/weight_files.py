"""The files with the weights of others' networks: where they come from, and that they are what they should be.

A file is used only if its sha256 is the known one, whether it came with sharpcam, was downloaded or was put here by
hand; or one that a person has accepted, which the recipe then says.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.hashing import sha256_of_open
from pipeline.teacher.download import GoogleDrive, HuggingFace, Mirror

ACCEPTED = "accepted.json"  # file name -> the sha256 that a person has said to trust

Provenance = dict[str, str | bool]


@dataclass(frozen=True)
class WeightFile:
    """A published file.

    `one_source`: its hash was seen in one place only, so that a person may accept another.
    """

    name: str
    bytes: int
    sha256: str
    mirrors: tuple[Mirror, ...] = ()
    one_source: bool = False
    is_bundled: bool = False  # comes with sharpcam


def _nafnet_mirrors(name: str, *, drive_id: str) -> tuple[Mirror, ...]:
    # The authors' own place, Google Drive, comes last: it turns people away when many have asked for a file.
    copies = (HuggingFace(f"{owner}/nafnet-models", name) for owner in ("nyanko7", "mikestealth"))
    return *copies, GoogleDrive(drive_id)


FILES = {
    file.name: file
    for file in (
        WeightFile(
            name="NAFSSR-L_4x.pth",
            bytes=96_604_501,
            sha256="7298e608e689449cb4408b9caf7aeb587c5a39e7c95514808821111e1daa17f4",
            mirrors=(GoogleDrive("1TIdQhPtBrZb2wrBdAp9l8NHINLeExOwb"),),
            one_source=True,
        ),
        WeightFile(
            name="NAFNet-REDS-width64.pth",
            bytes=271_756_689,
            sha256="175fe8b3cdf3abedfbc87769779c3d9f491e05bb2e73ea9d627883f90a4b2df3",
            mirrors=_nafnet_mirrors("NAFNet-REDS-width64.pth", drive_id="14D4V4raNYIOhETfcuuLI3bGLB-OYIv6X"),
        ),
        WeightFile(
            name="NAFNet-SIDD-width64.pth",
            bytes=464_154_961,
            sha256="cd685efaae01f7c4e9951f2deab05780079c8eb1e49ed664b72f6db04dabb445",
            mirrors=_nafnet_mirrors("NAFNet-SIDD-width64.pth", drive_id="14Fht1QQJ2gMlk4N1ERCRuElg8JfjrWWR"),
        ),
        WeightFile(
            name="realesr-general-x4v3.fp16.pth",
            bytes=2_458_299,
            sha256="7b1ada83445b96d0c0dba4a602ec59886a006aafd948b88729a21223dccb986e",
            is_bundled=True,
        ),
    )
}

GROUPS = {
    "original": ("NAFSSR-L_4x.pth", "NAFNet-REDS-width64.pth", "NAFNet-SIDD-width64.pth"),
    "light": ("realesr-general-x4v3.fp16.pth",),
}
GROUPS["all"] = GROUPS["original"] + GROUPS["light"]


@contextmanager
def open_verified(name: str, *, folder: Path) -> Iterator[tuple[BufferedReader, Provenance]]:
    """The file `name`, open at its beginning, and what a recipe says of it.

    The hash is that of the open file, not of a path that may mean another file a moment later. Raises
    SharpcamError, with the next step, if the file is missing or not the known one.
    """
    path = folder / name
    if not path.is_file():
        raise SharpcamError(f"No {path}. {_how_to_get(path)}.")
    with path.open("rb") as handle:
        provenance = _verify(handle, FILES[name], folder=folder)
        handle.seek(0)
        yield handle, provenance


def _how_to_get(path: Path) -> str:
    if FILES[path.name].is_bundled:
        return f'It comes with sharpcam: run "{get_command(path)}"'
    return f'Run "{get_command(path)}", or put the file there by hand: it is verified before use'


def provenance(name: str, *, folder: Path) -> Provenance:
    """File name and sha256 of what `open_verified` opens, for a recipe; the same errors."""
    with open_verified(name, folder=folder) as (_, found):
        return found


def _verify(handle: BufferedReader, file: WeightFile, *, folder: Path) -> Provenance:
    sha256 = sha256_of_open(handle)
    if sha256 == file.sha256:
        return {"file": file.name, "sha256": sha256}
    if sha256 == accepted(folder).get(file.name):
        return {"file": file.name, "sha256": sha256, "accepted_by_hand": True}
    command = get_command(Path(handle.name))
    way_out = f'Move it away and run "{command}"'
    if file.one_source:
        way_out += f', or, if you trust it, run "{command} --accept-sha256 {sha256}"'
    raise SharpcamError(f"{handle.name} is not the {file.name} expected: {fault(handle, file)}. {way_out}.")


def fault(handle: BufferedReader, file: WeightFile) -> str:
    """In words, what is wrong with a file whose hash is."""
    sha256, size = sha256_of_open(handle), handle.seek(0, 2)
    twins = {other.sha256: other.name for other in FILES.values()}
    if sha256 in twins:
        return f"it holds {twins[sha256]}"
    if size != file.bytes:
        return f"it has {size:,} bytes instead of {file.bytes:,}"
    return f"its sha256 is {sha256} instead of {file.sha256}"


def accept(sha256: str, *, name: str, folder: Path) -> None:
    """Trust `sha256` for the file `name` from now on."""
    write_json(folder / ACCEPTED, accepted(folder) | {name: sha256})


def accepted(folder: Path) -> dict[str, str]:
    """The hash that a person has accepted for a file, by file name."""
    path = folder / ACCEPTED
    if not path.is_file():
        return {}
    try:
        return {str(name): str(sha256) for name, sha256 in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError, RecursionError):
        raise SharpcamError(f"{path} is damaged. Move it away; what you accepted must be accepted again.") from None


def get_command(path: Path) -> str:
    """What a person types to get the file at `path`."""
    if path.name in FILES and FILES[path.name].is_bundled:
        return f"git checkout {path}"
    group = next((group for group, names in GROUPS.items() if path.name in names), "all")
    return f"python -m pipeline.weights get {group}"
