"""Content security: what the desk's own pages may load, and how texts of strangers leave it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse, HttpResponseBase

POLICY = "Content-Security-Policy"
# The theme's Alpine compiles its attributes ('unsafe-eval') and sets styles in place; nothing comes from other hosts.
DESK_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
ATTACHMENT_POLICY = "default-src 'none'; sandbox"

View = Callable[..., HttpResponseBase]


def with_desk_policy(view: View) -> View:
    """Let a view answer under the desk's policy, unless it sets a stricter one itself."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response.headers.setdefault(POLICY, DESK_POLICY)
        return response

    return answer


def text_attachment(text: str, *, name: str) -> HttpResponse:
    """Give a text as a download that no browser interprets."""
    return attachment(text.encode(), name=name, media_type="text/plain; charset=utf-8")


def attachment(content: bytes, *, name: str, media_type: str) -> HttpResponse:
    """Give bytes as a download that no browser interprets."""
    return HttpResponse(
        content,
        content_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            POLICY: ATTACHMENT_POLICY,
        },
    )
