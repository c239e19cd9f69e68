"""Names that people give to secrets, names that only sound like it, and values that are no secrets.

Sources: the environment variables of PostgreSQL, MySQL, Redis, Django, Docker and cloud SDKs, and the names that
public secret scanners look for. Where a name is a common word (`key`, `auth`, `session`) the value must look random.
"""

# ruff: noqa: E501, S105 (a pattern reads best in one piece; these are names of secrets, not secrets)

from __future__ import annotations

PASSWORD = r"(?:pass[_.-]?wor[dt]|passwd|pass[_.-]?phrase|pass[_.-]?code|pwd)"
PASSWORD_KEY = (
    rf"(?:[\w.$-]*{PASSWORD}[\w.-]*|(?:[\w.$-]*[_.$-])?(?:pw|otp|totp|cvv)\d{{0,2}}|[\w.$-]*[_.$-]pass\d{{0,2}}"
    r"|(?:db|user|admin|root|smtp|mail|ftp|my|ssh|api|sl|redis|mysql|pg)pass|requirepass|masterauth)"
)

SECRET = (
    r"(?:secret|token|api[_. -]?key|(?:access|private|signing|encryption|master|shared|account|auth|session|"
    r"licen[cs]e|deploy|service|crypto?|fernet|hmac|storage|admin|webhook|cookie|jwt|license)[_.-]?key|"
    r"bearer[_.-]?auth|connection[_.-]?string|account[_.-]?sas)"
)
SECRET_KEY = rf"[\w.$-]*{SECRET}[\w.-]*"

# Common words: their values are taken only when they look random.
COMMON = r"(?:auth|session|sess|sid|cookie|credentials?|creds|jwt|signature|sig|salt|nonce|ticket|srt|webhook)"
COMMON_KEY = (
    rf"[\w.$-]*(?:{COMMON}|[\w$-]key)(?:[_.-]?(?:\d{{1,3}}|id|string|value|data|str|env|prod|dev|test|base64|b64))?"
)

NOT_A_PASSWORD_TAIL = (
    r"types?|counts?|counter|limits?|used|usage|len|length|size|names?|ids?|ur[il]s?|endpoint|files?|filename|paths?|"
    r"dir|expir\w*|ttl|lifetime|age|polic(?:y|ies)|encryption|changed(?:_?at)?|created(?:_?at)?|updated(?:_?at)?|"
    r"version|refs?|arn|provider|stores?|manager|method|mode|status|state|valid|validity|validators?|validation|"
    r"verif\w+|required|enabled|disabled|resets?|issuer|audience|scopes?|format|alg|algorithm|budget|rate|errors?|"
    r"exception|failed|failures?|attempts?|prompt|hint|strength|invalid|missing|mismatch|not_?found|denied|rotat\w+|"
    r"source|index|position|label|title|description|help|check\w*|hashers?|generators?|backend|class|handler|service|"
    r"client|server|host|port|group|role|user|username|page|form|view|days|seconds|minutes|hours|ms|max|min|total|"
    r"offset|kind|prefix|param|fields?|location|provided|received|selector|ring|pair|ary|less|key_?ref|variable|"
    r"issued(?:_?at)?|bucket|per_\w+|in|at|on|until|count_?\w*|identifier|usages?|wordlist"
)
KEEP_KEYS = (
    rf"(?i)(?:(?:[_.$-]|word|token|secret|key|passwd|pwd)(?:{NOT_A_PASSWORD_TAIL})s?$|tokeni[sz]|jsonwebtoken|secretar|passwordless"
    r"|(?:by|com|tres|sur|encom|under|over)pass$|^-*(?:csrf_?)?tokens?_?(?:start|end)$|secretsmanager|old_?pwd$)"
)
# Tokens that are positions, ids of tasks or marks of a language model.
KEEP_TOKEN_KEYS = (
    rf"{KEEP_KEYS}|(?i)(?:public|pub|page|next|continuation|cursor)[_.-]?(?:token|key)$"
    r"|(?:^|[_.$-])(?:fencing|cancel(?:lation)?|lock|correlation|pad|eos|bos|stop|sep|cls|mask|unk)[_.-]?token$"
)
KEEP_COMMON_KEYS = (
    rf"{KEEP_KEYS}|(?i)(?:public|pub|primary|foreign|cache|sort|partition|part|row|bucket|routing|idempotency|object|"
    r"lookup|dedup\w*|index|idx|column|map|group|host|hash|unique|natural|schema|sequence|surrogate|composite|redis|"
    r"queue|lock|event|message|record|s3|storage_?object|hot|short|tab|arrow|tur|mon|don|hoc|joc|co|fingerprint|"
    r"issuer|subject|authority|algorithm|task|job|request|trace|span|correlation|run|metric|kms|translation|i18n|config|"
    r"setting|dict|json|field|sub|child|parent|next|last|start|end|from|until)[_.-]?keys?(?:$|[_.-]?(?:id|hash)$)"
    r"|key[_.-]?(?:id|ids|hash|identifier)$|keyid$|kid$|keyword|keyboard|author|authentic|authoriz|auth[_.-]?(?:type|"
    r"method|mode|query|user|url|file|source|id)$|(?:session|sess)[_.-]?(?:count|type|name|start|user|state)$|"
    r"(?:credentials?|creds|webhook)[_.-]?id$|design|assign"
)

# Names of counts and sizes: a value of digits alone is one, however long it is; under a singular name it may be a PIN.
COUNTED_KEYS = (
    r"(?i)(?:tokens|secrets|keys|passwords)$|(?:^|[_.$-])(?:max|min|total|num|n)[_.-]?(?:[a-z]{1,20}[_.-])?token$"
    r"|(?:token|secret|key|password)[_.-]?bytes$"
)
NOT_COUNTED_KEYS = r"(?i)otp|backup|recovery|reset|verif|mfa|2fa|sms|pin|one_?time"
COUNT = r"\d[\d_,.]*[kKmMgG]?"

# Values that are no secrets whatever their name is: nothing, masks, templates, references, type names, paths.
_NOTHING = (
    r"none|null|nil|true|false|yes|no|on|off|undefined|unset|empty|missing|required|optional|n/?a|ok|not[ _]set|"
    r"str|string|int|bool|boolean|bytes|integer|text|varchar|object|array|secretstr|"
    r"(?:optional|union|list|dict|annotated|final|classvar|secretstr|field|type|typing\.\w+)\[(?-i:(?:[a-z_.]*\.)?(?:[A-Z][A-Za-z]+|str|int|bool|bytes|"
    r"float|object|dict|list|tuple|any|none)|[\[\](),|. ])*|(?:string|char(?:acter)?)(?: varying)?(?:\(\d*)?|"
    r"\(?(?:hidden|masked|redacted|filtered|removed|omitted)\)?"
)
_MASKS = (
    r"[*x.#?_\xe2\x80\xa2\xa6-]{1,64}|[\[({<]{1,2}(?:redacted|filtered|masked|hidden|secret|password|token|removed|omitted)?[\])}>]{1,2}|"
    r"[\[\](){},;:]+|[^\w\s]{1,3}"
)
_TEMPLATES = (
    r"\$\{[\w.!]+(?::?\?[^}]*)?\}?|\$\{\{[\w .'\[\]-]*\}{0,2}|\$[A-Z_][A-Z0-9_]*|\$[a-z_]*(?:pass|pwd|secret|token|key|input)[a-z_]*|"
    r"\$\([\w /.-]*\)?|%[\w]+%|%\(\w+\)[sdr]|%[sdrvq]|\{\{[\w .|$-]*\}\}|\{[A-Za-z_.!:]*\d?\}|<[\w .:/-]*>?|@[A-Z_]+@|\$\d+"
)
_REFERENCES = (
    r"(?:env|file|vault|ssm|op|db):(?:[\w.:-]*/[\w./:#@*-]+|[a-z_.-]+|(?-i:[A-Z][A-Z0-9_]*))|arn:aws:[\w:/.-]+|ENC\[.*|!vault.*|"
    r"(?:~|\.{0,2})/?(?:run|etc|var|app|home|usr|opt|tmp|secrets?|certs?|root|srv|mnt|data|proc|keys|config)/[\w./*-]+|"
    r"(?:[\w.-]*/[\w./-]+|[a-z_-]+)\.(?:pem|crt|key|cer|txt|json|ya?ml|env|conf|ini|toml|py|sql|sh|md|html)"
)
NO_SECRET = rf"(?is:\s*(?:{_NOTHING}|{_MASKS}|(?-i:{_TEMPLATES})|{_REFERENCES})?[\s,;:)\]}}]*)"

# Prose that follows a colon; only for values without quotes.
PROSE = (
    r"(?i:is|was|are|were|has|have|had|not|no|cannot|could|does|did|should|must|may|will|too|the|a|an|for|from|in|of|to|"
    r"with|by|and|or|invalid|expired|incorrect|wrong|bad|malformed|failed|failure|failing|fails|denied|permission|rejected|"
    r"refused|accepted|mismatch|mismatched|unknown|unexpected|error|errors|warning|missing|absent|required|disabled|enabled|"
    r"created|updated|deleted|changed|rotated|revoked|issued|verified|verifying|checking|loading|loaded|reading|using|found|"
    r"not_found|no_such|signature|authentication|authorization|authenticated|authorized|success|succeeded|successful|ok|pass|"
    r"passed|skipped|fail|pending|closing|closed|opened|open|started|starting|stopped|done|received|sent|login|logout|connect\w*|"
    r"field|value|attempt|attempts|method|scheme|type|bearer|basic|digest|plain|md5|trust|peer|scram-sha-256|cert|"
    r"none|null|(?:this|that|it|please|see|check|try|must|only)|select|insert|update|delete|alter|create|where)"
)
# Looks random: a digit and letters of both cases, or long with a digit and a letter.
RANDOM = (
    r"^(?:[A-Za-z0-9+/=_~.-]{16,})$",
    r"[0-9].*[A-Za-z]|[A-Za-z].*[0-9]|^[A-Za-z]{20,}$",
    r"[a-z].*[A-Z]|[A-Z].*[a-z]|^[A-Za-z0-9_=-]{24,}$|^[0-9a-f-]{20,}$",
)
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
