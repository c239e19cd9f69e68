"""Refusals of the API itself.

ApiError
├── KeyReused             the Idempotency-Key was used with another request
├── KeyInProgress         the first request with this key is not done yet
├── KeyMalformed          the key is empty, too long or not plain text
├── ExportRuns            another export is being sent
├── LimitExceeded         the caller asks more often than a limit allows
├── PreconditionRequired  the change does not say with If-Match what it was decided on
└── TagMalformed          If-Match holds no entity tag
"""

from __future__ import annotations

from awe_incidents.limits import Verdict


class ApiError(Exception):
    """Base of what the API itself refuses."""


class KeyReused(ApiError):
    """Another request came under the same key."""


class KeyInProgress(ApiError):
    """The same request is being carried out right now."""


class KeyMalformed(ApiError):
    """The header does not hold a usable key."""


class ExportRuns(ApiError):
    """One export at a time is sent by each process; try again when it has ended."""


class LimitExceeded(ApiError):
    """Carries the verdict of the limit, which says when to come again."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        policy, wait = verdict.policy, verdict.more_after_seconds
        limit = f"{policy.name} is limited to {policy.quota} requests in {policy.window_seconds} s"
        super().__init__(f"{limit}; try again in {wait} s, and see the header RateLimit of every answer")


class PreconditionRequired(ApiError):
    """Read it, and send its ETag."""


class TagMalformed(ApiError):
    """The header does not hold entity tags."""
