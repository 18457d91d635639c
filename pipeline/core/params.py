"""params.yaml as frozen types. Parsed once, at the edge; a typo fails in the first second."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.core.clip_rules import MOST_FRAMES, NAME
from pipeline.core.errors import SharpcamError
from pipeline.core.yaml_text import parse_yaml

Share = Annotated[float, Field(gt=0, lt=1)]
Clip = Annotated[str, Field(pattern=rf"^{NAME}$")]


class Section(BaseModel, frozen=True, extra="forbid"):
    """A part of params.yaml, or of another file that people write: unknown keys are refused."""


class GeometryParams(Section):
    """The target picture, and how a camera's frame is fitted to it."""

    width: PositiveInt
    height: PositiveInt
    scale: PositiveInt
    fit: Literal["crop", "stretch"]

    @model_validator(mode="after")
    def _whole_input(self) -> "GeometryParams":
        if self.width % (2 * self.scale) or self.height % (2 * self.scale):
            raise ValueError(f"width and height must be multiples of {2 * self.scale} (twice the scale)")
        return self

    @property
    def target(self) -> tuple[int, int]:
        """(width, height) that teacher and student give, pixels."""
        return self.width, self.height

    @property
    def student_input(self) -> tuple[int, int]:
        """(width, height) that the student reads, pixels."""
        return self.width // self.scale, self.height // self.scale


class CameraParams(Section):
    """What is asked of a real camera."""

    width: PositiveInt
    height: PositiveInt
    fps: PositiveFloat
    pixel_format: Annotated[str, Field(pattern=r"^(.{4})?$")]
    exposure: float | None
    gain: float | None
    warmup_frames: NonNegativeInt


DemoCamera = Literal[  # of training/camera/cameras.py, those that see light rather than files
    "bare_sensor", "webcam_mjpeg", "laptop_h264", "phone_low_light", "sharpening_camera", "messenger"
]


class DemoParams(Section):
    """What the simulated cameras record."""

    cameras: Annotated[tuple[DemoCamera, ...], Field(min_length=1)]
    clips: NonNegativeInt
    frames: PositiveInt
    fps: PositiveFloat
    real_frames: NonNegativeInt


class CaptureParams(Section):
    """The `capture` section of params.yaml."""

    source: str
    clip: Annotated[str, Field(pattern=rf"^({NAME})?$")]
    frames: Annotated[int, Field(ge=1, le=MOST_FRAMES)]
    every: PositiveInt
    camera: CameraParams
    demo: DemoParams

    @field_validator("source", mode="before")
    @classmethod
    def _index_as_text(cls, source: object) -> object:
        return str(source) if isinstance(source, int) and not isinstance(source, bool) else source


class RayParams(Section):
    """Where the teacher's workers run when the executor is ray."""

    address: str
    workers: PositiveInt | None = None
    cpus_per_worker: PositiveInt = 1
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0


class TeacherParams(Section):
    """The `teacher` section of params.yaml."""

    chain: str
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    executor: Literal["local", "ray"]
    ray: RayParams
    cache_gb: Annotated[float, Field(ge=0)]
    chains: dict[str, list[dict[str, dict[str, Any]]]]

    @model_validator(mode="after")
    def _chain_exists(self) -> "TeacherParams":
        if self.chain not in self.chains:
            raise ValueError(f"chain {self.chain!r} is not among the chains: {', '.join(self.chains)}")
        for name, steps in self.chains.items():
            if not steps or any(len(step) != 1 for step in steps):
                raise ValueError(f"chain {name!r} must be a list of steps, each one name and its arguments")
            if any(
                arguments.get("enabled", True) not in (True, False) for step in steps for arguments in step.values()
            ):
                raise ValueError(f"chain {name!r} has a step whose enabled is neither true nor false")
        return self

    def steps(self) -> list[tuple[str, dict[str, Any]]]:
        """The steps of the chain that is named, each a name and its arguments, without those that are not `enabled`."""
        named = ((name, dict(arguments)) for step in self.chains[self.chain] for name, arguments in step.items())
        return [(name, arguments) for name, arguments in named if arguments.pop("enabled", True)]


class SplitParams(Section):
    """The `split` section of params.yaml."""

    validation_share: Share
    gap_frames: NonNegativeInt
    leave_out: list[Clip] = []


class TrainParams(Section):
    """The `train` section of params.yaml."""

    model: Literal["student_s", "student_m", "student_l", "student_original"]
    start_from: str
    epochs: PositiveInt
    crops_per_epoch: PositiveInt
    batch_size: PositiveInt
    crop_px: Annotated[int, Field(ge=8, multiple_of=2)]
    learning_rate: PositiveFloat
    warmup_share: Annotated[float, Field(ge=0, lt=1)]
    final_rate_share: Annotated[float, Field(gt=0, le=1)]
    frequency_weight: Annotated[float, Field(ge=0)]
    validation_frames: PositiveInt = 200
    memory_gb: Annotated[float, Field(ge=0)] = 4
    patience_epochs: PositiveInt | None
    precision: Literal["32-true", "16-mixed", "bf16-mixed"]
    devices: PositiveInt
    num_nodes: PositiveInt


class ExportParams(Section):
    """The `export` section of params.yaml."""

    opset: Annotated[int, Field(ge=17, le=22)]
    parity_frames: PositiveInt
    calibration_frames: PositiveInt


class EvaluateParams(Section):
    """The `evaluate` section of params.yaml."""

    sample_frames: PositiveInt
    speed_runs: PositiveInt
    family_photographs: Annotated[int, Field(ge=0, le=8)] = 2


class Params(Section):
    """All of params.yaml."""

    seed: NonNegativeInt
    geometry: GeometryParams
    capture: CaptureParams
    teacher: TeacherParams
    split: SplitParams
    train: TrainParams
    export: ExportParams
    evaluate: EvaluateParams


def load_params(path: Path) -> Params:
    """Parse `path`. Raises SharpcamError with every problem named where it does not fit the types."""
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SharpcamError(f'No {path} here. Run from the root of sharpcam, or "git checkout {path.name}".') from None
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: no UTF-8, or the 45th of May
        where = " ".join(str(error).split())
        raise SharpcamError(f"{path} is not valid YAML ({where}). Fix that line and run again.") from None
    if problems := find_problems(content):
        raise SharpcamError(f"{path}: {'; '.join(problems.values())}. Fix it and run again.")
    return Params.model_validate(content)


def find_problems(content: Any) -> dict[str, str]:
    """What in the `content` of a params.yaml does not fit the types: dotted key -> a sentence that names it."""
    try:
        Params.model_validate(content)
    except ValidationError as error:
        return describe_problems(error)
    return {}


def describe_problems(error: ValidationError) -> dict[str, str]:
    """What in a file does not fit its types: dotted key -> a sentence that names it."""
    return {".".join(map(str, detail["loc"])): _describe(detail) for detail in error.errors()}


def _describe(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        return f"{where} is an unknown key"
    if detail["type"] == "missing":
        return f"{where} is missing"
    problem = f"{where}: {detail['msg'].removeprefix('Value error, ')}"
    found = detail["input"]
    return problem if isinstance(found, dict | list) else f"{problem} (found {found!r})"[:300]
