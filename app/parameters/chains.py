"""The chains of the teacher as steps that can be switched off: a step that is off is a comment in params.yaml."""

import re
from dataclasses import dataclass

CHAIN = re.compile(r"^(\w+):")
STEP = re.compile(r"^\s*(?P<off># ?)?\s*- (?P<name>\w+):(?P<rest>.*)")


WORDS = {
    "steady": "Fuse each frame with its neighbours",
    "crop": "Cut to the picture's shape",
    "resize": "Bring to the picture's size",
    "restorer": "Enhance with the bundled network",
    "nafssr": "Enlarge with NAFSSR",
    "nafnet_deblur": "Remove blur with NAFNet",
    "nafnet_denoise": "Remove noise with NAFNet",
    "realesrgan": "Enlarge with Real-ESRGAN",
    "denoise": "Remove noise",
    "unsharp": "Sharpen",
    "sharpen": "Sharpen as the original system did",
}


@dataclass(frozen=True)
class Step:
    """One step of a chain, as lines of the text of all chains."""

    name: str
    about: str  # its arguments and comment, as they are written
    on: bool
    first: int  # line
    end: int  # the line after its last


def steps_of(text: str, chain: str) -> list[Step]:
    """The steps of one chain in their order, those that are off among them."""
    lines = text.splitlines()
    begun = next((at for at, line in enumerate(lines) if (found := CHAIN.match(line)) and found[1] == chain), None)
    if begun is None:
        return []
    end = next((at for at in range(begun + 1, len(lines)) if CHAIN.match(lines[at])), len(lines))
    starts = [at for at in range(begun + 1, end) if STEP.match(lines[at])]
    return [_step(lines, first, last) for first, last in zip(starts, [*starts[1:], end], strict=True)]


def _step(lines: list[str], first: int, end: int) -> Step:
    found = STEP.match(lines[first])
    assert found is not None
    more = " ".join(line.lstrip("# ").strip() for line in lines[first + 1 : end])
    about = " ".join(part for part in (found["rest"].strip().removeprefix("{}").strip(), more) if part)
    return Step(found["name"], about, found["off"] is None, first, end)


def switched(text: str, step: Step) -> str:
    """The text with the step off where it was on, or on where it was off."""
    lines = text.splitlines()
    for at in range(step.first, step.end):
        lines[at] = f"# {lines[at]}" if step.on else re.sub(r"^# ?", "", lines[at])
    return "\n".join(lines)


def called(step: Step) -> str:
    """What a step does, in a few words."""
    return WORDS.get(step.name, step.name)
