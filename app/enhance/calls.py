"""A call of `pipeline.enhance` from the page: a folder with what was dropped, what came of it, and its job."""

import csv
import secrets
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from app.jobs import Job, jobs
from app.roles import operators_only
from app.uploads import UploadedFile, check_total
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.enhance.names import REPORT, names_of_made
from pipeline.student.dials import Dials, describe

COMMAND, GIVEN, MADE = "enhance", "in", "out"


@dataclass(frozen=True)
class Example:
    """A picture that comes with sharpcam, as if it had been dropped."""

    data: bytes
    name: str = "example.png"

    @property
    def size(self) -> int:
        return len(self.data)

    def getbuffer(self) -> memoryview:
        return memoryview(self.data)


@dataclass(frozen=True)
class Call:
    """One press of the button."""

    job: Job
    folder: Path

    @property
    def made(self) -> Path:
        return self.folder / MADE

    def rows(self) -> list[dict[str, str]]:
        """The report so far, by file; none before the first is done."""
        return sorted(read_table(self.made / REPORT), key=lambda row: row["file"])

    def row(self, name: str) -> dict[str, str]:
        """The report's row of one file; empty before that is done."""
        return next((row for row in self.rows() if row["file"] == name), {})

    def pairs(self) -> dict[str, tuple[Path, Path]]:
        """(given, made) of each file that is done; a video may be in another container than it was."""
        made = {row["file"]: row.get("made") for row in self.rows()}
        pairs = {name: (self.folder / GIVEN / name, self.made / file) for name, file in made.items() if file}
        return {name: (given, made) for name, (given, made) in pairs.items() if made.exists()}

    @operators_only
    def remove(self) -> None:
        """Remove what was given and what was made. The job's log stays."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read_table(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV; none where it is not there yet."""
    try:
        with file.open(newline="", encoding="utf-8") as table:
            return list(csv.DictReader(table))
    except FileNotFoundError:
        return []


def camera_of(row: dict[str, str]) -> str:
    """What was found of a file's camera, as the command prints it; empty where nothing was looked for."""
    found = [row.get(name) for name in Dials._fields]
    if not all(found):
        return ""
    return f"Camera: {describe(Dials(*(float(value or 0) for value in found)))}"


def calls(paths: Paths) -> list[Call]:
    """The calls whose files are still there, the newest first."""
    found = [Call(job, Path(job.arguments[0]).parent) for job in jobs(paths) if job.command == COMMAND]
    return [call for call in found if call.folder.is_dir()]


@operators_only
def receive(files: Sequence[UploadedFile], paths: Paths, *, limit_bytes: int) -> Path:
    """Write what was dropped into the folder of a new call, and give that. Raises SharpcamError for what cannot be."""
    check_total(files, limit_bytes=limit_bytes, instead="Drop less, or run python -m pipeline.enhance.")
    names = [_safe(file.name) for file in files]
    if len({str(made).lower() for made in names_of_made(names).values()}) < len(names):
        raise SharpcamError("Two of the files would get the same name. Rename one.")
    folder = paths.cache / "enhance" / secrets.token_hex(8)
    given = folder / GIVEN
    given.mkdir(parents=True)
    try:
        for name, file in zip(names, files, strict=True):
            (given / name).write_bytes(file.getbuffer())
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SharpcamError(f"The files could not be kept ({error.strerror}). Free some space.") from None
    return folder


def _safe(name: str) -> str:
    """The file's own name, without folders and what cannot be printed; hidden ones would be passed over."""
    return "".join(letter for letter in name.replace("\\", "/").split("/")[-1] if letter.isprintable()).lstrip(".-")


def arguments(folder: Path, *, fit: bool, **asked: str | float | None) -> list[str]:
    """What the command is given; what is None is left to its defaults."""
    words = [str(folder / GIVEN), "-o", str(folder / MADE)] + ["--fit"] * fit
    for name, value in asked.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    return words


def as_zip(call: Call) -> bytes:
    """All that was made, and the report; pictures are packed already, so nothing is packed twice."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(call.made.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                archive.write(file, file.name)
    return packed.getvalue()
