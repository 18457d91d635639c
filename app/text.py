"""What others wrote, shown as what it is: text.

Streamlit takes nearly every string for Markdown, labels and errors too, and Markdown can hold a picture that a viewer's
browser then fetches from anywhere. So names, tags, notes and errors that quote them pass through here.
"""

import re

_SPECIAL = re.compile(r"[\\`*\[\]<$~]|(?<![^\W_])_|_(?![^\W_])")  # "_" inside a word means nothing
_BEGINS_A_BLOCK = re.compile(r"^[ \t]*(\d*)(?=([#>+|=.)-]?))", re.MULTILINE)


def as_text(words: object) -> str:
    """`words` as Markdown that shows just these characters: no pictures, links, colours or formulas."""
    escaped = _SPECIAL.sub(r"\\\g<0>", str(words))
    return _BEGINS_A_BLOCK.sub(lambda found: found[1] + ("\\" if found[2] else ""), escaped)
