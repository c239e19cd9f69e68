"""Values behind a name and a sign: `password=...`, `"token": "..."`, `secret: ...`."""

# ruff: noqa: E501 (a pattern reads best in one piece; these are names of secrets, not secrets)

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names
from diagnostics.redaction.rules.anchors import NAMED, SIGN

KEY_END = r"""(?:\\*["'`]|\[\]|\])*"""
SEPARATOR = r"""(?P<separator>[ \t]*(?:=>|->|:{1,3}=|[.?+!]?=|\?\?=|:|[ \t]==|\xef\xbc[\x9a\x9d])[ \t]*)"""
QUOTED = (
    r"""(?:@|[bBuUrRfF]{1,2})?(?:"(?P<secret>(?:[^"\\]|\\.)*)(?:"|\\?$)|'(?P<secret2>(?:[^'\\]|\\.)*)(?:'|\\?$)"""
    r"""|`(?P<secret3>[^`]*)(?:`|$))"""
)
BARE = r"""(?P<bare>(?:[\[{(]+[^\s"'`\[{(]|[^\s"'`\\\[{(]|\\[^"'\s])(?:[^\s"'`]|["'`][^\s"'`,;:)\]}>])*)"""
_COMMON_ANCHOR = rf"(?i)(?:{names.COMMON}|key)"
PASSWORD_WORDS = ("pass", "pwd", "pw", "otp", "cvv", "masterauth")
SECRET_WORDS = ("secret", "token", "key", "bearer", "connection", "account")
_COMMON_WORDS = (
    "key",
    "auth",
    "sess",
    "sid",
    "cookie",
    "cred",
    "jwt",
    "sig",
    "salt",
    "nonce",
    "ticket",
    "srt",
    "webhook",
)

SENTENCE = r"|(?s)[A-Z][a-z']+(?: [\w'`\"-]+){2,}[.!:].*"

PASSWORD = Rule(
    id="password",
    why="a value named as a password, in assignments, JSON, YAML, repr, form bodies and connection strings",
    pattern=rf"(?i)(?P<key>{names.PASSWORD_KEY}){KEY_END}(?: for (?:user )?[\w.@'\"-]{{1,40}})?{SEPARATOR}(?:{QUOTED}|{BARE})",
    keywords=PASSWORD_WORDS,
    anchors=(NAMED,),
    keep_keys=names.KEEP_KEYS,
    keep_values=rf"{names.NO_SECRET}|[01]{SENTENCE}",
    whole_line=True,
    finds=(
        ("password=S3cr3t!Pa55 sslmode=require", "S3cr3t!Pa55"),
        ("PGPASSWORD=tr0ub4dor&3", "tr0ub4dor&3"),
        ('{"password": "a\\"b c"}', 'a\\"b c'),
        ("{'db_pass': 'it is'}", "it is"),
        ("    REDIS_PASSWORD: hunter2", "hunter2"),
        ("passphrase: correct horse battery", "correct horse battery"),
        ("u=1&passwd=x%26y&next=/", "x%26y"),
        ("Server=db;Pwd=pa=ss;Database=ai", "pa=ss"),
        ('\\"password\\":\\"deep\\\\\\"er\\"', "deep"),
        ("Password for user ai: hunter2", "hunter2"),
    ),
    leaves=(
        'FATAL:  password authentication failed for user "ai_user"',
        "POSTGRES_PASSWORD_FILE=/run/secrets/db_password",
        "password_encryption = scram-sha-256",
        "/run/secrets/db_password: Permission denied",
        "DB_PASSWORD: ${DB_PASSWORD:?must be set}",
        "password=None bypass=yes passed=12",
        'asyncpg.exceptions.InvalidPasswordError: password authentication failed for user "ai_user"',
        "login(username=username, password=password)",
        '{"password":["This field is required."]}',
        "PWD=/srv/app",
    ),
)

PASS = Rule(
    id="pass",
    why="the name `pass` alone: an assignment or a line of configuration, while `pass: 12` is a count in a report",
    pattern=(
        rf"(?i)(?:^|[^\w.$/-])\\*[\"']?(?P<key>pass|pw)(?:\\*[\"'])?(?:(?P<separator>[ \t]*(?:=>|:?=)[ \t]*)(?:{QUOTED}|{BARE})"
        r"|[ \t]*:[ \t]*(?:\"(?P<secret4>(?:[^\"\\]|\\.)*)\"|'(?P<secret5>(?:[^'\\]|\\.)*)'))|(?:^|[|Z])[ \t-]*pass:[ \t]+(?P<bare2>\S+)[ \t]*$"
    ),
    keywords=("pass", "pw"),
    anchors=(NAMED,),
    keep_values=rf"{names.NO_SECRET}|\d{{1,3}}|{names.PROSE}",
    finds=(("user=ai pass=hunter2", "hunter2"), ('{"pass":"hunter2"}', "hunter2"), ("  pass: hunter2", "hunter2")),
    leaves=("pass: running; warn: restarted", "tests: pass=12 fail=0", "PASS: test_login is ok", "pass: 12"),
)

SECRET = Rule(
    id="secret",
    why="a value named as a secret, token or API key",
    pattern=rf"(?i)(?P<key>{names.SECRET_KEY}){KEY_END}{SEPARATOR}(?:{QUOTED}|{BARE})",
    keywords=SECRET_WORDS,
    anchors=(NAMED,),
    keep_keys=names.KEEP_TOKEN_KEYS,
    keep_values=rf"{names.NO_SECRET}|\d{{1,5}}(?:\.\d+)?[a-z]{{0,2}}|\[[\w-]+{SENTENCE}",
    finds=(
        ("OPENAI_API_KEY=abcdEFGHijkl0123", "abcdEFGHijkl0123"),
        ("SECRET_KEY = 'django-insecure-x8#k$2m!p@q7'", "django-insecure-x8#k$2m!p@q7"),
        ('"access_token":"abc123","token_type":"bearer"', "abc123"),
        ("client_secret: 8f7s6d5f", "8f7s6d5f"),
        ("genericToken ::= zf3d0lxcm3", "zf3d0lxcm3"),
        ("X-Auth-Token: 3fea6af1", "3fea6af1"),
        ("apikey:{{h}o)p${e]nob(ody[finds}}", "{{h}o)p${e]nob(ody[finds"),
        ("AccountKey=abc/def+ghi==;EndpointSuffix=core", "abc/def+ghi=="),
    ),
    leaves=(
        "tokens=1532 prompt_tokens: 900 max_tokens=4096",
        '"token_type":"bearer","expires_in":3600',
        "token: expired",
        "token\uff1aexpired",
        "secretName: db-credentials",
        "jwt.exceptions.InvalidTokenError: Not enough segments",
        "token = request.headers.get('authorization')",
        "secrets: [db_password]",
        "token_url=https://idp/token",
        "tokenizer: gpt2",
    ),
)

# Words, numbers, dates, host names, paths, digests and constants look long without being random.
_NOT_RANDOM = (
    rf"{names.NO_SECRET}|{names.UUID}|[A-Za-z]{{1,19}}(?:[_.-][A-Za-z]{{1,19}})*[_.-]?\d{{0,4}}|[\d.:TZ+/-]+|(?:sha\d+|md5)[:-].*"
    r"|[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+(?::\d+)?|/.*|[A-Z]{2,}_\w*"
)

RANDOM_KEY = Rule(
    id="random-key",
    why="a random-looking value under a common name such as key, auth, session or credential",
    pattern=rf"(?i)(?P<key>{names.COMMON_KEY}){KEY_END}{SEPARATOR}(?:{QUOTED}|{BARE})",
    keywords=_COMMON_WORDS,
    anchors=(rf"{_COMMON_ANCHOR}{SIGN}\W*(?:\w{{1,5}}\W+)?[\w+/=~.-]{{16}}",),
    keep_keys=names.KEEP_COMMON_KEYS,
    keep_values=_NOT_RANDOM,
    needs=names.RANDOM,
    finds=(
        ("sl_key=aBcd1234abcd1234abcd", "aBcd1234abcd1234abcd"),
        ("sessionid=8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i", "8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i"),
        ('"user_auth": "am9obmRvZTpkMDY5NGIxYi1jMTcx"', "am9obmRvZTpkMDY5NGIxYi1jMTcx"),
        ("creds = Zf3D0LXCM3EIMbgJpUNnkRtOfOueHz", "Zf3D0LXCM3EIMbgJpUNnkRtOfOueHz"),
    ),
    leaves=(
        "auth_type = scram-sha-256",
        "session: closing because: client close request (age=12s)",
        "cache_key=Zf3D0LXCM3EIMbgJpUNnkRtOfOueHz",
        "author: Zf3D0LXCM3EIMbgJpUNnkRtOfOueHz",
        "key_id=8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i",
        "idempotency-key: Zf3D0LXCM3EIMbgJpUNnkRtOfOueHz",
    ),
)

PLAIN_KEY = Rule(
    id="plain-key",
    why="the name `key` alone is often a cache key or a digest: hexadecimal values stay, mixed ones go",
    pattern=rf"(?i)(?:^|[^\w.$/-])(?P<key>key){KEY_END}{SEPARATOR}(?:{QUOTED}|{BARE})",
    keywords=("key",),
    anchors=(rf"(?i)\bkey{SIGN}\W*(?:\w{{1,5}}\W+)?[\w+/=~.-]{{16}}",),
    keep_values=rf"{_NOT_RANDOM}|[0-9a-f]{{32,64}}",
    needs=names.RANDOM,
    finds=(("key=AbCd1234/efgh+5678ijkl==", "AbCd1234/efgh+5678ijkl"),),
    leaves=("key=user:1532", "key: 6e988461ffce2bac3561234f736b9a504bfda1911fa6432b90e6bbb16f67f925", "monkey: x"),
)

RULES = (PASSWORD, PASS, SECRET, RANDOM_KEY, PLAIN_KEY)
