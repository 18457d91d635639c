"""The text of params.yaml, where each value lies in it, and how another one is put there.

Values are written as DVC's own writer has them (`dvc exp run -S` reads and writes the whole file): lists and mappings
on lines of their own, null as nothing at all. So whatever is changed here or there changes its own lines only.
"""

import textwrap
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

from pipeline.core.yaml_text import compose_yaml, parse_yaml

Entry = tuple[str, yaml.Node, yaml.Node]
Edit = tuple[int, int, str]  # from where to where the text is replaced, and by what


class _Writer(yaml.SafeDumper):
    """PyYAML in the form of DVC's writer."""


_Writer.add_representer(type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", ""))


def parse(text: str) -> Any:
    """The content of YAML, by libyaml where PyYAML was built with it."""
    return parse_yaml(text)


def as_yaml(value: Any) -> str:
    """A value as DVC writes it: of lists and mappings that hold something several lines, of null nothing."""
    if isinstance(value, list | dict):
        return _dumped(value)
    return _dumped([value]).removeprefix("-").strip()


def on_one_line(value: Any) -> str:
    """A value as YAML on one line, as a form shows it."""
    return yaml.safe_dump([value], default_flow_style=True, width=float("inf"), allow_unicode=True).strip()[1:-1]


def _dumped(value: Any) -> str:
    how: dict[str, Any] = {"default_flow_style": False, "sort_keys": False, "allow_unicode": True}
    return str(yaml.dump(value, Dumper=_Writer, width=float("inf"), **how)).rstrip()


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


def edited(text: str, edits: list[Edit]) -> str:
    """The text after all the edits, whose places are those in `text`."""
    for start, end, piece in sorted(edits, reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def replacing(text: str, name: yaml.Node, value: yaml.Node, piece: str) -> list[Edit]:
    """The edits that put a `piece` of YAML in the place of `value`, which `name` has; comments beside both stay."""
    start, end = span_of(value)
    newline = newline_of(text)
    colon = text.index(":", name.end_mark.index) + 1
    if not is_block(compose_yaml(piece)):
        inline = f" {piece}" if piece else ""
        if is_block(value):
            return [(colon, colon, inline), (start - len(newline), end, "")]
        return [(colon, end, inline)]
    if is_block(value):
        return [(start, end, indented(piece, value.start_mark.column, newline))]
    line_end = text.find(newline, end)
    line_end = len(text) if line_end < 0 else line_end
    return [(colon, end, ""), (line_end, line_end, newline + indented(piece, column_below(name, piece), newline))]


def is_block(value: yaml.Node | None) -> bool:
    """Whether it is a list or mapping on lines of its own."""
    return isinstance(value, yaml.CollectionNode) and not value.flow_style


def column_below(name: yaml.Node, piece: str) -> int:
    """Where the lines of a block begin below a name: a list there, a mapping two further."""
    return int(name.start_mark.column) + (2 if isinstance(compose_yaml(piece), yaml.MappingNode) else 0)


def indented(piece: str, column: int, newline: str) -> str:
    """A block's lines, each `column` further to the right."""
    return textwrap.indent("\n".join(piece.rstrip().splitlines()), " " * column).replace("\n", newline)


def newline_of(text: str) -> str:
    """What ends its lines."""
    return "\r\n" if "\r\n" in text else "\n"
