"""Private keys that stand on one line: PEM with escaped, encoded or lost line ends, bare DER, JWK, age. Blocks are in `blocks.py`."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

import base64

from diagnostics.redaction.rule import Rule

# DER in base64 that starts like a private key: a SEQUENCE whose first member is a small INTEGER (the version), for
# PKCS#1, PKCS#8, SEC1 and PKCS#12; certificates, requests and public keys start with a SEQUENCE or a long INTEGER.
DER_START = r"(?:MII[A-Za-z0-9+/]{2}[AQgw]IB[A-D]|MI[GH][A-Za-z0-9+/]AgE[A-D]|MHcCAQEE|MHQCAQEE|MGgCAQEE|M[CDEFG][A-Za-z0-9+/]CAQAw|b3BlbnNzaC1rZXktdjEA)"


def _in_base64(text: str) -> str:
    """Give a pattern for what base64 makes of a text, at each place it can have in a group of three bytes."""
    forms = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text.encode("ascii")).decode("ascii")
        forms.append(encoded[(shift * 8 + 5) // 6 : (shift + len(text)) * 8 // 6])
    return f"(?:{'|'.join(forms)})"


_FRAME = r"[ +][A-Z0-9 +]{0,40}PRIVATE[ +]KEY"  # a form body has `+` for a blank
_BEGIN = rf"-{{2,5}} ?BEGIN{_FRAME}(?:[ +]BLOCK)?[ +]?-{{2,5}}"
_END = rf" ?END{_FRAME}"
_APART = r"(?:<br ?/?>|[^A-Za-z0-9+/=\n]{1,12})"
_FRAME_WORDS = r"PRIVATE(?: |\+|%(?:25)?20)KEY"
PEM_IN_BASE64 = _in_base64(" PRIVATE KEY-----")

PEM_INLINE = Rule(
    id="private-key",
    why="RFC 7468: the body of a PEM private key on one line, whole or cut off at either end",
    pattern=(
        rf"{_BEGIN}(?P<secret>(?:[^-\"'<>]|-[^-])*[A-Za-z0-9+/=]{{4}}(?:[^-\"'<>]|-[^-])*)"
        rf"|(?P<secret2>(?:[A-Za-z0-9+/]{{16,}}={{0,2}}(?:\\+[rn]|\s)*)+(?:[A-Za-z0-9+/]{{1,76}}={{0,2}}(?:\\+[rn]|\s)*)?)-{{4,5}}{_END}"
    ),
    keywords=("private key", "private+key"),
    anchors=(_FRAME_WORDS,),
    keep_values=r"(?:\\+[rn]|[\s\x01])*",
    finds=(
        (
            '{"key":"-----BEGIN RSA PRIVATE KEY-----\\nMIIEvQIBADANBgkq\\n-----END RSA PRIVATE KEY-----\\n"}',
            "MIIEvQIBADANBgkq",
        ),
        ("K=-----BEGIN EC PRIVATE KEY----- MHcCAQEEIBkg -----END EC PRIVATE KEY-----", "MHcCAQEEIBkg"),
        ("Ks14IReLcYgADhoXk56ZzX\\n-----END PRIVATE KEY-----", "Ks14IReLcYgADhoXk56ZzX"),
    ),
    leaves=(
        "-----BEGIN CERTIFICATE-----\\nMIIDxTCCAq2gAwIBAgIU\\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\\nMIIBIjANBgkqhkiG9w0B\\n-----END PUBLIC KEY-----",
        "expected -----BEGIN PRIVATE KEY-----",
    ),
)

PEM_IN_PARTS = Rule(
    id="private-key-parts",
    why="a PEM private key on one line whose lines are members of a list, quoted one by one or parted by <br>",
    pattern=(
        rf"(?s){_BEGIN}(?P<section>.*?)(?:-{{2,5}}{_END}|$)"
        rf"|(?P<section2>(?:[A-Za-z0-9+/]{{16,}}={{0,2}}{_APART})+(?:[A-Za-z0-9+/]{{1,76}}={{0,2}}{_APART})?)-{{2,5}}{_END}"
    ),
    keywords=("private key", "private+key"),
    anchors=(_FRAME_WORDS,),
    inner=r"(?P<secret>[A-Za-z0-9+/]{16,}={0,2}|[A-Za-z0-9+/]{2,}={1,2})",
    needs=(r"[A-Z]|=$", r"[a-z]|=$"),
    finds=(
        (
            '["-----BEGIN PRIVATE KEY-----", "aB3dEfGh1jKlMnOp", "Ks14IReLcYgADhoXk56ZzX=", "-----END PRIVATE KEY-----"]',
            "Ks14IReLcYgADhoXk56ZzX",
        ),
        ("-----BEGIN EC PRIVATE KEY-----<br>aB3dEfGh1jKlMnOp<br>Ks14IReLcYgADhoX<br>-----END EC", "Ks14IReLcYgADhoX"),
        ("aB3dEfGh1jKlMnOp<br/>Ks14IReLcYgADhoX<br/>-----END PRIVATE KEY-----", "aB3dEfGh1jKlMnOp"),
    ),
    leaves=(
        '["-----BEGIN CERTIFICATE-----", "MIIDxTCCAq2gAwIBAgIU", "-----END CERTIFICATE-----"]',
        'no "-----BEGIN PRIVATE KEY-----" in "/run/secrets/certificates/server"',
    ),
)

PEM_BASE64 = Rule(
    id="private-key-base64",
    why="base64 of a whole PEM private key, as a kubeconfig and a Kubernetes Secret hold it",
    pattern=rf"(?P<secret>{PEM_IN_BASE64}[A-Za-z0-9+/_-]{{8,}}={{0,2}})",
    keywords=("ls0t",),
    anchors=(PEM_IN_BASE64,),
    finds=(
        (
            "tls.key LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCmFCM2RFZkdoMWpLbE1uT3BLczE0SVJlTGNZZ0FEaG9Y",
            "CmFCM2RFZkdoMWpLbE1uT3BLczE0",
        ),
        (
            "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQphQjNkRWZHaDFqS2xNbk9wS3MxNElSZUxjWWdBRGhvWA==",
            "NkRWZHaDFqS2xNbk9wS3MxNElSZUxjWWdBRGhvWA",
        ),
    ),
    leaves=("tls.crt LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUR4VENDQXEyZ0F3SUJBZ0lVCg==",),
)

DER = Rule(
    id="private-key-der",
    why="base64 that starts like a DER private key or the OpenSSH private key magic, without its PEM frame",
    pattern=rf"(?:^|[^A-Za-z0-9+/])(?P<secret>{DER_START}[A-Za-z0-9+/]{{20,}}={{0,2}})",
    keywords=("m", "b3blbnnzac1rzxktdje"),
    anchors=(DER_START,),
    finds=(
        (
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDAC4AWkdwKYSd8",
            "AQEFAASCBKcwggSjAgEAAoIBAQDAC4AWkdwKYSd8",
        ),
    ),
    leaves=(
        "MIIDxTCCAq2gAwIBAgIUWzjP9yEI4xyQJpsTuTDEN2WdNiAwDQYJKoZIhvcN",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwBHM8cz",
    ),
)

JWK = Rule(
    id="jwk-private",
    why="RFC 7517: the private members of a JSON Web Key",
    pattern=r"\"(?:d|dp|dq|qi|p|q|k)\"\s*:\s*\"(?P<secret>[A-Za-z0-9_-]{16,})={0,2}\"",
    keywords=('"d"', '"dp"', '"dq"', '"qi"', '"p"', '"q"', '"k"'),
    anchors=(r"\"(?:d|dp|dq|qi|p|q|k)\\*\"\s*:",),
    finds=(
        ('{"kty":"EC","crv":"P-256","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","x":"MKBC"}', "870MB6gfuTJ4HtUn"),
    ),
    leaves=('{"kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","kid":"1"}', '{"q":"search words"}'),
)

AGE = Rule(
    id="age-key",
    why="age and its hardware plugins print secret keys with this prefix",
    pattern=r"(?i)(?P<secret>AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9-]+)-1[02-9AC-HJ-NP-Z]{20,})",
    keywords=("age-secret-key-1", "age-plugin-"),
    finds=(("# key\tAGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54", "QPZRY9X8GF2TVDW0"),),
    leaves=("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",),
)

JWT = Rule(
    id="jwt",
    why="RFC 7519: three, two or one segments, cut off or with an ellipsis; base64 of a whole token, too",
    pattern=(  # up to four dashes in a row: five begin a PEM frame
        r"\b(?P<secret>e(?:yJ|w[ok]g)(?:-{0,4}[A-Za-z0-9_]){6,}(?:(?:\.{1,3}|\xe2\x80\xa6|%2E)(?:-{0,4}[A-Za-z0-9_+/])+)*(?:=|%3D){0,2})"
        r"|\b(?P<secret2>ey[A-Za-z0-9_-]{15,}\.ey[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_/+-]*)?)"
        r"|\b(?P<secret3>ZXlK[A-Za-z0-9+/_-]{30,}={0,2})"
    ),
    keywords=("ey", "ewog", "ewkg", "zxlk"),
    anchors=(r"\be(?:yJ|w[ok]g)[A-Za-z0-9_-]|\bey[A-Za-z0-9_-]{15}[A-Za-z0-9_-]*\.ey|ZXlK",),
    finds=(
        ("Invalid token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.SflKxwRJS...", "eyJzdWIiOiJhbGljZSJ9.SflKxwRJS"),
        ("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9", "eyJzdWIiOiJhbGljZSJ9"),
        ("got eyJhbGciOi...SflKxwRJSMeK end", "SflKxwRJSMeK"),
    ),
    leaves=("keyJoin", "they.eye.key", "survey JSON"),
)

RULES = (PEM_INLINE, PEM_IN_PARTS, PEM_BASE64, DER, JWK, AGE, JWT)
