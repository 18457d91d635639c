"""What a step of a teacher's chain is: it takes a float32 RGB picture in 0..1 and gives one, and knows its size.

A step's fields are its arguments in params.yaml. What it gives depends on the picture, its arguments, the geometry, its
provenance and, where it takes them, the dials of the camera alone.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from pipeline.core.params import GeometryParams
from pipeline.student.dials import Dials
from pipeline.teacher.device import Engine

Picture = NDArray[np.float32]  # (H, W, 3), RGB in 0..1
Size = tuple[int, int]  # (width, height), pixels


class Step(BaseModel, frozen=True, extra="forbid"):
    """One step of a chain."""

    scale: ClassVar[int] = 1  # how many times larger than what it is given is what it gives, whatever the target
    is_network: ClassVar[bool] = False  # slow: its result is worth keeping
    keeps_view: ClassVar[bool] = True  # what it gives shows the same as what it was given
    takes_dials: ClassVar[bool] = False  # what it gives also depends on the dials of the camera, if it is told some

    @property
    def device(self) -> str:
        """What it computes on."""
        return "cpu"

    def size_after(self, size: Size, *, geometry: GeometryParams) -> Size:
        """The size of the picture that this step makes of one of `size`."""
        del geometry
        return size

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        """The step itself."""
        raise NotImplementedError

    def provenance(self) -> dict[str, Any]:
        """What beside the arguments decides the result: weights, precision."""
        return {}

    def load(self) -> None:
        """Make ready for the first picture."""

    def weight_paths(self) -> list[Path]:
        """The files that it needs."""
        return []

    def moved(self, folder: Path) -> "Step":
        """The same step with its files in `folder`."""
        del folder
        return self

    def placed(self, engine: Engine) -> "Step":
        """The same step, computed where `engine` says, if it is one for which that matters."""
        del engine
        return self

    def with_dials(self, dials: Dials) -> "Step":
        """The same step, told the dials of the camera, if it is one that takes them."""
        del dials
        return self

    def settled(self) -> "Step":
        """The same step with all chosen that is chosen by measuring."""
        return self

    def in_backend(self, name: str) -> "Step":
        """The same step, computed in that backend, if it is one for which that matters."""
        del name
        return self

    def as_recorded(self, entry: dict[str, Any]) -> "Step":
        """The same step, computed as its `entry` in a recipe says, if that matters and the parameters allow it."""
        del entry
        return self

    def fallback_step(self) -> "Step | None":
        """The same step in a form that is less sharp and fails less often, if there is one."""
        return None
