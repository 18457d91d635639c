"""The chains of the teacher as steps that can be switched: one that is off has `enabled: false` among its arguments."""

from dataclasses import dataclass
from typing import Any

import yaml

from app.parameters.yaml_text import as_yaml, edited, on_one_line, parse, replacing
from pipeline.core.yaml_text import compose_yaml

SWITCH = "enabled"  # pipeline/core/params.py reads it
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
    """One step of a chain."""

    name: str
    arguments: dict[str, Any]

    @property
    def on(self) -> bool:
        """Whether it runs."""
        return self.arguments.get(SWITCH, True) is True

    @property
    def about(self) -> str:
        """Its arguments, on one line."""
        return on_one_line({name: value for name, value in self.arguments.items() if name != SWITCH})

    def switched(self) -> "Step":
        """The same step, off where it was on, or on where it was off."""
        others = {name: value for name, value in self.arguments.items() if name != SWITCH}
        return Step(self.name, others | {SWITCH: False} if self.on else others)


def steps_of(text: str, chain: str) -> list[Step]:
    """The steps of one chain in their order, those that are off among them; none where the text is no chains."""
    try:
        return [Step(*next(iter(step.items()))) for step in parse(text)[chain]]
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return []


def switched(text: str, chain: str, number: int) -> str:
    """The text of all chains with the step `number` (from 0) of one off where it was on, or on where it was off."""
    chains = compose_yaml(text)
    assert chains is not None
    steps = next(value for name, value in chains.value if name.value == chain)
    ((name, arguments),) = steps.value[number].value
    return edited(text, replacing(text, name, arguments, as_yaml(steps_of(text, chain)[number].switched().arguments)))


def called(step: Step) -> str:
    """What a step does, in a few words."""
    return WORDS.get(step.name, step.name)
