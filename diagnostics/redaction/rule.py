"""The shape of a rule: data that finds one kind of secret, and the texts that prove it.

Patterns are RE2 syntax over bytes (Latin-1, so that invalid UTF-8 cannot end a secret early). What is taken out:
every group whose name starts with `secret` (as it stands) or `bare` (an unquoted value, clipped where the next field
begins). A group whose name starts with `section` is searched with the rule's `inner` pattern. Groups whose names start
with `key` are the name that the value was given; `separator` is what stands between the two.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of secret.

    A line that holds none of `keywords` (lower case) cannot match; every match contains one of the cheap patterns
    `anchors`, which are looked for in whole blocks (by default: any keyword). A value stays if `keep_values` matches
    all of it, if one of `needs` is not found in it, or if `keep_keys` is found in its key. `check` names a test that
    no pattern can do (`luhn`). With `whole_line`, an unquoted value that begins a line of configuration goes to the
    end of that line. Every text in `finds` is a (text, secret) pair; `leaves` are texts that must stay as they are.
    """

    id: str
    why: str
    pattern: str
    keywords: tuple[str, ...]
    finds: tuple[tuple[str, str], ...]
    leaves: tuple[str, ...]
    anchors: tuple[str, ...] = ()
    keep_keys: str = ""
    keep_values: str = ""
    needs: tuple[str, ...] = ()
    inner: str = ""
    check: str = ""
    whole_line: bool = False

    def all_anchors(self) -> tuple[str, ...]:
        """Give cheap patterns, one of which every match contains."""
        if self.anchors:
            return self.anchors
        return ("(?i)" + "|".join("".join(f"\\x{ord(sign):02x}" for sign in word) for word in self.keywords),)
