"""The text of params.yaml and where each value lies in it."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

from pipeline.core.yaml_text import compose_yaml, parse_yaml

Entry = tuple[str, yaml.Node, yaml.Node]


def parse(text: str) -> Any:
    """The content of YAML, by libyaml where PyYAML was built with it."""
    return parse_yaml(text)


@lru_cache(maxsize=8)
def entries(text: str) -> tuple[Entry, ...]:
    """Every dotted key below mappings, with the node of its name and of its value."""

    def below(node: yaml.Node | None, prefix: str) -> Iterator[Entry]:
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                yield f"{prefix}{name.value}", name, value
                yield from below(value, f"{prefix}{name.value}.")

    return tuple(below(compose_yaml(text), ""))


def look_up(content: Any, key: str) -> Any:
    """The value under a dotted key."""
    for name in key.split("."):
        content = content[name]
    return content


def span_of(value: yaml.Node) -> tuple[int, int]:
    """Where the text of a value begins and ends; the parser lets blocks end only at the next key."""
    last = value
    while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    is_block = last is not value
    start = value.start_mark.index - (value.start_mark.column if is_block else 0)
    return start, last.end_mark.index
