"""Query texts without their literals: what was asked stays readable, whom it was asked about does not leave."""

from __future__ import annotations

import re

MAX_CHARACTERS = 400
# What a scanner of PostgreSQL takes as one piece; a text that was cut off ends inside one, hence the `|\Z`.
PIECES = re.compile(
    r"""(?xs)
    (?P<comment>  --[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<name>     "(?:[^"]|"")*(?:"|\Z) )
  | (?P<escaped>  \b[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z) )
  | (?P<string>   (?:\b(?:[bBxXnN]|[uU]&))?'(?:[^']|'')*(?:'|\Z) )
  | (?P<dollar>   \$(?P<tag>[A-Za-z_\x80-\U0010ffff]?[\w]*)\$.*?(?:\$(?P=tag)\$|\Z) )
  | (?P<argument> \$\d+ )
  | (?P<word>     [A-Za-z_\x80-\U0010ffff][\w$]* )
  | (?P<number>   (?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|\.\d+) )
    """
)
KEPT = {"name", "argument", "word"}
LISTS = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")


def normalized(text: str, *, at_most: int = MAX_CHARACTERS) -> str:
    """Give a query in one line, literals as `?` and comments gone, cut to a bearable length."""
    bare = PIECES.sub(_without_literal, text)
    line = LISTS.sub("(?, ...)", " ".join(bare.split()))
    return line if len(line) <= at_most else f"{line[:at_most]} ..."


def _without_literal(match: re.Match[str]) -> str:
    if match.lastgroup == "comment":
        return " "
    return match[0] if match.lastgroup in KEPT else "?"
