"""Modules as a host without compression should send them: without comments and indentation."""

import re

COMMENT = re.compile(r"^[ \t]*(?://.*|/\*(?s:.*?)\*/[ \t]*)\n", re.MULTILINE)  # that has lines of its own
INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


def slim(text: str) -> str:
    """The same JavaScript or CSS. In its template literals white space must mean nothing, as in markup and shaders."""
    return INDENTATION.sub("", COMMENT.sub("", text))
