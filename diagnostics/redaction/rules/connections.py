"""Databases and brokers: URLs with a password, password files, SQL and Redis commands, stored password hashes."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names
from diagnostics.redaction.rules.anchors import NAMED

# A quote or an angle bracket within a word is part of a password; before a sign it ends the URL or a tag.
_WITHIN = r"[\"'<>]{1,5}[^\s/\"'<>,:;|()\[\]{}=\\&]"

DSN = Rule(
    id="dsn-password",
    why="RFC 3986 3.2.1 userinfo; the password may hold any character, escaped or not, so it ends at the last @",
    pattern=(
        r"(?i)[a-z][a-z0-9+.-]*:(?:\\?/){2}[^\s:/\"'<>\\]*:(?:"
        rf"(?P<secret3>(?:[^\s/\"'<>0-9]|\d+[^\d\s/\"'<>?#])(?:[^\s/\"'<>]|{_WITHIN})*(?:[^\s/\"'<>\\]|{_WITHIN})[\"'<>]?)"
        r"|(?P<secret>[^\s/\"'<>]*[^\s/\"'<>\\])"
        r"|(?P<secret2>(?:[^\s/\"'<>0-9]|\d+[^\d\s/\"'<>?#])[^\s\"'<>]*?/[^\s\"'<>@]*(?:@[^\s\"'<>@/]*)*))@"
    ),
    keywords=("@",),
    anchors=(
        rf":\\?/\\?/[^\s/\"'<>]*:(?:[^\s\"'<>]|{_WITHIN})*[\"'<>]?@",
        r"%3[Aa](?:/|%2[Ff]){2}[^\s\"'<>]*(?::|%3[Aa])[^\s\"'<>]*(?:@|%40)",
    ),
    keep_values=rf"{names.NO_SECRET}|\d{{1,5}}[?#;,].*",
    finds=(
        ("postgresql+asyncpg://ai_user:S3cr3t!Pa55@pgbouncer:6432/ai", "S3cr3t!Pa55"),
        ("amqp://guest:p@ss@rabbit:5672//", "p@ss"),
        ("redis://:hunter2@redis:6379/0", "hunter2"),
        ("postgresql://ai:tr0ub4dor&3#x@postgres:5432/db", "tr0ub4dor&3#x"),
        ("postgresql://ai:sla/sh@postgres/db", "sla/sh"),
        ("smtp+tls://alice@example.com:hunter2@mail:587", "hunter2"),
        ("https://u:%70%40ss@host/", "%70%40ss"),
        ("create_engine('postgresql://ai:it\\'s@h/d')", "it\\'s"),
        ("dsn=postgresql%3A%2F%2Fai%3Ahunter2%40h%3A5432%2Fd", "hunter2"),
    ),
    leaves=(
        "http://api:8000/items?mail=a",
        "redis://redis:6379/0",
        "https://registry:5000/awe/app@sha256:6e98",
        "transport: redis://:**@redis:6379/0",
        "postgresql://ai_user:${DB_PASSWORD}@postgres/db",
        '{"url":"http://api:up","by":"x@y"} <a href=http://api:8000>x@y</a>',
        "GET /sign-in?next=https%3A%2F%2Fh%3A8000%2Fa%40b",
    ),
)

DSN_USER_TOKEN = Rule(
    id="dsn-token",
    why="a URL whose user name alone is a long token, as Git hosts and Sentry take it",
    pattern=r"(?i)[a-z][a-z0-9+.-]*://(?P<secret>[A-Za-z0-9_-]{20,}):?@",
    keywords=("@",),
    anchors=(r"://[A-Za-z0-9_-]{4,}:?@",),
    needs=(r"\d", r"[A-Za-z]"),
    finds=(("https://zf3d0lxcm3EIMbgJpUNnkRtO@git.example/x.git", "zf3d0lxcm3EIMbgJpUNnkRtO"),),
    leaves=("ssh://git@host/repo", "https://service_account_for_reports@host/"),
)

# Where a line of a file begins, behind what a container's name or the engine puts in front.
_LINE_START = r"^(?:[\w.-]{1,64}\s*\|\s?)?(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?\s)?[ \t]*"
_PGPASS_HOST = r"(?:\\.|[\w.*-])*(?:\\.|[A-Za-z.*])(?:\\.|[\w.*-])*|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]|/[\w./-]+"
_PGPASS_FIELD = r"(?:\\.|[^:\\\s\"'(){}\[\]=,/])*"

PGPASS = Rule(
    id="pgpass",
    why="PostgreSQL 34.16: host:port:database:user:password; the password of an entry alone on its line goes to its end",
    pattern=(
        rf"{_LINE_START}(?P<key>{_PGPASS_HOST}):(?:\d{{4,5}}|\*):(?:\d*[A-Za-z_]{_PGPASS_FIELD}|\*):(?:[A-Za-z_]{_PGPASS_FIELD}|\*):(?P<secret>\S.*?)[ \t\r]*$"
        rf"|(?:^|[\s\"'=])(?P<key2>{_PGPASS_HOST}):(?:\d{{2,5}}|\*):(?:\d*[A-Za-z_][\w.-]{{1,62}}|\*):(?:[A-Za-z_][\w.@-]{{1,62}}|\*):(?P<bare>[^\s\"']+)"
    ),
    keywords=(":",),
    anchors=(r":(?:\d{2,5}|\*):\d*[A-Za-z_*][^:\s]*(?:\\:[^:\s]*)*:[A-Za-z_*][^:\s]*(?:\\:[^:\s]*)*:[^\s]",),
    keep_keys=(  # a place in a file, a line of Python's logging
        r"(?i)\.(?:[chm]|cc|cpp|cs|conf|css|cfg|go|html?|ini|java|jsx?|kt|log|lua|md|php|pl|py[ix]?|rb|rs|scss|sh|sql|swift|toml|tsx?|txt|vue|xml|ya?ml)$"
        r"|^(?:debug|info|notice|warn(?:ing)?|error|critical|fatal|log)$"
    ),
    keep_values=rf"{names.NO_SECRET}|{names.PROSE}(?:\s.*)?|[0-9a-fA-F]{{1,4}}(?::[0-9a-fA-F]{{1,4}})+|(?:\S+\s+){{5,}}.*",
    finds=(
        ("postgres:5432:ai_workflow:ai_user:S3cr3t!Pa55", "S3cr3t!Pa55"),
        ("*:*:*:ai_user:a\\:b", "a\\:b"),
        ("localhost:5432:ai.db:u:it's hunter2", "it's hunter2"),
        ("\\:\\:1:5432:1ai:ai_user@srv:hunter2", "hunter2"),
    ),
    leaves=(
        "serial=0A:1B:2C:3D:4E:5F:60:71:82:93",
        "12:34:56 mac 02:42:ac:12:00:05",
        "app.py:1042:12: error: expected",
        "models.py:1042:class:Meta:ordering",
        "ERROR:12345:root:main:something failed",
        "mac aa:11:bb:cc:dd:ee fe80:11:ab:cd:ef:1",
    ),
)

USERLIST = Rule(
    id="userlist",
    why='PgBouncer auth_file: "user" "password", one pair a line',
    pattern=(
        r"^\s*(?:[\w.-]+\s*\|\s*)?\"[^\"]{1,63}\"[ \t]+\"(?P<secret>(?:[^\"]|\"\")+)\"(?:\s*|\s[^\"]*)$"
        rf"|{_LINE_START}\"[^\"\s/]{{1,63}}\"[ \t]+\"(?P<secret2>(?:[^\"]|\"\")+)\"\s*$"
    ),
    keywords=('" "', '"\t', '"  '),
    anchors=(r"\"[^\"\n]{1,63}\"[ \t]+\"[^\"\n]",),
    keep_values=names.NO_SECRET,
    finds=(
        ('"ai_user" "hunter2"', "hunter2"),
        ('"ai_user"\t"hunter2"', "hunter2"),
        ('pgbouncer_1 | 2026-01-02T03:04:05.000Z "ai_user"  "hunter2"', "hunter2"),
        ('"ai_user" "md5a1b2c3d4e5f60718293a4b5c6d7e8f90"', "a1b2c3d4e5f6"),
    ),
    leaves=('GET "/a" "/b"', '"ai_user" ""', '2026-01-02T03:04:05.000Z "GET /a" "curl/8.5.0"'),
)

PG_HASH = Rule(
    id="pg-hash",
    why="PostgreSQL and PgBouncer store passwords as md5<hex> or SCRAM-SHA-256$...; both log a user in or can be guessed offline",
    pattern=r"\b(?P<secret>md5[0-9a-f]{32})\b|(?P<secret2>SCRAM-SHA-(?:1|256|512)\$\d+:[A-Za-z0-9+/=]+(?:\$[A-Za-z0-9+/=:]*)?)",
    keywords=("md5", "scram-sha-"),
    anchors=(r"md5[0-9a-f]{8}|SCRAM-SHA-\d+\$\d",),
    finds=(
        ('"ai_user" "md5a1b2c3d4e5f60718293a4b5c6d7e8f90"', "a1b2c3d4e5f60718293a"),
        ("rolpassword SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy", "c3RvcmVk"),
    ),
    leaves=("md5:a1b2c3d4e5f60718293a4b5c6d7e8f90", "auth_type = md5", "method scram-sha-256"),
)

SQL_PASSWORD = Rule(
    id="sql-password",
    why="CREATE or ALTER ROLE ... PASSWORD '...', also dollar-quoted, escaped or cut off; MySQL IDENTIFIED BY",
    pattern=(
        r"(?i)(?:\bpassword(?: for \S+)?|\b(?:user|to|role|login)[ \t]+\S+[ \t]+identified(?: with \S+)? by(?: password)?)(?:\s+|\s*=\s*)"
        r"(?:(?:[en]|u&)?\\*'(?P<secret>(?:[^'\\]|''|\\[^'\s]|\\'[^\s,;)])+)(?:\\*'|\\?$)"
        r"|\$\w*\$(?P<secret2>[^$]+)(?:\$\w*\$|$))"
    ),
    keywords=("password", "identified"),
    anchors=(NAMED, r"(?i:identified(?: with \S+)? by(?: password)?\s+\S)"),
    keep_values=names.NO_SECRET,
    finds=(
        ("STATEMENT:  ALTER ROLE ai_user WITH PASSWORD 'S3cr3t!Pa55'", "S3cr3t!Pa55"),
        ("CREATE USER a PASSWORD $pw$o'brien$pw$ LOGIN", "o'brien"),
        ("ALTER USER a ENCRYPTED PASSWORD 'it''s me' VALID UNTIL 'infinity'", "it''s me"),
        ("ALTER ROLE a PASSWORD E'a\\'b'", "a\\'b"),
        ("CREATE USER 'a'@'%' IDENTIFIED BY 'hunter2'", "hunter2"),
        ("ALTER ROLE ai_user PASSWORD 'cut of", "cut of"),
    ),
    leaves=(
        "ALTER ROLE a PASSWORD NULL",
        "password 'REDACTED'",
        "ALTER ROLE ai_user VALID UNTIL 'infinity'",
        "Can't locate revision identified by 'deadbeef0001'",
    ),
)

REDIS = Rule(
    id="redis-auth",
    why="Redis AUTH, HELLO ... AUTH, CONFIG SET requirepass and masterauth, as typed and as MONITOR prints them; SMTP AUTH",
    pattern=(
        r"(?:^|[>\s\]\"'])AUTH2?[ \t]+(?:[^\s\"']+[ \t]+)?(?P<secret>[^\s\"']+)[ \t]*(?:[\"'\r]|$|KEYS|COPY|REPLACE)"
        r"|^(?:[\w.:-]+>[ \t]*)?(?i:auth)[ \t]+(?:[^\s\"']+[ \t]+)?(?P<secret5>[^\s\"']+)[ \t]*\r?$"
        r"|(?i:auth)(?:\\r\\n)\$\d+\\r\\n(?P<secret6>[^\s\\]+)(?:\\r\\n\$\d+\\r\\n(?P<secret7>[^\s\\]+))?"
        r"|(?i)\"auth\"[ \t]+(?:\"(?:[^\"\\]|\\.)*\"[ \t]+)?\"(?P<secret2>(?:[^\"\\]|\\.)+)\""
        r"|\bhello[\" \t]+[23][\" \t]+auth[\" \t]+[^\s\"]+[\" \t]+(?P<secret3>[^\s\"]+)"
        r"|\bconfig[\" \t]+set[\" \t]+(?:requirepass|masterauth|tls-key-file-pass)[\" \t]+(?P<secret4>[^\s\"]+)"
    ),
    keywords=("auth", "requirepass", "tls-key-file-pass"),
    anchors=(
        r"(?i:auth)\\r\\n\$|^(?:[\w.:-]+>[ \t]*)?(?i:auth)[ \t]+[^\s]|(?:^|[>\s\]\"'])(?:AUTH2?[ \t]|(?i)(?:\"auth\"|auth\"?[ \t]+\"?\S+\"?[ \t]|(?:requirepass|masterauth|tls-key-file-pass)\"?[ \t]))",
    ),
    keep_values=rf"{names.NO_SECRET}|{names.PROSE}|(?i)PLAIN|LOGIN|CRAM-MD5|command\.?|<\w+>",
    finds=(
        ("127.0.0.1:6379> AUTH hunter2", "hunter2"),
        ("AUTH default S3cr3t!Pa55", "S3cr3t!Pa55"),
        ('1700000000.1 [0 172.18.0.5:4312] "AUTH" "ai" "hunter2"', "hunter2"),
        ("HELLO 3 AUTH default hunter2 SETNAME w", "hunter2"),
        ('"CONFIG" "SET" "requirepass" "hunter2"', "hunter2"),
        ("*2\\r\\n$4\\r\\nAUTH\\r\\n$7\\r\\nhunter2\\r\\n", "hunter2"),
        ("AUTH PLAIN AGFsaWNlAGh1bnRlcjI=", "AGFsaWNlAGh1bnRlcjI="),
    ),
    leaves=(
        "NOAUTH Authentication required.",
        "ERR AUTH <password> called without any password configured",
        "250-AUTH PLAIN LOGIN",
        "redis AUTH failed",
    ),
)

PLAIN_DSN = Rule(
    id="dsn-without-scheme",
    why="user:password@host:port without a scheme, and the form of Go's MySQL driver, user:password@tcp(host)",
    pattern=(
        r"(?:^|[\s\"'=(])[A-Za-z][\w.-]*:(?:(?P<secret>[^\s@/:\"'(]{3,64})@[A-Za-z][\w.-]*:\d{2,5}(?:[/\s\"',)]|$)"
        r"|(?P<secret2>[^\s@/]{1,64})@(?:tcp|udp|unix)\()"
    ),
    keywords=("@",),
    anchors=(r"\w:[^\s@/]+@(?:[A-Za-z][\w.-]*:\d{2,5}|(?:tcp|udp|unix)\()",),
    keep_values=names.NO_SECRET,
    finds=(("ai_user:hunter2@pgbouncer:6432/ai", "hunter2"), ("root:hun:ter2@tcp(db:3306)/x", "hun:ter2")),
    leaves=("awe/app:1.2.3@sha256:6988461ffce2bac3561234f736b9a504", "ai_workflow/ai_user@pgbouncer:6432 login"),
)

USER_PASSWORD = Rule(
    id="user-and-password",
    why="user:password under a name for both: basic_auth, userpwd, credentials; a tuple of the two",
    pattern=(
        r"(?i)\b(?P<key>(?:basic_?|http_?|proxy_?)?auth|userpwd|user_?pass|user_?info|credentials?|creds)[\"']?[ \t]*[=:][ \t]*"
        r"(?:[\"']?[\w.@+-]{1,64}:(?P<bare>[^\s\"',;:)/][^\s\"',;)]{2,})|\([ \t]*[\"'][^\"']*[\"'],[ \t]*(?:\"(?P<secret>[^\"]+)\"|'(?P<secret2>[^']+)'))"
    ),
    keywords=("auth", "user", "cred"),
    anchors=(
        r"(?i)(?:auth|userpwd|user_?pass|user_?info|credentials?|creds)[\"']?[ \t]*[=:][ \t]*(?:[\"']?[\w.@+-]+:[^\s]|\([ \t]*[\"'])",
    ),
    keep_values=rf"{names.NO_SECRET}|{names.PROSE}|\d{{2,5}}(?:[/.].*)?|[A-Z][A-Z0-9_]*",
    finds=(("basic_auth: ai:hunter2", "hunter2"), ("requests.get(url, auth=('ai', 'hunter2'))", "hunter2")),
    leaves=("auth: redis:6379 is down", "auth=env:API_KEY", "credentials: file:/run/secrets/x"),
)

RULES = (DSN, PLAIN_DSN, USER_PASSWORD, DSN_USER_TOKEN, PGPASS, USERLIST, PG_HASH, SQL_PASSWORD, REDIS)
