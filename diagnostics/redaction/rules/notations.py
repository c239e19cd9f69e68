"""Other notations of a name and its value: flags, declarations, pairs, columns, directives, sentences, XML, SQL rows."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names
from diagnostics.redaction.rules.anchors import NAMED
from diagnostics.redaction.rules.keyed import PASSWORD_WORDS, QUOTED, SECRET_WORDS

_ANY_KEY = rf"(?:{names.PASSWORD_KEY}|{names.SECRET_KEY})"
_ANY_NAME = rf"(?:{names.PASSWORD}|pass|pw|otp|cvv|masterauth|{names.SECRET})"
_ANY_WORDS = tuple(dict.fromkeys(PASSWORD_WORDS + SECRET_WORDS))
_KEEP = names.KEEP_KEYS
_WRAPPER = r"(?:new[ \t]+)?(?:[\w.]{0,30}secret\w{0,8}|some|string|optional\.of|string::from)\("

FLAG = Rule(
    id="flag",
    why="the argument after a command-line flag that is named as a secret, in a shell line or an argument list",
    pattern=(
        rf"(?i)(?:^|[\s\"'(\[=])--?(?P<key>{_ANY_KEY})(?:[ \t]+|[\"'],[ \t]*)"
        r"(?:\"(?P<secret>[^\"]+)\"?|'(?P<secret2>[^']+)'?|(?P<bare>[^\s\"'\[-][^\s\"']*))"
    ),
    keywords=_ANY_WORDS,
    anchors=(rf"(?i)-[\w.-]*(?:{names.PASSWORD}|pass|pw|{names.SECRET})[\w.-]*(?:[ \t]|[\"'],)",),
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
    pattern=(
        rf"(?i)(?P<key>{_ANY_KEY})(?:(?:[ \t]*:[ \t]*|[ \t]+)[A-Za-z][\w.<>\[\]?|]{{0,30}}[ \t]*=[ \t]*(?:{_WRAPPER})?"
        rf"|[ \t]*:[ \t]*\([\w.*\[\]]{{1,30}}\)[ \t]*(?:\((?:len|cap)=[^)]*\)[ \t]*)?){QUOTED}"
    ),
    keywords=_ANY_WORDS,
    anchors=(NAMED,),
    keep_keys=_KEEP,
    keep_values=names.NO_SECRET,
    finds=(
        ('var genericToken string = "zf3d0lxcm3"', "zf3d0lxcm3"),
        ('password: str = "hunter2"', "hunter2"),
        ('password: SecretStr = SecretStr("hunter2")', "hunter2"),
        (' Password: (string) (len=7) "hunter2",', "hunter2"),
    ),
    leaves=('token_url: str = "https://idp/"', 'password: str = ""'),
)

ARGUMENT = Rule(
    id="argument",
    why="a name and its value as the two members of a pair or a call",
    pattern=rf"(?i)\(\s*[bu]?[\"'](?P<key>{_ANY_KEY})[\"']\s*,\s*[bu]?(?:\"(?P<secret>[^\"]+)\"|'(?P<secret2>[^']+)')\s*\)",
    keywords=_ANY_WORDS,
    anchors=(NAMED,),
    keep_keys=_KEEP,
    keep_values=rf"{names.NO_SECRET}|[a-z_.-]+|[A-Z_]+",
    finds=(
        ('GetEnvOrDefault("api_token", "dafa7817-e246-48f3-91a7")', "dafa7817-e246-48f3-91a7"),
        ("(b'x-api-key', b'hunter2')", "hunter2"),
    ),
    leaves=(
        "required fields: ['username', 'password', 'token']",
        'getattr(settings, "token_url", "https://idp")',
    ),
)

COLUMN = Rule(
    id="column",
    why="a name and a random-looking value in two columns or list members",
    pattern=(
        rf"(?i)(?:^|[\s,;|(])[\"']?(?P<key>{_ANY_KEY})[\"']?[ \t]*[,|][ \t]*[\"']?(?P<secret>[\w+/.~-]{{12,}}={{0,2}})[\"']?"
        r"(?:[,|;)\s]|$)"
    ),
    keywords=_ANY_WORDS,
    anchors=(NAMED,),
    keep_keys=_KEEP,
    keep_values=names.UUID,
    needs=(r"\d", r"[A-Za-z]"),
    finds=(("genericToken,zf3d0lxcm3EIMbg,", "zf3d0lxcm3EIMbg"),),
    leaves=("columns: id, password, created_at", 'log.audit("token_rejected", client=request.client.host)'),
)

DIRECTIVE = Rule(
    id="directive",
    why="configuration files that separate name and value by a space: nginx, netrc, redis.conf, ACL files",
    pattern=(
        rf"(?i)(?P<key>{_ANY_KEY})[ \t]*(?:\"(?P<secret>[^\"\s]+)\"|'(?P<secret2>[^'\s]+)');"
        r"|\b(?:requirepass|masterauth|bindpw|sentinel auth-pass \S+)[ \t]+[\"']?(?P<secret3>[^\s\"']+)"
        r"|\blogin[ \t]+\S+[ \t]+password[ \t]+(?P<secret4>\S+)"
        r"|\b(?:on|off|nopass|reset|setuser\"?[ \t]+\S+)(?:\"?[ \t]+\"?[~&+@%*\w-]\S*)*\"?[ \t]+\"?(?:[><](?P<secret5>[^\s\"']+)|#(?P<secret6>[0-9a-f]{64})\b)"
        rf"|^[ \t]*(?:env|arg|setx|set|setenv|export)[ \t]+(?P<key2>{_ANY_KEY})[ \t]+[\"']?(?P<secret7>[^\s\"'=][^\s\"']*)"
    ),
    keywords=(*_ANY_WORDS, "on", "setuser"),
    anchors=(
        NAMED,
        (
            r"(?i:(?:requirepass|masterauth|bindpw|auth-pass)[ \t])|password[ \t]+\S+[ \t]*$"
            r"|\b(?:on|off|nopass|reset|setuser\"?[ \t]+\S+)(?:\"?[ \t]+\"?[~&+@%*\w-]\S*)*\"?[ \t]+\"?(?:[><]\S|#[0-9a-f])"
            r"|(?i:^[ \t]*(?:env|arg|setx|set|setenv|export)[ \t]+[\w.$-]+[ \t])"
        ),
    ),
    keep_keys=_KEEP,
    keep_values=rf"{names.NO_SECRET}|=.*|\d+|(?i:for|to|on|off)",
    finds=(
        ("private_key 'm{{h}o)p${e]nob';", "m{{h}o)p${e]nob"),
        ("requirepass foobared", "foobared"),
        ("bindpw foobared", "foobared"),
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
        r"(?i)(?:^|[^\w/.-])(?P<key>password|passwd|passphrase|secret|api[ _-]?key|token)(?: for (?:the )?(?:user |role )?\S{1,64})?(?: (?:is|was|of|to|set|reset|changed|now|has|been|as|value|being)){0,4}[ \t]+"
        r"(?:\"(?P<secret>[^\"\s]{6,})\"|'(?P<secret2>[^'\s]{6,})'|(?P<bare>[^\s\"'=:(\[{<,;][^\s\"']{5,}))"
        r"|(?:^|[\s/#*;])(?P<bare2>[^\s\"'/#*;]{8,}) (?:is|was) (?:the|my|our|your|its) (?:\w+ )?(?:password|passwd|token|secret)\b"
    ),
    keywords=("password", "passwd", "passphrase", "secret", "key", "token"),
    anchors=(NAMED,),
    keep_values=(
        rf"{names.NO_SECRET}|{names.UUID}.*|[\d.,:/%TZ+-]+[a-z]{{0,3}}[.,;)]?|v?\d+(?:\.\d+)*|(?:sha\d+|md5)[:-].*|[a-z-]+-?\d{{1,3}}"
        r"|[\w.-]+:\d+|[\w-]*_[\w-]*|/\S*|https?://\S*|[A-Za-z]+\([\w., ]*[).,;]*|\d+[a-z]{1,3}[.,;]?|[a-z0-9]+(?:[.-][a-z]+)+|.*=.*"
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
        rf"|\bvalue\\*[\"']?\s*[=:]\s*\\*[\"'](?P<secret4>[^\"'\\]+)\\*[\"'][\s,;]*\\*[\"']?(?:name|key)\\*[\"']?\s*[=:]\s*\\*[\"'](?P<key3>{_ANY_KEY})\\*[\"']"
        rf"|\bname=[\"'](?P<key4>{_ANY_KEY})[\"'][^<>]*>\s*(?P<secret5>[^<\s][^<]*)</"
        rf"|(?P<key5>{_ANY_KEY})\\*[\"']\s*:\s*\{{[^{{}}\n]{{0,80}}?[\"'](?:value|data|text|plain|raw|current|default)\\*[\"']\s*:\s*\\*[\"'](?P<secret6>[^\"'\\]+)"
        rf"|\b(?:name|key)[ \t]*[=:][ \t]*[\"']?(?P<key6>{_ANY_KEY})[\"']?,[ \t]*value[ \t]*[=:][ \t]*(?:[\"'](?P<secret7>[^\"']+)|(?P<secret8>[^\s\"',}}]+))"
    ),
    keywords=_ANY_WORDS,
    anchors=(NAMED,),
    keep_keys=_KEEP,
    keep_values=names.NO_SECRET,
    finds=(
        ("<genericToken>zf3d0lxcm3</genericToken>", "zf3d0lxcm3"),
        ('<add key="Password" value="hunter2" />', "hunter2"),
        ('{"name":"DB_PASSWORD","value":"hunter2"}', "hunter2"),
        ("- {name: JWT_SECRET, value: hunter2}", "hunter2"),
    ),
    leaves=("<tokenType>bearer</tokenType>", '<entry key="timeout" value="30"/>', '{"name":"TZ","value":"UTC"}'),
)

_ROW_END = r"(?: already| is not|\.|$|\s)"
# Among several columns: one that is named as a secret and not as a secret's id.
_ROW_NAME = rf"\"?\w*(?:{names.PASSWORD}|{names.SECRET})(?:\w*(?:[^\Wd]|[^\Wi]d))?\"?"

SQL_DETAIL = Rule(
    id="row-detail",
    why="PostgreSQL quotes the offending row: `Key (token)=(...) already exists`; an INSERT names its columns",
    pattern=(
        rf"(?i)\bkey \(\"?(?P<key>\w*(?:{names.PASSWORD}|{names.SECRET})\w*)\"?\)=\((?P<secret>[^\n]*?)\){_ROW_END}"
        rf"|\bkey \((?:{_ROW_NAME},[\w, \"]*|[\w, \"]*, ?{_ROW_NAME}(?:,[\w, \"]*)?)\)=\((?P<secret2>[^\n]*?)\){_ROW_END}"
        rf"|\binsert into [^(]*\([^)]*(?:{names.PASSWORD}|{names.SECRET})[^)]*\)\s*values\s*(?P<section>\(.*)"
    ),
    keywords=("key (", "insert into"),
    anchors=(rf"(?i)(?:key \([^)\n]*|insert into [^(\n]*\([^)\n]*)(?:{names.PASSWORD}|{names.SECRET})",),
    inner=r"'(?P<secret>(?:[^']|'')+)'",
    keep_keys=_KEEP,
    keep_values=rf"{names.NO_SECRET}|[\w-]{{1,3}}",
    finds=(
        ("DETAIL:  Key (reset_token)=(zf3d0lxcm3) already exists.", "zf3d0lxcm3"),
        ("INSERT INTO users (name, password) VALUES ('alice', 'hunter2')", "hunter2"),
    ),
    leaves=(
        "DETAIL:  Key (id)=(42) already exists.",
        "DETAIL:  Key (tenant_id, token_id)=(12345, 123456) already exists.",
        "INSERT INTO jobs (name, state) VALUES ('a', 'queued')",
    ),
)

LIST = Rule(
    id="list",
    why="every member of a list under a secret's name, as header maps and repeated parameters have it",
    pattern=rf"(?i)(?P<key>{_ANY_KEY})\\*[\"']?[ \t]*(?:=>|[:=])[ \t]*[\[(][ \t]*(?P<section>[bu]?[\"'][^\])\n]*)",
    keywords=_ANY_WORDS,
    anchors=(NAMED,),
    inner=r"\"(?P<secret>(?:[^\"\\]|\\.)*)(?:\"|$)|'(?P<secret2>(?:[^'\\]|\\.)*)(?:'|$)",
    keep_keys=rf"{_KEEP}|(?i)(?:tokens|secrets|keys)$",
    keep_values=rf"{names.NO_SECRET}|[A-Z][a-z']+(?: [\w'`-]+){{2,}}[.!:].*",
    finds=(('{"password":["hunter2","hunter3"]}', "hunter3"), ('"X-Api-Key":["hunter2"]', "hunter2")),
    leaves=('"secrets": ["db_password", "jwt_secret"]', '{"password":["This field is required."]}'),
)

LIST_OF_MANY = Rule(
    id="list-of-many",
    why="a list under a plural name holds values or the names of values: names stay",
    pattern=LIST.pattern,
    keywords=("tokens", "secrets", "keys"),
    anchors=(NAMED,),
    inner=LIST.inner,
    keep_keys=rf"(?i)(?:[^s]|[^ntey]s)$|{_KEEP}",
    keep_values=rf"{LIST.keep_values}|[A-Za-z_][A-Za-z_-]*\d{{0,2}}",
    needs=(r"\d",),
    finds=(('api_tokens: ["zf3d0lxcm3EI", "q2w3e4r5t6"]', "q2w3e4r5t6"),),
    leaves=('"secrets": ["db_password", "jwt_secret"]', 'tokens = ["NAME", "OP"]'),
)

RULES = (LIST, LIST_OF_MANY, FLAG, TYPED, ARGUMENT, COLUMN, DIRECTIVE, PROSE, XML, SQL_DETAIL)
