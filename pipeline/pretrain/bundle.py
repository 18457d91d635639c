"""A student for weights/bundled: weights, float and int8 ONNX, web form, contract and model card, from any checkpoint.

python -m pipeline.pretrain.bundle --name student_m --weights FILE --frames FOLDER
"""

import sys
from pathlib import Path

from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.frames import read_frame
from pipeline.core.geometry import fit
from pipeline.core.params import GeometryParams, load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.export.build import RealFrames
from pipeline.export.stage import Trained, bundled_estimator, export_student, load_trained, spread
from pipeline.pretrain.model_card import card
from training import checkpoints


def bundle(name: str, weights: Path, frames: Path, folder: Path, *, estimator: bytes | None = None) -> str:
    """Write `name`.safetensors and what `export_student` writes to `folder`; gives what there is to say about them.

    `frames` is a folder of camera frames (PNG, also in folders of clips): every other one calibrates int8, the rest
    is what the result is held to. `estimator`: the network that reads the dials of a student that has some.
    """
    trained, params = load_trained(weights), load_params(Paths().params)
    trained.recipe.setdefault("geometry", params.geometry.model_dump())
    kept = folder / f"{name}.safetensors"
    checkpoints.save(kept, trained.model, trained.recipe)
    export = params.export
    real = real_frames(frames, trained, calibration=export.calibration_frames, parity=export.parity_frames)
    contract = folder / f"{name}.json"
    said = export_student(
        Trained(trained.model, trained.recipe, kept),
        real,
        contract,
        opset=export.opset,
        data={},
        estimator=estimator,
    )
    if "training" in trained.recipe:  # as pipeline.pretrain leaves it
        parameters = sum(parameter.numel() for parameter in trained.model.parameters())
        text = card(name, trained.recipe, parameters=parameters, contract=contract)
        write_bytes(folder / f"{name}.md", text.encode())
    return said


def real_frames(folder: Path, trained: Trained, *, calibration: int, parity: int) -> RealFrames:
    """Frames below `folder`, fitted to the student's input. Raises SharpcamError where there are too few."""
    files = sorted(folder.rglob("*.png"))
    if len(files) < 2:
        raise SharpcamError(f"{folder} has {len(files)} PNG files, two at least are needed. Record some frames first.")
    geometry = GeometryParams(**trained.recipe["geometry"])
    even, odd = (
        [fit(read_frame(file), geometry=geometry) for file in spread(files[start::2], count)]
        for start, count in ((0, calibration), (1, parity))
    )
    return RealFrames(calibration=even, parity=odd)


def estimator_of(file: Path) -> bytes:
    """The network in a file. Raises SharpcamError where there is none."""
    if not file.is_file():
        raise SharpcamError(f"No estimator at {file}. Name an ONNX file, or leave --estimator out.")
    return file.read_bytes()


def main() -> int:
    """Bundle what the command line names."""
    parser = command_parser("pipeline.pretrain.bundle", __doc__)
    parser.add_argument("--name", required=True, help="of the files, such as student_m")
    parser.add_argument("--weights", type=Path, required=True, help="a checkpoint: .pth or .safetensors")
    parser.add_argument("--frames", type=Path, required=True, help="a folder of camera frames, PNG")
    parser.add_argument("--folder", type=Path, default=Paths().bundled, help="where to; default: %(default)s")
    parser.add_argument("--estimator", type=Path, help=f"of a student's dials; default: {Paths().estimator} if there")
    asked = parser.parse_args()

    def work() -> None:
        estimator = estimator_of(asked.estimator) if asked.estimator else bundled_estimator(Paths())
        said = bundle(asked.name, asked.weights, asked.frames, asked.folder, estimator=estimator)
        print(f"{asked.name}: {said}")

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
