"""A story tells what entries hold, and says so where they hold less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from awe_incidents.audit.models import Entry
from awe_incidents.audit.queries import Shown, Text
from awe_incidents.audit.story import told

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)
USER = {"kind": "user", "id": 7}


def shown(content: dict[str, Any] | None, *, after_seconds: float = 0, texts: dict[str, str | None]) -> Shown:
    return Shown(
        entry=Entry(pk=4, occurred_at=BEGAN + timedelta(seconds=after_seconds)),
        index=3,
        is_signed=True,
        content=content,
        texts=[Text(field=name, commitment="c", salt=None, value=value) for name, value in texts.items()],
    )


@pytest.mark.parametrize(
    ("content", "texts", "expected"),
    [
        (None, {}, "the bytes of entry 4 are no entry any more"),
        (
            {"verb": "stack:applied", "actor": {"kind": "command"}, "subject": {"type": "stack", "id": "1"}},
            {"actor.name": "root"},
            "Command root: stack applied 1.",
        ),
        (
            {"verb": "recovery_request:denied", "actor": USER, "data": {"request": 5}},
            {"actor.name": "ann", "because": "too risky"},
            "User ann denies request 5, for good: “too risky”.",
        ),
        (
            {"verb": "recovery_request:denied", "actor": USER, "data": {}},
            {"actor.name": None, "because": None},
            "User (erased) denies request ?, for good: “(erased)”.",
        ),
        (
            {"verb": "incident:resolved", "actor": USER, "incident": 9, "data": {"not_passed": ["ssl.expiry"]}},
            {"actor.name": "ann", "because": "mended", "private.despite_failed_checks": "a wrong host"},
            "User ann resolves incident 9: “mended”; though checks did not pass: “a wrong host”.",
        ),
        (
            {"verb": "recovery_request:requested", "actor": USER, "data": {"action": "a.b", "target": "", "tier": 3}},
            {"actor.name": "ann"},
            "User ann asks for a.b on the whole stack (request ?, tier 3).",
        ),
    ],
)
def test_a_sentence_says_what_the_entry_holds(
    content: dict[str, Any] | None, texts: dict[str, str | None], expected: str
) -> None:
    assert list(told([shown(content, texts=texts)])) == [f"+0 s  {expected}"]


def test_times_are_told_since_the_first_and_names_can_be_left_out() -> None:
    content = {"verb": "incident:opened", "actor": USER, "incident": 9}
    lines = [
        shown(content, texts={"actor.name": "ann"}),
        shown(content, after_seconds=61.4, texts={"actor.name": "ann"}),
    ]
    assert list(told(lines, with_texts=False)) == ["+0 s  User 7 opens incident 9.", "+61 s  User 7 opens incident 9."]
