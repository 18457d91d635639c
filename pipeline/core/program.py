"""A command's line of words: its parser, and the name that its help goes by."""

import argparse
import shutil
import textwrap
from contextvars import ContextVar

CALLED_AS: ContextVar[str] = ContextVar("called_as", default="")  # such as "sharpcam enhance"; else by its module
MARGIN = 2  # columns that argparse leaves free too


def command_parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    """A parser for the command `module`, whose help begins with `doc`: the module's docstring without its examples.

    Called by the one command `sharpcam`, it is named so: the same module answers to both.
    """
    return argparse.ArgumentParser(
        prog=CALLED_AS.get() or f"python -m {module}",
        description=_description(doc or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _description(doc: str) -> str:
    """The paragraphs of a docstring, as wide as the terminal, without those that show how its module is called."""
    width = shutil.get_terminal_size().columns - MARGIN
    paragraphs = (" ".join(paragraph.split()) for paragraph in doc.split("\n\n"))
    return "\n\n".join(textwrap.fill(each, width) for each in paragraphs if not each.startswith("python -m"))
