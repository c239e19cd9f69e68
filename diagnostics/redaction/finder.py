"""One rule at work on one reading of a line: where the secrets are, and what only looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from diagnostics.redaction import expressions
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names
from diagnostics.redaction.views import MASK

MAX_PLACEHOLDER_BYTES = 4096
_PROSE = compile_pattern(rf"(?:{names.PROSE})[.,:;!?)\]]*")
_DOTTED = re.compile(rb"^(?:[a-z_]\w*\.)+(?=[a-z_]\w*$)")
_NEXT_FIELD = re.compile(rb"(?:&amp;|[&;,|])[\w.\[\]%-]{1,64}=")
_NEXT_MEMBER = re.compile(rb",[\w-]{1,40}:")
_ESCAPED_BREAK = re.compile(rb"\\+[nrt]")
_LEAD = re.compile(rb"^(?:[\w.-]{1,64}\s*\|\s?)?\s*(?:-\s+|export\s+|#\s*)?[\"']?$")
_QUOTED_NAME = re.compile(
    rb"[ \t]+\\*[\"'][\w./-]+\\*[\"'](?:[ \t]+in[ \t]\S+(?:[ \t]\S+)?)?[ \t]+(?:not|is|does|cannot|already)\b"
)
_KIND = re.compile(rb"[a-z]+")
_PLURAL = re.compile(rb"(?i)(?:tokens|secrets|keys|passwords)$")
_DIGIT = re.compile(rb"[0-9]")
_COUNT = compile_pattern(names.COUNT)
_COUNTED_KEYS = compile_pattern(names.COUNTED_KEYS)
_NOT_COUNTED_KEYS = compile_pattern(names.NOT_COUNTED_KEYS)
_COLONS = (b":", b"\xef\xbc\x9a")
_CLOSING = b",;)]}>\\\"'`"


class RuleFinder:
    """A compiled rule; finds spans of secrets in a text, in order."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._pattern = compile_pattern(rule.pattern)
        self._keep_values = compile_pattern(rule.keep_values) if rule.keep_values else None
        self._keep_keys = compile_pattern(rule.keep_keys) if rule.keep_keys else None
        self._needs = tuple(compile_pattern(need) for need in rule.needs)
        self._inner = compile_pattern(rule.inner) if rule.inner else None
        self._groups = _groups(self._pattern)
        self._inner_groups = _groups(self._inner) if self._inner else {}

    def find(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Give the spans of secrets; when a text is built to be slow, the rest of it is one."""
        work, budget = 0, 32 * len(text) + 65536
        position = 0
        while (match := self._pattern.search(text, position)) is not None:
            begin, end = match.span()
            work += end - position
            if work > budget:
                yield position, len(text)
                return
            resume = end
            for kind, group in self._secret_groups():
                span = match.span(group)
                if span[0] < 0 or span[0] == span[1]:
                    continue
                if kind == "section":
                    if not self._is_kept(text, match):
                        yield from self._in_section(text, *span)
                    continue
                found = self._secret(text, match, self._groups, kind, span)
                is_template = text.startswith(b"${", span[0])
                resume = found[1] if found else (span[1] if is_template else min(resume, span[0]))
                if found:
                    yield found
            position = max(resume, begin + 1)

    def _secret_groups(self) -> list[tuple[str, int]]:
        return [(kind, group) for kind in ("secret", "bare", "section") for group in self._groups.get(kind, ())]

    def _is_kept(self, text: bytes, match: Any) -> bool:
        key = _first(match, self._groups.get("key", ()))
        return key is not None and self._is_kept_key(text, key, _first(match, self._groups.get("separator", ())))

    def _in_section(self, text: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        assert self._inner is not None, f"{self.rule.id} has a section and no inner pattern"
        section = text[start:end]
        for match in self._inner.finditer(section):
            for group in self._inner_groups.get("secret", ()):
                span = match.span(group)
                if span[0] < span[1] and (found := self._secret(section, match, self._inner_groups, "secret", span)):
                    yield found[0] + start, found[1] + start

    def _secret(
        self, text: bytes, match: Any, groups: dict[str, tuple[int, ...]], kind: str, span: tuple[int, int]
    ) -> tuple[int, int] | None:
        """Give the span of the secret, or None when the value is none."""
        start, end = span
        key = _first(match, groups.get("key", ()))
        separator = _first(match, groups.get("separator", ()))
        if kind == "bare":
            end = _clipped(text, start, end)
        value = text[start:end]
        if not value.strip(MASK) or (key is not None and self._is_kept_key(text, key, separator)):
            return None
        if key is not None and is_count(text[key[0] : key[1]], value):
            return None
        if len(value) <= MAX_PLACEHOLDER_BYTES and self._is_kept_value(value):
            return None
        if kind == "bare" and key is not None and separator is not None:
            if self._is_prose(text, value, end, key, separator):
                return None
            in_code = expressions.may_hold_code(text, key, separator, end)
            if (literals := expressions.code_at(text, start, in_code=in_code)) is not None:
                return literals[0] if literals else None
        if self.rule.check == "luhn" and not passes_luhn(value):
            return None
        if kind == "bare" and self.rule.whole_line and separator is not None and key is not None:
            end = _to_line_end(text, key=key, separator=separator, end=end)
        return start, end

    def _is_kept_key(self, text: bytes, key: tuple[int, int], separator: tuple[int, int] | None) -> bool:
        if self._keep_keys is not None and self._keep_keys.search(text[key[0] : key[1]]):
            return True
        after_slash = key[0] > 0 and text[key[0] - 1 : key[0]] == b"/"
        return after_slash and separator is not None and b":" in text[separator[0] : separator[1]]

    def _is_kept_value(self, value: bytes) -> bool:
        if self._keep_values is not None and self._keep_values.fullmatch(value):
            return True
        return any(need.search(value) is None for need in self._needs)

    def _is_prose(self, text: bytes, value: bytes, end: int, key: tuple[int, int], separator: tuple[int, int]) -> bool:
        last_name = _DOTTED.sub(b"", value.lower().rstrip(_CLOSING))
        if text[key[0] : key[1]].lower().endswith(last_name):
            return True  # `password=form.password` is code, `password=password` a secret that its name gives away
        if text[separator[0] : separator[1]].strip() not in _COLONS:
            return False
        if _KIND.fullmatch(value) and _QUOTED_NAME.match(text, end):
            return True  # `volume "db-token" : secret "db-creds" not found`
        return bool(_PROSE.fullmatch(value) or (_PLURAL.search(text[key[0] : key[1]]) and not _DIGIT.search(value)))


def is_count(key: bytes, value: bytes) -> bool:
    """Tell whether a value is a number under a name that counts."""
    if not value[:1].isdigit() or not _COUNT.fullmatch(value):
        return False
    return _COUNTED_KEYS.search(key) is not None and _NOT_COUNTED_KEYS.search(key) is None


def passes_luhn(value: bytes) -> bool:
    """Tell whether the digits of a card number add up (ISO/IEC 7812-1 annex B)."""
    digits = [byte - 48 for byte in reversed(value) if 48 <= byte <= 57]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return len(digits) >= 13 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _groups(pattern: Any) -> dict[str, tuple[int, ...]]:
    """Sort the named groups by kind: secret, bare, section, key, separator."""
    kinds: dict[str, list[int]] = {}
    for name, index in pattern.groupindex.items():
        for kind in ("separator", "section", "secret", "bare", "key"):
            if name.decode("ascii").startswith(kind):
                kinds.setdefault(kind, []).append(index)
                break
    return {kind: tuple(sorted(indexes)) for kind, indexes in kinds.items()}


def _first(match: Any, groups: tuple[int, ...]) -> tuple[int, int] | None:
    for group in groups:
        start, end = match.span(group)
        if start >= 0:
            return start, end
    return None


def _clipped(text: bytes, start: int, end: int) -> int:
    """Give where an unquoted value ends: at the next field or an escaped line end, before punctuation."""
    value = text[start:end]
    if (following := _NEXT_FIELD.search(value)) and following.start() > 0:
        value = value[: following.start()]
    # The value first, as it is short: what stands before it may be a line of a megabyte with a value in each word.
    if (following := _NEXT_MEMBER.search(value)) and following.start() > 0 and text.find(b"{", 0, start) >= 0:
        value = value[: following.start()]
    if (following := _ESCAPED_BREAK.search(value)) and any(text.find(quote, 0, start) >= 0 for quote in (b'"', b"'")):
        value = value[: following.start()]
    return start + len(value.rstrip(_CLOSING))


def _to_line_end(text: bytes, *, key: tuple[int, int], separator: tuple[int, int], end: int) -> int:
    """Take the words after an unquoted value, too, where a line of configuration holds nothing else."""
    if b":" not in text[separator[0] : separator[1]] or b"\n" in text or not _LEAD.match(text[: key[0]]):
        return end
    rest = text[end:].partition(b" #")[0].rstrip()
    return end if b"=" in rest or b": " in rest or b'"' in rest else end + len(rest)
