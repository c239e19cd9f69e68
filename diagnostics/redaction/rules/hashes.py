"""Stored password hashes: not the password, but enough to guess it offline."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule

CRYPT = Rule(
    id="password-hash",
    why="crypt(5) and its kin: bcrypt, scrypt, yescrypt, argon2, sha-crypt, apr1, PBKDF2 of Django and Werkzeug, LDAP {SSHA}",
    pattern=(
        r"(?P<secret>\$(?:2[abxy]?|1|5|6|7|y|gy|apr1|md5|sha1|sm3|argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d+)?|bcrypt-sha256|P|H)"
        r"\$[\w./+=,$:@-]{6,})"
        r"|\b(?P<secret2>(?:pbkdf2_sha\d+|argon2|bcrypt_sha256|bcrypt|scrypt)\$[\w./+=,$-]{8,}"
        r"|(?:pbkdf2:sha\d+(?::\d+)?|scrypt:\d+:\d+:\d+)\$[\w./+=,$-]{8,})"
        r"|(?P<secret3>\{(?:S?SHA\d{0,3}|S?MD5|CRYPT|PBKDF2\S{0,12})\}[A-Za-z0-9+/=$.]{8,})"
    ),
    keywords=("$", "{"),
    anchors=(
        (
            r"(?:\$|%24)(?:2[abxy]?|1|5|6|7|y|gy|apr1|md5|sha1|sm3|argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d+)?|bcrypt-sha256|P|H)(?:\$|%24)"
            r"|(?:pbkdf2_sha\d+|argon2|bcrypt_sha256|bcrypt|scrypt|(?:pbkdf2(?::|%3[Aa])sha|scrypt(?::|%3[Aa]))[\d:%Aa]+)(?:\$|%24)|(?:\{|%7[Bb])(?:S?SHA|S?MD5|CRYPT|PBKDF2)"
        ),
    ),
    finds=(
        ("user row: $2b$12$eImiTXuWVxfM37uY4JANjQ.8hWZ1uZf4b1y2i3j4k5l6m7n8o9p0q", "eImiTXuWVxfM37uY4JANjQ"),
        ("hash=%242b%2412%24eImiTXuWVxfM37uY4JANjQ.8hWZ1uZf4b1y2i3j4k5l6m7n8o9p0q", "eImiTXuWVxfM37uY4JANjQ"),
        ("root:$6$rounds=5000$saltsalt$hashhash.hash/hash:19000:0", "hashhash.hash/hash"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g", "aGFzaGhhc2g"),
        ("pbkdf2_sha256$600000$salt$aGFzaA+b/c=", "aGFzaA+b/c="),
        ("alice:$apr1$saltsalt$hashhashhash", "hashhashhash"),
        ("userPassword: {SSHA}aGFzaGhhc2hoYXNo", "aGFzaGhhc2hoYXNo"),
        ("scrypt:32768:8:1$salt$6a6b6c6d", "6a6b6c6d"),
    ),
    leaves=("WHERE id = $1 AND name = $2", "cost $5$ each", "sha256:6e988461ffce2bac", "${HOME}/$1/{SHA}"),
)

RULES = (CRYPT,)
