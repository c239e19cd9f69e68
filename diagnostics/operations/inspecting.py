"""Inspecting a token for a person: looked at, told, and forgotten; the trail says that it was done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from diagnostics.checks.surroundings import Surroundings
from diagnostics.errors import InspectionFailed
from diagnostics.models import Stack
from diagnostics.probes.legible import legible
from diagnostics.probes.signing_keys import UNREADABLE, key_of_service, place_of
from diagnostics.probes.token_inspection import Clean, GivenToken, Inspection, KnownKey, inspect
from diagnostics.queries import config_of, redactor_of, resolver_of
from diagnostics.redaction import Redactor
from diagnostics.stack import StackConfig

KEY_SECONDS = 5.0  # for one call of an engine


@transaction.atomic
def inspect_token(*, stack: Stack, token: GivenToken, by: Actor, at: datetime) -> Inspection:
    """Take a token apart and try the stack's keys on it; neither the token nor anything in it is kept.

    Raises: DescriptionOutdated, SecretUnreadable, InspectionFailed.
    """
    config, clean = config_of(stack), _cleaning(redactor_of(stack))
    keys = list(_known_keys(stack, config, clean))
    try:
        inspection = inspect(token, tokens=config.tokens, keys=keys, now=at.timestamp(), clean=clean)
    except Exception as error:  # a defect; what is below in the traceback holds the token
        raise InspectionFailed(f"the token could not be inspected ({type(error).__name__})") from None
    trail.record("stack:token_inspected", subject=stack, by=by, at=at)
    return inspection


def _known_keys(stack: Stack, config: StackConfig, clean: Clean) -> Iterator[KnownKey]:
    resolver, places = resolver_of(stack), Surroundings(config, lambda: KEY_SECONDS)
    with contextlib.closing(places):
        for key in config.tokens.keys if config.tokens else ():
            try:
                value = key_of_service(key, environment=places.environment, resolver=resolver)
            except UNREADABLE as error:
                yield KnownKey(key.service, place_of(key), None, clean(str(error)))
            else:
                yield KnownKey(key.service, place_of(key), value or None, "" if value else "it is empty")


def _cleaning(redactor: Redactor) -> Clean:
    return lambda text: legible(redactor.text(text).text)
