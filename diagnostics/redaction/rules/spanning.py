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
        rf"(?i)^(?P<lead>.*?)(?:[\"']{_KEY}[\"'](?:\s*[:=]|\]\s*=>)|\b\d*[13579]\)\s*[\"']{_KEY.replace('<key>', '<key5>')}[\"']|<{_KEY.replace('<key>', '<key2>')}(?:\s[^<>]*)?>|{_KEY.replace('<key>', '<key3>')}\s*:"
        rf"|<?[\"']?(?:name|key)[\"']?\s*[:=]\s*[\"']?{_KEY.replace('<key>', '<key4>')}[\"']?,?\s*/?>?)\s*$"
    ),
    keywords=(*keyed.PASSWORD_WORDS, *keyed.SECRET_WORDS),
    keep_keys=names.KEEP_KEYS,
    finds=(
        ("<genericToken>\n    zf3d0lxcm3\n</genericToken>", "zf3d0lxcm3"),
        ('"password":\n    "hunter2",', "hunter2"),
        ("- name: DB_PASSWORD\n  value: hunter2", "hunter2"),
        ("password:\n  hunter2", "hunter2"),
        ('1) "requirepass"\n2) "hunter2"', "hunter2"),
        ('["password"]=>\n  string(7) "hunter2"', "hunter2"),
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
_NAME = rf"(?:{names.PASSWORD}|{names.SECRET})"
SQL_NEXT_LINE = Rule(
    id="sql-next-line",
    why="statements over several lines: PASSWORD before its literal, the columns of an INSERT before its rows, placeholders before their parameters",
    pattern=(
        rf"(?i)(?P<password>(?:^[ \t]*|\b(?:with|encrypted|(?:role|user)[ \t]+\S+)[ \t]+)password[ \t\r]*$)|(?P<columns>{_NAME}[^()']*\)[ \t\r]*$)"
        rf"|(?P<number>{_NAME}\w*\"?[ \t]*=[ \t]*\$\d+)|(?P<all>insert into [^(]*\([^)]*{_NAME}[^)]*\)\s*values\s*\([ \t]*\$\d)"
    ),
    keywords=(*keyed.PASSWORD_WORDS, *keyed.SECRET_WORDS),
    finds=(
        ("ALTER ROLE ai\n\tWITH PASSWORD\n\t'hunter2'", "hunter2"),
        ("INSERT INTO users (name, password_hash)\n VALUES ('alice', 'hunter2'),\n ('bob', 'hunter3');", "hunter3"),
        (
            "LOG:  execute s1: UPDATE users SET password = $1\n\tWHERE id = $2\nDETAIL:  parameters: $1 = 'hunter2', $2 = '1234'",
            "hunter2",
        ),
        (
            "execute s2: INSERT INTO t (a, token) VALUES ($1, $2)\nDETAIL:  Parameters: $1 = 'abcd', $2 = 'hunter2'",
            "hunter2",
        ),
    ),
    leaves=(
        "UPDATE users SET password = $1\nLOG:  next\nDETAIL:  parameters: $1 = 'alice'",
        "see the manual (of the password)\n('users', 'roles')",
        "asks for the password\nof 'alice' twice",
    ),
)
FORM_PART = Rule(
    id="form-part",
    why="RFC 7578: the part of a multipart form whose name is a secret's; its value stands after an empty line",
    pattern=rf"(?i)\bform-data;.*?\bname=\"?(?P<key>{_KEY.replace('?P<key>', '?:')})\"?[^\"]*$",
    keywords=("form-data",),
    keep_keys=names.KEEP_KEYS,
    finds=(
        ('Content-Disposition: form-data; name="password"\n\nhunter2\n--x--', "hunter2"),
        ('Content-Disposition: form-data; name="api_key"\r\nContent-Type: text/plain\r\n\r\nhunter2\r\n--x', "hunter2"),
    ),
    leaves=(
        'Content-Disposition: form-data; name="username"\n\nalice\n--x\nok',
        'form-data; name="token_type"\n\nbearer\n--x',
    ),
)
TABLE = Rule(
    id="table-column",
    why="the cells below a secret's name in a table of psql or MySQL, or in a CSV file",
    pattern=rf"(?i)(?:^|[|,;\t])[ ]*\"?(?P<key>{_KEY.replace('?P<key>', '?:')})\"?[ ]*(?:[|,;\t\r]|$)",
    keywords=(*keyed.PASSWORD_WORDS, *keyed.SECRET_WORDS),
    keep_keys=names.KEEP_KEYS,
    finds=(
        (" username | password\n----------+----------\n alice    | hunter2\n(1 row)", "hunter2"),
        ("+----+-------+\n| id | token |\n+----+-------+\n| 12 | zf3d0 |\n+----+-------+", "zf3d0"),
        ("username,password,mail\nalice,hunter2,no\n", "hunter2"),
        (" id | token\n----+-----------\n  1 | a|zf3d0|b\n", "zf3d0"),
    ),
    leaves=(
        "id,password,created_at\nis what the table has",
        " id | token_type\n----+-----------\n 12 | bearer",
        "name,tokens\nalice,1234567",
    ),
)
ANSWER = Rule(
    id="next-answer",
    why="an Authorization header that is folded after its scheme (RFC 7230 3.2.4), the answer to an SMTP server that asks for the password",
    pattern=r"(?i)(?P<folded>\bauthorization[\"']?:[ \t]*(?:bearer|basic|token)[ \t\r]*$)|(?P<asked>\b334 UGFzc3dvcmQ6[ \t\r]*$)",
    keywords=("authorization", "ugfzc3dvcmq6"),
    anchors=(r"(?i:authorization[\"']?:[ \t]*(?:bearer|basic|token)[ \t\r]*$)|334 UGFzc3dvcmQ6",),
    finds=(
        ("Authorization: Bearer\r\n zf3d0lxcm3EI\r\nHost: db", "zf3d0lxcm3EI"),
        ("S: 334 UGFzc3dvcmQ6\nC: aHVudGVyMg==\nS: 235 2.7.0 ok", "aHVudGVyMg=="),
    ),
    leaves=("Authorization: Bearer\nHost: db.example", "334 VXNlcm5hbWU6\nYWxpY2U="),
)
BLOCK_RULES = (KEY_BLOCK, YAML_BLOCK, NEXT_LINE, KUBERNETES, ARGUMENT_LINES, SQL_NEXT_LINE, FORM_PART, TABLE, ANSWER)
ANCHORS = (
    NAMED,
    rf"PRIVATE KEY|Private-Lines:|{DER_START}",
    r"(?i:\b(?:kind[\"']?:[ \t]*[\"']?secret|(?:string)?data[\"']?:)[\"']?[ \t\r]*$)",
    *ARGUMENT_LINES.anchors,
    *ANSWER.anchors,
)
