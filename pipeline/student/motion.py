"""What moved from one frame of a stream to the next, and what is only noise: the gain of each block of 4x4 pixels.

From the change of luma since the picture so far, a block moved where there is
- more change than noise explains. Noise is a curve over brightness, read from the quieter blocks of frames in which the
  camera stands; what a block itself usually does counts as well, up to three times the curve;
- change of one sign, which noise hardly has;
- a change of colour, far above noise: what moves may have the luma of what is behind it;
- change that goes along with the picture's slope, as a shift's does (Lucas and Kanade 1981): noise, whose size does not
  matter here, explains next to nothing of it. Where most of the frame says so, the camera itself moves.

Ratios among sums of integers are float64, the same operations in the same order as in app/live/web/motion.mjs.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.geometry import Frame

BLOCK = 4  # pixels of a side
PIXELS = BLOCK * BLOCK
CELLS = 4  # of a side of the frame, for what the camera itself does
ONE = 256  # a share of 1

BINS = 8  # of brightness, on the curve of the noise
SIZES = 255 * PIXELS + 1  # that a block's sum of change can have
BIN_BITS = 9  # of a block's sum of luma that do not say in which bin it is
FINE = 16  # units of the curve in one of a block's sums of change
QUIET_TENTHS = 3  # of the blocks of a brightness are no noisier than what counts for its noise
FLOOR = 8 * FINE  # half a level: less is rounding
FEWEST = 32  # blocks that tell the noise of a brightness
SPREAD = 13.2  # sum of the change in a block over the noise's standard deviation, once a few frames are fused
LEVELS = 16.0  # standard deviation of the noise that the dial calls 1; it grows with the dial's square
CUT, CUT_SUM = 4, 2 * PIXELS  # times the noise, and that much more: half of the picture changed so much
NOISIEST = 20 * PIXELS  # where the noise is not known

NOISY = (150, 220)  # per cent of the noise: change from where on, and from where on surely, something moved
ONE_SIGN = (70, 115)  # the same for change of one sign
COLOURED = (200, 350)  # the same for change of colour
FAINT = 24 * FINE  # change of colour of a row, six levels, that never counts for noise
SHIFT = (0.25, 0.48)  # the same for the share of the change that a shift of 7x7 blocks explains
SHIFT_LEAST = 15  # per cent of the noise that change of one sign has, for a shift to count
CAMERA = (0.03, 0.08)  # share that a shift of a cell explains, in all but a quarter of the cells
WINDOW = 7  # blocks
HARSHEST = 3  # times the noise that a block may usually have
TINY = 16.0  # added to each variance, so that nothing explains nothing

Plane = NDArray[Any]  # (h, w), luma of the frames' type: uint8 or uint16
Blocks = NDArray[np.int32]  # (h // 4, w // 4)
Sums = NDArray[np.float64]


class Change(NamedTuple):
    """What a frame's blocks say, sums over their pixels' luma, in levels of 8 bits."""

    before: Blocks  # the picture so far
    signed: Blocks  # new - before
    size: Blocks  # |new - before|
    colour: Blocks  # |change of red - green| + |change of blue - green|, of one row of four pixels


@dataclass
class Noise:
    """What change is usual in a stream, in FINE."""

    curve: NDArray[np.int32]  # (BINS,) that noise makes
    known: bool  # whether the curve was read from frames
    usual: Blocks  # of each block; 0: not known yet

    @classmethod
    def of_dial(cls, noise: float, blocks: tuple[int, int]) -> "Noise":
        """What is taken for it as long as no frames have told; `blocks` are rows and columns."""
        expected = max(FLOOR, int(FINE * SPREAD * LEVELS * noise * noise))
        return cls(np.full(BINS, expected, np.int32), known=False, usual=np.zeros(blocks, np.int32))

    def of_another_scene(self) -> "Noise":
        """The same after a cut: it may be another camera's."""
        return Noise(self.curve, known=False, usual=np.zeros_like(self.usual))


def changed(frame: Frame, luma: Plane, shown: Frame, before: Plane) -> Change:
    """What all whole blocks of `frame` and its `luma` say next to the picture so far and `before`, its luma."""
    difference = difference_of(luma, before)
    sums = [block_sums(plane) for plane in (before.astype(difference.dtype), difference, np.abs(difference))]
    return Change(*(in_levels(each, luma.dtype) for each in (*sums, colour_change(frame, shown))))


def difference_of(new: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    """`new` - `before`, both uint8 or uint16, in a type that has room for sums of it over a block."""
    return np.asarray(np.subtract(new, before, dtype=np.int16 if new.dtype == np.uint8 else np.int32))


def in_levels(sums: Blocks, of: np.dtype[Any]) -> Blocks:
    """Sums over pixels of type `of` in levels of 8 bits, rounded."""
    return sums if of == np.uint8 else np.rint(sums / 257).astype(np.int32)


def colour_change(frame: Frame, shown: Frame) -> Blocks:
    """What the second row of each block tells of its colour, in the frames' levels."""
    rows, columns = (side // BLOCK for side in frame.shape[:2])
    row = slice(1, BLOCK * rows, BLOCK)
    difference = difference_of(frame[row, : BLOCK * columns], shown[row, : BLOCK * columns])
    red, green, blue = (four_summed(plane) for plane in cv2.split(difference))
    return np.asarray(np.abs(red - green) + np.abs(blue - green), np.int32)


def block_sums(plane: NDArray[Any]) -> Blocks:
    """Sums over blocks of 4x4; what is left over at the right and below belongs to none."""
    rows, columns = (side // BLOCK * BLOCK for side in plane.shape)
    plane = plane[:rows, :columns]
    tall = plane[0::BLOCK] + plane[1::BLOCK] + plane[2::BLOCK] + plane[3::BLOCK]
    return np.asarray(four_summed(tall), np.int32)


def four_summed(plane: NDArray[Any]) -> NDArray[Any]:
    """Sums over four columns each."""
    one, two, three, four = (plane[:, at::BLOCK] for at in range(BLOCK))
    return np.asarray(one + two + three + four)


def is_cut(change: Change, noise: Noise) -> bool:
    """Whether half of the blocks changed by far more than noise: another scene, or other light."""
    half = change.size.size // 2
    most = CUT * int(noise.curve.max()) // FINE + CUT_SUM
    return int(np.partition(change.size, half, axis=None)[half]) > (most if noise.known else max(most, NOISIEST))


def moved(change: Change, noise: Noise) -> Blocks:
    """Of each block how surely it moved, 0..256; learns the noise where the camera stands."""
    bins = change.before >> BIN_BITS
    parts = slopes_and_change(change)
    camera = int(ramp(share_of_camera(parts), CAMERA))
    if camera == ONE:
        return np.full_like(bins, ONE)
    if camera == 0:
        learn_curve(noise, change.size, bins)
    expected = noise.curve[bins]
    usual = np.clip(noise.usual, expected, HARSHEST * expected)
    size, one_sign, colour = (boxed(part, 3) * FINE for part in (change.size, np.abs(change.signed), change.colour))
    shifted = np.where(one_sign * 100 > SHIFT_LEAST * 9 * expected, ramp(share_of_windows(parts), SHIFT), 0)
    certain = np.maximum(shifted, percent(one_sign, usual, ONE_SIGN))
    certain = np.maximum(certain, percent(colour, np.maximum(usual, FAINT), COLOURED))
    most = np.maximum(certain, percent(size, usual, NOISY))
    if camera == 0:
        learn_usual(noise, change.size, expected, certain == 0)
    return np.maximum(widened(most), camera).astype(np.int32)


def learn_curve(noise: Noise, size: Blocks, bins: Blocks) -> None:
    """Read the noise of each brightness; where too few blocks have it, as that of the next darker, else brighter."""
    counts = np.bincount((bins * SIZES + size).ravel(), minlength=BINS * SIZES).reshape(BINS, SIZES)
    measured = [quietest(running) for running in counts.cumsum(axis=1)]
    following = next((value for value in measured if value is not None), None)
    if following is None:
        return
    found = np.empty(BINS, np.int32)
    for each, value in enumerate(measured):
        following = following if value is None else value
        found[each] = max(following, FLOOR)
    noise.curve = noise.curve + ((found - noise.curve) >> 2) if noise.known else found
    noise.known = True


def quietest(running: NDArray[np.intp]) -> int | None:
    """What the quieter blocks of a brightness do not exceed, and a tenth more; `running` counts up to each size."""
    total = int(running[-1])
    quiet = -(-QUIET_TENTHS * total // 10)
    return int(np.searchsorted(running, quiet)) * FINE * 11 // 10 if total >= FEWEST else None


def learn_usual(noise: Noise, size: Blocks, expected: Blocks, rests: NDArray[np.bool_]) -> None:
    """Follow what each block that `rests` does: slowly up, as what passes by must not count, quicker down."""
    usual = np.where(noise.usual == 0, expected + expected // 8, noise.usual)
    ahead = np.minimum(size * FINE, HARSHEST * expected) - usual
    noise.usual = usual + np.where(rests, np.where(ahead > 0, ahead >> 4, ahead >> 3), 0)


def slopes_and_change(change: Change) -> Sums:
    """Slopes x, y of the picture and its change d: xx, xy, yy, xd, yd, dd, x, y, d, each (rows, columns).

    Slopes are central differences; there are none at the border.
    """
    before, parts = change.before, np.empty((9, *change.before.shape))
    x, y, d = parts[6:]
    x[:, 0] = x[:, -1] = y[0] = y[-1] = 0
    np.subtract(before[:, 2:], before[:, :-2], out=x[:, 1:-1])
    np.subtract(before[2:], before[:-2], out=y[1:-1])
    d[:] = change.signed
    for product, (one, other) in zip(parts, ((x, x), (x, y), (y, y), (x, d), (y, d), (d, d)), strict=False):
        np.multiply(one, other, out=product)
    return parts


def share_of_windows(parts: Sums) -> Sums:
    """What a shift of the 7x7 blocks around each explains of their change, 0..1."""
    return np.asarray(explained_share([boxed(part, WINDOW) for part in parts], float(WINDOW * WINDOW)))


def share_of_camera(parts: Sums) -> float:
    """What shifts of the cells of the frame explain of their change, 0..1: all but a quarter have so much."""
    rows, columns = (edges(side) for side in parts.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(parts, rows[:-1], axis=1), columns[:-1], axis=2)
    counts = np.outer(np.diff(rows), np.diff(columns)).astype(np.float64)
    return float(np.sort(explained_share(list(sums), counts), axis=None)[CELLS])


def edges(side: int) -> list[int]:
    """Where the cells along a side of so many blocks begin and end."""
    return [side * each // CELLS for each in range(CELLS + 1)]


def explained_share(sums: list[Any], count: Any) -> Any:
    """Of the variance of the change over `count` blocks, the share that a least-squares shift explains."""
    xx, xy, yy, xd, yd, dd, x, y, d = sums
    tiny = TINY * count * count
    xx, yy = count * xx - x * x + tiny, count * yy - y * y + tiny
    xy, xd, yd = count * xy - x * y, count * xd - x * d, count * yd - y * d
    dd = count * dd - d * d + tiny
    determinant = xx * yy - xy * xy
    return (yy * xd * xd - 2.0 * xy * xd * yd + xx * yd * yd) / determinant / dd


def boxed(blocks: NDArray[Any], side: int) -> Sums:
    """Sums over side x side blocks; the border is repeated outside."""
    plane = np.asarray(blocks, np.float64)
    return np.asarray(cv2.boxFilter(plane, -1, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE))


def percent(nine: Sums, noise: Blocks, ends: tuple[int, int]) -> Sums:
    """0..256 from one end to the other of what sums over 3x3 blocks are in per cent of `noise`, in whole numbers.

    Floats divide many times faster than integers, and for such small ones round down to the same.
    """
    low, high = ends
    over = np.floor(100 * nine / (9 * noise)) - low
    return np.asarray(np.floor(over * ONE / (high - low)).clip(0, ONE))


def ramp(share: Any, ends: tuple[float, float]) -> Any:
    """0..256 from one end to the other."""
    low, high = ends
    return np.floor((share - low) / (high - low) * ONE).clip(0, ONE)


def widened(moved: Sums) -> Sums:
    """The most of 3x3 blocks: the edges of what moves belong to it."""
    return np.asarray(cv2.dilate(moved, np.ones((3, 3))))
