"""Who is compared: runs of MLflow, registered versions, the student here, bundled ones; one student counts once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.paths import Paths
from pipeline.core.provenance import data_versions
from pipeline.core.split_file import Part, read_split
from pipeline.student import catalogue
from pipeline.tracking import registry
from pipeline.tracking.past_runs import PastRun, all_runs, artifact
from pipeline.tracking.registry import Version

RUN = "run:"
SPLIT, WEIGHTS = "split.json", "student_sr.pth"  # among the files of a run
SPLIT_TAG = "dvc.data/split.json"


@dataclass(frozen=True)
class Contender:
    """A student that can be measured."""

    name: str  # as the command takes it: "version:3", "student_sr", "bundled:student_m", or "run:<id>"
    key: str  # what its results are kept by
    learned: Part | None = None  # the frames that it trained on; None: not known


def of_run(run: PastRun, versions: Iterable[Version], paths: Paths) -> Contender:
    """The student of a run: the version that was registered of it, else its weights."""
    made = next((version for version in versions if version.run_id == run.id), None)
    if made is not None:
        return Contender(f"version:{made.number}", made.onnx_sha256, learned_by(run, paths))
    return Contender(f"{RUN}{run.id}", f"{run.id}-{run.ended_ms}", learned_by(run, paths))


def of_model(model: catalogue.Model, versions: Iterable[Version], runs: Iterable[PastRun], paths: Paths) -> Contender:
    """A student by its model. Those that come with sharpcam have learned nothing of this project."""
    if model.name.startswith("bundled:"):
        return Contender(model.name, _hash(model), {})
    key = model.contract.parent.name if model.version is not None else _hash(model)
    version = next((version for version in versions if version.onnx_sha256 == key), None)
    run = next((run for run in runs if version is not None and run.id == version.run_id), None)
    name = model.name if version is None else f"version:{version.number}"
    return Contender(name, key, learned_by(run, paths) if run else None)


def _hash(model: catalogue.Model) -> str:
    return catalogue.float_sha256(catalogue.read_contract(model.contract))


def learned_by(run: PastRun, paths: Paths) -> Part | None:
    """What a run trained on: as it kept the split, else as the split is here, if that is the one; None: not known."""
    try:
        return dict(read_json(artifact(run, SPLIT, paths), made_by="train", like=dict)["training"])
    except (SharpcamError, KeyError, TypeError, ValueError):
        pass
    try:
        here = data_versions(paths.root).get(SPLIT_TAG)
        return read_split(paths).training if here is not None and run.tags.get(SPLIT_TAG) == here else None
    except SharpcamError:
        return None


def find(names: Sequence[str], paths: Paths) -> list[Contender]:
    """The contenders of these names, each student once. Raises SharpcamError for one that is not there."""
    runs, versions = all_runs(paths), registry.versions(paths)
    found = []
    for name in names:
        if name.startswith(RUN):
            run = next((run for run in runs if run.id == name.removeprefix(RUN)), None)
            if run is None:
                raise SharpcamError(f'There is no run "{name.removeprefix(RUN)}". Choose from the page Runs.')
            found.append(of_run(run, versions, paths))
        else:
            found.append(of_model(catalogue.find(name, paths), versions, runs, paths))
    return list({contender.key: contender for contender in found}.values())
