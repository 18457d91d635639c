"""The contract of an exported student: what its JSON promises, read strictly."""

import base64
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, PositiveInt, ValidationError, model_validator

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.geometry import Frame
from pipeline.core.params import GeometryParams
from pipeline.student.dials import Dials, DialSection, Setting
from pipeline.student.engines import ENGINES, Form
from pipeline.student.estimator import Estimator, EstimatorSection
from pipeline.student.web_form import WEB_SUFFIX, WebSection

INT8_SUFFIX = "_int8"  # of the file's stem
OUTPUTS: dict[Form, str] = {"float": "output", "int8": "output_int8", "web": "output_web"}  # of the golden picture
TORCH_MOST = 1e-4  # by which an exported student may differ from torch, of 0..1
INT8_MOST_DB = 0.15  # int8 is chosen only where it costs no more


def form_of(name: str) -> Form:
    """Which form a file of a contract holds, by its name."""
    if name.endswith(WEB_SUFFIX):
        return "web"
    return "int8" if Path(name).stem.endswith(INT8_SUFFIX) else "float"


def pack_picture(picture: Frame) -> dict[str, Any]:
    """A small uint8 picture as JSON can hold it."""
    return {"shape": list(picture.shape), "base64": base64.b64encode(picture.tobytes()).decode()}


def unpack_picture(packed: dict[str, Any]) -> Frame:
    """The uint8 picture that `pack_picture` was given."""
    return np.frombuffer(base64.b64decode(packed["base64"]), np.uint8).reshape(packed["shape"])


def _unpacked(packed: Any) -> Frame:
    try:
        picture = unpack_picture(packed)
        height, width, colours = picture.shape
    except (TypeError, KeyError, ValueError):
        raise ValueError("this is not a packed picture") from None
    if colours != 3 or not height * width:
        raise ValueError(f"a picture is (height, width, 3); this one is {picture.shape}")
    return picture


Packed = Annotated[Any, AfterValidator(_unpacked)]


class Checksum(BaseModel, frozen=True):
    """Of a uint8 picture that is known to the last bit; any language can compute it."""

    shape: tuple[int, int, int]
    crc32: int = Field(ge=0, lt=2**32)  # of its bytes

    @classmethod
    def of(cls, picture: Frame) -> "Checksum":
        return cls(shape=picture.shape, crc32=zlib.crc32(picture.tobytes()))


class Answers(BaseModel, frozen=True):
    """What each form of the student makes of the golden picture: (h, w, 3) to (scale h, scale w, 3) uint8."""

    output: Packed
    output_int8: Packed = None
    output_web: Checksum | None = None


class Strong(Answers, frozen=True):
    """The same at dials that are far from neutral."""

    dials: Setting


class Golden(Answers, frozen=True):
    """A small picture, and what each form of the student makes of it."""

    input: Packed
    strong: Strong | None = None


class Int8Section(BaseModel, frozen=True):
    """What of the int8 student is relied upon."""

    loss_db: FiniteFloat = INT8_MOST_DB + 1


class ContractSchema(BaseModel, frozen=True):
    """What of a contract is relied upon here. Whatever else it holds is for others."""

    format: Literal[1, 2]  # 2: the student has dials
    scale: PositiveInt
    multiple_of: PositiveInt
    geometry: GeometryParams
    input: dict[str, Any]
    files: dict[str, str]
    int8: Int8Section | None = None
    golden: Golden
    dials: DialSection | None = None
    estimator: EstimatorSection | None = None
    web: WebSection | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> "ContractSchema":
        forms = [form_of(name) for name in self.files]
        if "float" not in forms or len(set(forms)) < len(forms) or any(Path(name).name != name for name in self.files):
            raise ValueError(
                "files must name one float ONNX file beside the contract, and at most one int8 file and one web file"
            )
        if self.scale != self.geometry.scale:
            raise ValueError(f"scale is {self.scale}, and geometry.scale {self.geometry.scale}")
        for name in (OUTPUTS[form] for form in forms):
            self._check_answer(name, getattr(self.golden, name))
            if self.golden.strong:
                self._check_answer(f"strong.{name}", getattr(self.golden.strong, name))
        return self

    @model_validator(mode="after")
    def _has_dials_by_its_format(self) -> "ContractSchema":
        if (self.format == 2) != (self.dials is not None) or (self.format == 2) != (self.golden.strong is not None):
            raise ValueError("format 2 has dials and golden.strong, and format 1 has neither")
        has_int8 = any(form_of(name) == "int8" for name in self.files)
        if self.dials and has_int8 and not all(layer.in_int8 for layer in self.dials.layers):
            raise ValueError("dials.layers have no places in the int8 file")
        return self

    @model_validator(mode="after")
    def _has_a_web_form_with_its_file(self) -> "ContractSchema":
        if (self.web is not None) != any(form_of(name) == "web" for name in self.files):
            raise ValueError("web and a web file in files come together")
        if self.web is None:
            return self
        if self.dials is None or self.dials.ranges is None:
            raise ValueError("web needs dials with ranges")
        described = [(layer.name, layer.channels) for layer in self.dials.layers]
        if described != [(layer.name, layer.weights.shape[0]) for layer in self.web.layers if layer.name != "skip"]:
            raise ValueError("web.layers are not those of dials.layers")
        tensors = len(self.dials.ranges.tensors)
        if any(layer.reads is not None and layer.reads >= tensors for layer in self.web.layers):
            raise ValueError(f"web.layers read tensors beyond the {tensors} of dials.ranges")
        return self

    def _check_answer(self, name: str, answer: Frame | Checksum | None) -> None:
        if answer is None:
            raise ValueError(f"golden.{name} is missing")
        height, width, _ = self.golden.input.shape
        if answer.shape != (expected := (self.scale * height, self.scale * width, 3)):
            raise ValueError(f"golden.{name} is {answer.shape} in place of {expected}")
        if isinstance(answer, np.ndarray) and np.ptp(answer) == 0 < np.ptp(self.golden.input):
            raise ValueError(f"golden.{name} is a picture of one colour")


class KnownAnswer(NamedTuple):
    """A frame and what a form of the student makes of it at `dials`, None: as it was exported."""

    dials: Dials | None
    given: Frame
    expected: Frame | Checksum  # the latter of the web form


class Contract(NamedTuple):
    """The contract of a student, and where it lies."""

    file: Path
    content: dict[str, Any]
    schema: ContractSchema

    @property
    def geometry(self) -> GeometryParams:
        return GeometryParams(**self.content["geometry"])

    @property
    def estimator(self) -> Estimator | None:
        """What reads the dials from frames, where there are dials and it."""
        dials, estimator = self.schema.dials, self.schema.estimator
        return estimator.estimator(Dials(*dials.neutral)) if dials and estimator else None

    def file_of(self, form: Form) -> Path | None:
        """The file of that form, where there is one."""
        names = [name for name in self.content["files"] if form_of(name) == form]
        return self.file.with_name(names[0]) if names else None

    def known_answers(self, form: Form) -> Iterator[KnownAnswer]:
        """What that form makes of the golden frame: as it is, and at strong dials where it has some."""
        golden = self.schema.golden
        yield KnownAnswer(None, golden.input, getattr(golden, OUTPUTS[form]))
        if strong := golden.strong:
            yield KnownAnswer(Dials(*strong.dials), golden.input, getattr(strong, OUTPUTS[form]))

    def allows(self, name: str) -> bool:
        """Whether that engine may be chosen without being asked for: it must not cost quality that can be seen."""
        precision = ENGINES[name].precision
        if precision == "int8":
            return self.schema.int8 is not None and self.schema.int8.loss_db <= INT8_MOST_DB
        return precision == "fp32"


def read_contract(file: Path) -> Contract:
    """The contract in `file`. Raises SharpcamError where it is missing, or names what is wrong with it."""
    content = read_json(file, made_by="export")
    try:
        schema = ContractSchema.model_validate(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = "".join(f"{part}." for part in wrong["loc"])[:-1]
        problem = f"{where}{': ' if where else ''}{wrong['msg'].removeprefix('Value error, ')}"
        raise SharpcamError(
            f'{file} is not a contract of a student ({problem}). Run "dvc repro export" to write it again.'
        ) from None
    return Contract(file, content, schema)
