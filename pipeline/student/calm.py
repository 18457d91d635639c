"""Calm: what a camera's frames say together, before a student sees them. Frame by frame, one picture of memory.

fused = fused + gain * (new - fused), with a gain per pixel: 1 where something moved, so that nothing trails; where
nothing did, it falls to 1/8 as frames come in (the shape is that of EMVD, arXiv 2103.05407: fuse first, cheaply, then
restore). A mean with weights in 0..1 stays between its frames: it cannot diverge, however long the scene stands still.
What moved is found in pipeline/student/motion.py. Pictures and gains are integers; app/live/web/calm.mjs gives the same
bytes.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.geometry import Frame
from pipeline.student.dials import in_range
from pipeline.student.motion import BLOCK, ONE, Blocks, Noise, Plane, changed, is_cut, moved

DEFINITION = 1  # of what is computed here, as contracts name it: another one gives other bytes
SMALLEST_PX = 32  # of a side: smaller frames tell too little, and pass as they are
FRACTION = 7  # bits behind the point of the picture's memory
STEPS = 5  # bits of a pixel's gain
LEAST = 32  # gain, of 256, where nothing ever moved


@dataclass
class Memory:
    """What is kept of a stream."""

    picture: NDArray[np.signedinteger[Any]]  # (h, w, 3), in 1/128 levels
    shown: Frame  # the same in levels, of the frames' type
    luma: Plane  # of `shown`
    newest: Plane  # luma of the last frame
    gain: Blocks  # of 256
    noise: Noise


@dataclass
class Calm:
    """One stream of frames on its way to a student. Another stream needs another one."""

    strength: float = 1.0  # 0: frames pass as they are, 1: all of it
    noise: float = 0.25  # the dial; what the noise is taken for until frames have told
    memory: Memory | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        in_range(self.strength, name="The calm")

    def fuse(self, frame: Frame) -> Frame:
        """What to make a picture of in place of `frame`, both (h, w, 3) uint8 or uint16. The stream's next comes next.

        Another size or type, and a cut, begin again. A frame that came before is not counted twice. The answer is the
        stream's own memory: it must not be written to, and is good until the next frame.
        """
        if self.strength == 0 or min(frame.shape[:2]) < SMALLEST_PX:
            self.memory = None
            return frame
        memory, luma = self.memory, gray(frame)
        if memory is None or memory.shown.shape != frame.shape or memory.shown.dtype != frame.dtype:
            blocks = frame.shape[0] // BLOCK, frame.shape[1] // BLOCK
            return self._begin(frame, luma, Noise.of_dial(self.noise, blocks))
        if np.array_equal(luma, memory.newest):
            return memory.shown
        change = changed(frame, luma, memory.shown, memory.luma)
        if is_cut(change, memory.noise):
            return self._begin(frame, luma, memory.noise.of_another_scene())
        memory.newest = luma
        memory.gain = next_gain(memory.gain, moved(change, memory.noise), round(ONE * self.strength))
        blend(memory, frame, per_pixel(memory.gain, *luma.shape))
        memory.luma = gray(memory.shown)
        return memory.shown

    def _begin(self, frame: Frame, luma: Plane, noise: Noise) -> Frame:
        self.memory = Memory(
            picture=np.left_shift(frame, FRACTION, dtype=np.int16 if frame.dtype == np.uint8 else np.int32),
            shown=frame.copy(),
            luma=luma,
            newest=luma,
            gain=np.full(noise.usual.shape, ONE, np.int32),
            noise=noise,
        )
        return self.memory.shown

    def state(self) -> dict[str, NDArray[Any]]:
        """All that the next frame depends on, as arrays; empty before the first frame."""
        if self.memory is None:
            return {}
        parts = {**vars(self.memory), **vars(self.memory.noise)}
        return {name: np.array(value) for name, value in parts.items() if name != "noise"}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Resume where `state` was taken."""
        if not state:
            self.memory = None
            return
        noise = Noise(state["curve"], bool(state["known"]), state["usual"])
        parts = ("picture", "shown", "luma", "newest", "gain")
        self.memory = Memory(**{name: state[name] for name in parts}, noise=noise)


def gray(frame: Frame) -> Plane:
    """OpenCV's luma (h, w), of the frame's type: (9798 R + 19235 G + 3735 B + 16384) >> 15."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), frame.dtype)


def next_gain(gain: Blocks, moved: Blocks, strength: int) -> Blocks:
    """The gain of each block, of 256: that of a mean over one frame more, up to 1 as surely as something moved.

    `moved` and `strength` are of 256.
    """
    least = np.maximum(ONE * gain // (ONE + gain), LEAST)
    full = least + ((ONE - least) * moved >> 8)
    return np.asarray(ONE - ((ONE - full) * strength >> 8), np.int32)


def per_pixel(gain: Blocks, height: int, width: int) -> NDArray[np.int16]:
    """Gains of blocks (of 256) at each pixel (h, w), of 32: linear between the blocks' middles."""
    spread = np.pad(gain.astype(np.int16), 1, mode="edge")
    tall = np.stack(between(spread[:-2], spread[1:-1], spread[2:]), axis=1).reshape(-1, spread.shape[1])
    pixels = cv2.merge(between(tall[:, :-2], tall[:, 1:-1], tall[:, 2:])).reshape(len(tall), -1)
    pixels += 1 << (5 + 8 - STEPS)  # rounds
    pixels >>= 6 + 8 - STEPS
    over = height - pixels.shape[0], width - pixels.shape[1]
    return np.pad(pixels, ((0, over[0]), (0, over[1])), mode="edge") if any(over) else np.asarray(pixels, np.int16)


def between(before: NDArray[np.int16], here: NDArray[np.int16], after: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    """Eight times the values at the first, second, third and fourth pixels of blocks, along one axis."""
    return [3 * before + 5 * here, before + 7 * here, 7 * here + after, 5 * here + 3 * after]


def blend(memory: Memory, frame: Frame, gain: NDArray[np.int16]) -> None:
    """picture += gain * (frame - picture), in its type: the difference keeps a quarter of a level, rounded."""
    step = np.left_shift(frame, FRACTION, dtype=memory.picture.dtype)
    step -= memory.picture
    step += 1 << (STEPS - 1)
    step >>= STEPS
    step *= cv2.merge([gain, gain, gain])
    memory.picture += step
    np.add(memory.picture, 1 << (FRACTION - 1), out=step)
    step >>= FRACTION
    np.copyto(memory.shown, step, casting="unsafe")
