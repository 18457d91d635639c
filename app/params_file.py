"""params.yaml as a form sees it: each field with its comment and limits, and changes that leave the rest as it is.

Values are replaced in the text at the places that the YAML parser names, so that comments and layout stay.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import yaml
from filelock import FileLock

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.params import Params, find_problems
from pipeline.core.paths import Paths

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
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
COMMENT = re.compile(r"[ \t]*#[ \t]*(.*)")

Entry = tuple[str, yaml.Node, yaml.Node]


class ChangedMeanwhileError(SharpcamError):
    """params.yaml is another one than the one that was edited."""


@dataclass(frozen=True)
class Field:
    """One parameter: where it stands, what it may be, and what it is."""

    key: str  # dotted
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


def read_text(paths: Paths) -> str:
    """The text of params.yaml. Raises SharpcamError where there is none."""
    try:
        return paths.params.read_bytes().decode("utf-8-sig")  # some editors begin with a mark
    except FileNotFoundError:
        raise SharpcamError(
            f'No {paths.params} here. Run from the root of sharpcam, or "git checkout {paths.params.name}".'
        ) from None
    except UnicodeDecodeError:
        raise SharpcamError(f"{paths.params} is no text in UTF-8. Save it as UTF-8.") from None


def problems(text: str) -> list[str]:
    """What is wrong with the text of a params.yaml: a sentence each, with its line; none where it can be used."""
    try:
        content = parse(text)
        nodes = {key: name.start_mark.line + 1 for key, name, _ in _entries(text)}
    except RecursionError:
        return ["a value in it contains itself"]
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: the 45th of May
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        return [f"{place}{getattr(error, 'problem', None) or error}"]
    return [f"line {_line(key, nodes)}: {sentence}" for key, sentence in find_problems(content).items()]


def _line(key: str, lines: Mapping[str, int]) -> int:
    """The line of a key, or of what it should be in."""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key, 1)


def parse(text: str) -> Any:
    """The content of YAML, by libyaml where PyYAML was built with it."""
    return yaml.load(text, LOADER)


@lru_cache(maxsize=8)
def _entries(text: str) -> tuple[Entry, ...]:
    """Every dotted key below mappings, with the node of its name and of its value."""

    def below(node: yaml.Node | None, prefix: str) -> Iterator[Entry]:
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                yield f"{prefix}{name.value}", name, value
                yield from below(value, f"{prefix}{name.value}.")

    return tuple(below(yaml.compose(text, LOADER), ""))


def fields(text: str) -> list[Field]:
    """The parameters in the order of the types. The text must be one without problems."""
    nodes = {key: (name, value) for key, name, value in _entries(text)}
    schema = Params.model_json_schema()
    content = Params.model_validate(parse(text)).model_dump()
    return [
        Field(
            key=key,
            kind=kind,
            optional=optional,
            choices=_choices(key, kind, shape, content),
            limits=_limits(shape),
            comment=comment_of(text, *nodes[key]) if key in nodes else "",
            value=_snippet(text, nodes[key][1]) if kind == "yaml" and key in nodes else look_up(content, key),
        )
        for key, shape in _leaves(schema, schema["$defs"])
        for kind, optional, shape in [_kind(shape)]
    ]


def section_comments(text: str) -> dict[str, str]:
    """What params.yaml says beside the name of each section."""
    return {
        key: comment_of(text, name, value)
        for key, name, value in _entries(text)
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


def look_up(content: Any, key: str) -> Any:
    """The value under a dotted key."""
    for name in key.split("."):
        content = content[name]
    return content


def comment_of(text: str, name: yaml.Node, value: yaml.Node) -> str:
    """The comment on the line where a value ends, or, of a mapping or list on lines of its own, where it begins."""
    in_block = isinstance(value, yaml.CollectionNode) and not value.flow_style
    after = name if in_block else value
    start = after.end_mark.index + (text[after.end_mark.index : after.end_mark.index + 1] == ":")
    found = COMMENT.match(text, start)
    return found[1].strip() if found else ""


def _span(value: yaml.Node) -> tuple[int, int]:
    """Where the text of a value begins and ends; the parser lets blocks end only at the next key."""
    last = value
    while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    is_block = last is not value
    start = value.start_mark.index - (value.start_mark.column if is_block else 0)
    return start, last.end_mark.index


def _snippet(text: str, value: yaml.Node) -> str:
    start, end = _span(value)
    return textwrap.dedent(text[start:end])


def as_yaml(value: Any) -> str:
    """A value as it is written into params.yaml, on one line."""
    listed = yaml.safe_dump([value], default_flow_style=True, width=float("inf"), allow_unicode=True)
    return listed.strip()[1:-1]


def with_values(text: str, changes: Mapping[str, str]) -> str:
    """`text` with the values of dotted keys replaced by pieces of YAML; whatever else is in it stays as it is.

    Raises SharpcamError where that would change anything but those values.
    """
    expected = parse(text)
    for key, piece in changes.items():
        section, _, name = key.rpartition(".")
        (look_up(expected, section) if section else expected)[name] = _parse_piece(key, piece)
    nodes = {key: (name, value) for key, name, value in _entries(text)}
    changed = text
    for start, end, piece in sorted((_replacement(nodes, *change) for change in changes.items()), reverse=True):
        changed = changed[:start] + piece + changed[end:]
    with suppress(yaml.YAMLError, ValueError):
        if parse(changed) == expected:
            return changed
    raise SharpcamError(f"{', '.join(changes)} cannot be changed from here; change params.yaml in an editor.")


def _parse_piece(key: str, piece: str) -> Any:
    try:
        return parse(piece)
    except (yaml.YAMLError, ValueError) as error:
        raise SharpcamError(f"{key} is not valid YAML ({' '.join(str(error).split())}).") from None


def _replacement(nodes: Mapping[str, tuple[yaml.Node, yaml.Node]], key: str, piece: str) -> tuple[int, int, str]:
    """From where to where the text is replaced, and by what."""
    if key not in nodes:  # has a default, and was never written down
        section, _, name = key.rpartition(".")
        first = nodes[section][1].value[0][0].start_mark
        return first.index, first.index, f"{name}: {piece}\n{' ' * first.column}"
    start, end = _span(nodes[key][1])
    column = nodes[key][1].start_mark.column
    is_block = start < nodes[key][1].start_mark.index
    return start, end, textwrap.indent(piece.rstrip(), " " * column) if is_block else piece


def save(paths: Paths, text: str, *, based_on: str) -> None:
    """Make `text` the params.yaml, in one step.

    Raises ChangedMeanwhileError where the file is not `based_on` any more, SharpcamError where `text` does not fit, or
    cannot be written.
    """
    if wrong := problems(text):
        raise SharpcamError(f"params.yaml is left as it was: {'; '.join(wrong)}.")
    try:
        _replace(paths, text, based_on=based_on)
    except OSError as error:  # a full disk, a folder that may not be written
        raise SharpcamError(
            f"params.yaml is left as it was ({error.strerror or error}). Fix that and save again."
        ) from None


def _replace(paths: Paths, text: str, *, based_on: str) -> None:
    locks = paths.cache / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / "params.lock"):  # two tabs
        if read_text(paths) != based_on:
            raise ChangedMeanwhileError("params.yaml has been changed meanwhile, by another tab or an editor.")
        write_bytes(paths.params.resolve(), text.encode())


def change(paths: Paths, changes: Mapping[str, Any]) -> None:
    """Set dotted keys to values now, on top of whatever params.yaml says. Raises SharpcamError where it is broken."""
    text = read_text(paths)
    if wrong := problems(text):
        raise SharpcamError(f"params.yaml is broken: {'; '.join(wrong)}. Fix it on the page Parameters.")
    save(paths, with_values(text, {key: as_yaml(value) for key, value in changes.items()}), based_on=text)
