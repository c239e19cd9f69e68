"""Cookies of an answer: name and attributes (RFC 6265); their values are dropped at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_COOKIES = 50
MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie that an answer sets; `lifetime_seconds` is None for one that ends with the browser's session."""

    name: str
    secure: bool = False
    http_only: bool = False
    same_site: str = ""  # strict, lax, none, or "" where not said
    lifetime_seconds: float | None = None

    def __str__(self) -> str:
        """Give one line for evidence."""
        marks = [*(["Secure"] if self.secure else []), *(["HttpOnly"] if self.http_only else [])]
        marks += [f"SameSite={self.same_site}"] if self.same_site else []
        ends = "ends with the session" if self.lifetime_seconds is None else f"lives {self.lifetime_seconds:.0f} s"
        return f"{self.name}: {', '.join(marks) or 'no flags'}; {ends}"


def set_cookies(header: str, *, at: float) -> list[Cookie]:
    """Read the Set-Cookie headers of an answer, one a line, received at a moment (epoch seconds)."""
    return [_cookie(line, at) for line in header.split("\n")[:MAX_COOKIES] if "=" in line]


def _cookie(line: str, at: float) -> Cookie:
    pair, *attributes = line.split(";")
    marks = {}
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        marks[name.strip().lower()] = value.strip()[:MAX_CHARACTERS]
    return Cookie(
        name=pair.partition("=")[0].strip()[:MAX_CHARACTERS],
        secure="secure" in marks,
        http_only="httponly" in marks,
        same_site=marks.get("samesite", "").lower(),
        lifetime_seconds=_lifetime(marks, at),
    )


def _lifetime(marks: dict[str, str], at: float) -> float | None:
    """Give how long it lives; Max-Age goes before Expires."""
    age = marks.get("max-age", "")
    if age.removeprefix("-").isdigit():
        return float(max(int(age), 0))
    try:
        ends = parsedate_to_datetime(marks.get("expires", ""))
        return max((ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp() - at, 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def cookies_as_json(cookies: Iterable[Cookie]) -> str:
    """Give the text that one check hands over to another."""
    return json.dumps([asdict(one) for one in cookies])


def cookies_from_json(text: str) -> list[Cookie]:
    """Read it again."""
    return [Cookie(**one) for one in json.loads(text)]
