"""The alarm of broken glass: on every page of the desk until somebody has reviewed it."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import SEE_EVERYTHING
from awe_incidents.recovery.models import Review
from awe_incidents.recovery.queries import due_reviews
from awe_incidents.triage.access import has_any_role
from awe_incidents.triage.facts import address
from awe_incidents.triage.recovery_steps import why_not_review

MAX_SHOWN = 5  # there is one a stack at most


class BrokenGlass(NamedTuple):
    """A break-glass that waits for its review; `review_href` is empty for who does not review it."""

    review: Review
    href: str
    review_href: str


def broken_glass(user: User | AnonymousUser) -> list[BrokenGlass]:
    """Give what waits for a review, the most urgent first; nothing to who does not read of recovery."""
    if not isinstance(user, User) or not has_any_role(user, SEE_EVERYTHING):
        return []
    rows = due_reviews().order_by("due_at").defer("stack__document", "stack__redaction_key")[:MAX_SHOWN]
    return [_shown(row, user) for row in rows]


def _shown(row: Review, user: User) -> BrokenGlass:
    refusal = why_not_review(row.request, user)
    return BrokenGlass(row, address(row.request), "" if refusal else address(row.request, part="review"))
