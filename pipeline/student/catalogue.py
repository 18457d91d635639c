"""Which student is meant: all that can be run now, found by name, laid out as files that stay. No torch."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_bytes
from pipeline.core.hashing import sha256
from pipeline.core.paths import Paths
from pipeline.student.contract import INT8_SUFFIX, form_of
from pipeline.tracking import registry
from pipeline.tracking.registry import CANDIDATE, CHAMPION

LOCAL = "student_sr"
FOR_FILES = "files"  # the folder beside a contract that holds the student's form for files
RESTORE = "Put its files back from a backup, or take another version."
FIRST = "student_m"  # of the bundled ones: where nothing is named it has to be both good and fast


@dataclass(frozen=True)
class Model:
    """A student by its name. Its ONNX files lie beside the contract once `materialize` was called."""

    name: str  # "champion", "candidate", "version:3", "student_sr", "bundled:student_m", or a path
    title: str  # for people
    contract: Path
    version: int | None = None  # of the registry
    note: str = ""  # why it is this one, where another was to be expected
    int8: bool | None = None  # whether the ONNX file that was named is the int8 one; None: no file was named

    @property
    def for_files(self) -> Path:
        """The contract for pictures and films: that of the larger form in files/, where the student has one.

        Live video has no time for it: its body works at the input's size and keeps detail that half the size loses.
        """
        larger = self.contract.parent / FOR_FILES / self.contract.name
        return larger if self.int8 is None and larger.is_file() else self.contract


def available(paths: Paths) -> list[Model]:
    """What can be run now, the one in use first; then champion, candidate, versions, the student here, bundled ones."""
    registered, problem = _registered(paths)
    models = [*registered, *_local(paths, registered, note=problem)]
    used = in_use(models)
    return sorted(models, key=lambda model: model != used)


def in_use(models: list[Model]) -> Model | None:
    """Which of them runs where none is named: the champion, else the student here, else a bundled one."""
    champion = next((model for model in models if model.name == CHAMPION), None)
    return champion or next((model for model in models if model.version is None), None)


def find(name: str | None, paths: Paths) -> Model:
    """The model of that name or file, laid out if it is a registered one.

    None: the champion, else the student here, else a bundled one. Raises SharpcamError for a name that is not there.
    """
    if name is not None and Path(name).suffix in (".onnx", ".json"):
        return _of_file(Path(name))
    registered, problem = _registered(paths)
    note = problem or (f"The registry has no {CHAMPION}." if paths.is_project else "")
    models = [*registered, *_local(paths, registered, note=note)]
    named = (model for model in models if name in _names(model))
    found = in_use(models) if name is None else next(named, None)
    if found is None:
        raise SharpcamError(_missing(name, models, problem))
    if found.version is not None:
        materialize(found, paths)
    return found


def materialize(model: Model, paths: Paths) -> Path:
    """Put the contract and its files into a folder of weights/registry/ and give that.

    Its name is a sha256: of a registered student the float file's, as the registry knows it; of another the contract's,
    as the same network may have another one here. Files there are whole, and are what the contract says. Raises
    SharpcamError where that cannot be.
    """
    try:
        if model.version is None:
            return _keep(model.contract, paths.registry / sha256(model.contract))
        if not _whole(model.contract):
            _fetch(model, model.version)
        return model.contract.parent
    except OSError as error:  # a full disk, a folder that may not be written
        raise SharpcamError(
            f"{model.title} could not be laid out in {paths.registry} ({error.strerror or error}). "
            "Fix that and try again."
        ) from None


def _fetch(model: Model, version: int) -> None:
    """Lay out what the registry holds as that version of `model`."""
    with TemporaryDirectory() as folder:
        fetched = registry.download(version, Path(folder)) / model.contract.name
        if not fetched.is_file():
            raise SharpcamError(f"Version {version} came without its contract. {RESTORE}")
        if float_sha256(read_contract(fetched)) != model.contract.parent.name or not _whole(fetched):
            raise SharpcamError(f"Version {version} holds other files than it was registered with. {RESTORE}")
        _keep(fetched, model.contract.parent)


def read_contract(contract: Path) -> dict[str, Any]:
    """The contract of a student. Raises SharpcamError for anything else."""
    content = read_json(contract, made_by="export")
    try:
        files = content["files"].items()
        if not float_file(content) or any(Path(name).name != name or type(sha) is not str for name, sha in files):
            raise ValueError(files)
    except (TypeError, KeyError, StopIteration, ValueError, AttributeError):
        raise SharpcamError(f'{contract} is not a contract of a student. Run "dvc repro export" to write it.') from None
    return dict(content)


def float_file(contract: dict[str, Any]) -> str:
    """The name of the float ONNX file among the contract's files."""
    return next(str(name) for name in contract["files"] if form_of(name) == "float")


def browser_files(contract: dict[str, Any]) -> list[str]:
    """The names of the contract's files that browsers run."""
    return [str(name) for name in contract["files"] if form_of(name) in ("float", "web")]


def web_file(contract: dict[str, Any]) -> str:
    """The name of the web form's file among them, of a student that has one."""
    return next(str(name) for name in contract["files"] if form_of(name) == "web")


def float_sha256(contract: dict[str, Any]) -> str:
    """The hash of the float ONNX file: what a student is known by."""
    return str(contract["files"][float_file(contract)])


def _names(model: Model) -> set[str]:
    return {model.name} if model.version is None else {model.name, f"version:{model.version}"}


def _registered(paths: Paths) -> tuple[list[Model], str]:
    """The registered models, and a sentence where the registry cannot be read."""
    try:
        versions = registry.versions(paths)
    except SharpcamError as error:
        return [], str(error)
    rank = {CHAMPION: 0, CANDIDATE: 1}
    models = [_of_version(version, paths) for version in versions]
    return sorted(models, key=lambda model: rank.get(model.name, 2)), ""


def _of_version(version: registry.Version, paths: Paths) -> Model:
    alias = next((alias for alias in (CHAMPION, CANDIDATE) if alias in version.aliases), "")
    number = f"version {version.number} ({version.tags.get('model', 'unknown')})"
    title = f"{alias}: {number}" if alias else number
    contract = paths.registry / version.onnx_sha256 / paths.contract.name
    return Model(alias or f"version:{version.number}", title[0].upper() + title[1:], contract, version.number)


def bundled_contracts(folder: Path) -> list[Path]:
    """The contracts of the students that come with sharpcam, the one to take first first.

    A student that has only its form for files is that one, everywhere.
    """
    live = list(folder.glob("*.json"))
    names = {file.name for file in live}
    only_for_files = [file for file in (folder / FOR_FILES).glob("*.json") if file.name not in names]
    return sorted([*live, *only_for_files], key=lambda file: (file.stem != FIRST, file.stem))


def _local(paths: Paths, registered: list[Model], *, note: str) -> list[Model]:
    bundled = [
        Model(f"bundled:{contract.stem}", f"Bundled {contract.stem}", contract, note=note)
        for contract in bundled_contracts(paths.bundled)
    ]
    if not paths.contract.exists():
        return bundled
    title = f"Newest: {_kind(paths.contract, registered)}"
    return [Model(LOCAL, title, paths.contract, note=note), *bundled]


def _kind(contract: Path, registered: list[Model]) -> str:
    """What a student is, and as which version it is registered, so that people know it again."""
    try:
        content = read_contract(contract)
    except SharpcamError:  # whoever asks for it will be told
        return "unreadable"
    version = next((model.version for model in registered if model.contract.parent.name == float_sha256(content)), None)
    return str(content.get("model", "unknown")) + (f", version {version}" if version else "")


def _of_file(file: Path) -> Model:
    contract = file.with_name(file.stem.removesuffix(INT8_SUFFIX) + ".json")
    if not contract.is_file():
        raise SharpcamError(f"No {contract}, and a student runs only by its contract. Put it beside the ONNX file.")
    if file.suffix == ".json":
        return Model(str(file), file.name, contract)
    if file.name not in read_contract(contract)["files"]:
        raise SharpcamError(
            f"{contract} does not name {file.name}, so that cannot be trusted. Name a file that it names."
        )
    return Model(str(file), file.name, contract, int8=file.stem.endswith(INT8_SUFFIX))


def _missing(name: str | None, there: list[Model], problem: str) -> str:
    if name is None:
        return f'There is no student yet. {problem} Run "make repro" first.'.replace("  ", " ")
    names = ", ".join(model.name for model in there) or "none"
    return f'There is no model "{name}"; there are: {names}. {problem}'.strip()


def _whole(contract: Path) -> bool:
    try:
        files = read_contract(contract)["files"]
    except SharpcamError:
        return False
    return all(_is(contract.with_name(name), hashed) for name, hashed in files.items())


def _is(file: Path, hashed: str) -> bool:
    return file.is_file() and sha256(file) == hashed


def _keep(source: Path, folder: Path) -> Path:
    """Copy a contract and its files, the contract last: where it lies, all lies. Gives the folder."""
    contract = read_contract(source)
    kept = folder / source.name
    if kept.exists() and kept.read_bytes() == source.read_bytes() and _whole(kept):
        return folder
    for name, hashed in contract["files"].items():
        file = source.with_name(name)
        if not _is(file, hashed):
            found = "its hash differs" if file.is_file() else "it is missing"
            raise SharpcamError(f'{file} is not the file of its contract ({found}). Run "dvc repro export" again.')
        write_bytes(folder / name, file.read_bytes())
    weights = source.with_suffix(".pth")
    if _is(weights, contract.get("weights_sha256", "")):
        write_bytes(folder / weights.name, weights.read_bytes())
    write_bytes(kept, source.read_bytes())
    return folder
