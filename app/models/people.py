"""The students as people see them: the one in use, the candidate, and the one that comes with sharpcam."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.compared import Contenders
from pipeline.compare.contenders import Contender, of_model
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.student.catalogue import Model
from pipeline.tracking.past_runs import PastRun
from pipeline.tracking.registry import CANDIDATE, CHAMPION, Version

IN_USE, WAITING, SHIPPED = "In use", "Candidate", "Comes with sharpcam"
COMPARED = 6  # registered versions that are measured unasked, the newest first


@dataclass(frozen=True)
class Role:
    """A student and what it is to people."""

    title: str
    model: Model
    contender: Contender
    version: Version | None  # that it is registered as

    @property
    def about(self) -> str:
        """What will become of it."""
        if self.title == SHIPPED:
            return "Trained on photographs and simulated cameras, on nothing of yours."
        if self.title == WAITING:
            return "It passed the gate. Promote it, and it is the one in use."
        if self.model.name == CHAMPION:
            return "The champion: it stays in use until another version is promoted."
        if self.model.name.startswith("bundled:"):
            return "Used on all pages until this project has a student of its own."
        passed = "It passed the gate. " if self.version and CANDIDATE in self.version.aliases else ""
        return f"{passed}Used on all pages until the next training replaces it: promote it to keep it."


def roles_of(models: Sequence[Model], versions: Sequence[Version], runs: Sequence[PastRun], paths: Paths) -> list[Role]:
    """The one in use first; no student twice. `models` are what can be run, the one in use first."""
    candidate = [model for model in models if model.name == CANDIDATE]
    shipped = [model for model in models if model.name.startswith("bundled:")]
    wanted = [(IN_USE, models[:1]), (WAITING, candidate), (SHIPPED, shipped[:1])]
    roles: dict[str, Role] = {}
    for title, of_title in wanted:
        for model in of_title:
            try:
                contender = of_model(model, versions, runs, paths)
            except SharpcamError:  # its contract is broken, which is said where its files are
                continue
            version = next((version for version in versions if version.onnx_sha256 == contender.key), None)
            roles.setdefault(contender.key, Role(title, model, contender, version))
    return list(roles.values())


def all_contenders(
    models: Sequence[Model], versions: Sequence[Version], runs: Sequence[PastRun], paths: Paths
) -> Contenders:
    """By title, what is compared on the page: the newest versions, the student here, those that come with sharpcam."""
    registered = [model for model in models if model.version is not None]
    found: dict[str, Contender] = {}
    for model in models:
        if model in registered[COMPARED:]:
            continue
        try:
            contender = of_model(model, versions, runs, paths)
        except SharpcamError:
            continue
        if contender.key not in {other.key for other in found.values()}:
            found[model.title] = contender
    return found
