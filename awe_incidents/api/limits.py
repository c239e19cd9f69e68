"""Who is counted how often: people by what they do, strangers by where they come from; and the headers that tell it.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10. A person's tokens share their quota. A repetition
under an Idempotency-Key counts as well: it is told from a first request only after the limit has been asked.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from awe_incidents.accounts.addresses import client_network
from awe_incidents.accounts.models import User
from awe_incidents.api.errors import LimitExceeded
from awe_incidents.limits.chosen import spend
from awe_incidents.limits.policy import Verdict

POLICY, STATE = "RateLimit-Policy", "RateLimit"
_VERDICT = "awe_incidents.verdict"  # in the request's META, for whoever makes the answer
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def count_person(request: Request) -> None:
    """Count a request of somebody who is known.

    Raises: LimitExceeded.
    """
    if isinstance(request.user, User):
        name = "reading" if request.method in _READS else "filing"
        _note(request, spend(name, subject=f"person:{request.user.pk}"))


def count_stranger(request: Request) -> None:
    """Count a request that brought no token, or none that opens anything.

    Only such requests are counted and refused: people with tokens behind the same address go on.
    Raises: LimitExceeded.
    """
    _note(request, spend("authentication", subject=f"address:{client_network(request.META)}"))


def _note(request: Request, verdict: Verdict | None) -> None:
    if verdict is None:
        return
    request.META[_VERDICT] = verdict
    if not verdict.is_allowed:
        raise LimitExceeded(verdict)


def tell_limits(request: HttpRequest, response: HttpResponse) -> None:
    """Put what is left of the quota into the answer, whoever made it."""
    verdict = request.META.get(_VERDICT)
    if not isinstance(verdict, Verdict):
        return
    policy = verdict.policy
    response.headers[POLICY] = f'"{policy.name}";q={policy.quota};w={policy.window_seconds}'
    response.headers[STATE] = f'"{policy.name}";r={verdict.remaining};t={verdict.more_after_seconds}'
