"""Secrets that span lines: PEM and PuTTY key blocks, YAML block values, values on the line after their name.

Every line gives exactly one line, so that evidence keeps its line numbers. A block may be cut off at either end, and
every line of it may carry a prefix (time stamp, compose service); other containers' lines may stand in between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import keyed, names
from diagnostics.redaction.rules.keys import DER_START
from diagnostics.redaction.tokens import TOKEN_PATTERN

Span = tuple[int, int]

PATIENCE_LINES = 50
MAX_RUN_LINES = 200
STRONG_BYTES = 32

_BEGIN = re.compile(rb"PRIVATE KEY(?: BLOCK)? ?-{2,5}(?P<rest>.*)$|Private-Lines: *\d+(?P<rest2>\s*)$", re.DOTALL)
_END = re.compile(rb"-{2,5} ?END[ A-Z0-9]{0,40}|Private-MAC:")
_PRIVATE_END = re.compile(rb"-{2,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY")
_OTHER_BEGIN = re.compile(rb"-{2,5} ?BEGIN (?!.*PRIVATE KEY)")
_DER = re.compile(rb"(?:^|[\s|\"'])" + DER_START.encode("ascii") + rb"[A-Za-z0-9+/]{20,}\s*(?:\\n\".*)?$")
_BODY = re.compile(
    rb"^(?P<prefix>(?:.*[\s|>]|))(?P<body>=?[A-Za-z0-9+/]+={0,2})(?P<tail>\s*)$"
    rb"|^(?P<prefix2>.*\"(?:log|message|msg|MESSAGE)\":\s?\")(?P<body2>=?[A-Za-z0-9+/]+={0,2})(?P<tail2>(?:\\[nr])*\".*)$",
    re.DOTALL,
)
_RUN = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_HEX = re.compile(rb"[0-9a-f]+")
_FRAME_HEADER = re.compile(
    rb"(?:Proc-Type|DEK-Info|Comment|Version|Hash|Subject|X-[\w-]+): |" + TOKEN_PATTERN.encode("ascii")
)
_DIGITS = re.compile(rb"\d+")
_PREFIX = re.compile(rb"^(?:[\w.-]{1,64}\s*\|\s?)?(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?\s)?")

_KEY = rf"(?P<key>(?:{names.PASSWORD_KEY}|{names.SECRET_KEY}))"
YAML_BLOCK = Rule(
    id="block-value",
    why="a YAML block scalar under a name that is a secret's",
    pattern=rf"(?i)^(?P<lead>.*?)[\"']?{_KEY}[\"']?\s*:\s*(?:![\w!]+\s+)?[|>][+-]?\d?\s*(?:#.*)?$",
    keywords=(*keyed._PASSWORD_WORDS, *keyed._SECRET_WORDS),
    keep_keys=names.KEEP_KEYS,
    finds=(
        ("password: |\n  hunter2\n  more\nport: 5432", "hunter2"),
        ("  api_key: >-\n    zf3d0\n    lxcm3\n  next: 1", "lxcm3"),
    ),
    leaves=("token_help: |\n  ask the operator\nport: 5432", "description: |\n  password rules\n  for all"),
)
NEXT_LINE = Rule(
    id="next-line",
    why="a value alone on the line after its name: pretty-printed JSON, XML and name/value pairs",
    pattern=(
        rf"(?i)^(?P<lead>.*?)(?:[\"']{_KEY}[\"']\s*[:=]|<{_KEY.replace('<key>', '<key2>')}(?:\s[^<>]*)?>|{_KEY.replace('<key>', '<key3>')}\s*:"
        rf"|[\"']?(?:name|key)[\"']?\s*[:=]\s*[\"']?{_KEY.replace('<key>', '<key4>')}[\"']?,?)\s*$"
    ),
    keywords=(*keyed._PASSWORD_WORDS, *keyed._SECRET_WORDS),
    keep_keys=names.KEEP_KEYS,
    finds=(
        ("<genericToken>\n    zf3d0lxcm3\n</genericToken>", "zf3d0lxcm3"),
        ('"password":\n    "hunter2",', "hunter2"),
        ("- name: DB_PASSWORD\n  value: hunter2", "hunter2"),
        ("password:\n  hunter2", "hunter2"),
    ),
    leaves=(
        "secrets:\n  db_password:\n    file: ./x",
        "- name: TZ\n  value: UTC",
        "GITHUB_API_KEY=\nDYNATRACE_API_KEY=",
    ),
)
KUBERNETES = Rule(
    id="kubernetes-secret",
    why="the data of a Kubernetes Secret manifest, before or after its kind",
    pattern=r"(?i)^\s*[\"']?(?:kind[\"']?\s*:\s*[\"']?secret[\"']?|(?:data|stringdata)[\"']?\s*:)\s*$",
    keywords=("kind", "data"),
    finds=(
        ("kind: Secret\nmetadata:\n  name: x\ndata:\n  extra: YWRtaW46cGFzc3dvcmQ=", "YWRtaW46cGFzc3dvcmQ="),
        ("kind: Secret\nstringData:\n  user.conf: hunter2 hunter3", "hunter2 hunter3"),
        ("apiVersion: v1\ndata:\n  extra: YWRtaW46cGFzc3dvcmQ=\nkind: Secret", "YWRtaW46cGFzc3dvcmQ="),
    ),
    leaves=("kind: ConfigMap\ndata:\n  level: debug\n  name: awe", 'kind: Secret\ndata:\n  htpasswd: ""'),
)
KEY_BLOCK = Rule(
    id="private-key",
    why="RFC 7468 private keys, whole or cut off at either end, plain, prefixed or wrapped in JSON; PuTTY's own format",
    pattern=r"PRIVATE KEY(?: BLOCK)? ?-{2,5}|Private-Lines:",
    keywords=("private",),
    finds=(
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nKs14\n-----END PRIVATE KEY-----", "MIIEvQIBADANBgkq"),
        ("a_1 | -----BEGIN EC PRIVATE KEY-----\na_1 | MHcCAQEEIBkgIBkg\na_1 | q3==\nb_1 | ok done", "MHcCAQEEIBkgIBkg"),
        ("Ks14IReLcYgADhoXk56ZzXIwggSjAgEAAoIBAQDAC4AW\n-----END PRIVATE KEY-----", "Ks14IReLcYgADhoXk56"),
        ("Private-Lines: 1\nAAAAgQDKs14IReLcYg\nPrivate-MAC: 00", "AAAAgQDKs14IReLcYg"),
    ),
    leaves=(
        "-----BEGIN CERTIFICATE-----\nMIIDxTCCAq2gAwIBAgIUWzjP9yEI4xyQJpsTuTDEN2WdNiAw\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
    ),
)
BLOCK_RULES = (KEY_BLOCK, YAML_BLOCK, NEXT_LINE, KUBERNETES)
ANCHOR = (
    rf"PRIVATE KEY|Private-Lines:|{DER_START}|(?im:^[^\n]{{0,80}}?[\"']?(?:kind[\"']?:\s*[\"']?secret|(?:string)?data[\"']?:)[\"']?\s*$)"
    rf"|(?i)(?:name|key)[\"']?\s*[:=]\s*[\"']?[\w.$-]*(?:{names.PASSWORD}|{names.SECRET})"
)


@dataclass(slots=True)
class KeyBlock:
    """Inside a private key: takes base64 until the END line, or until patience with other lines ends."""

    prefix: bytes
    width: int = 0
    others: int = 0
    interrupted: bool = False
    ending: bool = False

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the spans to take out of a line, and whether the block goes on."""
        if _OTHER_BEGIN.search(line):
            return [], False
        if end := _END.search(line):
            return [run.span() for run in _RUN.finditer(line[: end.start()])], False
        if not line.strip() or _FRAME_HEADER.search(line):
            return [], True
        span = self._body(line)
        if span:
            length = span[1] - span[0]
            self.ending, self.interrupted = length < self.width, False
            self.width = max(self.width, length)
            return [span], True
        self.interrupted = True
        self.others += 1
        runs = [run.span() for run in _RUN.finditer(line) if not _HEX.fullmatch(run.group())]
        return runs, self.others <= PATIENCE_LINES

    def _body(self, line: bytes) -> Span | None:
        match = _BODY.match(line)
        if match is None:
            return None
        group = "body" if match.group("body") is not None else "body2"
        body = match.group(group)
        same_prefix = _shape(match.group("prefix") or match.group("prefix2") or b"") == self.prefix
        strong = len(body) >= STRONG_BYTES and not _HEX.fullmatch(body)
        if self.ending and not (strong and len(body) >= self.width):
            return None
        likely = len(body) % 4 == 0 and not (len(body) <= 12 and body.isalpha() and body.islower())
        if strong or (same_prefix and not self.interrupted and (likely or len(body) >= 16 or body[:1] == b"=")):
            return match.span(group)
        return None


@dataclass(slots=True)
class IndentBlock:
    """Inside a YAML block value: takes every line that is indented deeper than its name."""

    indent: int

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the content of a deeper line; a line at the name's depth ends the block."""
        offset, depth, content = _indented(line)
        if not content:
            return [], True
        if depth <= self.indent:
            return [], False
        return [] if content.startswith(b"-----") else [(offset, offset + len(content))], True


_VALUE = re.compile(
    rb"^[\"']?value[\"']?\s*[:=]\s*[\"']?(?P<v>[^\s\"'][^\"']*?)[\"']?,?$|^[\"'](?P<q>[^\"']+)[\"'],?\]?\}?$|^(?P<b>[^\s<:\[\]{},#&*!|>-][^\s:]*),?$"
)
_NO_VALUE = compile_pattern(rf"{names.NO_SECRET}|{names.PROSE}")


@dataclass(slots=True)
class NextLine:
    """After a name that ends its line: takes the value if the next line is nothing but one."""

    indent: int
    needs_value: bool

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the value's span; the block is over after one line."""
        offset, depth, content = _indented(line)
        match = _VALUE.match(content)
        if match is None or depth < self.indent or (self.needs_value and match.group("v") is None):
            return [], False
        group = match.lastgroup or "b"
        if (group == "b" and depth <= self.indent) or _NO_VALUE.fullmatch(match.group(group)):
            return [], False
        return [(offset + match.start(group), offset + match.end(group))], False


_MEMBER = re.compile(rb"^(?P<k>[\"']?[\w./-]+[\"']?)\s*:\s*(?:[\"'](?P<q>[^\"']+)[\"']|(?P<b>[^\s\"'|>{#][^#]*?))\s*$")
_BASE64 = re.compile(rb"(?=.{12})(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_MANIFEST_END = re.compile(rb"^(?:---|\.\.\.)|^[A-Z]")


@dataclass(slots=True)
class Manifest:
    """Inside a Kubernetes manifest: takes values under data; all of a Secret's, base64 only while the kind is unknown."""

    is_secret: bool
    data_indent: int | None = None
    others: int = 0
    block_indent: int | None = field(default=None)

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the span of a datum's value; a new document ends the manifest."""
        offset, depth, content = _indented(line)
        if not content:
            return [], True
        self.others += 1
        if _MANIFEST_END.match(line) or self.others > 4 * PATIENCE_LINES:
            return [], False
        if KIND.match(content):
            self.is_secret = b"ecret" in content
            return [], self.is_secret
        if self.data_indent is not None and depth <= self.data_indent:
            self.data_indent = self.block_indent = None
        if DATA.match(content):
            self.data_indent = depth
            return [], True
        return self._datum(offset, depth, content), True

    def _datum(self, offset: int, depth: int, content: bytes) -> list[Span]:
        if self.data_indent is None or content.startswith(b"#"):
            return []
        if self.block_indent is not None and depth > self.block_indent:
            return [(offset, offset + len(content))] if self.is_secret or _BASE64.fullmatch(content) else []
        self.block_indent = depth if re.search(rb":\s*[|>][+-]?\s*$", content) else None
        match = _MEMBER.match(content)
        if match is None:
            return []
        group = "q" if match.group("q") is not None else "b"
        value = match.group(group)
        if _NO_VALUE.fullmatch(value) or not (self.is_secret or _BASE64.fullmatch(value)):
            return []
        return [(offset + match.start(group), offset + match.end(group))]


KIND = re.compile(rb"^[\"']?kind[\"']?\s*:\s*[\"']?\w+[\"']?\s*$")
DATA = re.compile(rb"^[\"']?(?:data|stringData)[\"']?\s*:\s*$")
_SECRET_KIND = re.compile(rb"(?i)^[\"']?kind[\"']?\s*:\s*[\"']?secret[\"']?\s*$")

Block = KeyBlock | IndentBlock | NextLine | Manifest


def opened_by(line: bytes) -> tuple[str, Block] | None:
    """Give the block that a line opens, with its rule's id; the line itself is for the ordinary rules."""
    begin = _BEGIN.search(line)
    if begin and not _PRIVATE_END.search(line):
        rest = begin.group("rest") or b""
        marker = line.rfind(b"--", 0, begin.start()) if begin.group("rest") is not None else begin.start()
        frame = re.search(rb"-{2,5} ?BEGIN [A-Z0-9 ]*$|$", line[: begin.start()])
        start = frame.start() if frame else marker
        return (KEY_BLOCK.id, KeyBlock(_shape(line[:start]))) if len(rest) < 100 else None
    if _DER.search(line) and (body := _BODY.match(line)):
        group = "body" if body.group("body") is not None else "body2"
        prefix = body.group("prefix") or body.group("prefix2") or b""
        return KEY_BLOCK.id, KeyBlock(_shape(prefix), width=len(body.group(group)))
    offset, depth, content = _indented(line)
    if _SECRET_KIND.match(content):
        return KUBERNETES.id, Manifest(is_secret=True)
    if DATA.match(content):
        return KUBERNETES.id, Manifest(is_secret=False, data_indent=depth)
    return _opened_by_name(line, depth)


_OPENERS = [(rule, compile_pattern(rule.pattern), compile_pattern(rule.keep_keys)) for rule in (YAML_BLOCK, NEXT_LINE)]


def _opened_by_name(line: bytes, depth: int) -> tuple[str, Block] | None:
    for rule, pattern, keep in _OPENERS:
        match = pattern.search(line)
        if match is None:
            continue
        places = [(name, match[index]) for name, index in pattern.groupindex.items() if name.startswith(b"key")]
        name, key = next((name, key) for name, key in places if key is not None)
        if keep.search(key):
            return None
        if rule is YAML_BLOCK:
            return rule.id, IndentBlock(indent=depth)
        return rule.id, NextLine(indent=depth, needs_value=name == b"key4")
    return None


def body_run(lines: list[bytes]) -> int:
    """Count the lines at the end that may be the body of a key whose END line comes next."""
    count = 0
    for index, line in enumerate(reversed(lines[-MAX_RUN_LINES:])):
        body = _body_of(line)
        if body is None:
            break
        enough = 16 if body == line.strip() else STRONG_BYTES
        if len(body) < enough or _HEX.fullmatch(body):
            before = _body_of(lines[-2]) if len(lines) > 1 else None
            is_last_line = index == 0 and (body.endswith(b"=") or (before is not None and len(before) >= STRONG_BYTES))
            if not is_last_line:
                break
        count += 1
    return count


def body_span(line: bytes) -> Span:
    """Give the place of the base64 in a line of a run."""
    match = _BODY.match(line)
    assert match is not None, "only lines of a run are asked for"
    return match.span("body" if match.group("body") is not None else "body2")


def ends_private_key(line: bytes) -> bool:
    """Tell whether a line ends a private key."""
    return _PRIVATE_END.search(line) is not None


def _body_of(line: bytes) -> bytes | None:
    match = _BODY.match(line)
    return None if match is None else (match.group("body") if match.group("body") is not None else match.group("body2"))


def _shape(prefix: bytes) -> bytes:
    """Give a prefix with its numbers forgotten, to compare time stamps."""
    return _DIGITS.sub(b"0", prefix.strip())


def _indented(line: bytes) -> tuple[int, int, bytes]:
    """Give where the content starts, its depth after any log prefix, and the content."""
    prefix = _PREFIX.match(line)
    start = prefix.end() if prefix else 0
    rest = line[start:]
    content = rest.strip()
    depth = len(rest) - len(rest.lstrip())
    return start + depth, depth, content
