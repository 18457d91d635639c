"""The runner of a teacher's chain: float32 from step to step, one clamp and one rounding at the end."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import ValidationError

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame, crop_box, to_uint8
from pipeline.core.hashing import sha256_of_json
from pipeline.core.params import GeometryParams, TeacherParams, describe_problems
from pipeline.student.dials import Dials
from pipeline.teacher.cache import StepCache
from pipeline.teacher.device import Engine
from pipeline.teacher.guard import defect, glitch
from pipeline.teacher.step import Picture, Size, Step
from pipeline.teacher.steps import STEPS

ENOUGH = 2  # times the target a side, from which on a frame holds more than a network that enlarges would add
ORDER = {"steady": 0, "crop": 1, "resize": 2}  # of the steps of such a frame; the others come after these
PREFIX_CHARACTERS = 32  # of a fingerprint, 128 bits

SCALE = 2  # of what a student makes, which a chain is compared at


@dataclass(frozen=True)
class Enhanced:
    """What the chain made of one frame."""

    frame: Frame  # (H, W, 3) uint8 at target size
    glitches: tuple[str, ...]  # "step: what was wrong"; where there is one, the frame is kept out of training


@dataclass(frozen=True)
class Chain:
    """A named list of steps, ready to run."""

    name: str
    steps: tuple[tuple[str, Step], ...]
    geometry: GeometryParams
    dials: Dials | None = None  # of the camera, where a step has been told them; else each reads what it needs itself

    @property
    def takes_dials(self) -> bool:
        """Whether what it gives depends on the dials of the camera, once it is told some."""
        return any(step.takes_dials for _, step in self.steps)

    def with_dials(self, dials: Dials | None) -> "Chain":
        """The same chain, told the dials of the camera; itself where there are none, or no step takes them."""
        if dials is None or not self.takes_dials:
            return self
        return replace(self, steps=tuple((name, step.with_dials(dials)) for name, step in self.steps), dials=dials)

    def for_frames(self, size: Size) -> "Chain":
        """The same chain for frames of `size` (width, height): large ones are brought to the target first.

        They are not enlarged before: that costs many times as much, and what is shrunk is sharp by itself. At four
        times the target, noisy, noisier and blurred photographs came 38.2, 31.9 and 30.4 dB near to the truth so, and
        37.6, 32.2 and 30.5 dB doubled first, at 150 times the time; only mild blur loses more. Shrunk to twice the
        target, then doubled, they came to 37.3, 32.4 and 31.6 dB, still at 25 times.
        """
        box, (width, height) = crop_box(*size, geometry=self.geometry), self.geometry.target
        names = [name for name, _ in self.steps]
        if box.width < ENOUGH * width or box.height < ENOUGH * height or "resize" not in names:
            return self
        if all(step.scale == 1 for _, step in self.steps):
            return self
        steps = sorted((each for each in self.steps if each[1].scale == 1), key=lambda each: ORDER.get(each[0], 3))
        return replace(self, steps=tuple(steps))

    def recipe(self) -> dict[str, Any]:
        """All that decides the result, as it is written beside the pictures."""
        steps = [{name: step.model_dump() | step.provenance()} for name, step in self.steps]
        return {
            "chain": self.name,
            "steps": steps,
            "target": list(self.geometry.target),
            "fit": self.geometry.fit,
        } | ({} if self.dials is None else {"dials": self.dials._asdict()})

    def fingerprint(self, *, steps: int | None = None) -> str:
        """A hash of the recipe, or of its first `steps` steps."""
        recipe = self.recipe()
        recipe["steps"] = recipe["steps"][:steps]
        if not any(step.takes_dials for _, step in self.steps[:steps]):
            recipe.pop("dials", None)
        del recipe["chain"]  # the same steps under another name are the same work
        return sha256_of_json(recipe)

    def settled(self) -> "Chain":
        """The same chain with the backends of its networks chosen: from now on they stay."""
        return replace(self, steps=tuple((name, step.settled()) for name, step in self.steps))

    def in_backend(self, name: str) -> "Chain":
        """The same chain with all its networks in one backend."""
        return replace(self, steps=tuple((step, made.in_backend(name)) for step, made in self.steps))

    def as_recorded(self, recipe: dict[str, Any]) -> "Chain | None":
        """The same chain in the backends that `recipe` records; None where that is another chain's.

        Raises LookupError, TypeError or AttributeError where it is no recipe.
        """
        entries = [next(iter(step.values())) for step in recipe["steps"]]
        if len(entries) != len(self.steps):
            return None
        steps = ((name, step.as_recorded(entry)) for (name, step), entry in zip(self.steps, entries, strict=True))
        same = replace(self, steps=tuple(steps))
        ours = json.loads(json.dumps(same.recipe()))
        return same if all(recipe.get(key) == ours[key] for key in ("steps", "target", "fit")) else None

    def load(self) -> None:
        """Bring the networks into memory. Raises SharpcamError where one cannot be."""
        for _, step in self.steps:
            step.load()

    def weight_paths(self) -> list[Path]:
        """The files that another machine needs to run this chain."""
        return sorted({path for _, step in self.steps for path in step.weight_paths()})

    def moved(self, folder: Path) -> "Chain":
        """The same chain with its weights in `folder`."""
        return replace(self, steps=tuple((name, step.moved(folder)) for name, step in self.steps))

    @property
    def uses_gpu(self) -> bool:
        """Whether a step computes on another device than the CPU."""
        return any(step.device != "cpu" for _, step in self.steps)

    def doubled(self, frame: Frame) -> Frame:
        """What it makes of `frame` (h, w, 3) uint8 with twice its size for a target: (2h, 2w, 3) uint8."""
        height, width = frame.shape[:2]
        target = GeometryParams(width=SCALE * width, height=SCALE * height, scale=SCALE, fit="crop")
        return replace(self, geometry=target).enhance(frame).frame

    def enhance(self, frame: Frame, *, cache: StepCache | None = None, key: str = "") -> Enhanced:
        """The target picture of a raw `frame` (H, W, 3) uint8; `key` names the frame in the cache."""
        size = frame.shape[1], frame.shape[0]
        return self.for_frames(size)._enhance(frame, cache, key)

    def _enhance(self, frame: Frame, cache: StepCache | None, key: str) -> Enhanced:
        start, glitches = 0, []
        picture: Picture = frame.astype(np.float32) / np.float32(255)
        self.check(size=(frame.shape[1], frame.shape[0]))
        if cache is not None:
            start, picture = self._resume(cache, key, picture)
        for index in range(start, len(self.steps)):
            name, step = self.steps[index]
            picture, problem = guarded(step, picture, run=self._run)
            if problem:
                glitches.append(f"{name}: {problem}")
            elif cache is not None and step.is_network and not glitches:
                cache.put(self._cache_key(key, index + 1), picture)
        return Enhanced(to_uint8(picture * 255), tuple(glitches))

    def _run(self, step: Step, picture: Picture) -> Picture:
        return step.run(picture, geometry=self.geometry)

    def cache_prefixes(self) -> frozenset[str]:
        """What the names of this chain's pictures begin with in the cache, one for each network."""
        networks = (done for done, (_, step) in enumerate(self.steps, start=1) if step.is_network)
        return frozenset(self.fingerprint(steps=done)[:PREFIX_CHARACTERS] for done in networks)

    def _cache_key(self, key: str, steps: int) -> str:
        return f"{self.fingerprint(steps=steps)[:PREFIX_CHARACTERS]}-{key}"

    def _resume(self, cache: StepCache, key: str, picture: Picture) -> tuple[int, Picture]:
        """The furthest step whose result is kept: the number of steps done, and the picture there."""
        for done in range(len(self.steps), 0, -1):
            if self.steps[done - 1][1].is_network:
                kept = cache.get(self._cache_key(key, done))
                if kept is not None:
                    return done, kept
        return 0, picture

    def check(self, *, size: Size) -> None:
        """Raise SharpcamError unless the steps lead from a frame of `size` (width, height) to the target."""
        for _, step in self.steps:
            size = step.size_after(size, geometry=self.geometry)
        if size != self.geometry.target:
            width, height = self.geometry.target
            raise SharpcamError(
                f'The chain "{self.name}" ends at {size[0]}x{size[1]}, the target is {width}x{height}. '
                f"Order its steps in params.yaml so that a resize comes after whatever enlarges."
            )


def guarded(step: Step, picture: Picture, *, run: Callable[[Step, Picture], Picture]) -> tuple[Picture, str]:
    """The step's result; on a glitch once more in its fallback form; else the input at its size, and what was wrong."""
    after = run(step, picture)
    problem = _problem(step, picture, after)
    fallback = step.fallback_step() if problem else None
    if fallback is not None:
        after = run(fallback, picture)
        problem = _problem(step, picture, after)
    return (passed_through(picture, like=after), problem) if problem else (after, "")


def _problem(step: Step, before: Picture, after: Picture) -> str:
    return defect(after) or (glitch(before, after) if step.keeps_view else "")


def passed_through(picture: Picture, *, like: Picture) -> Picture:
    """`picture` at the size of `like`: what stands in for a step that failed."""
    size = like.shape[1], like.shape[0]
    kernel = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return picture if like.shape == picture.shape else np.asarray(cv2.resize(picture, size, interpolation=kernel))


def build_chain(params: TeacherParams, *, geometry: GeometryParams, engine: Engine | None = None) -> Chain:
    """The chain that the parameters name, its networks computed where `engine` says.

    Raises SharpcamError for a step or an argument that does not exist.
    """
    steps = [_build_step(params.chain, *step) for step in params.steps()]
    if "steady" in [name for name, _ in steps[1:]]:
        raise SharpcamError(
            f'In the chain "{params.chain}" steady comes after another step, and it fuses frames as the camera gave '
            "them. Put it first in params.yaml."
        )
    placed = tuple((name, step.placed(engine or Engine())) for name, step in steps)
    return Chain(params.chain, placed, geometry)


def _build_step(chain: str, name: str, arguments: dict[str, Any]) -> tuple[str, Step]:
    if name not in STEPS:
        raise SharpcamError(
            f'params.yaml: the chain "{chain}" has a step "{name}"; the steps there are: {", ".join(STEPS)}.'
        )
    try:
        return name, STEPS[name](**arguments)
    except (ValidationError, TypeError) as error:
        found = describe_problems(error).values() if isinstance(error, ValidationError) else [str(error)]
        problems = "; ".join(found)
        raise SharpcamError(
            f'params.yaml: step "{name}" of chain "{chain}": {problems}. Fix it and run again.'
        ) from None
