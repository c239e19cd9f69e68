"""Values that have a name: `password=...`, `"token": "..."`, `--db-password ...`, in every notation that logs use."""

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names

KEY_END = r"""(?:\\*["'`]|\[\]|\])*"""
SEPARATOR = r"""(?P<separator>[ \t]*(?:=>|->|:{1,3}=|[.?+!]?==?|:)[ \t]*)"""
QUOTED = (
    r"""(?:\[\s*)?(?:@|[A-Za-z]{0,2})?(?:"(?P<secret>(?:[^"\\]|\\.)*)(?:"|\\?$)|'(?P<secret2>(?:[^'\\]|\\.)*)(?:'|\\?$)"""
    r"""|`(?P<secret3>[^`]*)(?:`|$))"""
)
BARE = r"""(?P<bare>(?:[^\s"'`\\]|\\[^"'\s])(?:[^\s"'`]|["'`][^\s"'`,;:)\]}>])*)"""
ANCHOR_END = r"""[\w.\\%&#;"'`\]\[-]*[ \t]*(?:[=:,>?+!(]|%3|-)"""

_PASSWORD_ANCHOR = (
    r"(?i)(?:pass[_.-]?wor[dt]|passwd|pass[_.-]?phrase|pass[_.-]?code|pwd|pass|pw|totp|otp|cvv|masterauth)"
)
_SECRET_ANCHOR = rf"(?i){names.SECRET}"
_COMMON_ANCHOR = rf"(?i){names.COMMON}"
_PASSWORD_WORDS = ("pass", "pwd", "pw", "otp", "cvv", "masterauth")
_SECRET_WORDS = ("secret", "token", "key", "bearer", "connection", "account")
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

_SENTENCE = r"|(?s)[A-Z][a-z']+(?: [\w'`\"-]+){2,}[.!:].*"

PASSWORD = Rule(
    id="password",
    why="a value named as a password, in assignments, JSON, YAML, repr, form bodies and connection strings",
    pattern=rf"(?i)(?P<key>{names.PASSWORD_KEY}){KEY_END}(?: for (?:user )?[\w.@'\"-]{{1,40}})?{SEPARATOR}(?:{QUOTED}|{BARE})",
    keywords=_PASSWORD_WORDS,
    anchor=rf"{_PASSWORD_ANCHOR}(?:{ANCHOR_END}| for )",
    keep_keys=names.KEEP_KEYS,
    keep_values=rf"{names.NO_SECRET}|[01]{_SENTENCE}",
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

SECRET = Rule(
    id="secret",
    why="a value named as a secret, token or API key",
    pattern=rf"(?i)(?P<key>{names.SECRET_KEY}){KEY_END}{SEPARATOR}(?:{QUOTED}|{BARE})",
    keywords=_SECRET_WORDS,
    anchor=rf"{_SECRET_ANCHOR}{ANCHOR_END}",
    keep_keys=rf"{names.KEEP_KEYS}|(?i)(?:public|pub|page|next|continuation|cursor)[_.-]?(?:token|key)$",
    keep_values=rf"{names.NO_SECRET}|\d{{1,5}}(?:\.\d+)?[a-z]{{0,2}}|\[[\w-]+{_SENTENCE}",
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
        "secretName: db-credentials",
        "jwt.exceptions.InvalidTokenError: Not enough segments",
        "token = request.headers.get('authorization')",
        "secrets: [db_password]",
        "token_url=https://idp/token",
        "tokenizer: gpt2",
    ),
)

RANDOM_KEY = Rule(
    id="random-key",
    why="a random-looking value under a common name such as key, auth, session or credential",
    pattern=rf"(?i)(?P<key>{names.COMMON_KEY}){KEY_END}{SEPARATOR}(?:{QUOTED}|{BARE})",
    keywords=_COMMON_WORDS,
    anchor=rf"{_COMMON_ANCHOR}{ANCHOR_END}",
    keep_keys=names.KEEP_COMMON_KEYS,
    keep_values=(
        rf"{names.NO_SECRET}|{names.UUID}|[A-Za-z]+(?:[_.-][A-Za-z]+)*[_.-]?\d{{0,4}}|[\d.:TZ+/-]+|(?:sha\d+|md5)[:-].*"
        r"|[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+(?::\d+)?|/.*|[A-Z]{2,}_\w*|[0-9a-f]{40}|[0-9a-f]{64}"
    ),
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
        "key=user:1532",
        "author: Zf3D0LXCM3EIMbgJpUNnkRtOfOueHz",
        "key_id=8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i",
        "key: 6e988461ffce2bac3561234f736b9a504bfda1911fa6432b90e6bbb16f67f925",
        "idempotency-key: Zf3D0LXCM3EIMbgJpUNnkRtOfOueHz",
    ),
)

_ANY_KEY = rf"(?:{names.PASSWORD_KEY}|{names.SECRET_KEY})"
_ANY_NAME = rf"(?:{names.PASSWORD}|pass|pw|otp|cvv|masterauth|{names.SECRET})"
_ANY_ANCHOR = rf"(?i){_ANY_NAME}"
_ANY_WORDS = tuple(dict.fromkeys(_PASSWORD_WORDS + _SECRET_WORDS))
_KEEP = names.KEEP_KEYS

FLAG = Rule(
    id="flag",
    why="the argument after a command-line flag that is named as a secret, in a shell line or an argument list",
    pattern=(
        rf"(?i)(?:^|[\s\"'(\[=])--?(?P<key>{_ANY_KEY})(?:[ \t]+|[\"'],[ \t]*)"
        r"(?:\"(?P<secret>[^\"]+)\"?|'(?P<secret2>[^']+)'?|(?P<bare>[^\s\"'\[-][^\s\"']*))"
    ),
    keywords=_ANY_WORDS,
    anchor=rf"(?i)-[\w.-]*(?:{names.PASSWORD}|pass|pw|{names.SECRET})[\w.-]*(?:[ \t]|[\"'],)",
    keep_keys=rf"{_KEEP}|(?i)(?:stdin|prompt|no-?pass\w*)$",
    keep_values=rf"{names.NO_SECRET}|[A-Z][A-Z_]{{2,}}|&&|\|\|?|\\|\d{{1,5}}",
    finds=(
        ("worker --db-password S3cr3t!Pa55 --queue=default", "S3cr3t!Pa55"),
        ('["redis-server","--requirepass","hunter2"]', "hunter2"),
        ("deploy --api-key 'a b c' run", "a b c"),
        ("-ClientSecret '2Vq7Q~q5Vg'", "2Vq7Q~q5Vg"),
    ),
    leaves=(
        "--password-file /run/secrets/db",
        "usage: tool --password PASSWORD",
        "--max-tokens 4096 --token-type bearer",
        "docker login --password-stdin registry:5000",
    ),
)

TYPED = Rule(
    id="typed-assignment",
    why="a declaration with a type between name and value: Go, Kotlin, TypeScript, Python annotations",
    pattern=rf"(?i)(?P<key>{_ANY_KEY})(?:[ \t]*:)?[ \t]*[A-Za-z][\w.<>\[\]?|]{{0,30}}[ \t]*=[ \t]*{QUOTED}",
    keywords=_ANY_WORDS,
    anchor=rf"{_ANY_ANCHOR}[\w.-]*(?:[ \t]|:)[^\n]*=",
    keep_keys=_KEEP,
    keep_values=names.NO_SECRET,
    finds=(
        ('var genericToken string = "zf3d0lxcm3"', "zf3d0lxcm3"),
        ('password: str = "hunter2"', "hunter2"),
    ),
    leaves=('token_url: str = "https://idp/"', 'password: str = ""'),
)

ARGUMENT = Rule(
    id="argument",
    why="a name and its value as two arguments, a pair, or two columns",
    pattern=(
        rf"(?i)(?:\(\s*[bu]?[\"'](?P<key>{_ANY_KEY})[\"']\s*,\s*[bu]?(?:\"(?P<secret>[^\"]+)\"|'(?P<secret2>[^']+)')\s*\)"
        rf"|(?:^|[\s,;|(])[\"']?(?P<key2>{_ANY_KEY})[\"']?[ \t]*[,|][ \t]*[\"']?(?P<secret3>[\w+/=.~-]{{12,}})[\"']?(?:[,|;)\s]|$))"
    ),
    keywords=_ANY_WORDS,
    anchor=rf"{_ANY_ANCHOR}[\w.-]*[\"']?[ \t]*[,|]",
    keep_keys=_KEEP,
    keep_values=rf"{names.NO_SECRET}|[a-z_.-]+|[A-Z_]+",
    finds=(
        ('GetEnvOrDefault("api_token", "dafa7817-e246-48f3-91a7")', "dafa7817-e246-48f3-91a7"),
        ("(b'x-api-key', b'hunter2')", "hunter2"),
        ("genericToken,zf3d0lxcm3EIMbg,", "zf3d0lxcm3EIMbg"),
    ),
    leaves=(
        "required fields: ['username', 'password', 'token']",
        "columns: id, password, created_at",
        'getattr(settings, "token_url", "https://idp")',
    ),
)

DIRECTIVE = Rule(
    id="directive",
    why="configuration files that separate name and value by a space: nginx, netrc, redis.conf, ACL files",
    pattern=(
        rf"(?i)(?P<key>{_ANY_KEY})[ \t]*(?:\"(?P<secret>[^\"\s]+)\"|'(?P<secret2>[^'\s]+)');"
        r"|\b(?:requirepass|masterauth|sentinel auth-pass \S+)[ \t]+[\"']?(?P<secret3>[^\s\"']+)"
        r"|\blogin[ \t]+\S+[ \t]+password[ \t]+(?P<secret4>\S+)"
        r"|\b(?:on|off|nopass|reset|setuser[ \t]+\S+)(?:[ \t]+[~&+@%*\w-]\S*)*[ \t]+[><](?P<secret5>[^\s\"']+)"
    ),
    keywords=(*_ANY_WORDS, "on", "setuser"),
    anchor=(
        rf"{_ANY_ANCHOR}[\w.-]*[ \t]*[\"'][^\"'\n]*[\"'];|(?i)(?:requirepass|masterauth|auth-pass)[ \t]|"
        r"password[ \t]+\S+[ \t]*$|\b(?:on|setuser)[ \t](?:[^\n]*[ \t])?[><]\S"
    ),
    keep_keys=_KEEP,
    keep_values=rf"{names.NO_SECRET}|=.*|\d+",
    finds=(
        ("private_key 'm{{h}o)p${e]nob';", "m{{h}o)p${e]nob"),
        ("requirepass foobared", "foobared"),
        ("machine db login ai password hunter2", "hunter2"),
        ("user default on >hunter2 ~* &* +@all", "hunter2"),
        ("ACL SETUSER alice on >p1pp0 ~cached:*", "p1pp0"),
    ),
    leaves=(
        'secret "db_password" not found',
        "requirepass ${REDIS_PASSWORD}",
        "on error > stderr",
    ),
)

PROSE = Rule(
    id="prose",
    why="a sentence that gives the value away: `with password hunter2x`, `the token is ...`",
    pattern=(
        r"(?i)\b(?P<key>password|passwd|passphrase|secret|api[ _-]?key|token)(?: (?:is|was|of|to|set to|value))?[ \t]+"
        r"(?:\"(?P<secret>[^\"\s]{6,})\"|'(?P<secret2>[^'\s]{6,})'|(?P<bare>[^\s\"'=:(\[{<,;][^\s\"']{5,}))"
    ),
    keywords=("password", "passwd", "passphrase", "secret", "key", "token"),
    anchor=r"(?i)(?:password|passwd|passphrase|secret|api[ _-]?key|token)(?: [a-z ]{2,8})?[ \t]+[^\n]{0,40}?\d",
    keep_values=(
        rf"{names.NO_SECRET}|{names.UUID}.*|[\d.,:/%TZ+-]+[a-z]{{0,3}}[.,;)]?|v?\d+(?:\.\d+)*|(?:sha\d+|md5)[:-].*|[a-z-]+-?\d{{1,3}}"
        r"|[\w.-]+:\d+|[\w-]*_[\w-]*|/\S*|https?://\S*|[A-Za-z]+\(.*|\d+[a-z]{1,3}[.,;]?|[a-z0-9]+(?:[.-][a-z]+)+|.*=.*"
    ),
    needs=(r"\d", r"[A-Za-z]"),
    finds=(
        ("connecting with password S3cr3t!Pa55 now", "S3cr3t!Pa55"),
        ("the token is Zf3D0LXCM3EIMbgJ", "Zf3D0LXCM3EIMbgJ"),
    ),
    leaves=(
        "token 3f2504e0-4f89-41d3-9a0c-0305e82c3301 expired",
        "password authentication failed for user",
        "token expired 3600s ago",
        "secret version 12 of db_password",
        "password for user1 at 172.18.0.5:5432",
    ),
)

XML = Rule(
    id="xml-element",
    why="the text of an XML element, or the value attribute beside a name attribute, that is named as a secret",
    pattern=(
        rf"(?i)<(?:\w+:)?(?P<key>{_ANY_KEY})(?:\s[^<>]*)?>\s*(?:(?P<secret>[^<\s][^<]*)</|(?P<secret3>[^<\s]+)\s*$)"
        rf"|(?:\bname|\bkey)\\*[\"']?\s*[=:]\s*\\*[\"'](?P<key2>{_ANY_KEY})\\*[\"'][\s,;]*\\*[\"']?value\\*[\"']?\s*[=:]\s*"
        r"\\*[\"'](?P<secret2>[^\"'\\]+)"
    ),
    keywords=_ANY_WORDS,
    anchor=rf"(?i)(?:<[\w:.-]*{_ANY_NAME}[^\n<>]*>|(?:name|key)\\*[\"']?\s*[=:]\s*\\*[\"'][^\n]*value)",
    keep_keys=_KEEP,
    keep_values=names.NO_SECRET,
    finds=(
        ("<genericToken>zf3d0lxcm3</genericToken>", "zf3d0lxcm3"),
        ('<add key="Password" value="hunter2" />', "hunter2"),
        ('{"name":"DB_PASSWORD","value":"hunter2"}', "hunter2"),
    ),
    leaves=("<tokenType>bearer</tokenType>", '<entry key="timeout" value="30"/>', '{"name":"TZ","value":"UTC"}'),
)

SQL_DETAIL = Rule(
    id="row-detail",
    why="PostgreSQL quotes the offending row: `Key (token)=(...) already exists`; an INSERT names its columns",
    pattern=(
        rf"(?i)\bkey \((?P<key>[\w, \"]*(?:{names.PASSWORD}|{names.SECRET})[\w, \"]*)\)=\((?P<secret>[^\n]*?)\)(?: already| is not|\.|$|\s)"
        rf"|\binsert into [^(]*\([^)]*(?:{names.PASSWORD}|{names.SECRET})[^)]*\)\s*values\s*(?P<section>\(.*)"
    ),
    keywords=("key (", "insert into"),
    inner=r"'(?P<secret>(?:[^']|'')+)'",
    keep_values=rf"{names.NO_SECRET}|[\w-]{{1,3}}",
    finds=(
        ("DETAIL:  Key (reset_token)=(zf3d0lxcm3) already exists.", "zf3d0lxcm3"),
        ("INSERT INTO users (name, password) VALUES ('alice', 'hunter2')", "hunter2"),
    ),
    leaves=("DETAIL:  Key (id)=(42) already exists.", "INSERT INTO jobs (name, state) VALUES ('a', 'queued')"),
)

RULES = (PASSWORD, SECRET, RANDOM_KEY, FLAG, TYPED, ARGUMENT, DIRECTIVE, PROSE, XML, SQL_DETAIL)
