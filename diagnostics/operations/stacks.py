"""Changes of stacks: apply a description, store a secret."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from diagnostics.errors import SecretNotStorable
from diagnostics.models import Stack, StackSecret
from diagnostics.operations.scheduling import follow_schedule
from diagnostics.sealing import seal
from diagnostics.stack import StackConfig

REDACTION_KEY_BYTES = 32
_SECRET_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a description did: `changes` maps dotted keys to (before, after), None where absent."""

    stack: Stack
    created: bool
    changes: Mapping[str, tuple[Any, Any]]


@transaction.atomic
def apply_stack(*, config: StackConfig, by: Actor, at: datetime) -> Applied:
    """Create or update the stack of this name; the same description again changes nothing and records nothing."""
    document = dict(config.document)
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    stack, created = Stack.objects.select_for_update().get_or_create(
        name=config.name,
        defaults={
            "environment": config.environment,
            "document": document,
            "digest": digest,
            "redaction_key": seal(secrets.token_bytes(REDACTION_KEY_BYTES)),
            "applied_at": at,
        },
    )
    changes = difference({} if created else stack.document, document)
    if not changes:
        return Applied(stack, created, {})
    stack.document, stack.digest, stack.applied_at = document, digest, at
    stack.environment = config.environment
    stack.save(update_fields=["document", "digest", "applied_at", "environment"])
    follow_schedule(stack, config.schedule)
    trail.record(
        "stack:created" if created else "stack:changed",
        subject=stack,
        by=by,
        at=at,
        data={"digest": digest, "environment": config.environment, "keys": sorted(changes)[:100]},
    )
    return Applied(stack, created, changes)


@transaction.atomic
def set_stack_secret(*, stack: Stack, name: str, value: str, by: Actor, at: datetime) -> None:
    """Store a secret, encrypted, for the stack's `db:NAME` references.

    Raises: SecretNotStorable.
    """
    if not _SECRET_NAME.fullmatch(name):
        raise SecretNotStorable("the name of a secret has lower-case letters, digits, dots, dashes and underscores")
    if not value:
        raise SecretNotStorable("the secret is empty; give it on standard input")
    StackSecret.objects.update_or_create(
        stack=stack, name=name, defaults={"ciphertext": seal(value.encode()), "set_at": at}
    )
    Stack.objects.filter(pk=stack.pk).update(secrets_set_at=at)
    trail.record("stack:secret_set", subject=stack, by=by, at=at, data={"name": name})


def difference(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Give the dotted keys whose values differ."""
    changes: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*before, *after}):
        old, new, path = before.get(key), after.get(key), f"{prefix}{key}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changes |= difference(old, new, f"{path}.")
        elif old != new:
            changes[path] = (old, new)
    return changes
