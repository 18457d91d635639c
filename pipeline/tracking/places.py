"""Where the files of runs lie: named relative to the project, which takes them along when it is moved or copied.

MLflow writes absolute places into its database. A project that was moved would look for its files where it is no more,
and a copy would write into the project that it was copied from.
"""

import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlparse

COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
FOLDER = "mlruns"
ABSOLUTE = re.compile(rf"(?P<scheme>file://)?(?P<home>/.*|)/(?P<place>{FOLDER}/.+)")
SERVED = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*:")
OF_A_RUN = 2  # slashes in the place of what one run or model wrote: its id is in no other database


class Absolute(NamedTuple):
    """A place of the database that names a project's folder."""

    table: str
    column: str
    text: str  # as the database has it
    home: str  # the project's folder
    place: str  # relative to that


def local_path(place: str, home: Path) -> Path | None:
    """A place as a path, from the project's folder `home` on where it is relative; None where a server keeps it."""
    if SERVED.match(place):
        return None
    return home / (unquote(urlparse(place).path) if place.startswith("file:") else place)


def is_in_working_folder(file: Path) -> bool:
    """Whether the files of a SQLite store lie in the working folder, too: in a project, or in a folder that links to
    both. Any other store has places of its own."""
    home, here = file.resolve().parent, Path.cwd().resolve()
    return home == here or (here / FOLDER).resolve() == home / FOLDER


def names_relative_places(file: Path) -> bool:
    """Whether files of a SQLite store lie in the project that it is in. Raises sqlite3.Error."""
    with closing(sqlite3.connect(file)) as database:
        asked = f"SELECT count(*) FROM experiments WHERE artifact_location LIKE '{FOLDER}/%'"
        return bool(database.execute(asked).fetchone()[0])


def make_relative(file: Path, *, patience_s: float) -> None:
    """Name the places of the working folder's SQLite store relative to it; where they name another folder, say so.

    Raises sqlite3.Error where the store cannot be read or written.
    """
    here, linked = file.resolve().parent, Path.cwd().resolve()
    with closing(sqlite3.connect(file, timeout=patience_s, isolation_level=None)) as database:
        found = [Absolute(*each) for each in _absolute(database)]
        homes = _homes(found, here) | {each.home for each in found if Path(each.home).resolve() == linked}
        ours = [each for each in found if each.home in homes]
        if not ours:
            return
        database.execute("BEGIN IMMEDIATE")
        for each in ours:
            change = f"UPDATE {each.table} SET {each.column} = ? WHERE {each.column} = ?"
            database.execute(change, (each.place, each.text))
        database.execute("COMMIT")
    for home in sorted(homes):
        if Path(home).resolve() not in (here, linked):
            files = here / FOLDER
            print(f"MLflow: this project was in {home} before; files of its runs are in {files} now.", file=sys.stderr)


def _absolute(database: sqlite3.Connection) -> Iterator[tuple[str, str, str, str, str]]:
    for table, column in COLUMNS:
        if column not in {name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")}:
            continue  # of an older MLflow
        for (text,) in database.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE '%/{FOLDER}/%'"):
            if match := ABSOLUTE.fullmatch(text):
                home = unquote(match["home"]) if match["scheme"] else match["home"]
                yield table, column, text, home, match["place"]


def _homes(found: Iterable[Absolute], here: Path) -> set[str]:
    """The folders that the project has been in: where its database was made, and whence files came that are here.

    Any other was chosen by a person for an experiment, and stays.
    """
    made = {each.home for each in found if each.table == "experiments" and each.place == f"{FOLDER}/0"}
    brought = {each.home for each in found if each.place.count("/") >= OF_A_RUN and (here / each.place).exists()}
    return made | brought | {home for home in {each.home for each in found} if Path(home).resolve() == here}
