"""Program code behind a secret's name: `get_password()`, `os.environ["DB_PASSWORD"]`, `Some("...")`.

A password may hold brackets, too. Code is only what is closed, is made of names and literals that people write, and
stands where code can stand; the literals in it may be secrets themselves.
"""

from __future__ import annotations

import re

from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.rules import names
from diagnostics.redaction.views import MASK

Span = tuple[int, int]

MAX_EXPRESSION_BYTES = 1024
_LOOK_BACK_BYTES = 120
# Digits inside a name are rare in code and usual in passwords.
_NUMBERED = (
    rb"(?<![A-Za-z])(?i:pbkdf|argon|oauth|sha|md|uuid|base|utf|boto|blake|password|secret|token|user|key|b|v|x|k)"
    rb"\d{1,3}(?!\d)"
)
_NAME = rb"(?:%b|[A-Za-z_])+\d?(?![A-Za-z0-9_])" % _NUMBERED
_MEMBER = rb"(?:\.|::|\?\.|!!?\.|->)"
_CALLEE = re.compile(
    rb"[{\[(]{0,2}(?:(?:new|await|yield)[ \t]+|[&*])*(?P<name>%b(?:%b%b)*!?)(?=[(\[])" % (_NAME, _MEMBER, _NAME)
)
_MORE = re.compile(rb"%b(?P<name>%b)" % (_MEMBER, _NAME))
_WORD = re.compile(
    rb"(?:[bBrRuUfF]{1,2})?(?:\\*\"(?P<a>(?:[^\"\\]|\\[^\"])*?)\\*\"|\\*'(?P<b>(?:[^'\\]|\\[^'])*?)\\*')"
    rb"|(?P<name>%b(?:%b%b)*)|(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?)\b(?![\w])|(?P<open>[(\[{])|(?P<close>[)\]}])|[\s,=.:*/%%+<>|?&-]|\x01+"
    % (_NAME, _MEMBER, _NAME)
)
_IS_KEY = re.compile(rb"\s*:")
_PAIRS = {b"(": b")", b"[": b"]", b"{": b"}"}
_AFTER = re.compile(rb"(?:\\[nrt\"']|[\s,;:)\]}>\"'`|]|$)")
_ATTRIBUTE = re.compile(
    rb"(?:self|this|settings|config|request|os|args|options|app|cls|ctx|env|var|data|local|module|secrets|process)"
    rb"(?:\.[A-Za-z]+|\.[a-z_]+\d?|\.[A-Z][A-Z0-9_]*)+(?![^\s,;:)\]}>\"'`|\\])"
)
_CONSTANT = re.compile(rb".*\.(?:[A-Z]+_)*[A-Z]+$")
_KEYWORD = re.compile(rb"(?:await|yield)(?!\S)")
_CODE_NAME = re.compile(rb"[A-Za-z][_.][A-Za-z]|^_$")
_ASSIGNED = re.compile(rb"(?:[ \t]=|[\"']\]?[ \t]*:)[ \t]+$")
_UNFINISHED = re.compile(rb"[(\[{,][ \t\r]*$")

_ENVIRONMENT_NAME = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*|[A-Z]*PASSWORD|[A-Z]*SECRET")
_FIELD_BEFORE = re.compile(rb"[&?]$|(?:^|[\s\"'])[\w.-]+=[^\s,;(]*[^\s,;({\[][ \t]+$")
_FIELD_AFTER = re.compile(rb"&|[ \t]+[A-Za-z_][\w.]*=[^=\s]")

_WRAPPER = re.compile(
    rb"(?i)(?:^|[.:>])(?:some|just|optional|of|sensitive|\w*secret_?(?:str|string|bytes|value|text)|secret|string|str|bytes|bytearray|"
    rb"new|from|value_?of|password|token|api_?key|plain_?text|b(?:ase)?64_?decode|decode|from_?hex)$"
)
_KEPT_LITERAL = compile_pattern(rf"{names.NO_SECRET}|(?i:{names.PASSWORD_KEY}|{names.SECRET_KEY})")
_NAMELIKE = re.compile(
    rb"[A-Za-z_$-][A-Za-z_.:/$-]*\d{0,2}|[A-Z][A-Z0-9_]*|[^\s]*\s.*|/[\w./-]*|[a-z+]+://.*|[\d.,:-]*"
    rb"|(?:\\+[A-Za-z0-9]{1,5}|\W)+|(?i:utf-?\d+|latin-?1|sha-?\d+|md5|iso-?8859-\d+|x509|k8s)|[A-Z]{2}\d{3}|\W+|.{0,3}|\W*[%{][\w.]*[}]?\W*",
    re.DOTALL,
)


def may_hold_code(text: bytes, key: Span, separator: Span, end: int) -> bool:
    """Tell whether code can follow: not in a form body, between fields without commas, or in an environment file."""
    if _FIELD_BEFORE.search(text[max(0, key[0] - _LOOK_BACK_BYTES) : key[0]].rstrip(b"\"'")) or _FIELD_AFTER.match(
        text, end
    ):
        return False
    sign = text[separator[0] : separator[1]]
    is_bare = text[key[1] : key[1] + 1] not in b"\"'`\\]" and sign.strip() in (b":", b"=")
    is_spaced = sign.strip() == b"=" and sign.startswith((b" ", b"\t"))
    return not (is_bare and not is_spaced and _ENVIRONMENT_NAME.fullmatch(text[key[0] : key[1]]))


def code_at(text: bytes, start: int, *, in_code: bool) -> list[Span] | None:
    """Give the string literals that look like secrets in the code at a place; None where there is no code."""
    before = max(0, start - _LOOK_BACK_BYTES)  # no copy of a long line for each of its values
    found = _code_in(text[before : start + MAX_EXPRESSION_BYTES], start - before, in_code=in_code)
    return found and [(begin + before, end + before) for begin, end in found]


def _code_in(text: bytes, start: int, *, in_code: bool) -> list[Span] | None:
    if attribute := _ATTRIBUTE.match(text, start):
        return [] if in_code or _CONSTANT.match(attribute.group()) else None
    if not in_code:
        return None
    if _KEYWORD.match(text, start):
        return []
    callee = _CALLEE.match(text, start)
    return _calls(text, callee) if callee else None


def _calls(text: bytes, callee: re.Match[bytes]) -> list[Span] | None:
    """Read a call or an index and what is called on its result."""
    name, place = callee.group("name"), callee.end()
    secrets: list[Span] = []
    while True:
        while text[place : place + 1] in (b"(", b"["):
            brackets = _bracketed(text, place, name)
            if brackets is None:
                return None
            place, literals, is_closed = brackets
            secrets += literals
            if not is_closed:
                begins = _CODE_NAME.search(name) or _ASSIGNED.search(text[: callee.start()])
                return secrets if begins and _UNFINISHED.search(text) else None
        more = _MORE.match(text, place)
        if more is None:
            return secrets if _AFTER.match(text, place) else None
        name, place = more.group("name"), more.end()


def _bracketed(text: bytes, start: int, name: bytes) -> tuple[int, list[Span], bool] | None:
    """Give the place after the bracket that closes the one at `start`, the secrets before it, and whether it is there.

    None where something stands between them that is no code.
    """
    waiting: list[tuple[bytes, bytes]] = []
    secrets: list[Span] = []
    place = start
    while (word := _WORD.match(text, place)) is not None:
        place = word.end()
        if opened := word.group("open"):
            waiting.append((_PAIRS[opened], name if opened == b"(" else b""))
        elif closed := word.group("close"):
            if closed != waiting.pop()[0]:
                return None
            if not waiting:
                return place, secrets, True
        literal = word.group("a") or word.group("b")
        if literal and _is_secret(literal, called=waiting[-1][1]) and not _IS_KEY.match(text, place):
            secrets.append(word.span("a" if word.group("a") else "b"))
        name = word.group("name") or b""
    return (place, secrets, False) if place == len(text) else None


def _is_secret(literal: bytes, *, called: bytes) -> bool:
    if not literal.strip(MASK + b" ") or _KEPT_LITERAL.fullmatch(literal):
        return False
    return bool(_WRAPPER.search(called)) or not _NAMELIKE.fullmatch(literal)
