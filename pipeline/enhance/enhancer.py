"""What makes the pictures of files and frames, whatever is behind it."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from numpy.typing import NDArray

from pipeline.core.geometry import Frame
from pipeline.student.dials import Dials

Advance = Callable[[int], object]  # told how many pixels of the input are done
State = dict[str, NDArray[Any]]
Measured = dict[str, dict[str, float]]  # of a picture: by method, by measure


class Enhancer(Protocol):
    """What makes the picture of a file or of a video's frame."""

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the result."""

    @property
    def bits(self) -> int:
        """Most bits of a colour in what it makes."""

    @property
    def measured(self) -> list[Measured]:
        """What was measured of each picture, in their order; stays empty where nothing is."""

    @property
    def dials(self) -> Dials | None:
        """The setting, where there is one that matters."""

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of what is made of a picture of `size`."""

    def seen(self, frames: Iterable[Frame]) -> "Enhancer":
        """The same for what the camera takes that took all of `frames`; these may be gone through several times."""

    def streaming(self, calm: float) -> "Enhancer":
        """The same for the frames of one stream, in their order: they are fused by `calm`, 0..1."""

    @property
    def state(self) -> State:
        """All that the stream's next frame depends on; empty for pictures."""

    def restore(self, state: State) -> None:
        """Resume the stream where `state` was taken."""

    def enhance(self, picture: Frame, advance: Advance | None = None) -> Frame:
        """The picture to be written, of `picture` (h, w, 3) uint8 or uint16."""

    def beside(self, plane: Frame) -> Frame | None:
        """What is written beside it, of alpha (h, w); None where there is no place for that."""
