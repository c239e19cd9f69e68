"""Idempotency-Key (IETF draft httpapi-idempotency-key): the first answer is kept in the creating transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.api.authentication import person_of
from awe_incidents.api.errors import KeyInProgress, KeyMalformed, KeyReused
from awe_incidents.api.models import IdempotencyKey
from awe_incidents.api.multipart import MEDIA_TYPE, sent_form

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255

# One statement claims: the advisory lock (held to the end of the transaction) tells "in progress" from "done", so that
# a repetition is answered at once instead of waiting for the first one's commit.
_CLAIM = """
WITH free AS (SELECT pg_try_advisory_xact_lock(%(lock)s) AS is_free)
INSERT INTO api_idempotencykey (user_id, key, fingerprint, status, location, body, created_at)
SELECT %(user)s, %(key)s, %(fingerprint)s, 0, '', '', %(at)s FROM free WHERE is_free
ON CONFLICT (user_id, key) DO NOTHING
RETURNING id
"""


def create_once(request: Request, create: Callable[[], Response]) -> Response:
    """Carry out `create` in a transaction, at most once under the request's key.

    A request that fails takes its key back with it, so that it may be repeated once mended.
    Raises: KeyReused, KeyInProgress, KeyMalformed.
    """
    key = request.headers.get(HEADER)
    if key is None:
        with transaction.atomic():
            return create()
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise KeyMalformed(f"{HEADER} takes 1 to {MAX_LENGTH} printable ASCII characters")
    fingerprint = _fingerprint(request)
    with transaction.atomic():
        row_id = _claim(request, key, fingerprint, at=timezone.now())
        if row_id is None:
            return _again(request, key, fingerprint)
        response = create()
        IdempotencyKey.objects.filter(pk=row_id).update(
            status=response.status_code,
            location=response.headers.get("Location", ""),
            body=JSONRenderer().render(response.data),
        )
        return response


def _claim(request: Request, key: str, fingerprint: str, *, at: datetime) -> int | None:
    user_id = person_of(request).pk
    lock = int.from_bytes(hashlib.sha256(f"{user_id}:{key}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"lock": lock, "user": user_id, "key": key, "fingerprint": fingerprint, "at": at})
        row = cursor.fetchone()
    return row[0] if row else None


def _again(request: Request, key: str, fingerprint: str) -> Response:
    kept = IdempotencyKey.objects.filter(user=person_of(request), key=key).first()
    if kept is None:
        raise KeyInProgress("the first request with this key is still in progress; try again in a moment")
    if kept.fingerprint != fingerprint:
        raise KeyReused("this key was used for another request; take a new key for a new request")
    headers = {REPLAYED: "true"} | ({"Location": kept.location} if kept.location else {})
    return Response(json.loads(bytes(kept.body)), status=kept.status, headers=headers)


def _fingerprint(request: Request) -> str:
    """Digest what the client sent: the raw body, read before any parser touches it; of a form its parts.

    Raises: ParseError, InvalidFields, when a form cannot be taken apart.
    """
    media_type, body = request.content_type or "", b""
    if media_type.partition(";")[0].strip().lower() == MEDIA_TYPE and (form := sent_form(request)):
        media_type, body = MEDIA_TYPE, form.digest().encode()  # a repetition comes with another boundary
    else:
        body = request._request.body
    parts = (request.method or "", request.get_full_path(), media_type)
    digest = hashlib.sha256("\n".join(parts).encode())
    digest.update(b"\n" + body)
    return digest.hexdigest()


def forget_before(*, at: datetime) -> int:
    """Delete keys older than the given time."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=at).delete()
    return deleted
