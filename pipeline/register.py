"""Put the student into MLflow's registry as StudentSR, with its files, its evaluation and where it comes from.

Called after every `dvc repro` and no stage: DVC's run cache would skip it. Called again it does nothing.

python -m pipeline.register
"""

import sys
import tempfile
from math import isfinite
from pathlib import Path
from typing import Any

from pipeline.core import provenance
from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, recall_json, write_json
from pipeline.core.hashing import sha256
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import REGISTER, Bar, progress_bar
from pipeline.student import catalogue
from pipeline.tracking import registry
from pipeline.tracking.client import tracking_uri
from pipeline.tracking.figures import camera_figures, evaluation_figures, flatten
from pipeline.tracking.past_runs import all_runs, settle
from pipeline.tracking.registry import CANDIDATE, CHAMPION, NAME, Version
from pipeline.tracking.run import STUDENT_TAG, Run, log_evaluation, run_of_student


def register(paths: Paths) -> None:
    """Register the student of weights/ unless it is; a candidate if its evaluation passed the gate."""
    contract = catalogue.read_contract(paths.contract)
    student = catalogue.float_sha256(contract)
    note, state = paths.logs / "registered" / f"{student}.json", _state(contract, paths)
    if recall_json(note) == state and _is_there(student, paths):
        print(f"register: {NAME} holds this student already")
        return
    with only_once(REGISTER, paths=paths), progress_bar(what=REGISTER, total=3, unit="step") as bar:
        judged = evaluation_of(student, paths)
        run = run_of_student(contract["weights_sha256"])
        if run is not None and judged is not None and not run.logged_steps("evaluation.student.teacher.psnr"):
            log_evaluation(run, judged, paths)
        bar.update()
        known = next((known for known in registry.versions(paths) if known.onnx_sha256 == student), None)
        number = _settle(known, contract, judged, run, paths)
        bar.update()
        catalogue.find(f"version:{number}", paths)  # materialized while MLflow is at hand: no page waits for it
        settle(paths)  # read again too, so that the next call need not import mlflow
        bar.update()
        print(f"register: {_in_words(number, known, judged)}")
        write_json(note, state)


def _state(contract: dict[str, Any], paths: Paths) -> dict[str, str]:
    """What registering depends on; as long as that is the same there is nothing to do, and no need to import mlflow."""
    evaluation = sha256(paths.evaluation) if paths.evaluation.exists() else ""
    runs = (run.id for run in all_runs(paths) if run.tags.get(STUDENT_TAG) == contract["weights_sha256"])
    return {"store": tracking_uri(), "evaluation": evaluation, "run_id": next(runs, "")}


def _is_there(student: str, paths: Paths) -> bool:
    """Whether the registry has the student; asked of the store, which may be another one than when that was noted."""
    return any(version.onnx_sha256 == student for version in registry.versions(paths))


def evaluation_of(student: str, paths: Paths) -> dict[str, Any] | None:
    """metrics/evaluation.json if it is that of the student with this hash."""
    if not paths.evaluation.exists():
        return None
    judged = read_json(paths.evaluation, made_by="evaluate", like=dict)
    if judged.get("student_sha256") != student:
        return None
    if problem := _fault(judged):
        again = 'Run "dvc repro --force evaluate" to write it again.'
        raise SharpcamError(f"{paths.evaluation} is not a valid evaluation ({problem}). {again}")
    return dict(judged)


def _fault(judged: dict[str, Any]) -> str:
    """What is wrong with an evaluation, which a person can edit; nothing where it can be registered."""
    try:
        figures = flatten(judged["methods"])
        numbers = figures | flatten(camera_figures(judged))
        infinite = [f"{name} is {value}, not finite" for name, value in numbers.items() if not isfinite(float(value))]
        if not figures or judged["gate"]["passed"] not in (True, False):
            raise TypeError("figures and an answer of the gate are expected")
        " ".join([judged["data_sha256"], *judged["verdict"]])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return next(iter(infinite), "")


def _settle(
    known: Version | None,
    contract: dict[str, Any],
    judged: dict[str, Any] | None,
    run: Run | None,
    paths: Paths,
) -> int:
    """Make the version, or bring the evaluation of the one there is up to date; gives its number.

    Where a version comes from stays as it was noted: whoever registers it again may stand on another commit.
    """
    if known is None:
        origin = run.origin() if run else provenance.versions(paths.root)
        tags = tags_of(contract) | origin | evaluation_tags(judged)
        number = _add(contract, tags, run, evaluation_figures(judged) if judged else {}, paths)
    else:
        number, found = known.number, evaluation_tags(judged) if judged else {}
        registry.set_tags(number, {name: value for name, value in found.items() if known.tags.get(name) != value})
    aliases = known.aliases if known else ()
    if judged is not None and judged["gate"]["passed"] and CHAMPION not in aliases:
        registry.set_alias(CANDIDATE, number)
    elif judged is not None and not judged["gate"]["passed"] and CANDIDATE in aliases:
        registry.drop_alias(CANDIDATE)
    return number


def _add(
    contract: dict[str, Any], tags: dict[str, str], run: Run | None, figures: dict[str, float], paths: Paths
) -> int:
    """A new version of the student, which MLflow's own tools run, too; gives its number."""
    from pipeline.tracking import flavour  # onnx and mlflow take a second, which a call that does nothing has not

    folder = _files(paths)
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / "model"
        flavour.save(folder / paths.student_onnx.name, model, scale=contract["scale"])
        return registry.add(folder, tags=tags, run_id=run.id if run else None, flavour=model, figures=figures)


def tags_of(contract: dict[str, Any]) -> dict[str, str]:
    """What a version says about itself: its hash, its kind, its data."""
    tags = {"onnx_sha256": catalogue.float_sha256(contract), "model": contract["model"]}
    return tags | {name: str(value) for name, value in contract["data"].items()} | dial_tags(contract)


def evaluation_tags(judged: dict[str, Any] | None) -> dict[str, str]:
    """What a version says about its evaluation."""
    if judged is None:
        return {"gate": "unknown"}
    tags = {f"evaluation.{name}": value for name, value in flatten(judged["methods"]).items()}
    tags |= {name: str(psnr) for name, psnr in camera_figures(judged).items()}
    return tags | {
        "gate": "passed" if judged["gate"]["passed"] else "failed",
        "verdict": " ".join(judged["verdict"]),
        "data_sha256": judged["data_sha256"],
    }


def dial_tags(contract: dict[str, Any]) -> dict[str, str]:
    """What a version says about its dials, if it has some: their neutral setting, and whether they set themselves."""
    if "dials" not in contract:
        return {}
    names, neutral = contract["dials"]["names"], contract["dials"]["neutral"]
    tags = {f"dials.neutral.{name}": str(value) for name, value in zip(names, neutral, strict=True)}
    return tags | {"dials.estimator": "yes" if "estimator" in contract else "no"}


def _files(paths: Paths) -> Path:
    """The folder that holds the student's files and nothing else, the .pth too."""
    folder = catalogue.materialize(catalogue.find(catalogue.LOCAL, paths), paths)
    if not (folder / paths.student.name).exists():
        raise SharpcamError(
            f'{paths.student} is not the student that was exported. Run "dvc repro export", or "dvc pull" to fetch it.'
        )
    return folder


def _in_words(number: int, known: Version | None, judged: dict[str, Any] | None) -> str:
    done = f"version {number} of {NAME} is {'new' if known is None else 'this student already'}"
    if judged is None:
        return f'{done}; metrics/evaluation.json is not its own: run "dvc repro" and register again to judge it'
    return f"{done}; it {'passed the gate' if judged['gate']['passed'] else 'did not pass the gate'}"


def main() -> int:
    """Register the student; gives the exit status."""
    command_parser("pipeline.register", __doc__).parse_args()
    Bar.stage = REGISTER
    return run_command(lambda: register(Paths.of_project()))


if __name__ == "__main__":
    sys.exit(main())
