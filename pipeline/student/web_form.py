"""The web form of a live student: the whole network in whole numbers, the same to the last bit wherever it runs.

This is its definition, which the browser's engine is held to. A frame is read with all of its 8 bits, what the 3x3
convolutions read has 7 (0..127), sums are exact int32, and the trunk that the blocks add to keeps 16. A sum becomes the
next level by one float32 multiplication and one float32 addition, rounded half to even. What these take is computed
once for a setting of the dials: in float64, in a fixed order, then rounded to float32.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import BaseModel, NonNegativeInt, PositiveInt, model_validator

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.student.dials import Dials, DialSection, Turn
from pipeline.student.packing import Array
from pipeline.student.ranges import FINEST, Range, ranges_at

DEFINITION = 1  # of what is computed; what answers otherwise has another number
WEB_SUFFIX = "_web.bin"  # of the file's name
ALIGNED = 16  # bytes: where arrays of the file begin
FOLD = 2  # pixels of a frame along each side of what is one place of the body
SCALE = 4  # pixels of the picture along each side of a place
PICTURE = 3 * SCALE * SCALE  # channels of the answer at a place
MOST = 127  # of what a 3x3 convolution reads
TRUNK_MOST = 2**14  # of the trunk: half of what int16 holds is left to what reaches farther than was measured
LEAST_STEP = 1e-9  # of the trunk
INT16_LEAST, INT16_MOST = -(2**15), 2**15 - 1
LEVELS = 255  # of a pixel

Floats = NDArray[np.float32]


class Weights(BaseModel, frozen=True):
    """Where the levels of a convolution's weights lie in the file, in bytes."""

    offset: NonNegativeInt
    type: Literal["int8", "int16"]
    shape: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]  # (out, k, k, in)


class WebLayer(BaseModel, frozen=True):
    """A convolution. Its scale and bias, (out,) float32, are those at neutral."""

    name: str
    weights: Weights
    scale: NonNegativeInt  # in the file, in bytes
    bias: NonNegativeInt
    reads: NonNegativeInt | None = None  # which of the tensors of the dials' ranges; None: the frame


class WebSection(BaseModel, frozen=True):
    """The section `web` of a contract: what lies where in the file."""

    definition: Literal[1]
    channels: Literal[16, 32]
    blocks: PositiveInt
    layers: list[WebLayer]

    @model_validator(mode="after")
    def _is_the_network(self) -> "WebSection":
        found = [(layer.name, layer.weights.type, layer.weights.shape) for layer in self.layers]
        if found != network(self.channels, self.blocks):
            raise ValueError(f"layers are not those of {self.channels} channels and {self.blocks} blocks")
        if any(at % ALIGNED for layer in self.layers for at in (layer.weights.offset, layer.scale, layer.bias)):
            raise ValueError(f"layers have places that are not multiples of {ALIGNED}")
        if any((layer.reads is None) != (layer.name in ("head", "skip")) for layer in self.layers):
            raise ValueError("head and skip read the frame, and all others a tensor of dials.ranges")
        return self


def network(channels: int, blocks: int) -> list[tuple[str, str, tuple[int, int, int, int]]]:
    """The convolutions in the order of the file: name, and type and shape (out, k, k, in) of the weights."""
    side, square = FOLD + 2, (channels, 3, 3, channels)
    body = [(f"body.{block}.{part}", "int8", square) for block in range(blocks) for part in ("first", "second")]
    return [
        ("head", "int16", (channels, side, side, 3)),
        *body,
        ("tail", "int8", (PICTURE, 3, 3, channels)),
        ("skip", "int16", (PICTURE, side, side, 3)),
    ]


class Layer(NamedTuple):
    """A convolution as the file holds it, or at some dials."""

    weights: Array  # (out, k, k, in), whole numbers
    scale: Array  # (out,) float64: what a level of the weights is worth
    bias: Array  # (out,) float64

    def turned(self, turn: Turn) -> "Layer":
        return Layer(self.weights, self.scale * turn.factor, self.bias * turn.factor + turn.offset)


class Affine(NamedTuple):
    """What turns exact sums into the next levels, before they are rounded."""

    times: Floats  # (out,)
    plus: Floats  # (out,), or (h, w, out)

    def __call__(self, sums: Array) -> Floats:
        """`sums` (h, w, out), whole numbers."""
        return np.asarray(sums.astype(np.float32) * self.times + self.plus)


class Reading(NamedTuple):
    """How a convolution reads a tensor: as whole numbers of steps, from -zero to MOST - zero."""

    step: float
    zero: int
    gain: np.float32  # from levels of the trunk to steps; of no use where something else is read


class WebForm:
    """A student in its web form, at any dials."""

    def __init__(self, section: WebSection, dials: DialSection, data: bytes) -> None:
        """Of the file's `data`. Raises what `read_array` raises."""
        self.dials, self.blocks = dials, [f"body.{block}" for block in range(section.blocks)]
        self.layers = {layer.name: read_layer(layer, data) for layer in section.layers}
        self.reads = {layer.name: layer.reads for layer in section.layers if layer.reads is not None}

    def at(self, dials: Dials) -> "WebNetwork":
        """The student set to `dials`. Raises SharpcamError where one is not in 0..1."""
        turns = zip(self.dials.layers, self.dials.turns(dials), strict=True)
        layers = self.layers | {layer.name: self.layers[layer.name].turned(turn) for layer, turn in turns}
        spans = self._spans(dials)
        trunk = trunk_step([spans[name] for name in (*(f"{block}.first" for block in self.blocks), "tail")])
        reads = {name: reading(span, trunk, rectified=name.endswith(".second")) for name, span in spans.items()}
        return WebNetwork(self.blocks, layers, reads, trunk)

    def _spans(self, dials: Dials) -> dict[str, Range]:
        """What each convolution reads at `dials`."""
        if (table := self.dials.ranges) is None:
            raise SharpcamError('The contract has a web form, but no dials.ranges. Run "dvc repro export" again.')
        spans = ranges_at(table.low, table.high, dials, neutral=self.dials.neutral)
        return {name: spans[index] for name, index in self.reads.items()}


def read_layer(layer: WebLayer, data: bytes) -> Layer:
    """A convolution from the file's `data`. Raises what `read_array` raises."""
    kind = np.dtype(layer.weights.type).newbyteorder("<")
    weights = read_array(data, layer.weights.offset, kind, layer.weights.shape)
    scale, bias = (read_array(data, at, np.dtype("<f4"), layer.weights.shape[:1]) for at in (layer.scale, layer.bias))
    return Layer(weights, scale, bias)


def read_array(data: bytes, offset: int, kind: np.dtype[np.generic], shape: tuple[int, ...]) -> Array:
    """An array of the file as float64, which holds its numbers exactly.

    Raises SharpcamError where the file ends before it, or holds values that are not finite.
    """
    count = int(np.prod(shape))
    if offset + kind.itemsize * count > len(data):
        raise SharpcamError(
            f"The contract's web form lies behind the end of its file ({offset} of {len(data)} bytes). "
            'Run "dvc repro export" again.'
        )
    array = np.frombuffer(data, kind, count, offset).reshape(shape)
    if not np.isfinite(array).all():
        raise SharpcamError('The file of the web form holds values that are not finite. Run "dvc repro export" again.')
    return array.astype(np.float64)


def trunk_step(spans: list[Range]) -> float:
    """The value of a level of the trunk, whose states have these ranges."""
    return max(max(max(-span.low, span.high) for span in spans) / TRUNK_MOST, LEAST_STEP)


def reading(span: Range, trunk: float, *, rectified: bool) -> Reading:
    """How a tensor of that range is read; `rectified`: it comes from a ReLU, and has nothing below zero."""
    step = max(span.high - span.low, FINEST) / MOST
    zero = 0 if rectified else int(np.clip(np.rint(-span.low / step), 0, MOST))
    return Reading(step, zero, np.float32(trunk / step))


class WebNetwork:
    """A student in its web form, set to some dials."""

    def __init__(self, blocks: list[str], layers: dict[str, Layer], reads: dict[str, Reading], trunk: float) -> None:
        """`blocks` by name, what their convolutions read, and the value of a level of the `trunk`."""
        self.blocks, self.layers, self.reads = blocks, layers, reads
        head, tail, skip = (layers[name] for name in ("head", "tail", "skip"))
        self.affine = {"head": affine(head.scale / LEVELS / trunk, head.bias / trunk)}
        for name in blocks:
            first, second = layers[f"{name}.first"], layers[f"{name}.second"]
            outer, inner = reads[f"{name}.first"].step, reads[f"{name}.second"].step
            self.affine[f"{name}.first"] = affine(outer * first.scale / inner, first.bias / inner)
            self.affine[f"{name}.second"] = affine(inner * second.scale / trunk, second.bias / trunk)
        self.affine["skip"] = affine(skip.scale, (tail.bias + skip.bias) * LEVELS)
        self.tail = (reads["tail"].step * tail.scale * LEVELS).astype(np.float32)

    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """(H, W, 3) uint8 to (2H, 2W, 3) uint8. Raises SharpcamError unless H and W are even."""
        if frame.shape[0] % FOLD or frame.shape[1] % FOLD:
            raise SharpcamError(
                f"The web form takes frames of even sides; this one is {frame.shape[1]}x{frame.shape[0]}. Fit it first."
            )
        trunk = nearest(self._answer("head", frame), 0, INT16_MOST)
        for name in self.blocks:
            inner = nearest(self._answer(f"{name}.first", self._read(f"{name}.first", trunk)), 0, MOST)
            branch = nearest(self._answer(f"{name}.second", inner), INT16_LEAST, INT16_MOST)
            trunk = (trunk + branch).clip(INT16_LEAST, INT16_MOST)
        picture = Affine(self.tail, self._answer("skip", frame))(self._sums("tail", self._read("tail", trunk)))
        shuffled = shuffle(nearest(picture, 0, LEVELS).astype(np.uint8))
        if out is None:
            return shuffled
        out[:] = shuffled
        return out

    def _read(self, name: str, trunk: Array) -> Array:
        """What that convolution reads of the trunk, less the level of zero: so that its border is zero, too."""
        read = self.reads[name]
        levels = nearest(trunk.astype(np.float32) * read.gain, INT16_LEAST, INT16_MOST)
        return (levels + read.zero).clip(0, MOST) - read.zero

    def _answer(self, name: str, values: Array) -> Floats:
        return self.affine[name](self._sums(name, values))

    def _sums(self, name: str, values: Array) -> Array:
        return convolve(values, self.layers[name].weights, stride=FOLD if name in ("head", "skip") else 1)


def affine(times: Array, plus: Array) -> Affine:
    """Both as float32. Raises SharpcamError where one is too large for it."""
    with np.errstate(over="ignore"):
        both = Affine(times.astype(np.float32), plus.astype(np.float32))
    if not all(np.isfinite(each).all() for each in both):
        raise SharpcamError('The file of the web form holds values beyond 32 bits. Run "dvc repro export" again.')
    return both


def convolve(values: Array, weights: Array, *, stride: int) -> Array:
    """The convolution of levels (h, w, in) of 8 bits, with a border of zeros, by whole `weights` (out, k, k, in).

    In floats that hold its sums exactly, in whatever order they are taken: with int8 weights they stay below 2**24.
    """
    kind = np.float32 if np.abs(weights).max() <= MOST else np.float64
    bordered = np.pad(values.astype(kind), ((1, 1), (1, 1), (0, 0)))
    seen = sliding_window_view(bordered, weights.shape[1:3], axis=(0, 1))[::stride, ::stride]  # (h, w, in, k, k)
    columns = seen.transpose(0, 1, 3, 4, 2).reshape(-1, weights[0].size)
    sums = columns @ weights.reshape(len(weights), -1).T.astype(kind)
    return np.asarray(sums.reshape(*seen.shape[:2], -1))


def nearest(values: Floats, least: int, most: int) -> NDArray[np.int32]:
    """The nearest whole numbers, of two as near the even one, clamped to least..most."""
    return np.rint(values).clip(least, most).astype(np.int32)


def shuffle(levels: Array) -> Array:
    """(h, w, 48) to the picture (4h, 4w, 3): the channels at a place are colours of 4x4 pixels, row by row."""
    height, width = levels.shape[:2]
    squares = levels.reshape(height, width, 3, SCALE, SCALE)
    return squares.transpose(0, 3, 1, 4, 2).reshape(SCALE * height, SCALE * width, 3)
