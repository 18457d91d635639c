"""What params.yaml has to be filled in: each value with its kind, its choices, its limits and its comment."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from app.parameters.yaml_text import entries, look_up, on_one_line, parse, span_of
from pipeline.core.params import Params

Kind = Literal["choice", "whole", "number", "text", "yaml"]
KINDS: dict[str, Kind] = {"integer": "whole", "number": "number", "string": "text"}
NAMED_ELSEWHERE = {"teacher.chain": "teacher.chains"}  # a choice among the keys of another parameter
LIMITS = {
    "exclusiveMinimum": "above {}",
    "minimum": "at least {}",
    "exclusiveMaximum": "below {}",
    "maximum": "at most {}",
    "multipleOf": "a multiple of {}",
}
WORDS = Path(__file__).with_name("words.yaml")
COMMENT = re.compile(r"[ \t]*#[ \t]*(.*)")


@dataclass(frozen=True)
class Field:
    """One parameter: where it stands, what it may be, and what it is."""

    key: str  # dotted
    title: str  # what people call it, with its unit
    means: str  # what it is, and what happens when it changes
    kind: Kind
    optional: bool  # whether null is a value of it
    choices: tuple[str, ...]
    limits: str  # in words
    comment: str  # what params.yaml says beside it
    value: Any  # of kind "yaml": its text

    @property
    def section(self) -> str:
        """The part of params.yaml that it belongs to; "" at the top."""
        return self.key.rpartition(".")[0]


def fields(text: str) -> list[Field]:
    """The parameters in the order of the types. The text must be one without problems."""
    nodes = {key: (name, value) for key, name, value in entries(text)}
    schema = Params.model_json_schema()
    content = Params.model_validate(parse(text)).model_dump()
    words = known_words()
    return [
        Field(
            key=key,
            title=words.get(key, (_spelled(key), ""))[0],
            means=words.get(key, ("", ""))[1],
            kind=kind,
            optional=optional,
            choices=_choices(key, kind, shape, content),
            limits=_limits(shape),
            comment=comment_of(text, *nodes[key]) if key in nodes else "",
            value=_typed(text, nodes[key][1]) if kind == "yaml" and key in nodes else look_up(content, key),
        )
        for key, shape in _leaves(schema, schema["$defs"])
        for kind, optional, shape in [_kind(shape)]
    ]


@cache
def known_words() -> dict[str, tuple[str, str]]:
    """Dotted key -> its title and its meaning, from words.yaml beside this file."""
    content = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return {key: (title, means) for key, (title, means) in content.items()}


def _spelled(key: str) -> str:
    """The last part of a key as words, where nobody wrote better ones."""
    return key.rpartition(".")[2].replace("_", " ").capitalize()


def section_comments(text: str) -> dict[str, str]:
    """What params.yaml says beside the name of each section."""
    return {
        key: comment_of(text, name, value)
        for key, name, value in entries(text)
        if isinstance(value, yaml.MappingNode) and not value.flow_style
    }


def _leaves(shape: dict[str, Any], definitions: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in shape["properties"].items():
        section = definitions.get(inner.get("$ref", "").rpartition("/")[2])
        if section:
            yield from _leaves(section, definitions, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def _kind(shape: dict[str, Any]) -> tuple[Kind, bool, dict[str, Any]]:
    """What widget a parameter needs, whether it may be null, and its schema without the null."""
    variants = [each for each in shape.get("anyOf", [shape]) if each.get("type") != "null"]
    optional = len(variants) < len(shape.get("anyOf", [shape]))
    if "enum" in variants[0]:
        return "choice", optional, variants[0]
    return KINDS.get(variants[0].get("type", ""), "yaml"), optional, variants[0]


def _choices(key: str, kind: Kind, shape: dict[str, Any], content: dict[str, Any]) -> tuple[str, ...]:
    if key in NAMED_ELSEWHERE:
        return tuple(look_up(content, NAMED_ELSEWHERE[key]))
    return tuple(shape["enum"]) if kind == "choice" else ()


def _limits(shape: dict[str, Any]) -> str:
    return ", ".join(words.format(shape[name]) for name, words in LIMITS.items() if name in shape)


def comment_of(text: str, name: yaml.Node, value: yaml.Node) -> str:
    """The comment on the line where a value ends, or, of a mapping or list on lines of its own, where it begins."""
    in_block = isinstance(value, yaml.CollectionNode) and not value.flow_style
    after = name if in_block else value
    start = after.end_mark.index + (text[after.end_mark.index : after.end_mark.index + 1] == ":")
    found = COMMENT.match(text, start)
    return found[1].strip() if found else ""


def _typed(text: str, value: yaml.Node) -> str:
    """A value as a person types it: a list on one line, anything else as it is written."""
    if isinstance(value, yaml.SequenceNode):
        return on_one_line(parse(text[slice(*span_of(value))]))
    start, end = span_of(value)
    return textwrap.dedent(text[start:end])
