"""Secrets that span lines: what opens each kind of block, and the texts that prove it."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import keyed, names
from diagnostics.redaction.rules.anchors import NAMED
from diagnostics.redaction.rules.commands import ARGUMENT_LINES
from diagnostics.redaction.rules.keys import DER_START

_KEY = rf"(?P<key>(?:{names.PASSWORD_KEY}|{names.SECRET_KEY}))"
YAML_BLOCK = Rule(
    id="block-value",
    why="a YAML block scalar under a name that is a secret's",
    pattern=rf"(?i)^(?P<lead>.*?)[\"']?{_KEY}[\"']?\s*:\s*(?:![\w!]+\s+)?[|>][+-]?\d?\s*(?:#.*)?$",
    keywords=(*keyed.PASSWORD_WORDS, *keyed.SECRET_WORDS),
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
        rf"|<?[\"']?(?:name|key)[\"']?\s*[:=]\s*[\"']?{_KEY.replace('<key>', '<key4>')}[\"']?,?\s*/?>?)\s*$"
    ),
    keywords=(*keyed.PASSWORD_WORDS, *keyed.SECRET_WORDS),
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
BLOCK_RULES = (KEY_BLOCK, YAML_BLOCK, NEXT_LINE, KUBERNETES, ARGUMENT_LINES)
ANCHORS = (
    NAMED,
    rf"PRIVATE KEY|Private-Lines:|{DER_START}",
    r"(?i:\b(?:kind[\"']?:[ \t]*[\"']?secret|(?:string)?data[\"']?:)[\"']?[ \t\r]*$)",
    *ARGUMENT_LINES.anchors,
)
