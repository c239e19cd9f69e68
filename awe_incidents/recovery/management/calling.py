"""What all steps share: who asks, what was asked for, and where the answer goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError

from awe_incidents.accounts.roles import Scope
from awe_incidents.recovery import queries
from awe_incidents.recovery.management import documents, words
from awe_incidents.recovery.management.ending import REFUSED, WRONG_LINE
from awe_incidents.recovery.management.identity import Who, identified
from awe_incidents.recovery.models import RecoveryRequest

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Telling:
    """Where what is told goes, and whether as JSON."""

    write: Callable[[str], None]
    as_json: bool

    def tell(self, document: Mapping[str, Any], text: str) -> None:
        """Tell one thing."""
        self.write(json.dumps(document) if self.as_json else text)

    def tell_request(self, request_id: int) -> None:
        """Tell how a request is now."""
        document = documents.request_document(queries.whole_requests().get(pk=request_id))
        self.tell(document, words.of_request(document))


def moment_of(text: str) -> datetime:
    """Read a time; without an offset it is UTC. Raises: CommandError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is no time of the form 2026-11-25T08:30:00Z", returncode=WRONG_LINE) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def who_asks(options: Options, scope: Scope) -> Who:
    """Give the person behind the token. Raises: CommandError."""
    return identified(scope, token_file=options["token_file"])


def said(who: Who, options: Options) -> dict[str, Any]:
    """Give what every operation takes of the person and the reason."""
    return {"user": who.user, "by": who.by, "at": who.at, "because": options["because"]}


def request_numbered(number: int) -> RecoveryRequest:
    """Give a request. Raises: CommandError."""
    found = queries.requests().filter(pk=number).first()
    if found is None:
        raise CommandError(f"there is no request {number}; `status` lists those that are open", returncode=REFUSED)
    return found
