"""What others wrote is shown as text: checked with the Markdown that the browser would make of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from making import ROOT
from markdown_it import MarkdownIt

from app.text import as_text

SHOWING = {
    "markdown",
    "write",
    "caption",
    "error",
    "warning",
    "info",
    "success",
    "toast",
    "button",
    "expander",
    "title",
}
SHOWING |= {"checkbox", "toggle", "subheader", "header", "metric", "download_button", "popover", "tabs"}
FOREIGN = {
    "error",
    "folder",
    "tags",
    "aliases",
    "note",
    "problem",
    "reason",
    "sentence",
    "verdict",
    "waiting",
    "camera",
}
FOREIGN |= {"commit", "row", "clip.name", "made.name", "run.name", "job.title"}

CRAFTED = [
    "![x](http://example.org/a.png)",
    "![x][1]\n\n[1]: http://example.org/a.png",
    "[click](http://example.org)",
    '<img src="http://example.org/a.png">',
    "<http://example.org>",
    "`code` *a* _b_ __c__ ~~d~~ **e**",
    "# heading\n- list\n> quote\n1. one\n| a |",
    ":red[![x](http://example.org/a.png)] $x$",
    "\\![x](http://example.org/a.png)",
    "    indented ![x](http://example.org)",
]


@pytest.mark.parametrize("words", CRAFTED)
def test_no_picture_link_or_format_comes_of_it(words: str) -> None:
    shown = MarkdownIt("commonmark").enable(["strikethrough", "table"]).render(as_text(words))
    for tag in ("<img", "<a ", "<code", "<em", "<strong", "<s>", "<h1", "<ul", "<ol", "<blockquote", "<table"):
        assert tag not in shown


@pytest.mark.parametrize(
    "words",
    ['data/raw/desk_2/000001.png is cut off. Run "dvc repro teacher" again.', "student_s · 12 Nov 10:00 · ab12"],
)
def test_an_ordinary_sentence_stays_as_it_is(words: str) -> None:
    assert as_text(words) == words


@pytest.mark.parametrize("file", sorted((ROOT / "app").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_page_shows_an_error_or_what_others_wrote_as_markdown(file: Path) -> None:
    """Errors quote names of files and of runs, and so do the values below."""
    for call in ast.walk(ast.parse(file.read_text())):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in SHOWING
            and ast.unparse(call.func.value) != "log"
        ):
            raw = [name for argument in call.args[:1] for name in unescaped(argument)]
            assert not FOREIGN & set(raw), f"line {call.lineno}: pass it through as_text"


def unescaped(node: ast.AST) -> Iterator[str]:
    """The names and attributes in an expression that are not inside of as_text(...)."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("as_text", "len"):
        return
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
        yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from unescaped(child)
