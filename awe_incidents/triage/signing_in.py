"""Signing in at the desk: tries with one account from one address are limited, and nobody else is locked out."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase

from awe_incidents.accounts.addresses import client_address, client_network
from awe_incidents.limits.chosen import give_back, spend
from awe_incidents.limits.policy import Verdict

LIMIT = "sign-in"
_REFUSED = "awe_incidents.sign_in_refused"  # in the request's META, for whoever makes the answer

log = structlog.get_logger(__name__)


class LimitedTries(AuthenticationForm):
    """Spends a try before a password is looked at, so that tries at once cannot all pass."""

    def clean(self) -> dict[str, Any]:
        """Check name and password, unless this account was tried too often from this address.

        Raises: ValidationError.
        """
        name, request = self.cleaned_data.get("username"), self.request
        if request is None or not name or not self.cleaned_data.get("password"):
            return super().clean()
        subject = _subject(name, request)
        verdict = spend(LIMIT, subject=subject)
        if verdict and not verdict.is_allowed:
            request.META[_REFUSED] = verdict
            log.warning("too many tries to sign in", address=client_address(request.META))
            raise ValidationError(
                "This account was tried too often from your address. Try again in %(seconds)s seconds.",
                code="too_often",
                params={"seconds": verdict.more_after_seconds},
            )
        cleaned = super().clean()
        give_back(LIMIT, subject=subject)
        return cleaned


def tell_refusal(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Make 429 of the answer to a try that was refused for being one too many."""
    verdict = request.META.get(_REFUSED)
    if isinstance(verdict, Verdict):
        response.status_code = 429
        response.headers["Retry-After"] = str(verdict.more_after_seconds)
    return response


def _subject(name: str, request: HttpRequest) -> str:
    """Name account and caller; keyed, as people type their password into the field for the name, too."""
    account = unicodedata.normalize("NFKC", name).casefold()
    key = hashlib.sha256(b"sign-in:" + settings.SECRET_KEY.encode()).digest()
    text = f"{account}\0{client_network(request.META)}"
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]
