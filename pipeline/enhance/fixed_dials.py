"""Dials that were asked for, whatever is seen of a camera."""

from typing import NamedTuple

from pipeline.student.dials import Dials


class Fixed(NamedTuple):
    """Dials that were asked for, whatever is seen; None: as it is seen."""

    blur: float | None = None
    noise: float | None = None

    def instead_of(self, dials: Dials) -> Dials:
        """`dials`, but for those that were asked for."""
        return dials._replace(**self.asked)

    @property
    def asked(self) -> dict[str, float]:
        """By name."""
        return {name: value for name, value in self._asdict().items() if value is not None}


AS_SEEN = Fixed()
