"""Tell values that were never set for real: words from examples, brackets left to fill in, shipped defaults by hash."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

# Anywhere in a value these mean "put yours here".
TO_BE_REPLACED = re.compile(
    r"(?<![a-z])(?:change[-_ ]?(?:me|it|this)|replace[-_ ]?(?:me|this|with))(?![a-z])|"
    r"(?:put|insert|enter|add)[-_ ]your|your[-_ ](?:own[-_ ])?(?:\w+[-_ ])?(?:secret|key|password|token)|"
    r"\bfix[-_ ]?me\b|to[-_ ]?be[-_ ]?(?:set|done)|\bplaceholder\b|"
    r"^<[^<>]*>$|^\$\{[^}]*\}$|^\{\{.*\}\}$|^x{3,}$|^\*{3,}$|^\.{3,}$|"
    r"^(?:an?[-_ ])?example(?:[-_ ](?:secret|key|password|token|value))*$",
    re.IGNORECASE,
)
# Of a secret alone: as a user's or a database's name each of these may be meant.
WEAK_SECRETS = frozenset(
    """
    admin administrator password passw0rd passwd pass secret supersecret mysecret secretkey secret-key secret_key
    default test testing dev development demo sample foo bar foobar guest root user postgres redis rabbitmq minio
    minioadmin mysql todo none null undefined unset key token jwt-secret jwt_secret jwtsecret 1234 12345 123456
    1234567 12345678 123456789 1234567890 qwerty letmein welcome abc123 dummy
    """.split()  # noqa: SIM905  a list of words is read, not a list of quotation marks
)
SECRET_NAME = re.compile(
    r"(?i)passw(?:or)?d|passphrase|secret|token|credential|(?:^|_)(?:pass|pwd|key|salt)(?:_|$)|apikey"
)


def placeholder(name: str, value: str, *, default_values: Iterable[str] = ()) -> str:
    """Say in a few words why a value cannot be meant, or give ""; never anything of the value itself."""
    if f"sha256:{hashlib.sha256(value.encode('utf-8', 'surrogateescape')).hexdigest()}" in set(default_values):
        return "is the value that it is shipped with"
    if TO_BE_REPLACED.search(value.strip()):
        return "is a placeholder"
    if SECRET_NAME.search(name) and _is_weak(value):
        return "is a word from examples"
    if (password := _password_in(value)) and (TO_BE_REPLACED.search(password) or _is_weak(password)):
        return "has a password from examples"
    return ""


def _is_weak(value: str) -> bool:
    return value.strip().strip("'\"").lower() in WEAK_SECRETS


def _password_in(value: str) -> str:
    """Give the password of a URL, "" where there is none."""
    try:
        return unquote(urlsplit(value).password or "") if "://" in value else ""
    except ValueError:
        return ""
