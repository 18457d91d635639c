"""The commands that a page may start: nothing else is ever executed. Argument lists, no shell."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

Lane = Literal["pipeline", "tool"]
STAGE = r"[a-z][a-z0-9_]*"
NOTHING = r"(?!)"  # matches no word


@dataclass(frozen=True)
class Command:
    """What is run, and what may be given to it."""

    title: str
    lane: Lane  # jobs of one lane run one after the other
    argv: tuple[str, ...]
    options: frozenset[str] = field(default_factory=frozenset)  # words that begin with "-"
    value: str = r"[^-].*|"  # what every other word must match
    brief: bool = False  # whether its arguments say nothing to people

    def check(self, arguments: Sequence[str]) -> None:
        """Raise SharpcamError where an argument is none that this command takes."""
        for word in arguments:
            allowed = word in self.options or re.fullmatch(self.value, word, re.DOTALL)
            if not allowed or "\0" in word:
                raise SharpcamError(f'"{word}" cannot be given to {self.title}. Choose from what the page offers.')


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


COMMANDS = {
    "repro": Command(
        "Pipeline",
        "pipeline",
        (*_module("dvc"), "repro"),
        frozenset({"--force", "--downstream", "--single-item", "--dry"}),
        value=STAGE,
    ),
    "doctor": Command("Doctor", "tool", _module("pipeline.doctor")),
    "record": Command(
        "Recording",
        "tool",
        _module("pipeline.capture"),
        frozenset({"--source", "--clip", "--frames", "--every"}),
        value=r"[^-].*",
    ),
    "checks": Command("Checks of the pairs", "tool", _module("pipeline.checks"), value=NOTHING),
    "forecast": Command("Forecast of the teacher", "tool", _module("pipeline.forecast"), value=NOTHING),
    "cleanup": Command("Clean-up", "tool", _module("pipeline.cleanup"), frozenset({"--remove"}), value=r"[a-z]+"),
    "compare": Command(
        "Comparison on the same frames",
        "tool",
        _module("pipeline.compare"),
        value=r"run:[0-9a-f]{32}|version:\d+|student_sr|bundled:\w+",
        brief=True,
    ),
    "enhance": Command(
        "Enhance",
        "tool",
        _module("pipeline.enhance"),
        frozenset({"-o", "--model", "--fit", "--compare", "--engine", "--threads", "--codec", "--preset", "--quality"})
        | {"--strength", "--denoise", "--sharpen", "--calm"},
        brief=True,
    ),
}
REGISTER = _module("pipeline.register")


def check(name: str, arguments: Sequence[str]) -> Command:
    """The command of that name. Raises SharpcamError where it is not listed, or does not take these arguments."""
    if name not in COMMANDS:
        raise SharpcamError(f'There is no command "{name}". Choose from: {", ".join(COMMANDS)}.')
    COMMANDS[name].check(arguments)
    return COMMANDS[name]


def steps(name: str, arguments: Sequence[str], paths: Paths) -> Iterator[list[str]]:
    """The argument lists to run one after the other; each is asked for when the one before has ended well.

    Registering a student is no stage (DVC's run cache would skip it), so it follows here.
    """
    yield [*check(name, arguments).argv, *arguments]
    if name == "repro" and "--dry" not in arguments and paths.evaluation.exists() and paths.contract.exists():
        yield [*REGISTER]


def title(name: str, arguments: Sequence[str]) -> str:
    """What a person calls the job."""
    known = COMMANDS.get(name)
    if known and known.brief:
        return known.title
    return " ".join([known.title if known else name, *arguments])
