"""Collect the photographs that the bundled restorer learned from, out of Debian's packages.

python -m pipeline.pretrain.collect FOLDER [--packages NAME ...]

photographs.yaml beside this file names packages and pictures. They are fetched by apt, which checks their signatures,
and scaled down until noise and JPEG marks are gone. Some packages are only in Debian's newer suites; what apt does not
know is left out and told.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import yaml

from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.geometry import Frame
from pipeline.core.program import command_parser
from pipeline.core.progress import progress_bar
from pipeline.pretrain.photos import SOURCES

TABLE = Path(__file__).with_name("photographs.yaml")
LARGE_PX = 1400  # a picture with this shorter side bears being halved
HUGE_PX, KEPT_PX = 2200, 1440  # one with more than the first need not get smaller than the second


class Package(NamedTuple):
    """A Debian package and the pictures in it."""

    name: str
    version: str  # that the bundled restorer learned from
    scale: float | None  # None: what the size of each picture asks for
    pictures: list[str]  # paths in the package


def load_table(path: Path = TABLE) -> list[Package]:
    """The packages of photographs.yaml."""
    return [
        Package(
            entry["package"],
            entry["version"],
            entry.get("scale"),
            [f"{folder}/{name}" for folder, names in entry["pictures"].items() for name in names],
        )
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def collect(packages: list[Package], folder: Path) -> None:
    """Put the pictures of `packages` into `folder` as PNG, and their sources into its table; those there stay.

    Raises SharpcamError where not one package can be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    had = 0
    with progress_bar(what="packages", total=len(packages), unit="package") as bar:
        for package in packages:
            found = from_apt(package, folder)
            bar.write(f"{package.name}: {found}" if found else f"{package.name}: apt does not have it here")
            had += bool(found)
            bar.update()
    if not had:
        raise SharpcamError(
            'No package could be had from apt. This works on Debian, after "apt-get update"; elsewhere put photographs '
            f"of your own into {folder}."
        )


def from_apt(package: Package, folder: Path) -> str:
    """Bring the pictures of `package` to `folder`; says how many there are, nothing where apt does not have it."""
    with tempfile.TemporaryDirectory() as unpacked:
        if not unpack(package.name, Path(unpacked)):
            return ""
        taken = [name for path in package.pictures if (name := take(path, package, Path(unpacked), folder))]
    note_sources(taken, package, folder)
    lost = len(package.pictures) - len(taken)
    return f"{len(taken)} pictures" + (f", {lost} are not in this version" if lost else "")


def unpack(package: str, folder: Path) -> bool:
    """Download `package` and unpack it into `folder`; False where apt does not have it. Raises SharpcamError."""
    try:
        got = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, check=False)
        if got.returncode != 0:
            return False
        (deb,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", deb, folder], capture_output=True, check=True)
    except FileNotFoundError as error:
        raise SharpcamError(
            f"{error.filename} is not here: packages are fetched by apt, on Debian. Collect photographs of your own "
            "in a folder instead; JPEG and PNG are read."
        ) from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise SharpcamError(
            f"{package} could not be unpacked ({''.join(reason)}). Make room in {tempfile.gettempdir()} or name "
            "another place with TMPDIR, and run again; what is done is kept."
        ) from None
    return True


def take(path: str, package: Package, unpacked: Path, folder: Path) -> str | None:
    """Write the picture at `path` of `package` into `folder`, gives its name there; None where it is none."""
    source = unpacked / path
    name = f"{package.name}-{path.removeprefix('usr/share/').replace('/', '-').rpartition('.')[0]}.png"
    if source.is_file() and not (folder / name).is_file():
        picture = cv2.imread(str(source), cv2.IMREAD_COLOR)
        if picture is None:
            return None
        encoded = cv2.imencode(".png", scaled_down(picture, package.scale))[1]
        write_bytes(folder / name, encoded.tobytes(), synced=False)
    return name if (folder / name).is_file() else None


def scaled_down(picture: Frame, scale: float | None) -> Frame:
    """`picture` (H, W, 3) uint8 made smaller by `scale`, or by what its size asks for."""
    factor = usual_scale(min(picture.shape[:2])) if scale is None else scale
    return picture if factor == 1 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def usual_scale(shorter_px: int) -> float:
    """By how much a picture with this shorter side is made smaller."""
    if shorter_px < LARGE_PX:
        return 0.75
    return max(0.5, KEPT_PX / shorter_px) if shorter_px > HUGE_PX else 0.5


def note_sources(names: list[str], package: Package, folder: Path) -> None:
    """Add the pictures `names` to the table of sources in `folder`, where they are not yet."""
    table = folder / SOURCES
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else ["file\tlicence and source"]
    known = {line.partition("\t")[0] for line in lines}
    lines += [f"{name}\tDebian {package.name}" for name in names if name not in known]
    write_bytes(table, ("\n".join(lines) + "\n").encode())


def main(arguments: list[str] | None = None) -> int:
    table = {package.name: package for package in load_table()}
    parser = command_parser("pipeline.pretrain.collect", __doc__)
    parser.add_argument("folder", type=Path, help="where the photographs go, about 1 GB")
    parser.add_argument("--packages", nargs="+", choices=table, default=list(table), metavar="NAME")
    asked = parser.parse_args(arguments)
    return run_command(lambda: collect([table[name] for name in asked.packages], asked.folder))


if __name__ == "__main__":
    sys.exit(main())
