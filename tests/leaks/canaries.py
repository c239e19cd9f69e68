"""Secrets that programs under test try to put into their output in every way they have; none may be seen there."""

from __future__ import annotations

PASSWORD = "canary-hunter-4711-x"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5LXNpZ25hdHVyZS0wMDAwMDAwMDAw"
DSN = f"postgresql://reports:{PASSWORD}@db.example:5432/reports"
KEY_BODY = "MIIEowIBAAKCAQEAvFJx1nBq3mYtq3nJ8m2Vt0s2cE8mWvJYtVb1q5bq7X8Zp0Qk"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"
TEXT = f"cannot connect to {DSN} with Authorization: Bearer {TOKEN}; password={PASSWORD}\n{KEY}"
SHOULD_BE_SEEN = "db.example:5432"  # what is no secret stays

SECRETS = (PASSWORD, TOKEN, KEY_BODY, TOKEN.rpartition(".")[2])


def leaked(output: str, *more: str) -> list[str]:
    """Give the secrets that stand in an output."""
    return [secret for secret in (*SECRETS, *more) if secret in output]


class Unprintable:
    """Something whose repr fails with a secret in the message, as broken models do."""

    def __repr__(self) -> str:
        raise ValueError(TEXT)


def give_away() -> None:
    """Raise an error that quotes what it worked on, with the same in its frames."""
    secret = TEXT
    raise RuntimeError(secret)
