"""Dials at run time: four numbers that describe a camera, folded into the bytes of a student's ONNX file.

The student itself learns what they do (training/models/dials.py). Its contract holds that as a small perceptron and the
places of its weights in the files, so that turning a dial rewrites some numbers and needs neither torch nor onnx. Only
sums, products, maxima and quotients are used, in float64: the browser computes the same.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, model_validator

from pipeline.core.errors import SharpcamError
from pipeline.student.packing import Array, Packed
from pipeline.student.ranges import POSITIONS, RangeTable, ranges_at

Share = Annotated[float, Field(ge=0, le=1)]
Setting = tuple[Share, Share, Share, Share]  # of all dials, as JSON holds it
INT32 = 2**31
STEP = 2  # decimals of an estimated dial: what is printed can be asked for again
A_LITTLE, PLAINLY, VERY = 0.12, 0.35, 0.65  # from where on people are told; the browser has the same
ADJECTIVES = {"blur": "blurred", "noise": "noisy", "sharpening": "sharpened", "compression": "compressed"}


class Dials(NamedTuple):
    """What a camera does to its picture, each 0 (nothing) to 1 (as much as cameras do)."""

    blur: float
    noise: float
    sharpening: float
    compression: float


def checked(dials: Dials) -> Dials:
    """The same dials. Raises SharpcamError where one is not in 0..1."""
    for name, value in dials._asdict().items():
        in_range(value, name=f"The dial {name}")
    return dials


def in_range(value: float, *, name: str) -> float:
    """The same value. Raises SharpcamError where it is not in 0..1."""
    if not 0 <= value <= 1:
        raise SharpcamError(f"{name} goes from 0 to 1, and {value:g} was asked for. Choose a value between them.")
    return value


def rounded(values: Array) -> Dials:
    """Four numbers as dials: in range, and no finer than what people are shown."""
    return Dials(*(round(float(value), STEP) for value in np.clip(values, 0, 1)))


def describe(dials: Dials) -> str:
    """For people: "a little blurred, noisy, compressed (blur 0.31, noise 0.62, sharpening 0.05, compression 0.44)"."""
    numbers = ", ".join(f"{name} {value:.2f}" for name, value in dials._asdict().items())
    return f"{adjectives(dials)} ({numbers})"


def adjectives(dials: Dials) -> str:
    """For people, without the numbers: "a little blurred, noisy, compressed"; "clean" where nothing is to be said."""
    graded = ((_grade(value), ADJECTIVES[name]) for name, value in dials._asdict().items())
    return ", ".join(grade + adjective for grade, adjective in graded if grade is not None) or "clean"


def _grade(value: float) -> str | None:
    if value < A_LITTLE:
        return None
    return "a little " if value < PLAINLY else "" if value < VERY else "very "


class Perceptron(BaseModel, frozen=True):
    """What turns dials into factors and offsets: raw = out (relu(hidden d + bias) - the same at neutral)."""

    hidden_weight: Packed  # (H, 4)
    hidden_bias: Packed  # (H,)
    out_weight: Packed  # (2 C, H): factors of all channels, then offsets

    def hidden(self, dials: Array) -> Array:
        """The hidden layer, (H,)."""
        return np.asarray(np.maximum(added_up(self.hidden_weight, dials) + self.hidden_bias, 0))


def added_up(weight: Array, values: Array) -> Array:
    """`weight` (m, n) times `values` (n,), in order: the same bits on every machine, unlike BLAS."""
    total = np.zeros(len(weight))
    for column, value in zip(weight.T, values, strict=True):
        total = total + column * value
    return total


class InFloat(BaseModel, frozen=True):
    """Where a convolution's numbers lie in the float file, in bytes."""

    weight: NonNegativeInt  # (channels, fan_in) float32
    bias: NonNegativeInt  # (channels,) float32


class InInt8(BaseModel, frozen=True):
    """Where a convolution's numbers lie in the int8 file, in bytes, each (channels,)."""

    weight_scale: NonNegativeInt  # float32
    bias_levels: NonNegativeInt  # int32
    bias_scale: NonNegativeInt  # float32
    reads: NonNegativeInt | None = None  # which of the tensors of the range table; None: the frame


class Layer(BaseModel, frozen=True):
    """A convolution that dials act on."""

    name: str
    channels: PositiveInt
    fan_in: PositiveInt  # weights of a channel
    in_float: InFloat = Field(alias="float")
    in_int8: InInt8 | None = Field(alias="int8", default=None)


class Turn(NamedTuple):
    """What dials do to the channels of a convolution, each (channels,) float64."""

    factor: Array
    offset: Array


class DialSection(BaseModel, frozen=True):
    """The section `dials` of a contract: everything that is needed to fold them."""

    names: list[str]
    range: tuple[Literal[0], Literal[1]]
    neutral: Setting
    perceptron: Perceptron
    layers: list[Layer]
    ranges: RangeTable | None = None  # None: those of the int8 file hold at all dials

    @model_validator(mode="after")
    def _fits_together(self) -> "DialSection":
        if tuple(self.names) != Dials._fields:
            raise ValueError(f"names are {', '.join(self.names)}, and {', '.join(Dials._fields)} are known")
        hidden, channels = self.perceptron.hidden_bias.size, sum(layer.channels for layer in self.layers)
        shapes = {
            "hidden_weight": (hidden, len(self.names)),
            "hidden_bias": (hidden,),
            "out_weight": (2 * channels, hidden),
        }
        for name, shape in shapes.items():
            if (found := getattr(self.perceptron, name).shape) != shape:
                raise ValueError(f"perceptron.{name} is {found} in place of {shape}")
        return self

    @model_validator(mode="after")
    def _ranges_fit(self) -> "DialSection":
        reads = (layer.in_int8.reads for layer in self.layers if layer.in_int8)
        known = {tensor for tensor in reads if tensor is not None}
        if self.ranges is None:
            if known:
                raise ValueError("ranges are missing, and layers read tensors of theirs")
            return self
        tensors = len(self.ranges.tensors)
        shape = (POSITIONS,) * len(self.names) + (tensors,)
        for name in ("low", "high"):
            if (found := getattr(self.ranges, name).shape) != shape:
                raise ValueError(f"ranges.{name} is {found} in place of {shape}")
        if unknown := known - set(range(tensors)):
            raise ValueError(f"layers read the tensors {sorted(unknown)}, and ranges holds {tensors}")
        return self

    def turns(self, dials: Dials) -> Iterator[Turn]:
        """What `dials` do to each of the layers. Raises SharpcamError where one is not in 0..1."""
        ours, neutral = (self.perceptron.hidden(np.array(each)) for each in (checked(dials), self.neutral))
        raw = added_up(self.perceptron.out_weight, ours - neutral)
        ends = np.cumsum([layer.channels for layer in self.layers])[:-1]
        for factor, offset in zip(*(np.split(half, ends) for half in np.split(raw, 2)), strict=True):
            yield Turn(np.where(factor >= 0, 1 + factor, 1 / (1 - np.minimum(factor, 0))), offset)

    def fold_float(self, data: bytes, dials: Dials) -> bytes:
        """The float ONNX file `data` at `dials`. Raises SharpcamError where the file ends before its weights."""
        numbers = Numbers(data)
        for layer, (factor, offset) in zip(self.layers, self.turns(dials), strict=True):
            at, count = layer.in_float, layer.channels
            weight = numbers.read(at.weight, "<f4", count * layer.fan_in).reshape(count, -1)
            numbers.write(at.weight, "<f4", weight * factor[:, None])
            numbers.write(at.bias, "<f4", numbers.read(at.bias, "<f4", count) * factor + offset)
        return bytes(numbers.data)

    def fold_int8(self, data: bytes, dials: Dials) -> bytes:
        """The int8 ONNX file `data` at `dials`: scales, biases and ranges differ. Raises what `fold_float` raises."""
        numbers = Numbers(data)
        grown = self._set_ranges(numbers, dials)
        for layer, (factor, offset) in zip(self.layers, self.turns(dials), strict=True):
            at, count = layer.in_int8, layer.channels
            if at is None:
                raise SharpcamError('The contract has no dials for its int8 file. Run "dvc repro export" again.')
            before = numbers.read(at.bias_scale, "<f4", count) * factor
            scale = before if at.reads is None else before * grown[at.reads]
            levels = np.rint((numbers.read(at.bias_levels, "<i4", count) * before + offset) / scale)
            numbers.write(at.weight_scale, "<f4", numbers.read(at.weight_scale, "<f4", count) * factor)
            numbers.write(at.bias_scale, "<f4", scale)
            numbers.write(at.bias_levels, "<i4", levels.clip(-INT32, INT32 - 1))
        return bytes(numbers.data)

    def _set_ranges(self, numbers: "Numbers", dials: Dials) -> list[float]:
        """Write the ranges at `dials`; gives how much larger the scale of each tensor is than it was."""
        grown = []
        if self.ranges is not None:
            spans = ranges_at(self.ranges.low, self.ranges.high, dials, neutral=self.neutral)
            for tensor, span in zip(self.ranges.tensors, spans, strict=True):
                (before,) = numbers.read(tensor.scale, "<f4", 1)
                grown.append(float(span.scale / before))
                numbers.write(tensor.scale, "<f4", np.array([span.scale]))
                numbers.write(tensor.zero, "u1", np.array([span.zero]))
        return grown


class Numbers:
    """The numbers in the bytes of a file, by their place. They need not be aligned."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def read(self, offset: int, kind: str, count: int) -> Array:
        """So many numbers as float64."""
        if offset + np.dtype(kind).itemsize * count > len(self.data):
            raise SharpcamError(
                f"The contract's dials lie behind the end of its ONNX file ({offset} of {len(self.data)} bytes). "
                'Run "dvc repro export" again.'
            )
        return np.frombuffer(self.data, kind, count, offset).astype(np.float64)

    def write(self, offset: int, kind: str, values: Array) -> None:
        """Replace the numbers there."""
        data = values.astype(kind).tobytes()
        self.data[offset : offset + len(data)] = data
