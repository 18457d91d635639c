"""Stage 5: the trained student as ONNX, float and int8, with the contract that runtimes read instead of guessing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from pipeline import __version__
from pipeline.core.clips import evenly_spread
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes, write_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame, fit
from pipeline.core.hashing import sha256
from pipeline.core.params import GeometryParams, Params
from pipeline.core.paths import Paths
from pipeline.core.provenance import data_versions
from pipeline.core.split_file import read_split
from pipeline.export.build import RealFrames, build
from pipeline.export.estimator_form import plain_form
from pipeline.export.exported import Built, answers, described, int8_loss, strong_answers, worst_loss
from pipeline.student.calm import DEFINITION, Calm
from pipeline.student.contract import INT8_SUFFIX, pack_picture
from pipeline.student.dials import Dials
from pipeline.student.engines import to_batch, to_frame
from pipeline.student.estimator import EstimatorSection, estimator_section
from pipeline.student.web_form import WEB_SUFFIX
from training import checkpoints
from training.models.dials import NEUTRAL

GOLDEN_SIZE = (64, 48)  # width, height
CAMERAS = 8  # of those that a student was fine-tuned with: the int8 form is calibrated at their dials
FLAT = 0.5  # grey levels: a picture that varies less shows nothing


@dataclass(frozen=True)
class Trained:
    """A student as training left it."""

    model: nn.Module
    recipe: dict[str, Any]
    file: Path


def export(paths: Paths, params: Params) -> None:
    """The stage: weights/student_sr.pth to student_sr.onnx, _int8.onnx, _web.bin and .json.

    DVC wants each of them: the one of the web form is empty where the student has none, and its contract names none.
    """
    trained = load_trained(paths.student)
    frames = RealFrames(
        calibration=some_frames(paths, params, part="training", count=params.export.calibration_frames),
        parity=some_frames(paths, params, part="validation", count=params.export.parity_frames),
    )
    origin = data_versions(paths.root) | {"split": sha256(paths.split)}
    said = export_student(
        trained,
        frames,
        paths.contract,
        opset=params.export.opset,
        data=origin,
        estimator=bundled_estimator(paths),
    )
    if not (web := web_file(paths.contract)).exists():
        write_bytes(web, b"")
    print(f"export: {said}")


def bundled_estimator(paths: Paths) -> bytes | None:
    """The network that comes with sharpcam to read the dials from frames, if it does."""
    return paths.estimator.read_bytes() if paths.estimator.exists() else None


def export_student(
    trained: Trained,
    frames: RealFrames,
    contract_file: Path,
    *,
    opset: int,
    data: dict[str, str],
    estimator: bytes | None = None,
) -> str:
    """Write the student's files and the contract beside them; gives what there is to say about them.

    `estimator`: an ONNX network that reads the dials from frames, for a student that has some. Raises SharpcamError,
    and leaves no contract, where the float file does not answer as torch does.
    """
    contract_file.unlink(missing_ok=True)
    web_file(contract_file).unlink(missing_ok=True)  # this student may have none
    val_psnr, golden = best_psnr(trained), golden_input(frames.parity[0])
    answer = known_answer(trained.model, golden, file=trained.file)
    cameras = cameras_of(trained.recipe)
    made = build(trained.model, frames, opset=opset, cameras=cameras)
    content = contract(trained, made) | {
        "golden": {"input": pack_picture(golden)} | answers(answer, made.int8, made.web_at(Dials(*NEUTRAL)), golden),
        "largest_difference_to_torch": made.difference,
        "int8": int8_loss(made, frames.parity, cameras=cameras if made.dials else (), val_psnr=val_psnr),
        "data": data,
    }
    if made.dials is not None:
        content["dials"] = made.dials
        content["golden"]["strong"] = strong_answers(made, golden)
        content["int8"]["worst"] = worst_loss(made, frames.parity, val_psnr=val_psnr)
        content |= {"estimator": estimator_content(estimator, frames.parity[0], golden)} if estimator else {}
    content |= {"web": made.web.section} if made.web else {}
    files = files_of(contract_file, made)
    for file, data_of_file in files.items():
        write_bytes(file, data_of_file)
    write_json(contract_file, content | {"files": {file.name: sha256(file) for file in files}})
    return described(content, made, frames=len(frames.parity))


def estimator_content(estimator: bytes, frame: Frame, golden: Frame) -> dict[str, Any]:
    """The contract's `estimator`. Raises SharpcamError for a network that does not read `frame`."""
    section = estimator_section(estimator, frame)
    plain = plain_form(EstimatorSection.model_validate(section).estimator(Dials(*NEUTRAL)), golden)
    return section | ({"plain": plain} if plain else {})


def files_of(contract_file: Path, made: Built) -> dict[Path, bytes]:
    """What lies beside a contract: the float and the int8 file, and that of the web form where there is one."""
    int8 = contract_file.with_name(f"{contract_file.stem}{INT8_SUFFIX}.onnx")
    files = {contract_file.with_suffix(".onnx"): made.exact, int8: made.int8}
    return files | ({web_file(contract_file): made.web.data} if made.web else {})


def web_file(contract_file: Path) -> Path:
    """Where the web form lies beside a contract."""
    return contract_file.with_name(f"{contract_file.stem}{WEB_SUFFIX}")


def cameras_of(recipe: dict[str, Any]) -> list[Dials]:
    """Some of the dials that a student was fine-tuned with, spread over them all; none for one of every camera."""
    found = sorted({Dials(**dials) for dials in recipe.get("dials", {}).values()})
    return evenly_spread(found, CAMERAS)


def load_trained(file: Path) -> Trained:
    """The student that `train` wrote. Raises SharpcamError where there is none."""
    try:
        model, recipe = checkpoints.load(file)
    except FileNotFoundError:
        raise SharpcamError(f'No student at {file}. Run "dvc repro train", or "dvc pull" to fetch it.') from None
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f'{error}. Run "dvc repro train" again.') from None
    if not recipe["model"].startswith("student"):
        raise SharpcamError(f'{file} is a {recipe["model"]}, and a student is expected. Run "dvc repro train" again.')
    return Trained(model, recipe, file)


def some_frames(paths: Paths, params: Params, *, part: str, count: int) -> list[Frame]:
    """Real frames of one part of the split, spread over it, fitted to the student's input."""
    clips = getattr(read_split(paths), part)
    files = [paths.raw / clip / f"{stem}.png" for clip, stems in clips.items() for stem in stems]
    return [fit(read_frame(file), geometry=params.geometry) for file in spread(files, count)]


def spread(files: list[Path], count: int) -> list[Path]:
    """At most `count` of the files, at even distances."""
    return files[:: max(1, len(files) // count)][:count]


def golden_input(frame: Frame) -> Frame:
    """A small real picture whose answer every engine has to know."""
    return np.asarray(cv2.resize(frame, GOLDEN_SIZE, interpolation=cv2.INTER_AREA), dtype=np.uint8)


@torch.inference_mode()
def known_answer(model: nn.Module, golden: Frame, *, file: Path) -> Frame:
    """What torch makes of the golden input. Raises SharpcamError, naming the `file`, where that is NaN or infinite."""
    answer = model(torch.from_numpy(to_batch(golden))).numpy()
    if not np.isfinite(answer).all():
        raise SharpcamError(f"{file} gives values that are NaN or infinite. Train it again, at a lower rate.")
    picture = to_frame(answer)
    if picture.std() < FLAT <= golden.std():
        raise SharpcamError(f"{file} gives a picture of one colour. Train it again, at a lower rate.")
    return picture


def best_psnr(trained: Trained) -> float:
    """The PSNR on validation frames that the recipe remembers. Raises SharpcamError where it does not."""
    try:
        return float(trained.recipe["best"]["val_psnr"])
    except (KeyError, TypeError, ValueError):
        raise SharpcamError(f"The recipe in {trained.file} has no best val_psnr. Train it again.") from None


def contract(trained: Trained, made: Built) -> dict[str, Any]:
    """What whoever runs the ONNX files has to know: tensors, range, geometry, origin."""
    geometry = GeometryParams(**trained.recipe["geometry"])
    tensor = {"layout": "NCHW", "type": "float32", "channels": "RGB", "range": [0, 1]}
    return {
        "format": 1 if made.dials is None else 2,
        "made_by": f"sharpcam {__version__}",
        "model": trained.recipe["model"],
        "scale": geometry.scale,
        "multiple_of": 2,
        "input": {"name": "frame", **tensor},
        "output": {"name": "picture", **tensor, "clamped": False},
        "geometry": geometry.model_dump(),
        "weights_sha256": sha256(trained.file),
        "best": trained.recipe["best"],
        "calm": {"definition": DEFINITION, "strength": Calm.strength},  # how a stream is fused before the student
    }
