"""The registered students in MLflow: versions, the aliases champion and candidate, and the files of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json
from pipeline.core.paths import Paths
from pipeline.tracking.client import answering, download_artifact, files_of, kept, refuse_anothers_store, store_exists
from pipeline.tracking.experiment import experiment_id
from pipeline.tracking.run import Run, undisturbed

NAME = "StudentSR"
CHAMPION, CANDIDATE = "champion", "candidate"
FOLDER = "student"  # inside a version
BEFORE = "champions_before"  # tag of the registered model: earlier champions, the last one at the end
REMEMBERED = 20


@dataclass(frozen=True)
class Version:
    """One registered student."""

    number: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run_id: str  # empty where the run that trained it is not known
    created_ms: int  # since 1970

    @property
    def onnx_sha256(self) -> str:
        """Hash of the float ONNX file."""
        return self.tags.get("onnx_sha256", "")

    def figure(self, tag: str) -> float | None:
        """The finite number in a tag; None where there is none, as tags can be edited by hand."""
        try:
            value = float(self.tags[tag])
        except (KeyError, ValueError):
            return None
        return value if math.isfinite(value) else None


def versions(paths: Paths) -> list[Version]:
    """All versions, the newest first; none where there is no store yet. Raises SharpcamError if it does not answer."""
    return _versions(_known(paths))


def _versions(known: Mapping[str, Any]) -> list[Version]:
    return [Version(**{**version, "aliases": tuple(version["aliases"])}) for version in known["versions"]]


def last_known_versions(paths: Paths) -> list[Version]:
    """What `versions` last gave, for when the store does not answer."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return _versions(recall_json(_kept(paths))["content"])
    return []


def champions_before(paths: Paths) -> list[int]:
    """Earlier champions, the last one at the end. Raises SharpcamError if the store does not answer."""
    return [int(number) for number in _known(paths)["champions_before"]]


def _known(paths: Paths) -> dict[str, Any]:
    if not store_exists():
        return _nothing()
    known: dict[str, Any] = kept(_kept(paths), _ask)
    return known


def _kept(paths: Paths) -> Path:
    return paths.cache / "registry.json"


def _nothing() -> dict[str, Any]:
    return {"versions": [], "champions_before": []}


def _ask() -> dict[str, Any]:
    with answering() as store:
        found = store.search_model_versions(f"name = '{NAME}'")
        if not found:
            return _nothing()
        model = store.get_registered_model(NAME)
    made = sorted((_version(version, model.aliases) for version in found), key=lambda version: -version.number)
    before = model.tags.get(BEFORE, "").split()
    return {"versions": [asdict(version) for version in made], "champions_before": before}


def _version(found: Any, aliases: Mapping[str, Any]) -> Version:
    number = int(found.version)
    names = tuple(sorted(alias for alias, at in aliases.items() if int(at) == number))
    return Version(number, names, dict(found.tags), found.run_id or "", found.creation_timestamp)


def holder(alias: str, among: list[Version]) -> Version | None:
    """The version that has the alias."""
    return next((version for version in among if alias in version.aliases), None)


def download(number: int, target: Path) -> Path:
    """The folder student/ of version `number`, fetched into `target` where a server keeps it. Raises SharpcamError."""
    with answering() as store:
        place = files_of(store.get_model_version_download_uri(NAME, str(number)))
        root = place or download_artifact(f"models:/{NAME}/{number}", target)
    folder = root / FOLDER
    if not folder.is_dir():
        raise SharpcamError(
            f"The files of version {number} of {NAME} are missing{f' in {folder}' if place else ''}. "
            "Put them back from a backup, or take another version."
        )
    return folder


def add(
    folder: Path,
    *,
    tags: Mapping[str, str],
    run_id: str | None,
    flavour: Path | None = None,
    figures: Mapping[str, float] = MappingProxyType({}),
) -> int:
    """Register what lies in `folder` as a new version with `tags`, made by that run; gives its number.

    `flavour`: the same student as a model that MLflow's own tools run (pipeline.tracking.flavour). `figures` of the
    run's evaluation are linked to it.
    """
    from mlflow.entities import LoggedModelOutput

    with answering() as store, undisturbed():
        refuse_anothers_store()
        if not store.search_registered_models(f"name = '{NAME}'"):
            store.create_registered_model(NAME, description="Students of sharpcam, each with its contract.")
        made = store.create_logged_model(experiment_id(store), name=NAME, source_run_id=run_id)
        if flavour is not None:
            store.log_model_artifacts(made.model_id, str(flavour))
        store.log_model_artifacts(made.model_id, str(folder), FOLDER)
        store.finalize_logged_model(made.model_id, "READY")
        if run_id is not None:
            store.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
            Run(run_id, store).log_metrics(figures, model_id=made.model_id)
        source = f"models:/{made.model_id}"
        version = store.create_model_version(NAME, source, run_id=run_id, tags=dict(tags), model_id=made.model_id)
    return int(version.version)


def set_tags(number: int, tags: Mapping[str, str]) -> None:
    """Set tags of a version."""
    with answering() as store, undisturbed():
        for name, value in tags.items():
            store.set_model_version_tag(NAME, str(number), name, value)


def set_alias(alias: str, number: int) -> None:
    """Give the alias to that version; whichever had it loses it."""
    with answering() as store, undisturbed():
        store.set_registered_model_alias(NAME, alias, str(number))


def drop_alias(alias: str) -> None:
    """Take the alias away from whichever version has it."""
    with answering() as store, undisturbed():
        store.delete_registered_model_alias(NAME, alias)


def set_champion(number: int, *, before: list[int]) -> None:
    """Make a version the champion, and remember which were it `before`, the last one at the end."""
    with answering() as store, undisturbed():
        model = store.get_registered_model(NAME)
        store.set_registered_model_tag(NAME, BEFORE, " ".join(map(str, before[-REMEMBERED:])))
        store.set_registered_model_alias(NAME, CHAMPION, str(number))
        if int(model.aliases.get(CANDIDATE, 0)) == number:
            store.delete_registered_model_alias(NAME, CANDIDATE)
