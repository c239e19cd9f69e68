"""The limits that the settings choose, by name."""

from __future__ import annotations

from django.conf import settings

from awe_incidents.limits.limiter import limiter_at
from awe_incidents.limits.policy import Policy, Verdict


def spend(name: str, *, subject: str) -> Verdict | None:
    """Spend one try of a subject; None where this limit is off."""
    policy = _policy(name)
    return limiter_at(settings.AWE_LIMITS_URL).spend(policy, subject) if policy else None


def give_back(name: str, *, subject: str) -> None:
    """Give a subject its whole quota back."""
    policy = _policy(name)
    if policy:
        limiter_at(settings.AWE_LIMITS_URL).give_back(policy, subject)


def _policy(name: str) -> Policy | None:
    chosen: tuple[int, int] | None = settings.AWE_LIMITS[name]
    return Policy(name, *chosen) if chosen else None
