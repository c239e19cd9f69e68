"""HTTP: Authorization, cookies, signed links."""

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names

_QUOTED_SEPARATOR = r"""\\*["']?\s*(?:=>|[:=,])\s*(?:\[\s*)?[bu]?\\*["']?(?:\[)?"""

AUTHORIZATION = Rule(
    id="authorization",
    why="RFC 9110 11.6.2: everything after the scheme of an Authorization or Proxy-Authorization header",
    pattern=(
        rf"(?i)authorization{_QUOTED_SEPARATOR}"
        r"(?:digest\s+(?P<secret>(?:[\w-]+=\\*(?:\"[^\"]*\"|[^\s,\"']+)(?:,\s*)?)+)"
        r"|(?:basic|bearer|digest|token|api-?key|api-?token|negotiate|ntlm|hawk|oauth|aws4-hmac-sha256|apikey|key|jwt|scram-sha-256)"
        r"\s+(?P<bare>[^\"'\\\r\n]*(?:\\\"[^\"'\r\n]*)*|[^\s\"']+)|(?P<bare2>[^\s\"'\\]{6,}))"
    ),
    keywords=("authorization",),
    anchors=(r"(?i)authorization[\\\"'%&#;\w]*\s*(?:=>|[:=,]|%3)[\W_]*(?:[^R\W]|R[^E\W]|RE[^D\W])",),
    keep_values=rf"{names.NO_SECRET}|(?:{names.PROSE})(?:[\s:,].*)?|(?i)(?:header|bearer|basic|digest|token)\b.*",
    finds=(
        ("Authorization: Basic YWRtaW46UzNjcjN0IVBhNTU=", "YWRtaW46UzNjcjN0IVBhNTU="),
        ('curl -H "Authorization: Bearer abc.def" https://api:8443/', "abc.def"),
        ('{"authorization":["Token 22cb9879"]}', "22cb9879"),
        ("(b'authorization', b'Bearer zf3d0l')", "zf3d0l"),
        ('Proxy-Authorization: Digest username="ai", response="6629fae4"', "6629fae4"),
        ("Authorization: 5eb4223e-5008", "5eb4223e-5008"),
    ),
    leaves=(
        "Authorization header missing",
        'authorization: "REDACTED"',
        "Authorization: Bearer $API_KEY",
        "authorization: failed for user ai",
    ),
)

SCHEME = Rule(
    id="bearer",
    why="credentials after a scheme name, without the header's name in front",
    pattern=(
        r"(?i)\bbearer:?\s+(?P<secret>[A-Za-z0-9._~+/-]{8,}=*)|(?-i:\b[Bb]asic)\s+(?P<secret2>[A-Za-z0-9+/]{8,}={0,2})"
        r"|\bapi-?key\s+(?P<secret3>[A-Za-z0-9._~+/-]{12,}=*)"
    ),
    keywords=("bearer", "basic", "apikey", "api-key"),
    anchors=(r"(?i)(?:bearer:?|basic|api-?key)\s+[A-Za-z0-9._~+/-]{8}",),
    keep_values=r"[a-z_.-]+|[a-z]+_[a-z_]+=|[A-Z][a-z]+|[A-Z_]+|\d+",
    needs=(r"[A-Z0-9=]", r"\d|[a-z][A-Z]|="),
    finds=(
        ("sent Bearer zf3d0lxcm3 to api", "zf3d0lxcm3"),
        ("auth: Basic YnJvd3Nlcjo=", "YnJvd3Nlcjo="),
    ),
    leaves=(
        "Bearer authentication required",
        "Basic authentication failed",
        "Bearer error=invalid_token",
        "token_type=bearer expires_in=3600",
    ),
)

_HARMLESS_COOKIE = (
    r"(?i)(?:theme|dark[_-]?mode|lang|language|locale|i18n\w*|tz|timezone|currency|country|region|(?:cookie[_-]?)?consent|"
    r"path|domain|expires|max-age|samesite|secure|httponly|version|priority|partitioned|comment|sidebar\w*|view|layout|"
    r"font\w*|density|color\w*|display\w*|size|page\w*|sort|tab|_ga\w*|_gid|utm_\w+|seen_\w+|show_\w+|hide_\w+)"
)

COOKIES = Rule(
    id="cookie",
    why="RFC 6265: every cookie may be a session; names and attributes stay, and so do cookies known to be harmless",
    pattern=rf"(?i)\b(?:set-)?cookies?{_QUOTED_SEPARATOR}(?P<section>[\w!#$%*+.^`|~-]+=[^\r\n]*)",
    keywords=("cookie",),
    anchors=(r"(?i)cookies?[\\\"'%&#;\w]*\s*(?:=>|[:=,]|%3)",),
    inner=r"(?P<key>[\w!#$%*+.^`|~-]+)=(?:\"(?P<secret>[^\"]*)\"|(?P<secret2>[^;,\"'\s\\]+))",
    keep_keys=rf"^{_HARMLESS_COOKIE}$",
    keep_values=rf"{names.NO_SECRET}|[a-z]{{1,5}}|\d{{1,3}}",
    finds=(
        ("Cookie: session=8f7s6d5f; theme=dark", "8f7s6d5f"),
        ("Set-Cookie: sessionid=8f7s6d5f4s; HttpOnly; Path=/", "8f7s6d5f4s"),
        ('{"Cookie":["a=1; sid=zf3d0lxcm3"]}', "zf3d0lxcm3"),
    ),
    leaves=("Set-Cookie: theme=dark; Path=/; Max-Age=3600", 'Cookie: "REDACTED"', "cookie consent=yes"),
)

_PARAMETER = (
    r"(?:access_|refresh_|id_|auth_|reset_|csrf_|api_|session_|client_)?(?:token|secret|password|passwd|pwd)|[\w-]*api_?key|"
    r"key|sig|signature|auth|code|sid|session(?:id)?|ticket|jwt|otp|hmac|x-amz-(?:signature|credential|security-token)|"
    r"x-goog-(?:signature|credential)|awsaccesskeyid|hash|nonce|state|assertion|samlresponse|t"
)

URL_PARAMETER = Rule(
    id="url-parameter",
    why="query parameters that are a credential: tokens, signatures of signed links, OAuth codes",
    pattern=rf"(?i)[?&;](?P<key>{_PARAMETER})=(?P<secret>[^&\s\"'#<>;,)\]\\]+)",
    keywords=("?", "&", ";"),
    anchors=(rf"(?i)[?&;](?:{_PARAMETER})=",),
    keep_values=rf"{names.NO_SECRET}|[A-Za-z_-]{{1,15}}|\d{{1,10}}(?:\.\d+)?|[a-z]+:[\w:-]{{1,20}}",
    finds=(
        ("GET /reset?token=zf3d0lxcm3 HTTP/1.1", "zf3d0lxcm3"),
        ("https://x.blob.core.windows.net/c?sv=2022&sig=abc%2Bdef%3D&se=2026", "abc%2Bdef%3D"),
        ("/callback?code=4/0AX4XfWh-zf3d0&state=xyz", "4/0AX4XfWh-zf3d0"),
    ),
    leaves=("/items?limit=10&sort=key&code=200", "/feed?key=user:15", "?page=2&state=open"),
)

RULES = (AUTHORIZATION, SCHEME, COOKIES, URL_PARAMETER)
