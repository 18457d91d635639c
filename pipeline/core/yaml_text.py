"""YAML, read so that whatever is wrong with it is a yaml.YAMLError.

libyaml builds nodes by recursion in C: some 30,000 brackets would end the whole process, without a traceback. So the
depth is counted before, from its events, which come one by one.
"""

from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where PyYAML was built with it
DEEPEST = 100  # what any file of sharpcam or DVC has is below ten
OPENS, CLOSES = (yaml.MappingStartEvent, yaml.SequenceStartEvent), (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def parse_yaml(text: str | bytes) -> Any:
    """The content of YAML. Raises yaml.YAMLError, or ValueError for what is no UTF-8 or the 45th of May."""
    _check_depth(text)
    return yaml.load(text, LOADER)


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of YAML with their places. Raises yaml.YAMLError."""
    _check_depth(text)
    node: yaml.Node | None = yaml.compose(text, LOADER)
    return node


def _check_depth(text: str | bytes) -> None:
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, OPENS) - isinstance(event, CLOSES)
        if depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {DEEPEST} deep")
