"""Private keys that stand on one line: PEM with escaped or lost line ends, bare DER, JWK, age. Blocks are in `blocks.py`."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule

# DER in base64 that starts like a private key: a SEQUENCE whose first member is a small INTEGER (the version), for
# PKCS#1, PKCS#8, SEC1 and PKCS#12; certificates, requests and public keys start with a SEQUENCE or a long INTEGER.
DER_START = r"(?:MII[A-Za-z0-9+/]{2}[AQgw]IB[A-D]|MI[GH][A-Za-z0-9+/]AgE[A-D]|MHcCAQEE|MHQCAQEE|MGgCAQEE|M[CDEFG][A-Za-z0-9+/]CAQAw|b3BlbnNzaC1rZXktdjEA)"

PEM_INLINE = Rule(
    id="private-key",
    why="RFC 7468: the body of a PEM private key on one line, whole or cut off at either end",
    pattern=(
        r"-{2,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{2,5}(?P<secret>(?:[^-\"'<>]|-[^-])*[A-Za-z0-9+/=]{4}(?:[^-\"'<>]|-[^-])*)"
        r"|(?P<secret2>(?:[A-Za-z0-9+/]{16,}={0,2}(?:\\+[rn]|\s)*)+(?:[A-Za-z0-9+/]{1,76}={0,2}(?:\\+[rn]|\s)*)?)-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY"
    ),
    keywords=("private key",),
    anchors=(r"PRIVATE KEY",),
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

RULES = (PEM_INLINE, DER, JWK, AGE, JWT)
