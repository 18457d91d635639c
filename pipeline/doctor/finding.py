"""What the doctor says of one thing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    said: str  # what was found
    fix: str = ""  # what to do about it; nothing: it is well
    needed: bool = True  # sharpcam does not work without

    @property
    def mark(self) -> str:
        return "ok" if not self.fix else "MISSING" if self.needed else "optional"
