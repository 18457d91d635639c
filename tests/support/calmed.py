"""Streams of frames, and what Python's Calm makes of them, for the tests of the live page's form of it."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np
from making import photo

from pipeline.core.geometry import Frame
from pipeline.student.calm import Calm
from pipeline.student.contract import pack_picture

Step = tuple[Frame, float]  # a frame, and the strength that it is fused with
NOISE = 6.0
SIZE = (96, 128)


def noisy(picture: Frame, seed: int, *, noise: float = NOISE) -> Frame:
    """The picture as a camera gives it once."""
    random = np.random.default_rng([1, seed])
    return np.clip(np.rint(picture + random.normal(0, noise, picture.shape)), 0, 255).astype(np.uint8)


def still(count: int, *, size: tuple[int, int] = SIZE, seed: int = 0, noise: float = NOISE) -> list[Frame]:
    """Frames of a camera that stands before a scene that does."""
    return [noisy(photo(*size, seed=seed), t, noise=noise) for t in range(count)]


def mover(count: int, *, size: tuple[int, int] = SIZE) -> list[Frame]:
    """Something passes by."""
    background, front = photo(*size, seed=1), photo(*size, seed=2)
    low, high, wide = size[0] // 4, 3 * size[0] // 4, size[1] // 4
    frames = []
    for t in range(count):
        shown, left = background.copy(), 3 * t % (size[1] - wide)
        shown[low:high, left : left + wide] = front[low:high, :wide]
        frames.append(noisy(shown, t))
    return frames


def pan(count: int) -> list[Frame]:
    """The camera turns, stands, and turns on, slower."""
    height, width = SIZE
    wide = photo(height, width + 100, seed=3)
    places = [min(2 * t, 20) + max(0, t - 20) for t in range(count)]
    return [noisy(wide[:, place : place + width], t) for t, place in enumerate(places)]


def exposures() -> list[Frame]:
    """The light changes at once, and slowly."""
    scales = [1.0] * 6 + [0.75] * 4 + [0.75 + t / 100 for t in range(10)]
    return [noisy((photo(*SIZE, seed=5) * scale).astype(np.uint8), t) for t, scale in enumerate(scales)]


def random_levels(count: int, size: tuple[int, int]) -> list[Frame]:
    """Only black and white, anywhere: the largest sums there can be."""
    random = np.random.default_rng(7)
    return [(255 * random.integers(0, 2, (*size, 3))).astype(np.uint8) for _ in range(count)]


def sides(count: int, size: tuple[int, int]) -> list[Frame]:
    """A few blocks change from frame to frame, at every border too."""
    random = np.random.default_rng(8)
    frames = still(count, size=size, noise=2.0)
    for frame in frames:
        y, x = random.integers(0, size[0] - 8), random.integers(0, size[1] - 8)
        frame[y : y + 8, x : x + 8] = random.integers(0, 256, 3)
        frame[:3, :5] = random.integers(0, 256, 3)
        frame[-5:, -6:] = random.integers(0, 256, 3)
    return frames


def streams() -> Iterator[tuple[str, float, list[Step]]]:
    """(name, the dial of noise, steps)."""

    def at(strength: float, frames: list[Frame]) -> list[Step]:
        return [(frame, strength) for frame in frames]

    black = np.zeros((*SIZE, 3), np.uint8)
    yield "a still scene, 40 frames", 0.6, at(1, still(40))
    yield "a mover, 40 frames", 0.6, at(1, mover(40))
    yield "a camera that pans and stands", 0.25, at(1, pan(40))
    yield "a cut and back", 0.25, at(1, still(8) + still(8, seed=9) + still(4))
    yield "a black frame between", 0.25, at(1, [*still(8), black, *still(4)])
    yield "black and white frames", 0.25, at(1, [black, black, black + 255, black + 255, black])
    yield "frames that come twice", 0.25, at(1, [frame for frame in still(8) for _ in range(2)])
    yield "half the strength", 0.6, at(0.5, mover(15))
    yield "strengths that halves are rounded of", 0.25, [(f, (t + 0.5) / 256) for t, f in enumerate(still(20))]
    yield "a strength that changes", 0.25, [(f, (1, 0.3, 0, 1, 0.7)[t // 5 % 5]) for t, f in enumerate(mover(30))]
    yield "light that changes", 0.25, at(1, exposures())
    yield "a dial of 0", 0.0, at(1, mover(8))
    yield "a dial of 1", 1.0, at(1, pan(8))
    yield "no noise", 0.25, at(1, still(4, noise=0.4))
    yield "much noise", 0.25, at(1, still(12, noise=30))
    yield "random levels", 0.25, at(1, random_levels(6, SIZE))
    for size in ((50, 67), (33, 35), (32, 32), (61, 130)):
        yield f"something moves in {size[1]}x{size[0]}", 0.25, at(1, sides(12, size))
    yield "frames that are too small", 0.25, at(1, still(3, size=(31, 200)))
    yield "another size", 0.25, at(1, still(4) + still(4, size=(64, 50)) + still(3))
    yield "a large one", 0.4, at(1, mover(6, size=(240, 320)))
    yield "sides that are sums beyond 32 bits", 0.4, at(1, sides(3, (72, 2200)))


def answers() -> list[dict[str, Any]]:
    """Each stream with the hash of the levels that Python gives for each frame."""
    return [{"name": name, "noise": noise, "steps": fused(noise, steps)} for name, noise, steps in streams()]


def fused(noise: float, steps: list[Step]) -> list[dict[str, Any]]:
    """Frame by frame: what goes in, and the hash of what comes out."""
    stream = Calm(noise=noise)
    made = []
    for frame, stream.strength in steps:
        given = stream.fuse(frame)
        answer = {"frame": pack_picture(frame), "strength": stream.strength}
        made.append(answer | {"fused": sha256(given.tobytes()).hexdigest()})
    return made
