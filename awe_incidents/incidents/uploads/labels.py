"""Names of files as people send them: kept as a label to read, never used as a path."""

from __future__ import annotations

import re
import unicodedata

MAX_LABEL = 100
_SEPARATORS = re.compile(r"[/\\]")


def label_of(file_name: str) -> str:
    """Give the last part of a name without what cannot be seen or turns the writing direction; "" when none is left.

    A long one loses its middle, so that the ending stays.
    """
    name = unicodedata.normalize("NFC", _SEPARATORS.split(file_name)[-1])
    spaced = "".join(" " if unicodedata.category(one)[0] == "Z" else one for one in name)
    seen = "".join(one for one in spaced if unicodedata.category(one)[0] != "C")
    label = " ".join(seen.split()).strip(". ")
    if len(label) <= MAX_LABEL:
        return label
    head = MAX_LABEL * 2 // 3
    return f"{label[:head]}…{label[-(MAX_LABEL - head - 1) :]}"
